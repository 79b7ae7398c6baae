"""Leave a person alone: every cadence, task and promise of theirs ends, or all that is done by phone."""

from __future__ import annotations

from datetime import datetime

from nurture.domain.lead import LeadId
from nurture.domain.touch import BY_PHONE, State
from nurture.moves import enrolling, promises
from nurture.ports import Unit
from nurture.ports.store import Suppression


def end_contact(work: Unit, lead: LeadId, reason: str, *, now: datetime, by: str) -> None:
    """Stop what runs for a lead and close what people were to do; promotion looks at it again."""
    enrolling.stop(work, [lead], reason=reason, now=now, by=by)
    tasks = [one.id for one in work.touches.of_leads([lead]).get(lead, ()) if one.state is State.OPEN]
    enrolling.close_touches(work, tasks)
    promises.drop(work, lead)
    work.leads.update(lead, {"ready_check": True})


def end_calls(work: Unit, lead: LeadId, *, now: datetime) -> None:
    """Nobody calls any more: open calls are taken out of the queue, and their cadences go on without them."""
    calls = {
        one.id
        for one in work.touches.of_leads([lead]).get(lead, ())
        if one.state is State.OPEN and one.channel in BY_PHONE
    }
    if not calls:
        return
    enrolling.close_touches(work, calls)
    held = [one.id for one in work.enrollments.open_of([lead]).get(lead, ()) if one.touch in calls]
    work.enrollments.wake(held, now)


def still_quiet(work: Unit, lead: LeadId, old: str, new: str, *, now: datetime, by: str) -> None:
    """Who asked under an old address to be left alone did not ask for mail to the new one."""
    if "all" in work.suppressions.scopes([old]).get(old, ()):
        work.suppressions.add(Suppression(new, "all", "new_address", now, lead), by=by)
