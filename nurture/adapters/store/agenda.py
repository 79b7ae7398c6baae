"""Which arrows of a pass find rows at a moment: one look at the indexes that each of them begins with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Text, bindparam, text

from nurture.adapters.store.tables import Moment
from nurture.domain import enrollment, handoff
from nurture.domain.chore import Chore
from nurture.domain.touch import State


def _earliest(table: str, column: str, which: str = "true") -> str:
    """Whether the earliest of these moments has come."""
    return f"(SELECT min({column}) FROM {table} WHERE {which} AND {column} IS NOT NULL) <= :now"


PATIENCE: Final = timedelta(minutes=2)  # whoever began to score everybody again would have moved on by then
# The earliest moment is the first row of an index, whatever is believed of how many moments have passed: where that is
# out of date, PostgreSQL looks for an "EXISTS ... at <= now" through a whole table.
# The states and marks stand in the text: an index of some rows alone is not used for a value that is given later, and
# `ready_check = 1` is another condition than the `ready_check` of its index.
_FINDS: Final = {
    Chore.INCOMING: "EXISTS (SELECT 1 FROM raw_events WHERE done_at IS NULL)",
    Chore.SETTLE: _earliest("touches", "lease_until", f"state IN ('{State.SENDING}', '{State.IN_DOUBT}')"),
    Chore.NIGHTLY: f"NOT EXISTS (SELECT 1 FROM jobs WHERE job = '{Chore.NIGHTLY}' AND slot = :night)",
    Chore.RESCORE: "EXISTS (SELECT 1 FROM marks WHERE name = 'rescoring' AND value <> 'done' AND at <= :late)",
    Chore.CROSS: _earliest("leads", "look_at"),
    Chore.RETURN: _earliest("leads", "returns_at"),
    Chore.PROMISE: _earliest("promises", "due_at", "state = 'open'"),
    Chore.ENROLL: "EXISTS (SELECT 1 FROM leads WHERE enroll_check)",
    Chore.WAKE: _earliest("enrollments", "next_at", f"state = '{enrollment.State.PAUSED}'"),
    Chore.PACE: "EXISTS (SELECT 1 FROM held_slots) OR EXISTS (SELECT 1 FROM first_waves)",
    Chore.DISPATCH: _earliest("enrollments", "next_at", f"state = '{enrollment.State.ACTIVE}'"),
    Chore.PROMOTE: "EXISTS (SELECT 1 FROM leads WHERE ready_check)",
    Chore.OFFER: f"EXISTS (SELECT 1 FROM handoffs WHERE state = '{handoff.State.QUEUED}')",
    Chore.DEADLINE: _earliest("handoffs", "due_at"),
    Chore.DELIVER: _earliest("deliveries", "next_at"),
}
_LOOK: Final = text("SELECT " + ",\n".join(_FINDS.values())).bindparams(
    bindparam("now", type_=Moment()), bindparam("late", type_=Moment()), bindparam("night", type_=Text())
)


def agenda(db: Connection, now: datetime, night: str) -> frozenset[Chore]:
    """The arrows that find something; `night` is the slot of the nightly job."""
    row = db.execute(_LOOK, {"now": now, "night": night, "late": now - PATIENCE}).one()
    return frozenset(chore for chore, found in zip(_FINDS, row, strict=True) if found)
