"""The grid of passes: multiples of `scheduler.tick` since the Unix epoch, the same for daemons and for simulate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def at_or_before(moment: datetime, tick: timedelta) -> datetime:
    """The last point of the grid that is not after a moment."""
    return moment - (moment - EPOCH) % tick


def at_or_after(moment: datetime, tick: timedelta) -> datetime:
    """The first point of the grid that is not before a moment."""
    return moment + (EPOCH - moment) % tick


def between(moment: datetime, tick: timedelta) -> datetime:
    """A moment of a whole second, if the tick allows, strictly between two points: what happens then meets no pass."""
    return at_or_before(moment, tick) + (timedelta(seconds=int(tick.total_seconds() * 0.4)) or tick / 3)
