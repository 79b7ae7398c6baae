"""Promises: something we told a lead we would do on a date. They outrank every cadence."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.errors import RequestError
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.moves.scene import Scene
    from nurture.ports import Unit

MORNING: Final = time(9)


class State(StrEnum):
    """Where a promise stands: open until its day, then a task (called) until that is done, in time or late."""

    OPEN = "open"
    CALLED = "called"
    KEPT = "kept"
    LATE = "late"
    DROPPED = "dropped"


STEP: Final = "promise"  # of the task that a promise becomes


def promise(
    work: Unit, lead: LeadId, scene: Scene, *, on: date | datetime, text: str, sentence: str, source: str, by: str
) -> int:
    """Write a promise down; it falls due at its moment, of a day alone at nine in the morning, where the lead is."""
    zone = scene.zone_of(scene.leads[lead])
    timed = isinstance(on, datetime)
    due_at = on.astimezone(UTC) if isinstance(on, datetime) else calendar.at_local(on, MORNING, zone)
    day = calendar.local_day(due_at, zone)
    clock = f" at {due_at.astimezone(zone):%H:%M}" if timed else ""
    number = work.notes.promise(
        {
            "lead_id": lead,
            "due_on": day,
            "due_at": due_at,
            "text": text,
            "sentence": sentence,
            "source": source,
            "state": "open",
            "made_at": scene.now,
            "made_by": by,
        }
    )
    work.notes.add([Change("promised", f"{text} on {day}{clock}", scene.now, by=by, lead=lead)])
    return number


def refuse_past(on: date | datetime, now: datetime, zone: ZoneInfo) -> None:
    """Raise RequestError for a day or moment that has passed: nothing can be done then. Today is still to come."""
    passed = on <= now if isinstance(on, datetime) else on < calendar.local_day(now, zone)
    if passed:
        raise RequestError(f"{on:%Y-%m-%d} is past.", hint="Name a day or moment that is still to come.")


def keep(work: Unit, lead: LeadId, task: str, at: datetime, *, expires_at: datetime | None) -> None:
    """The task of a promise was done: it was kept, or kept late."""
    for one in work.notes.promises(lead=lead):
        if one["touch_id"] == task and one["state"] == State.CALLED:
            state = State.LATE if expires_at is not None and at > expires_at else State.KEPT
            work.notes.save_promise(one["id"], {"state": state.value, "kept_at": at}, was=State.CALLED.value)


def keep_by_return(work: Unit, scene: Scene, lead: LeadId, into: str) -> None:
    """The lead is back on the day that was promised, and the cadence makes the contact: nobody calls beside it."""
    for one in work.notes.promises(lead=lead):
        if one["state"] == State.OPEN and one["due_at"] <= scene.now:
            work.notes.save_promise(one["id"], {"state": State.KEPT.value, "kept_at": scene.now}, was=State.OPEN.value)
            words = f"kept: {one['text']}, in {into}"
            work.notes.add([Change("promise_kept", words, scene.now, by="daemon", lead=lead)])


def drop(work: Unit, leads: Collection[LeadId]) -> None:
    """Nobody is to be contacted: what was promised is not done any more."""
    work.notes.drop_promises(leads)


def stated_time(text: str | None, zone: ZoneInfo) -> date | datetime | None:
    """The day or moment that a response states, if it does; a moment without a zone is the lead's."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if len(text) == len("2027-01-15"):
        return found.date()
    return found if found.tzinfo is not None else calendar.at_local(found.date(), found.time(), zone)
