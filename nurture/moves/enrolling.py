"""Pause, resume and stop the enrollments of leads, each with its line in the history."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain import enrollment as machine
from nurture.domain import touch as touches
from nurture.domain.enrollment import Enrollment, Event, Pause
from nurture.domain.touch import SENTENCES, Reason, State
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.ports import Unit

Which = Callable[[Enrollment], bool]


def every(_: Enrollment) -> bool:
    """All of them."""
    return True


def pause(
    work: Unit,
    leads: Collection[LeadId],
    why: Pause,
    *,
    until: datetime | None,
    now: datetime,
    by: str,
    which: Which = every,
) -> list[Enrollment]:
    """Pause the open enrollments of leads; what is left of each wait is kept."""
    work.touches.lock_for_limits(leads, ())
    changed = [
        one.paused(why, until=until, now=now)
        for many in work.enrollments.open_of(leads).values()
        for one in many
        if which(one)
    ]
    work.enrollments.save(changed, fenced=False)
    work.pacing.let_go([one.touch for one in changed if one.touch is not None])
    words = f"paused ({why.replace('_', ' ')})" + (f" until {until:%Y-%m-%d}" if until else "")
    work.notes.add([Change("paused", f"{one.cadence} {words}", now, by=by, lead=one.lead) for one in changed])
    return changed


def resume(
    work: Unit, leads: Collection[LeadId], why: Pause | None, *, now: datetime, by: str, which: Which = every
) -> list[Enrollment]:
    """Take one reason for a pause away, or all of them (None); waits go on with what was left."""
    work.touches.lock_for_limits(leads, ())
    changed = []
    for many in work.enrollments.open_of(leads).values():
        for one in many:
            if one.pauses and which(one) and (why is None or why.value in one.pauses):
                after = one.resumed(why, now=now)
                if after.state is machine.State.ACTIVE and after.next_at is None:
                    after = replace(after, next_at=now)
                changed.append(after)
    work.enrollments.save(changed, fenced=False)
    work.notes.add(
        [Change("resumed", f"{one.cadence} goes on", now, by=by, lead=one.lead) for one in changed if not one.pauses]
    )
    return changed


def stop(
    work: Unit, leads: Collection[LeadId], *, reason: str, now: datetime, by: str, which: Which = every
) -> list[Enrollment]:
    """Stop the open enrollments of leads, with their planned touches and open tasks."""
    work.touches.lock_for_limits(leads, ())
    changed, halted = [], []
    for many in work.enrollments.open_of(leads).values():
        for one in many:
            if which(one):
                changed.append(machine.ended(one, Event.STOP, reason=reason, now=now))
                if one.touch is not None:
                    halted.append(one.touch)
    work.enrollments.save(changed, fenced=False)
    close_touches(work, halted)
    marks = {"enroll_check": True, "ready_check": True}
    work.leads.update_many([{"id": lead, **marks} for lead in sorted({one.lead for one in changed})])
    words = reason.replace("_", " ")
    work.notes.add([Change("stopped", f"{one.cadence} stopped: {words}", now, by=by, lead=one.lead) for one in changed])
    return changed


def close_touches(work: Unit, ids: Collection[str]) -> None:
    """Skip what is planned and cancel what is open. What is being sent is settled by its own answer."""
    work.pacing.let_go(ids)
    made = work.touches.get(ids)
    after = []
    for one in made.values():
        if one.state is State.PLANNED:
            state = touches.moved(one.state, touches.Event.SKIP)
            after.append(replace(one, state=state, reason=Reason.STOPPED, because=SENTENCES[Reason.STOPPED]))
        elif one.state is State.OPEN:
            state = touches.moved(one.state, touches.Event.CANCEL)
            after.append(replace(one, state=state, reason=Reason.STOPPED, because=SENTENCES[Reason.STOPPED]))
    work.touches.save(after, was={one.id: (made[one.id].attempt, made[one.id].state) for one in after})
