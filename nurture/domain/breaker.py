"""The breaker: after five requests in a row without a clear answer, one real touch is tried every 30 seconds.

It counts completions, per daemon and channel (invariant 6 of the send protocol). Times are boot times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nurture.domain.verdict import Again, Maybe, Verdict

IN_A_ROW: Final = 5
PROBE_EVERY: Final = timedelta(seconds=30)


@dataclass(slots=True)
class Breaker:
    """Counts unclear answers; `probed_at` is when the last single touch was let through while it is open."""

    unclear: int = 0
    probed_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether only single touches are let through."""
        return self.unclear >= IN_A_ROW

    def slots(self, wanted: int, boottime: float) -> int:
        """How many of `wanted` may be sent now."""
        if not self.is_open:
            return wanted
        if self.probed_at is not None and boottime - self.probed_at < PROBE_EVERY.total_seconds():
            return 0
        self.probed_at = boottime
        return min(1, wanted)

    def heard(self, verdict: Verdict) -> None:
        """One request is complete. Any clear answer closes it; one that was not begun says nothing."""
        if isinstance(verdict, Maybe):
            self.unclear += 1
        elif not isinstance(verdict, Again):
            self.unclear = 0
            self.probed_at = None
