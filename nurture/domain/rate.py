"""How much may leave in a span of time: `100 per hour`, and the warm-up of a new sender, `20 per hour x1.4 daily`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DAY: Final = timedelta(days=1)
# Above this a ceiling holds nothing back. It also ends a warm-up that has no rate to grow into.
ENDLESS: Final = 10**9
_SPANS: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": DAY}
_RATE: Final = re.compile(r"\s*([0-9]{1,9})\s*(?:per|/)\s*(minute|hour|day)\s*", re.IGNORECASE)
_WARM_UP: Final = re.compile(r"(.*?)\s*x\s*([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*daily\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """At most so many in any span of this length; `growth` is the factor by which that grows each day of a warm-up."""

    most: int
    span: timedelta
    growth: float = 1.0

    def at(self, moment: datetime, began: datetime | None) -> int:
        """How many are allowed in the span that ends at this moment, for a sender that began then (None: now)."""
        if self.growth == 1.0 or began is None or moment <= began:
            return self.most
        days = (moment - began) // DAY
        # A power that is too large for a number is too large for a limit.
        return min(ENDLESS, int(self.most * self.growth**days + 1e-9)) if days < 400 else ENDLESS

    def grows_after(self, moment: datetime, began: datetime | None) -> datetime | None:
        """When it is next larger than at this moment; None if never."""
        if self.growth == 1.0 or began is None or self.at(moment, began) >= ENDLESS:
            return None
        return began + (max(0, (moment - began) // DAY) + 1) * DAY


def parse_rate(text: str) -> Ceiling:
    """The rate that these words mean. Raises ValueError with a sentence that shows how to write it."""
    found = _RATE.fullmatch(text)
    if found is None or not int(found[1]):
        raise ValueError(f"{text[:40]!r} must be a rate: write for example '100 per hour' (per minute, hour or day)")
    return Ceiling(int(found[1]), _SPANS[found[2].lower()])


def parse_warm_up(text: str) -> Ceiling:
    """The warm-up that these words mean. Raises ValueError with a sentence that shows how to write it."""
    found = _WARM_UP.fullmatch(text)
    growth = float(found[2]) if found is not None else 0.0
    if found is None or not 1 < growth <= 10:
        raise ValueError(
            f"{text[:40]!r} must be a rate and its daily growth, over 1 and at most 10: '20 per hour x1.4 daily'"
        )
    first = parse_rate(found[1])
    return Ceiling(first.most, first.span, growth)
