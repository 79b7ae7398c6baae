"""A points table that a person can read: a few lines, each so many points for a value of one feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import log
from typing import Final

Value = str | float | None
YES: Final = "yes"  # a truth value that holds; one that does not is missing
# So many points more: twice the odds that sales takes the lead.
DOUBLES: Final = 10
POINTS_PER_LOG_ODD: Final = DOUBLES / log(2)


@dataclass(frozen=True, slots=True)
class Example:
    """One past lead: what was known of it on the day, and whether it turned out well. `at` is that day."""

    values: Mapping[str, Value]
    good: bool
    at: datetime | None = None


class Kind(StrEnum):
    """What a line tests."""

    AMONG = "among"  # one of these texts
    BETWEEN = "between"  # a number above one bound, up to another
    UNSEEN = "unseen"  # a text that no past lead had
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Band:
    """One line of the table. `leads` and `good` are what was seen; a line for what was never seen has none."""

    feature: str
    kind: Kind
    points: int
    leads: int
    good: int
    texts: tuple[str, ...] = ()  # of AMONG; those seen, for UNSEEN
    above: float | None = None
    up_to: float | None = None

    def holds(self, value: Value) -> bool:
        """Whether a value belongs to this line."""
        if value is None or value == "":
            return self.kind is Kind.MISSING
        match self.kind:
            case Kind.AMONG:
                return str(value) in self.texts
            case Kind.UNSEEN:
                return str(value) not in self.texts
            case Kind.BETWEEN:
                number = float(value)
                return (self.above is None or number > self.above) and (self.up_to is None or number <= self.up_to)
            case _:
                return False

    @property
    def condition(self) -> str:
        """The line as a condition of scoring.yaml."""
        name = self.feature
        match self.kind:
            case Kind.MISSING:
                # What is missing equals nothing, not even itself; a truth value that does not hold is as good as none.
                return f"not {name}" if self.texts == (YES,) else f"not {name} == {name}"
            case Kind.AMONG if self.texts == (YES,):
                return name
            case Kind.AMONG if len(self.texts) == 1:
                return f"{name} == {quoted(self.texts[0])}"
            case Kind.AMONG:
                return f"{name} in [{', '.join(map(quoted, self.texts))}]"
            case Kind.UNSEEN:
                return f"{name} and {name} not in [{', '.join(map(quoted, self.texts))}]"
            case _:
                parts = [f"{name} > {_plain(self.above)}"] if self.above is not None else []
                return " and ".join(parts + ([f"{name} <= {_plain(self.up_to)}"] if self.up_to is not None else []))

    @property
    def because(self) -> str:
        """What was seen, in words."""
        if not self.leads:
            return "never seen before"
        if self.kind is Kind.MISSING:
            return f"not known: {self.good} of {self.leads} such leads turned out well"
        return f"{self.good} of {self.leads} such leads turned out well ({100 * self.good / self.leads:.0f} %)"


@dataclass(frozen=True, slots=True)
class Table:
    """The lines, and what they were learned from. What no line names is worth nothing, neither good nor bad."""

    bands: tuple[Band, ...]
    leads: int
    good: int

    def points(self, values: Mapping[str, Value]) -> int:
        """The points of a lead with these values: the sum over its lines."""
        return sum(band.points for band in self.bands if band.holds(values.get(band.feature)))

    @property
    def features(self) -> tuple[str, ...]:
        """The features it uses, the weightiest first."""
        return tuple(dict.fromkeys(band.feature for band in self.bands))

    def of(self, feature: str) -> tuple[Band, ...]:
        """The lines of one feature."""
        return tuple(band for band in self.bands if band.feature == feature)


def number_of(value: Value) -> float | None:
    """A value as a number; None for what is not plainly one."""
    if value is None or isinstance(value, float | int):
        return value
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None  # neither `inf` nor `nan` is a number here


def is_numeric(values: Sequence[Value]) -> bool:
    """Whether all values that are there are numbers, and there are any."""
    there = [value for value in values if value not in (None, "")]
    return bool(there) and all(number_of(value) is not None for value in there)


def is_sayable(text: str) -> bool:
    """Whether a condition can name this text: there is no quote that it does not hold itself."""
    return not ("'" in text and '"' in text)


def quoted(text: str) -> str:
    """The text as conditions write it."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def _plain(number: float | None) -> str:
    assert number is not None
    text = f"{number:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
