"""Promises: something we told a lead we would do on a date. They outrank every cadence."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Final

from nurture.domain import calendar
from nurture.domain.lead import LeadId
from nurture.moves.scene import Scene
from nurture.ports import Unit
from nurture.ports.store import Change

MORNING: Final = time(9)


def promise(work: Unit, lead: LeadId, scene: Scene, *, on: date, text: str, sentence: str, source: str, by: str) -> int:
    """Write a promise down; it falls due at nine in the morning of its day, where the lead is."""
    zone = scene.zone_of(scene.leads[lead])
    number = work.notes.promise(
        {
            "lead_id": lead,
            "due_on": on,
            "due_at": calendar.at_local(on, MORNING, zone),
            "text": text,
            "sentence": sentence,
            "source": source,
            "state": "open",
            "made_at": scene.now,
            "made_by": by,
        }
    )
    work.notes.add([Change("promised", f"{text} on {on}", scene.now, by=by, lead=lead)])
    return number


def stated_date(detail_date: str | None) -> date | None:
    """The date that a response states, if it does."""
    return datetime.fromisoformat(detail_date).date() if detail_date else None
