"""Which arrows of a pass find rows at a moment: one look at the indexes that each of them begins with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Text, bindparam, text

from nurture.adapters.store.tables import Moment
from nurture.domain import enrollment, handoff
from nurture.domain.chore import Chore
from nurture.domain.touch import State

PATIENCE: Final = timedelta(minutes=2)  # whoever began to score everybody again would have moved on by then
# The states and marks stand in the text: an index of some rows alone is not used for a value that is given later, and
# `ready_check = 1` is another condition than the `ready_check` of its index.
_FINDS: Final = {
    Chore.INCOMING: "EXISTS (SELECT 1 FROM raw_events WHERE done_at IS NULL)",
    Chore.SETTLE: "EXISTS (SELECT 1 FROM touches"
    f" WHERE state IN ('{State.SENDING}', '{State.IN_DOUBT}') AND lease_until <= :now)",
    Chore.NIGHTLY: f"NOT EXISTS (SELECT 1 FROM jobs WHERE job = '{Chore.NIGHTLY}' AND slot = :night)",
    Chore.RESCORE: "EXISTS (SELECT 1 FROM marks WHERE name = 'rescoring' AND value <> 'done' AND at <= :late)",
    Chore.CROSS: "EXISTS (SELECT 1 FROM leads WHERE look_at <= :now)",
    Chore.RETURN: "EXISTS (SELECT 1 FROM leads WHERE returns_at <= :now)",
    Chore.PROMISE: "EXISTS (SELECT 1 FROM promises WHERE state = 'open' AND due_at <= :now)",
    Chore.ENROLL: "EXISTS (SELECT 1 FROM leads WHERE enroll_check)",
    Chore.WAKE: f"EXISTS (SELECT 1 FROM enrollments WHERE state = '{enrollment.State.PAUSED}' AND next_at <= :now)",
    Chore.PACE: "EXISTS (SELECT 1 FROM held_slots) OR EXISTS (SELECT 1 FROM first_waves)",
    Chore.DISPATCH: f"EXISTS (SELECT 1 FROM enrollments WHERE state = '{enrollment.State.ACTIVE}' AND next_at <= :now)",
    Chore.PROMOTE: "EXISTS (SELECT 1 FROM leads WHERE ready_check)",
    Chore.OFFER: f"EXISTS (SELECT 1 FROM handoffs WHERE state = '{handoff.State.QUEUED}')",
    Chore.DEADLINE: "EXISTS (SELECT 1 FROM handoffs WHERE due_at <= :now)",
    Chore.DELIVER: "EXISTS (SELECT 1 FROM deliveries WHERE next_at <= :now)",
}
_LOOK: Final = text("SELECT " + ",\n".join(_FINDS.values())).bindparams(
    bindparam("now", type_=Moment()), bindparam("late", type_=Moment()), bindparam("night", type_=Text())
)


def agenda(db: Connection, now: datetime, night: str) -> frozenset[Chore]:
    """The arrows that find something; `night` is the slot of the nightly job."""
    row = db.execute(_LOOK, {"now": now, "night": night, "late": now - PATIENCE}).one()
    return frozenset(chore for chore, found in zip(_FINDS, row, strict=True) if found)
