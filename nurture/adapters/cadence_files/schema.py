"""Shapes: what may stand at a place of a file, declared once for the checker and for the editors' JSON Schema.

A shape reads a node into a value. What is wrong goes into the report, and WRONG stands where the value would be, so
that one run finds everything.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
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
        report.error(node, f"{where}: {_kind(node)} stands here; {what} is expected")
    return None


def _kind(node: Node) -> str:
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
        report.error(node, f"{where}: {short(found.text)} is neither true nor false")
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
            report.error(node, f"{where}: {_kind(node)} stands here; a single value is expected")
        return WRONG

    def schema(self) -> Json:
        return {"type": ["string", "number", "boolean", "null"]}


@dataclass(frozen=True, slots=True)
class ListOf(Shape):
    """A list, read to a tuple."""

    item: Shape
    filled: bool = False  # at least one item
    unique: bool = False

    def read(self, node: Node, report: Report, where: str) -> Any:
        if not isinstance(node, ListNode):
            report.error(node, f"{where}: {_kind(node)} stands here; a list is expected")
            return WRONG
        if self.filled and not node.items:
            report.error(node, f"{where}: this list is empty")
            return WRONG
        values = [self.item.read(item, report, where) for item in node.items]
        sound = WRONG not in values
        seen = set()
        for item, value in zip(node.items, values, strict=True) if self.unique else ():
            if value in seen and value is not WRONG:
                report.error(item, f"{where}: {short(str(value))} stands here twice")
                sound = False
            seen.add(value)
        return tuple(values) if sound else WRONG

    def schema(self) -> Json:
        result: Json = {"type": "array", "items": self.item.schema()}
        if self.filled:
            result["minItems"] = 1
        if self.unique:
            result["uniqueItems"] = True
        return result


@dataclass(frozen=True, slots=True)
class MapOf(Shape):
    """Keys that the writer chooses, each with a value of one shape. `mention` notes the keys in the report."""

    value: Shape
    mention: str = ""

    def read(self, node: Node, report: Report, where: str) -> Any:
        if not _is_map(node, report, where):
            return WRONG
        assert isinstance(node, MapNode)
        sound = _repeated(node, report, where)
        values = {}
        for name, (key, value) in node.entries.items():
            if not name.strip():
                report.error(key, f"{where}: this key is empty")
                sound = False
            if self.mention:
                report.mention(key, self.mention, name, where)
            values[name] = self.value.read(value, report, name)
        return values if sound and WRONG not in values.values() else WRONG

    def schema(self) -> Json:
        return {"type": "object", "additionalProperties": self.value.schema()}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record. `says` is what an editor shows beside it."""

    shape: Shape
    says: str = ""
    required: bool = False


def _as_is(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    return values


@dataclass(frozen=True, slots=True)
class Record(Shape):
    """A fixed set of keys. `make` gets the values that are set, all of them sound, and may report more problems."""

    name: str
    keys: Mapping[str, Key]
    make: Callable[[dict[str, Any], MapNode, Report], Any] = field(default=_as_is)

    def read(self, node: Node, report: Report, where: str) -> Any:
        if not _is_map(node, report, where, self.keys):
            return WRONG
        assert isinstance(node, MapNode)
        sound = _repeated(node, report, self.name)
        torn = _torn(node, self.keys, report)
        values: dict[str, Any] = {}
        for name, (key, value) in node.entries.items():
            known = self.keys.get(name)
            if name in torn:
                sound = False
            elif known is None:
                report.error(key, f"{self.name}: unknown key {short(name)}{_hint(name, self.keys)}")
                sound = False
            else:
                values[name] = known.shape.read(value, report, name)
        for name, key_of in self.keys.items():
            if key_of.required and name not in node.entries:
                report.error(node, f"{self.name}: {name!r} is missing")
                sound = False
        if not sound or WRONG in values.values():
            return WRONG
        return self.make(values, node, report)

    def schema(self) -> Json:
        properties = {}
        for name, key in self.keys.items():
            properties[name] = key.shape.schema() | ({"description": key.says} if key.says else {})
        result: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [name for name, key in self.keys.items() if key.required]
        return result | ({"required": required} if required else {})


def _is_map(node: Node, report: Report, where: str, keys: Collection[str] = ()) -> bool:
    if isinstance(node, MapNode):
        return True
    hint = f" such as '{next(iter(keys))}:'" if keys else ""
    report.error(node, f"{where}: {_kind(node)} stands here; keys with values are expected{hint}")
    return False


def _repeated(node: MapNode, report: Report, where: str) -> bool:
    """Whether every key stands once. Legal YAML otherwise, in which the last silently wins."""
    for key, first in node.repeated:
        report.error(key, f"{where}: {short(key.text)} is already set on line {first}")
    return not node.repeated


def _torn(node: MapNode, keys: Collection[str], report: Report) -> set[str]:
    """The entries of a `{...}` that a comma has torn out of a value: `{when: contains(title, b)}` has the key `b)`."""
    torn: set[str] = set()
    if not node.flow:
        return torn
    last: tuple[str, Node] | None = None
    for name, (key, value) in node.entries.items():
        bare = isinstance(value, ScalarNode) and value.plain and not value.text and value.line == key.line
        if bare and name not in keys and last is not None:
            if last[0] not in torn:
                report.error(last[1], f"{last[0]}: quote this value: inside {{}} a comma or a bracket ends it")
            torn |= {last[0], name}
        else:
            last = (name, value)
    return torn


def _hint(name: str, known: Collection[str]) -> str:
    return near(name, list(known)) or f"; allowed: {', '.join(known)}"
