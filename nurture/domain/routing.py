"""Which rep gets a lead, and until when they have to answer: territory, absence, capacity, last owner."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import calendar
from nurture.domain.duration import Duration, Unit
from nurture.domain.person import Person, Role
from nurture.domain.promotion import Code

if TYPE_CHECKING:
    from nurture.domain.calendar import WorkingHours
    from nurture.domain.condition import History
    from nurture.domain.workspace import Workspace

# A rep who said no is not asked again for so long, unless a person did something new.
SAME_REP: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Unrouted:
    """Nobody can take the lead now, and why: no_rep, capacity or same_rep."""

    code: Code
    text: str


@dataclass(frozen=True, slots=True)
class Floor:
    """The sales floor as it is now. `open_by`: each rep's open handoffs, by address in small letters."""

    workspace: Workspace
    open_by: Mapping[str, int]
    timezone: str
    country: str | None
    now: datetime

    def reps(self) -> tuple[Person, ...]:
        """The reps, in the order of the file."""
        return self.workspace.with_role(Role.REP)

    def hours(self, person: Person) -> WorkingHours:
        """When a person works."""
        return person.working_hours(zone=self.timezone, country=self.country)

    def is_away(self, person: Person) -> bool:
        """Whether a person is absent today, where they are."""
        return person.is_away(calendar.local_day(self.now, calendar.zone(person.timezone or self.timezone)))

    def room(self, person: Person) -> int:
        """How many more handoffs they can take."""
        most = self.workspace.readiness.capacity if person.capacity is None else person.capacity
        return most - self.open_by.get(person.email.casefold(), 0)

    def has_room(self) -> bool:
        """Whether anybody at all can take one."""
        return any(self.room(person) > 0 and not self.is_away(person) for person in self.reps())


def route(
    floor: Floor,
    names: Mapping[str, Any],
    history: History,
    *,
    tried: Collection[str] = (),
    rejected: Mapping[str, datetime],
    evidence_at: datetime | None,
) -> Person | Unrouted:
    """The rep who gets this lead: the last owner first, then who has the fewest open, then the order of the file.

    `tried`: addresses that had this very promotion. `rejected`: when each rep last rejected or lost this lead;
    `evidence_at`: when a person last did something. An absent rep is stood in for by the deputy, where nobody else
    takes the lead.
    """
    territory = [person for person in floor.reps() if person.takes is None or person.takes.holds(names, history)]
    if not territory:
        return Unrouted(Code.NO_REP, "No rep in people.yaml takes this lead: widen a 'takes'.")
    before = {address.casefold() for address in tried}
    fresh = [person for person in territory if person.email.casefold() not in before]
    willing = [person for person in fresh if not _said_no(person, rejected, evidence_at, floor.now)]
    present = [person for person in willing if not floor.is_away(person)]
    if not present:
        present = [one for one in _deputies(floor, willing) if one.email.casefold() not in before]
        present = [one for one in present if not _said_no(one, rejected, evidence_at, floor.now)]
    free = [person for person in present if floor.room(person) > 0]
    if free:
        owner = str(names.get("owner") or "").casefold()
        order = {person.email: place for place, person in enumerate(floor.reps())}
        return min(
            free,
            key=lambda one: (
                owner not in (one.email.casefold(), one.name.casefold()),
                floor.open_by.get(one.email.casefold(), 0),
                order[one.email],
            ),
        )
    if not fresh:
        return Unrouted(Code.NO_REP, "Every rep who takes this lead has had this offer.")
    if not willing:
        names_of = ", ".join(person.name for person in fresh)
        return Unrouted(Code.SAME_REP, f"{names_of} said no within 90 days, and nobody there did anything since.")
    if not present:
        return Unrouted(Code.CAPACITY, f"Away today: {', '.join(person.name for person in willing)}.")
    return Unrouted(Code.CAPACITY, f"Full: {', '.join(person.name for person in present)}. The best leads go first.")


def _said_no(person: Person, rejected: Mapping[str, datetime], evidence_at: datetime | None, now: datetime) -> bool:
    at = rejected.get(person.email.casefold())
    return at is not None and now - at < SAME_REP and (evidence_at is None or evidence_at <= at)


def _deputies(floor: Floor, absent: Sequence[Person]) -> list[Person]:
    found = [floor.workspace.person(person.deputy) for person in absent if person.deputy]
    return [one for one in found if one is not None and Role.REP in one.roles and not floor.is_away(one)]


def manager_of(workspace: Workspace, rep: str | None, *, tried: Collection[str] = ()) -> Person | None:
    """Who decides when the reps did not: whom the rep reports to, else the first manager."""
    before = {address.casefold() for address in tried}
    person = workspace.person(rep) if rep else None
    above = workspace.person(person.reports_to) if person is not None and person.reports_to else None
    candidates = [above] if above is not None else []
    candidates += workspace.with_role(Role.MANAGER)
    return next((one for one in candidates if one.email.casefold() not in before), None)


def deadline(start: datetime, within: Duration, hours: WorkingHours) -> datetime:
    """When a person's time to answer is over. Business hours and days are theirs; the other units are of the calendar.

    Friday 16:30 plus 8 business hours of nine to five is Monday 16:30. Days run from when the person is at work: what
    was accepted at night is due at an opening, not at night.
    """
    if within.unit not in (Unit.BUSINESS_HOURS, Unit.BUSINESS_DAYS):
        return calendar.later(start, within, zone=calendar.zone(hours.zone), country=hours.country)
    try:
        if within.unit is Unit.BUSINESS_HOURS:
            return calendar.business_hours_later(start, within, hours)
        return calendar.business_days_later(calendar.at_work(start, hours), within.amount, hours)
    except ValueError:  # absent for ever: a deadline there must be, so that the next one is asked
        return calendar.later(start, within, zone=calendar.zone(hours.zone), country=hours.country)
