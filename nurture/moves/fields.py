"""Set flat names of a lead: its own columns, or custom fields called x.NAME."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.errors import RequestError, UnknownNameError
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.ports import Unit

FIELDS: Final = frozenset(
    {"first_name", "last_name", "title", "phone", "country", "timezone", "language", "source", "owner", "external_id"}
)
# Of a cadence's step: whether they asked for sales is otherwise said by what they do.
OF_STEPS: Final = FIELDS | {"asked_for_sales"}
# Waits and windows are counted with these.
CALENDAR: Final = frozenset({"timezone", "country", "fiscal_year_start"})


def look_again(work: Unit, leads: Collection[LeadId], now: datetime) -> None:
    """Let what waits by the calendar of these leads be counted again, because it is another one now."""
    work.enrollments.wake([one.id for many in work.enrollments.open_of(leads).values() for one in many], now)


def set_fields(
    work: Unit, lead: LeadId, fields: Mapping[str, Any], now: datetime, *, by: str, person: bool = False
) -> None:
    """Set fields of a lead and say so in its history; its score is soon looked at. `person`: no file replaces them.

    Raises RequestError for a name that cannot be set this way.
    """
    stored = work.leads.columns(lead)
    values: dict[str, Any] = {}
    custom = dict(stored.get("custom") or {})
    for name, value in fields.items():
        if name.startswith("x."):
            custom[name.removeprefix("x.")] = value
        elif name in OF_STEPS:
            values[name] = value
        elif name in ("email", "status", "stage", "score", "fit", "engagement", "company"):
            raise RequestError(f"{name!r} cannot be set this way.", hint="Settable: " + ", ".join(sorted(FIELDS)))
        else:
            raise UnknownNameError("field", name, FIELDS, otherwise="Your own fields are called x.NAME.")
    if person:
        values["by_person"] = sorted({*(stored.get("by_person") or []), *fields})
    marks = {"changed_at": now, "look_at": now, "enroll_check": True}
    work.leads.update(lead, {**values, "custom": custom or None, **marks})
    if values.keys() & CALENDAR:
        look_again(work, [lead], now)
    words = ", ".join(f"{name} = {value}" for name, value in fields.items())
    work.notes.add([Change("fields", words, now, by=by, lead=lead)])
