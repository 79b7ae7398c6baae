"""Two clocks of one process side by side: by the one that nobody sets, we know what the other should say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Watch:
    """Remembers what both clocks said at the last pass that ran."""

    moment: datetime | None = None
    booted: float = 0.0

    def expected(self, booted: float) -> datetime | None:
        """What the date should be at this boot time, in seconds; None before the first pass."""
        return self.moment and self.moment + timedelta(seconds=booted - self.booted)

    def saw(self, moment: datetime, booted: float) -> None:
        """A pass ran: from here on, time is counted from it."""
        self.moment, self.booted = moment, booted
