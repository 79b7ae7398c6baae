"""The typed condition language: a text that was read and checked becomes a fast, harmless test of one lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nurture.domain.condition.checker import check
from nurture.domain.condition.errors import ConditionError
from nurture.domain.condition.meaning import Among, Ask, Compare, Constant, Every, Read, Test, inside
from nurture.domain.condition.program import Holds, compiled
from nurture.domain.condition.vocabulary import (
    FUNCTIONS,
    NAMES,
    RESPONSE_NAMES,
    History,
    Type,
    custom_text,
    fold,
)

if TYPE_CHECKING:
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


@dataclass(frozen=True)  # no slots: what `cached_property` keeps costs nothing to read again
class Condition:
    """A condition that was read and checked. Two are equal when their texts are.

    `names` are the flat names that it reads, `x.NAME` included, `calls` its questions to the history. `meaning` is what
    the store translates to SQL.
    """

    text: str
    names: frozenset[str] = field(compare=False, repr=False)
    calls: tuple[Call, ...] = field(compare=False, repr=False)
    meaning: Test = field(compare=False, repr=False)

    @cached_property
    def holds(self) -> Holds:
        """`holds(names, history)` takes the flat names with their values and never raises, whatever the values.

        One that is absent, None or of another type is missing. Compiled when first asked for: most conditions that
        are checked are never evaluated.
        """
        return compiled(self.meaning)

    def bounds(self, name: str) -> frozenset[float] | None:
        """The constants that the number `name` is compared with: empty where it is not used, None where they cannot
        be read off (it is calculated with, or compared with another name)."""
        found: set[float] = set()
        direct = 0
        for node in inside(self.meaning):
            match node:
                case (
                    Compare(type=Type.NUMBER, left=Read(name=read), right=Constant(value=int() | float() as bound))
                    | Compare(type=Type.NUMBER, right=Read(name=read), left=Constant(value=int() | float() as bound))
                ) if read == name:
                    found.add(bound)
                    direct += 1
                case Among(type=Type.NUMBER, value=Read(name=read), options=options) if read == name:
                    found.update(option for option in options if not isinstance(option, str))
                    direct += 1
        uses = sum(isinstance(node, Read) and node.name == name for node in inside(self.meaning))
        return frozenset(found) if uses == direct else None

    def missing(self, names: Mapping[str, Any], history: History) -> tuple[str, ...]:
        """The parts that do not hold, as written: for `a and b` each of them alone. Empty when it holds."""
        return tuple(self.text[part.start : part.end] for part in _failing(self.meaning, names, history))


def parse(text: str, *, extra: Mapping[str, Type] = MappingProxyType({})) -> Condition:
    """Read and check a condition; `extra` are names besides those of every lead. Raises ConditionError.

    Texts compare without regard to case. A missing value makes a comparison false, and `not` of it true.
    `created_at` compares with a day in UTC (`== '2026-01-31'`: within it, `>` after it) or with a moment
    (`'2026-01-31T09:00Z'`). A text or custom field alone holds when it is neither missing nor empty; a custom field
    also not when it says false, no, n, 0 or off. Compared with a number it is a number where its text is one.
    """
    meaning = check(text, {**NAMES, **extra} if extra else NAMES)
    names, calls = set(), []
    for node in inside(meaning):
        if type(node) is Read:
            names.add(node.name)
        elif type(node) is Ask:
            calls.append(Call(node.name, node.args, node.start))
    return Condition(text, frozenset(names), tuple(calls), meaning)


def _failing(test: Test, names: Mapping[str, Any], history: History) -> Iterator[Test]:
    if compiled(test)(names, history):
        return
    if isinstance(test, Every) and len({(part.start, part.end) for part in test.parts}) > 1:
        for part in test.parts:
            yield from _failing(part, names, history)
    else:
        yield test
