"""A cohort of leads judged with the doubt that its size leaves: an interval, and a verdict in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Final

FEW: Final = 30  # leads; below that, one acceptance more or less changes everything
CONFIDENCE_95: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Cohort:
    """How many leads, how many of them sales accepted, and when the one in the middle arrived."""

    leads: int
    accepted: int
    middle: datetime | None


def wilson(hits: int, of: int, z: float = CONFIDENCE_95) -> tuple[float, float]:
    """The interval in which the true rate lies, 19 times in 20. Wilson's: right also for small numbers and for none."""
    rate = hits / of
    spread = z * sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    center, scale = rate + z * z / (2 * of), 1 + z * z / of
    return round(max(0.0, (center - spread) / scale), 4), round(min(1.0, (center + spread) / scale), 4)


def verdict_of(cohort: Cohort, whole: Cohort, *, mature: datetime) -> str:
    """Whether a cohort is better than all leads together. `mature`: leads from before then had their time."""
    if cohort.leads == 0:
        return "no leads"
    if cohort.leads < FEW:
        return "too few"
    if cohort.middle is None or cohort.middle > mature:
        return "too young"
    rate = whole.accepted / whole.leads
    low, high = wilson(cohort.accepted, cohort.leads)
    if low > rate:
        return "better than the others"
    return "worse than the others" if high < rate else "like the others"
