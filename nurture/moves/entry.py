"""Whether a lead may enter a cadence now, and if not, why, and when that clears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain import calendar
from nurture.domain.condition import parse
from nurture.domain.enrollment import OPEN, Enrollment
from nurture.domain.lead import Lead, Status
from nurture.domain.possibility import can_both_hold

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.policy import Policy
    from nurture.moves.scene import Scene
    from nurture.ports import Unit


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a lead may enter a cadence now; `code` is one of the contract's, empty where it may."""

    code: str
    text: str
    missing: tuple[str, ...] = ()
    clears_at: datetime | None = None

    @property
    def may_enter(self) -> bool:
        """Nothing speaks against it."""
        return not self.code


MAY_ENTER = Answer("", "may enter")


def may_enter(
    lead: Lead,
    cadence: Cadence,
    scene: Scene,
    past: Sequence[Enrollment],
    *,
    rate_left: int | None = None,
    by_condition: bool = True,
    repeatedly: bool = False,
) -> Answer:
    """Whether this lead may enter this cadence now, and if not, why.

    Without `by_condition` (by hand, or in the place of another cadence) condition and rate are ignored, and with
    `repeatedly` also that the lead was in it before.
    """
    entry = cadence.entry
    if by_condition:
        if entry.when is None:
            return Answer("not_matching", f"{cadence.name} is entered by hand or by another cadence only.")
        names, history = scene.names(lead), scene.history(lead, None)
        if not entry.when.holds(names, history):
            missing = entry.when.missing(names, history)
            return Answer("not_matching", f"The condition of {cadence.name} does not hold.", missing)
        if "status" not in entry.when.names and lead.status is not Status.NURTURING:
            return Answer("status", f"The lead is {lead.status}; cadences take leads that are nurturing.")
        if lead.held_until is not None and lead.held_until > scene.now:
            return Answer("status", "The lead returns on a date that was agreed.", clears_at=lead.held_until)
        if "all" in scene.suppressed.get(lead.listed_as, frozenset()):
            return Answer("status", "The lead must not be contacted.")
    mine = [one for one in past if one.cadence == cadence.name]
    if any(one.state in OPEN for one in mine):
        return in_it_already(cadence)
    taken = [one for one in past if one.state in OPEN and one.exclusive]
    if cadence.exclusive and taken:
        return in_another(taken[0].cadence)
    if mine and not repeatedly:
        again = entry.again
        if again is None:
            return Answer("again", f"The lead was in {cadence.name} before, and it does not take anyone again.")
        last = max(one.ended_at or one.started_at for one in mine)
        free = calendar.later(last, again, zone=scene.zone_of(lead), country=scene.country_of(lead))
        if free > scene.now:
            return Answer("again", f"{cadence.name} takes a lead again after {again}.", clears_at=free)
    if by_condition and entry.arrived_within is not None and lead.created_at is not None:
        late = scene.now - lead.created_at > entry.arrived_within.span
        if late:
            return Answer("arrived_late", f"The lead arrived more than {entry.arrived_within} ago.")
    if by_condition and rate_left is not None and rate_left <= 0:
        zone = calendar.zone(scene.policy.timezone)
        tomorrow = calendar.day_bounds(calendar.local_day(scene.now, zone), zone)[1]
        return Answer("rate", f"{cadence.name} takes {entry.rate} leads a day.", clears_at=tomorrow)
    return MAY_ENTER


def in_it_already(cadence: Cadence) -> Answer:
    """The lead is in this cadence."""
    return Answer("exclusive", f"The lead is in {cadence.name} already.")


def in_another(cadence: str) -> Answer:
    """The lead is in another cadence, and both take leads of no other."""
    return Answer("exclusive", f"The lead is in {cadence}, and is in one cadence at a time.")


def statuses_of(cadence: Cadence) -> frozenset[Status]:
    """The statuses of which the cadence takes leads: `nurturing`, unless its condition names others."""
    when = cadence.entry.when
    if when is None or "status" not in when.names:
        return frozenset({Status.NURTURING})
    return frozenset(one for one in Status if can_both_hold(when, parse(f"status == '{one}'")))


def rate_left(work: Unit, cadence: Cadence, policy: Policy, now: datetime) -> int:
    """How many more the cadence takes today, of those it takes in a day of the workspace."""
    zone = calendar.zone(policy.timezone)
    today = calendar.day_bounds(calendar.local_day(now, zone), zone)[0]
    return (cadence.entry.rate or 0) - work.enrollments.started_since(cadence.name, today)
