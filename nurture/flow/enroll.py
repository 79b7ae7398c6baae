"""Leads -> enrollments, by the conditions of cadences or by hand; pause, resume, stop.

A pass looks only at leads that changed (`enroll_check`); who is not taken stays flagged only where time alone can
change the answer today (the rate). Names that move with time alone are looked at by the nightly job.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from nurture.domain.cadence import Cadence
from nurture.domain.enrollment import Enrollment, Pause
from nurture.domain.errors import RequestError, UnknownNameError
from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.moves import enrolling
from nurture.moves.again import again
from nurture.moves.entry import MAY_ENTER, Answer, may_enter, rate_left, statuses_of
from nurture.moves.scene import load
from nurture.moves.start import start
from nurture.ports import InForce, Store, Unit

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


def run(*, store: Store, rules: InForce, policy: Policy, now: datetime, limit: int = 1_000) -> int:
    """Enroll the leads that changed since the last pass; how many were."""
    enrolled = 0
    waiting: list[LeadId] = []
    rated = any(one.entry.rate is not None for one in rules.workspace.cadences.values())

    def marked(work: Unit) -> list[LeadId]:
        # Where places are few a day, the best of all come first, not the best of each thousand.
        return work.leads.flagged("enroll_check", None if rated else limit, best_first=rated)

    while True:
        with store.unit() as work:
            waiting = waiting or marked(work)
            flagged, waiting = waiting[:limit], waiting[limit:]
            if not flagged:
                return enrolled
            # The mark goes first: whoever marks a lead again meanwhile waits for us, and is not forgotten.
            work.touches.lock_for_limits(flagged, ())
            work.leads.unflag("enroll_check", flagged)
            # A lead held back by today's rate has no place yet, and is asked again by the night.
            started = _enroll(work, flagged, rules=rules, policy=policy, now=now)
            waiting = waiting or marked(work)
            work.commit()
            enrolled += started
        if not waiting:
            return enrolled


def reconsider(*, store: Store) -> None:
    """Flag every lead of ours: other rules may enroll or promote any of them."""
    with store.unit() as work:
        work.leads.flag_everyone()
        work.commit()


def tonight(*, store: Store, rules: InForce, now: datetime) -> None:
    """Flag the leads whom a cadence may take now, by what time alone may have changed, and those near a decision."""
    with store.unit() as work:
        work.leads.flag_for_the_night(rules.workspace, now)
        work.commit()


def _enroll(work: Unit, ids: Sequence[LeadId], *, rules: InForce, policy: Policy, now: datetime) -> int:
    """How many were enrolled. Best fit first, then the newest; the larger priority, then the name."""
    scene = load(work, ids, rules=rules, policy=policy, now=now)
    past = work.enrollments.all_of(ids)
    cadences = sorted(
        (one for one in rules.workspace.cadences.values() if one.entry.when is not None),
        key=lambda one: (-one.priority, one.name),
    )
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
                words = " or ".join(sorted(taken))
                answers[lead] = Answer(
                    "status", f"The lead is {person.status}; {chosen.name} takes leads that are {words}."
                )
                continue
            answer = may_enter(person, chosen, scene, past.get(lead, ()), by_condition=False, repeatedly=True)
            if answer.may_enter and start(work, chosen, lead, scene, by=by) is None:
                answer = Answer("exclusive", "The lead is in another cadence, and is in one at a time.")
            answers[lead] = answer
        if not dry_run:
            work.commit()
    return answers


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
