"""A duration as people write it: `90 minutes`, `3 business days`, `1 month`. Words in, words out, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    """What a duration counts. Days, weeks and months are of the calendar, the first three are elapsed time."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    BUSINESS_DAYS = "business days"
    BUSINESS_HOURS = "business hours"


SPANS: Final[dict[Unit, timedelta]] = {
    Unit.SECONDS: timedelta(seconds=1),
    Unit.MINUTES: timedelta(minutes=1),
    Unit.HOURS: timedelta(hours=1),
    Unit.DAYS: timedelta(days=1),
    Unit.WEEKS: timedelta(weeks=1),
    Unit.MONTHS: timedelta(days=30),
    Unit.BUSINESS_DAYS: timedelta(days=1),
    Unit.BUSINESS_HOURS: timedelta(hours=1),
}
LONGEST: Final = timedelta(days=36525)  # a hundred years: beyond it there is a typing error, not a plan

# "m" is left out on purpose: it could be minutes or months.
SHORT: Final[dict[str, Unit]] = {
    "s": Unit.SECONDS,
    "sec": Unit.SECONDS,
    "secs": Unit.SECONDS,
    "min": Unit.MINUTES,
    "mins": Unit.MINUTES,
    "h": Unit.HOURS,
    "hr": Unit.HOURS,
    "hrs": Unit.HOURS,
    "d": Unit.DAYS,
    "w": Unit.WEEKS,
}
WORDS: Final[dict[str, Unit]] = {str(unit): unit for unit in Unit} | {str(unit)[:-1]: unit for unit in Unit}
EXAMPLE: Final = "write for example '3 days', '90 minutes' or '2 business days'"


@dataclass(frozen=True, slots=True)
class Duration:
    """So many of a unit: never negative, at most a hundred years. Raises ValueError otherwise."""

    amount: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError(f"A duration cannot be negative: {self.amount} {self.unit}.")
        if self.amount > LONGEST // SPANS[self.unit]:
            raise ValueError("A duration of more than a hundred years is not accepted.")

    def __str__(self) -> str:
        return f"{self.amount} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"

    @property
    def span(self) -> timedelta:
        """A fixed length, for settings and for comparing: a month is 30 days, a business day 24 hours.

        When something falls due is never counted with this: see `calendar.later`.
        """
        return self.amount * SPANS[self.unit]


def parse_duration(text: str) -> Duration:
    """The duration that these words mean. Raises ValueError with a sentence that shows how to write it.

    Zero is allowed; whoever cannot use it refuses it.
    """
    words = " ".join(text.split())
    shown = repr(words if len(words) <= 40 else words[:40] + "...")
    if words.startswith("-"):
        raise ValueError(f"{shown} is negative: {EXAMPLE}.")
    if re.match(r"[0-9]*[.,][0-9]", words):
        raise ValueError(f"{shown} is not a whole number: take a smaller unit, '90 minutes' and not '1.5 hours'.")
    found = re.fullmatch(r"([0-9]+) ?([^0-9]*)", words)
    if not found:
        raise ValueError(f"{shown} is not a duration: {EXAMPLE}.")
    number, name = found[1], re.sub(r"[\s_-]+", " ", found[2]).lower()
    if not name:
        raise ValueError(f"{shown} has no unit: {EXAMPLE}.")
    unit = WORDS.get(name) or SHORT.get(name)
    if unit is None:
        raise ValueError(f"{shown} has no known unit{_hint(name)}: {EXAMPLE}.")
    if len(number.lstrip("0")) > 10 or int(number) > LONGEST // SPANS[unit]:
        raise ValueError(f"{shown} is more than a hundred years: {EXAMPLE}.")
    return Duration(int(number), unit)


def _hint(name: str) -> str:
    if name == "m":
        return " ('m' could be minutes or months)"
    if name in {"y", "yr", "year", "years"}:
        return " (a year is '12 months')"
    if name in {"quarter", "quarters"}:
        return " (a quarter is '3 months')"
    if name in {"working day", "working days", "workday", "workdays"}:
        return " (did you mean 'business days'?)"
    near = get_close_matches(name[:40], WORDS, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
