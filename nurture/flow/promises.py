"""Promises whose day has come: a call to make, or the cadence `not-now`; they outrank every cadence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from nurture.domain import calendar
from nurture.domain.duration import Duration, Unit
from nurture.domain.errors import UnknownNameError
from nurture.domain.lead import Lead, Status
from nurture.domain.policy import Policy
from nurture.domain.statistics import Count, wilson
from nurture.domain.touch import Channel, Touch
from nurture.domain.touch import State as TaskState
from nurture.moves import enrolling
from nurture.moves.calls import who_does
from nurture.moves.promises import STEP, State, promise, refuse_past
from nurture.moves.scene import Scene, load
from nurture.moves.start import start
from nurture.ports import InForce, Store
from nurture.ports import Unit as Work

FALLBACK: Final = "not-now"
WITHIN: Final = Duration(2, Unit.BUSINESS_DAYS)


def run(
    *, store: Store, rules: InForce, policy: Policy, now: datetime, new_id: Callable[[], str], limit: int = 500
) -> int:
    """Open what is due: a call task where the lead may be called, else the cadence `not-now`; how many."""
    opened = 0
    while True:
        with store.unit() as work:
            due = work.notes.promises_due(now, limit)
            if not due:
                return opened
            scene = load(work, {one["lead_id"] for one in due}, rules=rules, policy=policy, now=now)
            for one in due:
                _open(work, one, scene.leads[one["lead_id"]], scene, new_id)
            work.commit()
            opened += len(due)


def _open(work: Work, one: Mapping[str, Any], lead: Lead, scene: Scene, new_id: Callable[[], str]) -> None:
    number = one["id"]
    scopes = scene.scopes_of(lead)
    if "all" in scopes or lead.status not in (Status.NURTURING, Status.OFFERED):
        work.notes.save_promise(number, {"state": "dropped"}, was="open")
        return
    fallback = scene.rules.workspace.cadences.get(FALLBACK)
    if lead.phone and not lead.do_not_call and "phone" not in scopes:
        touch = _task(one, lead, scene, new_id())
        work.touches.add([touch])
        work.notes.save_promise(number, {"state": "called", "touch_id": touch.id}, was="open")
    elif fallback is not None:
        enrolling.stop(work, [lead.id], reason="promise", now=scene.now, by="daemon")
        start(work, fallback, lead.id, scene, by="promise")
        work.notes.save_promise(number, {"state": "kept", "kept_at": scene.now}, was="open")
    else:
        touch = _task(one, lead, scene, new_id())
        work.touches.add([touch])
        work.notes.save_promise(number, {"state": "called", "touch_id": touch.id}, was="open")


def _task(one: Mapping[str, Any], lead: Lead, scene: Scene, touch_id: str) -> Touch:
    said = f'\n\nThey said: "{one["sentence"]}"' if one["sentence"] else ""
    channel = Channel.CALL if lead.phone and not lead.do_not_call else Channel.OTHER
    return Touch(
        id=touch_id,
        lead=lead.id,
        step=STEP,
        channel=channel,
        state=TaskState.OPEN,
        due_at=one["due_at"],
        created_at=scene.now,
        company=lead.company.id if lead.company else None,
        address=lead.phone,
        assigned=who_does(scene.rules.workspace, lead.owner)[0],
        expires_at=calendar.later(scene.now, WITHIN, zone=scene.zone_of(lead), country=scene.country_of(lead)),
        script=f"We promised {lead.name}: {one['text']}.{said}",
    )


def add(
    lead: int,
    *,
    on: date | datetime,
    text: str,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> int:
    """Write a promise down by hand; its number. Raises RequestError for a day or moment that has passed."""
    with store.unit() as work:
        scene = load(work, [lead], rules=rules, policy=policy, now=now)
        refuse_past(on, now, scene.zone_of(scene.leads[lead]))
        number = promise(work, lead, scene, on=on, text=text, sentence="", source="by hand", by=by)
        if not dry_run:
            work.commit()
    return number


def done(number: int, *, store: Store, now: datetime, dry_run: bool = False) -> None:
    """A promise was kept, in time or late. Raises UnknownNameError where there is none of this number.

    A task that it opened is done with it.
    """
    with store.unit() as work:
        found = next((one for one in work.notes.promises() if one["id"] == number), None)
        if found is None:
            raise UnknownNameError("promise", str(number), (), otherwise="Run: nurture promise list")
        if found["state"] not in (State.KEPT, State.LATE):
            work.touches.lock_for_limits([found["lead_id"]], ())
            late = now > calendar.later(found["due_at"], WITHIN, zone=calendar.zone("UTC"))
            values = {"state": (State.LATE if late else State.KEPT).value, "kept_at": now}
            work.notes.save_promise(number, values, was=str(found["state"]))
            enrolling.close_touches(work, [found["touch_id"]] if found["touch_id"] else [])
            work.leads.update(found["lead_id"], {"ready_check": True, "enroll_check": True})
        if not dry_run:
            work.commit()


@dataclass(frozen=True, slots=True)
class Share:
    """What became of the promises whose day has come. `late` holds also those whose time ran out and who still wait."""

    kept: int
    late: int
    waiting: int
    dropped: int
    low: float | None
    high: float | None

    @property
    def share(self) -> float | None:
        """The share that was kept in time; None before the first was due."""
        due = self.kept + self.late
        return self.kept / due if due else None


def share(*, store: Store, now: datetime) -> Share:
    """How many promises were kept in time, with the interval of a share (Wilson, 95 %)."""
    with store.unit(write=False) as work:
        counts = work.notes.promise_counts(now)
    kept = counts.get(State.KEPT, 0)
    late = counts.get(State.LATE, 0) + counts.get("overdue", 0)
    found = wilson(Count(kept, kept + late)) if kept + late else None
    waiting, dropped = counts.get(State.CALLED, 0), counts.get(State.DROPPED, 0)
    return Share(kept, late, waiting, dropped, found.low if found else None, found.high if found else None)
