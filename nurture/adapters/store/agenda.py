"""Which arrows of a pass find rows at a moment: one look at the indexes that each of them begins with."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Text, bindparam, exists, or_, select

from nurture.adapters.store.tables import Moment, enrollments, handoffs, jobs, leads, promises, touches
from nurture.domain import enrollment, handoff
from nurture.domain.chore import Chore
from nurture.domain.touch import State

_NOW: Final = bindparam("now", type_=Moment())
_NIGHT: Final = bindparam("night", type_=Text())
_FINDS: Final = {
    Chore.SETTLE: exists().where(
        touches.c.state.in_([State.SENDING.value, State.IN_DOUBT.value]), touches.c.lease_until <= _NOW
    ),
    Chore.NIGHTLY: ~exists().where(jobs.c.job == Chore.NIGHTLY.value, jobs.c.slot == _NIGHT),
    Chore.CROSS: exists().where(leads.c.look_at <= _NOW),
    Chore.RETURN: exists().where(leads.c.returns_at <= _NOW),
    Chore.PROMISE: exists().where(promises.c.state == "open", promises.c.due_at <= _NOW),
    Chore.ENROLL: exists().where(leads.c.enroll_check),
    Chore.DISPATCH: or_(
        exists().where(enrollments.c.state == enrollment.State.ACTIVE.value, enrollments.c.next_at <= _NOW),
        exists().where(
            enrollments.c.state == enrollment.State.PAUSED.value,
            enrollments.c.next_at.is_not(None),
            enrollments.c.next_at <= _NOW,
        ),
    ),
    Chore.PROMOTE: or_(
        exists().where(leads.c.ready_check), exists().where(handoffs.c.state == handoff.State.QUEUED.value)
    ),
    Chore.DEADLINE: exists().where(handoffs.c.due_at <= _NOW),
}
_LOOK: Final = select(*(found.label(chore.value) for chore, found in _FINDS.items()))


def agenda(db: Connection, now: datetime, night: str) -> frozenset[Chore]:
    """The arrows that find something; `night` is the slot of the nightly job."""
    row = db.execute(_LOOK, {"now": now, "night": night}).one()
    return frozenset(chore for chore, found in zip(_FINDS, row, strict=True) if found)
