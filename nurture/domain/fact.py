"""A fact: something learned about the purchase, with source, date and confidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FactName(StrEnum):
    """What can be known about a purchase."""

    BUDGET = "budget"
    BUDGET_PROCESS = "budget_process"
    TIMELINE = "timeline"
    PEOPLE = "people"
    DRIVERS = "drivers"
    EVENTS = "events"
    PAIN_POINTS = "pain_points"
    HOT_BUTTONS = "hot_buttons"
    COMPETITORS = "competitors"
    CURRENT_SOLUTION = "current_solution"
    NEXT_STEP = "next_step"


class Confidence(StrEnum):
    """How sure we are."""

    STATED = "stated"
    INFERRED = "inferred"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement. `source` says where it is from (call, reply, form, import), `by` who wrote it down."""

    name: FactName
    value: str
    source: str
    at: datetime
    confidence: Confidence = Confidence.STATED
    by: str = ""

    def is_fresh(self, *, since: datetime, now: datetime) -> bool:
        """Whether it may still be relied on: learned at `since` or later, and no timeline whose date has passed."""
        if self.at < since:
            return False
        if self.name is not FactName.TIMELINE:
            return True
        from nurture.domain.stated_time import decision_date  # reads dates in words: few commands do

        on = decision_date(self.value, self.at.date())
        return on is None or on >= now.date()
