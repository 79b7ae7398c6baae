"""Positive proof that a touch was sent wins from any state: a verified event, or the answer to the mail itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain import touch as touches
from nurture.domain.enrollment import OPEN
from nurture.domain.touch import State, Touch

if TYPE_CHECKING:
    from nurture.ports import Unit


def prove_sent(work: Unit, touch: str, *, at: datetime, now: datetime) -> Touch | None:
    """Mark a touch as sent if it is not, and let its enrollment go on. The touch as it is then; None: no change."""
    made = work.touches.get([touch]).get(touch)
    if made is None:
        return None
    after = touches.moved(made.state, touches.Event.ACCEPTED)
    if after is made.state or after is not State.SENT:
        return None
    when = made.intent_at or at
    counted = made.counted_at or when
    sent = replace(made, state=after, sent_at=when, counted_at=counted, reason=None, lease_until=None)
    if not work.touches.save([sent], was={made.id: (made.attempt, made.state)}):
        return None
    if made.enrollment is not None:
        one = work.enrollments.get([made.enrollment]).get(made.enrollment)
        if one is not None and one.state in OPEN and one.next_at is None:
            work.enrollments.save([replace(one, next_at=now)], fenced=False)
    return sent
