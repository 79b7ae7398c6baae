"""Whether a cadence makes a difference: its leads beside those that were held out by the same dice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nurture.domain.cohort import FEW
from nurture.domain.statistics import Count, Interval, difference

# Fewer successes than this in both arms together, and one lead more or less turns the verdict.
FEW_HITS: Final = 5


@dataclass(frozen=True, slots=True)
class Lift:
    """How much larger the rate of those who got the cadence is. None where one of the arms is empty."""

    gap: float | None
    interval: Interval | None
    verdict: str


def lift(got: Count, held_out: Count) -> Lift:
    """Those who got the cadence against those who were held out, in plain words and only as far as the counts go."""
    if not held_out.of:
        return Lift(None, None, "nobody held out")
    if not got.of:
        return Lift(None, None, "too early")
    gap, interval = got.rate - held_out.rate, difference(got, held_out)
    if min(got.of, held_out.of) < FEW or got.hits + held_out.hits < FEW_HITS:
        return Lift(gap, interval, "too early")
    if interval.low > 0:
        return Lift(gap, interval, "it helps")
    return Lift(gap, interval, "it harms" if interval.high < 0 else "no difference seen")
