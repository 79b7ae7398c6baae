"""Whether the provider's events would have reached us: what lets silence about a mail mean that it was never taken.

Kept as two marks: since when the endpoint has been up without a break, and the latest attempt of which an event has
said that the provider took it. The provider brings an event for 24 hours, so a short break loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nurture.ports import Unit

EVENTS: Final = "sendgrid"  # the kind under which its deliveries are kept
UP: Final = "endpoint_up"  # value: since when; moment: when it was last seen
HEARD: Final = "attempt_heard_of"  # moment: that of the attempt
BREAK: Final = timedelta(minutes=5)


def is_up(work: Unit, now: datetime) -> None:
    """The endpoint is up now. A break of over five minutes begins a new stretch."""
    known = work.control.mark(UP)
    unbroken = known is not None and now - known[1] <= BREAK
    work.control.set_mark(UP, known[0] if known is not None and unbroken else now.isoformat(), now)


def heard_of(work: Unit, attempts: Iterable[datetime]) -> None:
    """The provider has told of these attempts, by the event with which it takes a mail."""
    latest = max(attempts, default=None)
    if latest is not None:
        known = work.control.mark(HEARD)
        if known is None or known[1] < latest:
            work.control.set_mark(HEARD, "", latest)


def would_have_heard(work: Unit, attempted: datetime, *, waited: timedelta, now: datetime) -> bool:
    """Whether an event about this attempt would be here, had the provider taken it.

    The endpoint was up since before it, everything that came was read, and the provider has told of later attempts.
    A wait that is set to be short bridges no break: the provider may not have come again yet.
    """
    up, heard = work.control.mark(UP), work.control.mark(HEARD)
    if up is None or heard is None or heard[1] <= attempted:
        return False
    bridged = min(BREAK, waited / 10)
    if datetime.fromisoformat(up[0]) > attempted or now - up[1] > bridged:
        return False
    return not any(now - arrived > bridged for *_, arrived in work.responses.raw_new(1, (EVENTS,)))
