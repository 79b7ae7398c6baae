"""Shapes: what may stand at a place of a file, declared once for the checker and for the editors' JSON Schema.

A shape reads a node into a value. What is wrong goes into the report, and WRONG stands where the value would be, so
that one run finds everything.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from nurture.adapters.cadence_files.nodes import ListNode, MapNode, Node, ScalarNode
from nurture.adapters.cadence_files.report import Report, near, short

Json = dict[str, Any]


class Wrong(Enum):
    """Stands for a value that could not be read."""

    WRONG = auto()


WRONG: Final = Wrong.WRONG


class Shape(ABC):
    """What may stand at one place."""

    @abstractmethod
    def read(self, node: Node, report: Report, where: str) -> Any:
        """The value, or WRONG; then the report says why. `where` names the place in messages."""

    @abstractmethod
    def schema(self) -> Json:
        """The same as JSON Schema, draft 7. It refuses nothing that `read` accepts in its usual spelling."""


def scalar(node: Node, report: Report, where: str, what: str) -> ScalarNode | None:
    """The node, if a single value stands there; else None, with a problem that says what was expected."""
    if isinstance(node, ScalarNode):
        if not node.is_nothing:
            return node
        report.error(node, f"{where}: nothing stands here; {what} is expected")
    else:
        report.error(node, f"{where}: {kind_of(node)} stands here; {what} is expected")
    return None


def kind_of(node: Node) -> str:
    """What stands here, in words."""
    match node:
        case ListNode():
            return "a list"
        case MapNode():
            return "a group of keys"
        case _:
            return "nothing" if node.is_nothing else "a single value"


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """A text. `mention` notes it in the report under that word: a name to be looked up when all files are read."""

    what: str = "a text"
    mention: str = ""

    def read(self, node: Node, report: Report, where: str) -> Any:
        found = scalar(node, report, where, self.what)
        if found is None:
            return WRONG
        if not isinstance(found.value, str):
            report.error(node, f"{where}: {short(found.text)} is not a text; to mean one, quote it")
            return WRONG
        if not found.text.strip():
            report.error(node, f"{where}: this text is empty; {self.what} is expected")
            return WRONG
        text = found.text.strip()
        if self.mention:
            report.mention(node, self.mention, text, where)
        return text

    def schema(self) -> Json:
        return {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class Parsed(Shape):
    """A text with a meaning. `parse` raises ValueError with a sentence that shows how to write it."""

    parse: Callable[[str], Any]
    what: str
    pattern: str
    mention: str = ""

    def read(self, node: Node, report: Report, where: str) -> Any:
        found = scalar(node, report, where, self.what)
        if found is None:
            return WRONG
        try:
            value = self.parse(found.text)
        except ValueError as error:
            report.error(node, f"{where}: {error}")
            return WRONG
        if not isinstance(found.value, str):
            report.error(node, f"{where}: {short(found.text)} is not a text; to mean one, quote it")
            return WRONG
        if self.mention:
            report.mention(node, self.mention, value, where)
        return value

    def schema(self) -> Json:
        return {"type": "string", "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Choice(Shape):
    """One word of a vocabulary."""

    words: Collection[str]  # members of an enumeration are read as such

    def read(self, node: Node, report: Report, where: str) -> Any:
        known = {str(word): word for word in self.words}
        found = scalar(node, report, where, f"one of {', '.join(known)}")
        if found is None:
            return WRONG
        if found.text not in known:
            hint = near(found.text, list(known)) or f"; one of: {', '.join(known)}"
            report.error(node, f"{where}: {short(found.text)} is not known{hint}")
            return WRONG
        return known[found.text]

    def schema(self) -> Json:
        return {"enum": [str(word) for word in self.words]}


@dataclass(frozen=True, slots=True)
class Number(Shape):
    """A number between two bounds, both included."""

    low: float | None = None
    high: float | None = None
    whole: bool = False

    def read(self, node: Node, report: Report, where: str) -> Any:
        what = "a whole number" if self.whole else "a number"
        found = scalar(node, report, where, what)
        if found is None:
            return WRONG
        value = found.value
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            report.error(node, f"{where}: {short(found.text)} is not {what}")
        elif not math.isfinite(value):
            report.error(node, f"{where}: {found.text} is not a number that can be counted with")
        elif self.low is not None and value < self.low:
            report.error(node, f"{where}: {found.text} is too small; at least {self.low:g}")
        elif self.high is not None and value > self.high:
            report.error(node, f"{where}: {found.text} is too large; at most {self.high:g}")
        else:
            return value
        return WRONG

    def schema(self) -> Json:
        bounds = {"minimum": self.low, "maximum": self.high}
        return {"type": "integer" if self.whole else "number"} | {k: v for k, v in bounds.items() if v is not None}


@dataclass(frozen=True, slots=True)
class Flag(Shape):
    """`true` or `false`."""

    def read(self, node: Node, report: Report, where: str) -> Any:
        found = scalar(node, report, where, "true or false")
        if found is None:
            return WRONG
        if isinstance(found.value, bool):
            return found.value
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(found.text.lower())
        hint = f"; write {meant}" if meant else ""
        report.error(node, f"{where}: {short(found.text)} is neither true nor false{hint}")
        return WRONG

    def schema(self) -> Json:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class AnyScalar(Shape):
    """A text, number or truth value, as it is; null to clear a field."""

    def read(self, node: Node, report: Report, where: str) -> Any:
        if isinstance(node, ScalarNode):
            value = node.value
            if not isinstance(value, float) or math.isfinite(value):
                return value
            report.error(node, f"{where}: {node.text} is not a number that can be counted with")
        else:
            report.error(node, f"{where}: {kind_of(node)} stands here; a single value is expected")
        return WRONG

    def schema(self) -> Json:
        return {"type": ["string", "number", "boolean", "null"]}
