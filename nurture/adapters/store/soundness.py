"""The full count of the send protocol's invariants, over every row; once a night."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Select, and_, func, or_, select

from nurture.adapters.store.tables import enrollments, touches
from nurture.domain import enrollment
from nurture.domain.touch import Channel, State

_OPEN: Final = [one.value for one in (State.PLANNED, State.SENDING, State.IN_DOUBT, State.OPEN)]
_MAIL: Final = touches.c.channel == Channel.EMAIL.value
_ROWS: Final[dict[str, Select[str]]] = {
    "it is being sent, and nothing says until when": select(touches.c.id).where(
        touches.c.state == State.SENDING.value,
        or_(touches.c.lease_until.is_(None), touches.c.intent_at.is_(None), touches.c.attempt < 1),
    ),
    "it was sent, and does not count against the limits": select(touches.c.id).where(
        _MAIL,
        touches.c.state.in_([State.SENT.value, State.UNKNOWN.value]),
        or_(touches.c.sent_at.is_(None), touches.c.counted_at.is_(None)),
    ),
    "it was not sent, and counts as if it were": select(touches.c.id).where(
        _MAIL,
        touches.c.state.in_([State.SKIPPED.value, State.FAILED.value]),
        touches.c.counted_at.is_not(None),
    ),
    "its enrollment is over, and it is still planned": select(touches.c.id)
    .join(enrollments, enrollments.c.id == touches.c.enrollment_id)
    .where(
        touches.c.state == State.PLANNED.value,
        enrollments.c.state.in_([one.value for one in enrollment.State if one not in enrollment.OPEN]),
    ),
}
_TOTALS: Final[dict[str, Select[int]]] = {
    "enrollments with two open touches": select(func.count()).select_from(
        select(touches.c.enrollment_id)
        .where(and_(touches.c.enrollment_id.is_not(None), touches.c.state.in_(_OPEN)))
        .group_by(touches.c.enrollment_id)
        .having(func.count() > 1)
        .subquery()
    ),
    "Message-IDs of two touches": select(func.count()).select_from(
        select(touches.c.message_id)
        .where(touches.c.message_id.is_not(None))
        .group_by(touches.c.message_id)
        .having(func.count() > 1)
        .subquery()
    ),
}


def broken_rows(db: Connection, most: int = 100) -> list[tuple[str, str]]:
    """(touch, what is wrong) of rows that break an invariant."""
    return [(row.id, words) for words, query in _ROWS.items() for row in db.execute(query.limit(most))]


def broken_totals(db: Connection) -> list[str]:
    """Counts that must be zero, and are not, in words."""
    counted = {words: int(db.execute(query).scalar_one()) for words, query in _TOTALS.items()}
    return [f"{count} {words}" for words, count in counted.items() if count]
