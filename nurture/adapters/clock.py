"""The real clock and dice: the only place that reads a clock or throws dice; and a clock that moves when told."""

from __future__ import annotations

import os
import random
import time
from base64 import b32encode
from datetime import UTC, datetime, timedelta


def _letters(chance: bytes) -> str:
    return b32encode(chance).decode("ascii")[:26].lower()


class SystemClock:
    """The machine's clock and its source of chance."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    def boottime(self) -> float:
        """Seconds since the machine started, sleep included where the system can tell."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def new_id(self) -> str:
        """26 letters and digits: 130 random bits."""
        return _letters(os.urandom(17))


class VirtualClock:
    """A clock that moves when told, with seeded dice: for `demo` and `simulate`. Ids repeat with the same seed."""

    def __init__(self, start: datetime, *, seed: int) -> None:
        self._now = start
        self._dice = random.Random(seed)

    def now(self) -> datetime:
        """The moment it was last set to."""
        return self._now

    def boottime(self) -> float:
        """Real seconds: sending happens in the real world, also when the date does not."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def new_id(self) -> str:
        """26 letters and digits."""
        return _letters(self._dice.randbytes(17))

    def set(self, moment: datetime) -> None:
        """Jump forward. A virtual clock never goes back."""
        self._now = max(self._now, moment)

    def advance(self, span: timedelta) -> None:
        """Let time pass."""
        self._now += span
