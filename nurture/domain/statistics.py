"""What a count of successes says about the rate behind it: intervals for one rate and for the difference of two.

The intervals are closed forms that stay inside what is possible and are right for small counts, where the textbook's
rate plus or minus two standard errors is not: 0 of 20 does not prove a rate of zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

CONFIDENCE_95: Final = 1.959964  # standard deviations around the middle that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Count:
    """So many of so many. Raises ValueError for what cannot be."""

    hits: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.of:
            raise ValueError(f"{self.hits} of {self.of} cannot be")

    @property
    def rate(self) -> float:
        """The share; 0 of nothing is 0."""
        return self.hits / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the truth lies, 19 times in 20."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def wilson(count: Count, z: float = CONFIDENCE_95) -> Interval:
    """The interval of the true rate. Nothing was counted: all of 0 to 1.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), 209-212.
    """
    if not count.of:
        return Interval(0.0, 1.0)
    rate, n = count.rate, count.of
    center = rate + z * z / (2 * n)
    spread = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # The ends are exact; arithmetic would leave them some 1e-17 away.
    low = 0.0 if count.hits == 0 else max(0.0, (center - spread) / scale)
    high = 1.0 if count.hits == n else min(1.0, (center + spread) / scale)
    return Interval(low, high)


def difference(one: Count, other: Count, z: float = CONFIDENCE_95) -> Interval:
    """The interval of the first true rate less the second. Nothing was counted on a side: it says little, or nothing.

    R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of eleven
    methods, Statistics in Medicine 17 (1998), 873-890: method 10, made of the two Wilson intervals.
    """
    mine, theirs = wilson(one, z), wilson(other, z)
    gap = one.rate - other.rate
    down = sqrt((one.rate - mine.low) ** 2 + (theirs.high - other.rate) ** 2)
    up = sqrt((mine.high - one.rate) ** 2 + (other.rate - theirs.low) ** 2)
    return Interval(max(-1.0, gap - down), min(1.0, gap + up))
