"""Leave a person alone: every cadence, task and promise of theirs ends, or all that is done by phone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain.touch import BY_PHONE, State
from nurture.moves import enrolling, promises
from nurture.ports.store import Suppression

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.ports import Unit


def end_contact(work: Unit, leads: LeadId | Collection[LeadId], reason: str, *, now: datetime, by: str) -> None:
    """Stop what runs for leads and close what people were to do; promotion looks at them again."""
    ids = _many(leads)
    if not ids:
        return
    enrolling.stop(work, ids, reason=reason, now=now, by=by)
    made = work.touches.of_leads(ids).values()
    enrolling.close_touches(work, [one.id for touches in made for one in touches if one.state is State.OPEN])
    promises.drop(work, ids)
    work.leads.update_many([{"id": lead, "ready_check": True} for lead in ids])


def end_calls(work: Unit, leads: LeadId | Collection[LeadId], *, now: datetime) -> None:
    """Nobody calls any more: open calls are taken out of the queue, and their cadences go on without them."""
    ids = _many(leads)
    made = work.touches.of_leads(ids).values() if ids else ()
    calls = {one.id for touches in made for one in touches if one.state is State.OPEN and one.channel in BY_PHONE}
    if not calls:
        return
    enrolling.close_touches(work, calls)
    waiting = work.enrollments.open_of(ids).values()
    work.enrollments.wake([one.id for many in waiting for one in many if one.touch in calls], now)


def _many(leads: LeadId | Collection[LeadId]) -> list[LeadId]:
    return [leads] if isinstance(leads, int) else sorted(leads)


def still_quiet(work: Unit, lead: LeadId, old: str, new: str, *, now: datetime, by: str) -> None:
    """Who asked under an old address to be left alone did not ask for mail to the new one."""
    if "all" in work.suppressions.scopes([old]).get(old, ()):
        work.suppressions.add(Suppression(new, "all", "new_address", now, lead), by=by)
