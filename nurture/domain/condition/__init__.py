"""The typed condition language: a text that was read and checked becomes a fast, harmless test of one lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nurture.domain.condition.errors import ConditionError
from nurture.domain.condition.vocabulary import (
    FUNCTIONS,
    NAMES,
    RESPONSE_NAMES,
    History,
    Type,
    custom_text,
    fold,
)
from nurture.domain.duration import Duration

__all__ = [
    "FUNCTIONS",
    "NAMES",
    "RESPONSE_NAMES",
    "Call",
    "Condition",
    "ConditionError",
    "History",
    "Type",
    "custom_text",
    "fold",
    "parse",
]


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a function: its arguments as values, and where it stands in the text."""

    name: str
    args: tuple[str | Duration, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read and checked. Two are equal when their texts are.

    `holds(names, history)` takes the flat names with their values (one that is absent, None or of another type is
    missing) and never raises, whatever the values. `names` are those used, `x.NAME` included.
    """

    text: str
    holds: Callable[[Mapping[str, Any], History], bool] = field(compare=False, repr=False)
    names: frozenset[str] = field(compare=False, repr=False)
    calls: tuple[Call, ...] = field(compare=False, repr=False)

    @property
    def moves_with_time(self) -> bool:
        """Whether it can change while nothing happens (besides the score, which has its own mechanism)."""
        raise NotImplementedError

    def bounds(self, name: str) -> frozenset[float] | None:
        """The constants that `name` is directly compared with: empty where it is not used, None where they cannot
        be read off (arithmetic, or a comparison with another name)."""
        raise NotImplementedError

    def missing(self, names: Mapping[str, Any], history: History) -> tuple[str, ...]:
        """The parts that do not hold, as written: for `a and b` each of them alone. Empty when it holds."""
        raise NotImplementedError


def parse(text: str, *, extra: Mapping[str, Type] = {}) -> Condition:
    """Read and check a condition; `extra` are names besides those of every lead. Raises ConditionError."""
    raise NotImplementedError
