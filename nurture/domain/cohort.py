"""A cohort of leads judged with the doubt that its size leaves: an interval, and a verdict in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nurture.domain.statistics import Count, wilson

FEW: Final = 30  # leads; below that, one acceptance more or less changes everything


@dataclass(frozen=True, slots=True)
class Cohort:
    """How many leads, how many of them sales accepted, and when the one in the middle arrived."""

    leads: int
    accepted: int
    middle: datetime | None


def verdict_of(cohort: Cohort, whole: Cohort, *, mature: datetime) -> str:
    """Whether a cohort is better than all leads together. `mature`: leads from before then had their time."""
    if cohort.leads == 0:
        return "no leads"
    if cohort.leads < FEW:
        return "too few"
    if cohort.middle is None or cohort.middle > mature:
        return "too young"
    rate = whole.accepted / whole.leads
    interval = wilson(Count(cohort.accepted, cohort.leads))
    if interval.low > rate:
        return "better than the others"
    return "worse than the others" if interval.high < rate else "like the others"
