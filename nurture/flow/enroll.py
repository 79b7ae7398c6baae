"""Leads -> enrollments, by the conditions of cadences or by hand; pause, resume, stop.

A pass looks only at leads that changed (`enroll_check`); who is not taken stays flagged only where time alone can
change the answer today (the rate). Names that move with time alone are looked at by the nightly job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nurture.domain.cadence import Cadence
from nurture.domain.condition import Condition
from nurture.domain.enrollment import Enrollment, Pause
from nurture.domain.errors import RequestError, UnknownNameError
from nurture.domain.lead import LeadId, Status
from nurture.domain.policy import Policy
from nurture.domain.workspace import Workspace
from nurture.moves import enrolling
from nurture.moves.again import again
from nurture.moves.entry import MAY_ENTER, Answer, in_another, in_it_already, may_enter, rate_left, statuses_of
from nurture.moves.scene import load
from nurture.moves.start import start
from nurture.ports import InForce, Store, Unit
from nurture.ports.entering import Door, Standing

BATCH: Final = 50_000  # leads in one transaction
AT_ONCE: Final = 1_000  # of them loaded with all that is known of them
TOGETHER: Final = 200  # fewer are quicker asked one by one: the statements are built anew for each batch

__all__ = [
    "MAY_ENTER",
    "Answer",
    "by_hand",
    "may_enter",
    "named",
    "pause",
    "reconsider",
    "resume",
    "run",
    "stop",
]


@dataclass(frozen=True, slots=True)
class Batch:
    """Leads that were asked for together: how many were enrolled, and who was not, with the address and why."""

    enrolled: int
    refused: Sequence[tuple[LeadId, str | None, Answer]]
    leads: Sequence[LeadId]


def run(
    *, store: Store, rules: InForce, policy: Policy, now: datetime, limit: int = BATCH, together: int = TOGETHER
) -> int:
    """Enroll the leads that changed since the last pass; how many were.

    From `together` leads on a batch is asked and enrolled by one statement for each cadence; the same comes of it.
    """
    enrolled = 0
    waiting: list[LeadId] | None = None
    rated = [one for one in rules.workspace.cadences.values() if one.entry.rate is not None]
    while True:
        with store.unit() as work:
            # The mark goes first: whoever marks a lead again meanwhile waits for us, and is not forgotten.
            if rated:
                # Where places are few a day, the best of all come first, not the best of each batch.
                waiting = waiting or work.leads.flagged("enroll_check", None, best_first=True)
                # While there are places, each lead is asked alone: few in one transaction, until the places are taken.
                many = min(limit, AT_ONCE) if any(rate_left(work, one, policy, now) > 0 for one in rated) else limit
                flagged, waiting = waiting[:many], waiting[many:]
                work.touches.lock_for_limits(flagged, ())
                work.leads.unflag("enroll_check", flagged)
            else:
                flagged = work.entering.take(limit)
            if not flagged:
                return enrolled
            # A lead held back by today's rate has no place yet, and is asked again by the night.
            how = _enroll_together if len(flagged) >= together else _enroll
            enrolled += how(work, flagged, rules=rules, policy=policy, now=now)
            is_over = not (waiting or work.leads.flagged("enroll_check", 1)) if rated else len(flagged) < limit
            work.commit()
        if is_over:
            return enrolled


def reconsider(*, store: Store) -> None:
    """Flag every lead of ours: other rules may enroll or promote any of them."""
    with store.unit() as work:
        work.leads.flag_everyone()
        work.commit()


def tonight(*, store: Store, rules: InForce, now: datetime) -> None:
    """Flag the leads whom a cadence may take now, by what time alone may have changed, and those near a decision.

    Who is held back for a colleague who is not with sales any more goes on.
    """
    with store.unit() as work:
        enrolling.resume(work, work.enrollments.held_for_nobody(), Pause.COLLEAGUE_OFFERED, now=now, by="daemon")
        work.leads.flag_for_the_night(rules.workspace, now)
        work.commit()


def _enroll_together(work: Unit, ids: Sequence[LeadId], *, rules: InForce, policy: Policy, now: datetime) -> int:
    """What `_enroll` does, by statements for all of them. Whom the database cannot judge is asked alone."""
    workspace = rules.workspace
    common: dict[str, Any] = {"rules": rules, "policy": policy, "now": now}
    cadences = _by_priority(workspace)
    rated = [one for one in cadences if one.entry.rate is not None]
    left = _places(work, rated, policy, now) if rated else {}
    alone = sorted(work.entering.unlike(ids, workspace, now))
    # Who comes first has a place: one by one, where not all of them are asked here or one place has two doors.
    shared = {one.entry.otherwise for one in cadences} & left.keys()
    if any(many > 0 and (alone or name in shared) for name, many in left.items()):
        return sum(_enroll(work, ids[at : at + AT_ONCE], **common) for at in range(0, len(ids), AT_ONCE))
    others = {*ids} - {*alone} - work.entering.suppressed(ids)
    switches = work.control.switches()
    started = 0
    for cadence in cadences:
        if f"cadence:{cadence.name}" in switches:
            continue
        for door in _doors(cadence, rules):
            most = None if door.late else left.get(cadence.name)
            if most is None or most > 0:
                many = work.entering.enter(others, door, rules=workspace, now=now, by="conditions", most=most)
                started += many
                if door.cadence.name in left:
                    left[door.cadence.name] -= many
    return started + sum(_enroll(work, alone[at : at + AT_ONCE], **common) for at in range(0, len(alone), AT_ONCE))


def _doors(cadence: Cadence, rules: InForce) -> Iterator[Door]:
    """For those that come in time, and for those that come too late."""
    yield Door(cadence, rules.versions[cadence.name], cadence)
    if cadence.entry.otherwise:
        into = rules.workspace.cadences.get(cadence.entry.otherwise, cadence)
        yield Door(into, rules.versions[into.name], cadence, late=True)


def _by_priority(workspace: Workspace) -> list[Cadence]:
    """The cadences that are entered by a condition, the larger priority first, then by name."""
    entered = (one for one in workspace.cadences.values() if one.entry.when is not None)
    return sorted(entered, key=lambda one: (-one.priority, one.name))


def _enroll(work: Unit, ids: Sequence[LeadId], *, rules: InForce, policy: Policy, now: datetime) -> int:
    """How many were enrolled. Best fit first, then the newest; the larger priority, then the name."""
    scene = load(work, ids, rules=rules, policy=policy, now=now)
    past = work.enrollments.all_of(ids)
    cadences = _by_priority(rules.workspace)
    left: dict[str, int] = {}
    order = sorted(scene.leads.values(), key=lambda lead: (-lead.fit, -(lead.created_at or now).timestamp(), lead.id))
    started = 0
    for lead in order:
        for cadence in cadences:
            if f"cadence:{cadence.name}" in scene.switches:
                continue
            answer = may_enter(lead, cadence, scene, past.get(lead.id, ()))
            if answer.may_enter and cadence.entry.rate is not None:
                left = left or _places(work, cadences, policy, now)
                answer = may_enter(lead, cadence, scene, past.get(lead.id, ()), rate_left=left[cadence.name])
            if answer.code == "arrived_late" and cadence.entry.otherwise:
                cadence = rules.workspace.cadences.get(cadence.entry.otherwise, cadence)
                answer = may_enter(lead, cadence, scene, past.get(lead.id, ()), by_condition=False)
            if not answer.may_enter:
                continue
            number = start(work, cadence, lead.id, scene, by="conditions")
            if number is None:
                continue
            started += 1
            past.setdefault(lead.id, []).extend(work.enrollments.get([number]).values())
            if cadence.name in left:
                left[cadence.name] -= 1
    return started


def _places(work: Unit, cadences: Sequence[Cadence], policy: Policy, now: datetime) -> dict[str, int]:
    """How many more each cadence with a rate takes today.

    One daemon after the other where a rate is counted, or together they would enroll more.
    """
    rated = [one for one in cadences if one.entry.rate is not None]
    work.pacing.lock({f"enroll {one.name}" for one in rated})
    return {one.name: rate_left(work, one, policy, now) for one in rated}


@again
def by_hand(
    leads: Collection[LeadId],
    cadence: str,
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> dict[LeadId, Answer]:
    """Enroll leads by hand: counts toward the rate and is never refused for it. Raises for an unknown cadence.

    The condition need not hold, but a lead of a status that it takes nobody of is refused.
    """
    chosen = named(rules, cadence)
    taken = statuses_of(chosen)
    answers: dict[LeadId, Answer] = {}
    with store.unit() as work:
        scene = load(work, leads, rules=rules, policy=policy, now=now)
        past = work.enrollments.all_of(leads)
        for lead in leads:
            person = scene.leads[lead]
            if person.status not in taken:
                answers[lead] = _wrong_status(person.status, chosen, taken)
                continue
            answer = may_enter(person, chosen, scene, past.get(lead, ()), by_condition=False, repeatedly=True)
            if answer.may_enter and start(work, chosen, lead, scene, by=by) is None:
                answer = Answer("exclusive", "The lead is in another cadence, and is in one at a time.")
            answers[lead] = answer
        if not dry_run:
            work.commit()
    return answers


def by_hand_where(
    where: Condition,
    cadence: str,
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
    limit: int = BATCH,
) -> Iterator[Batch]:
    """Enroll by hand everybody for whom a condition holds, as `by_hand` does it; batch by batch, each a transaction.

    One that is cut off has enrolled the batches before: to begin again finds those in the cadence, and goes on.
    Raises for an unknown cadence.
    """
    taken = statuses_of(named(rules, cadence))
    asked: dict[str, Any] = {"store": store, "rules": rules, "now": now, "by": by, "dry_run": dry_run}
    after: LeadId = 0
    while True:
        ids, against, enrolled = _put_by_hand(where, cadence, taken, after=after, limit=limit, **asked)
        alone = [one.lead for one in against if one.alone]
        answers = by_hand(alone, cadence, policy=policy, **asked) if alone else {}
        enrolled += sum(answer.may_enter for answer in answers.values())
        refused = [(one, answers.get(one.lead) or _against(one, named(rules, cadence), taken)) for one in against]
        yield Batch(enrolled, [(one.lead, one.email, why) for one, why in refused if not why.may_enter], ids)
        if len(ids) < limit:
            return
        after = ids[-1]


@again
def _put_by_hand(
    where: Condition,
    cadence: str,
    taken: Collection[Status],
    *,
    store: Store,
    rules: InForce,
    now: datetime,
    by: str,
    after: LeadId,
    limit: int,
    dry_run: bool,
) -> tuple[list[LeadId], list[Standing], int]:
    """One batch: the leads behind `after`, what speaks against some of them, and how many others were enrolled."""
    chosen = named(rules, cadence)
    with store.unit() as work:
        ids = work.leads.ids(where, now=now, rules=rules.workspace, limit=limit, after=after)
        work.touches.lock_for_limits(ids, ())
        against = work.entering.against(ids, chosen, taken, now)
        others = {*ids} - {one.lead for one in against}
        if dry_run:
            return ids, against, len(others)
        enrolled = work.entering.put(others, chosen, rules.versions[cadence], now=now, by=by)
        work.commit()
    return ids, against, enrolled


def _against(one: Standing, cadence: Cadence, taken: Collection[Status]) -> Answer:
    if one.status not in taken:
        return _wrong_status(one.status, cadence, taken)
    return in_it_already(cadence) if one.is_in else in_another(one.place or "")


def _wrong_status(status: Status, cadence: Cadence, taken: Collection[Status]) -> Answer:
    words = " or ".join(sorted(taken))
    return Answer("status", f"The lead is {status}; {cadence.name} takes leads that are {words}.")


def named(rules: InForce, cadence: str) -> Cadence:
    """The cadence in force with this name. Raises UnknownNameError with the near match."""
    found = rules.workspace.cadences.get(cadence)
    if found is None:
        raise UnknownNameError("cadence", cadence, rules.workspace.cadences, otherwise="Run: nurture cadence list")
    return found


@again
def pause(
    leads: Collection[LeadId],
    *,
    until: datetime | None,
    store: Store,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> list[Enrollment]:
    """Stop touching leads for a while, in every cadence they are in."""
    if until is not None and until <= now:
        raise RequestError(f"{until:%Y-%m-%d} is not in the future.", hint="Name a later date with --until.")
    with store.unit() as work:
        paused = enrolling.pause(work, leads, Pause.OPERATOR, until=until, now=now, by=by)
        if not dry_run:
            work.commit()
    return paused


@again
def resume(
    leads: Collection[LeadId], *, store: Store, now: datetime, by: str, dry_run: bool = False
) -> list[Enrollment]:
    """Let leads go on that somebody paused. Other reasons for a pause (an open offer, a reply) stay."""
    with store.unit() as work:
        resumed = enrolling.resume(work, leads, Pause.OPERATOR, now=now, by=by)
        if not dry_run:
            work.commit()
    return resumed


@again
def stop(
    leads: Collection[LeadId],
    *,
    cadence: str | None,
    store: Store,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> list[Enrollment]:
    """End the enrollments of leads, all or those in one cadence."""
    with store.unit() as work:
        stopped = enrolling.stop(
            work, leads, reason="stopped by hand", now=now, by=by, which=lambda one: cadence in (None, one.cadence)
        )
        if not dry_run:
            work.commit()
    return stopped
