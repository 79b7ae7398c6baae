"""Shapes that hold others: lists, maps with keys of the writer's choice, and records with keys of ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nurture.adapters.cadence_files.nodes import ListNode, MapNode, Node, ScalarNode
from nurture.adapters.cadence_files.report import Report, near, short
from nurture.adapters.cadence_files.schema import WRONG, Choice, Json, Parsed, Shape, Text, kind_of


@dataclass(frozen=True, slots=True)
class ListOf(Shape):
    """A list, read to a tuple."""

    item: Shape
    filled: bool = False  # at least one item
    unique: bool = False

    def read(self, node: Node, report: Report, where: str) -> Any:
        if not isinstance(node, ListNode):
            report.error(node, f"{where}: {kind_of(node)} stands here; a list is expected{self._as_list(node)}")
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

    def _as_list(self, node: Node) -> str:
        """How what stands there is written as a list."""
        if not isinstance(node, ScalarNode) or not isinstance(self.item, Choice | Parsed | Text):
            return "; begin each item with '- '"
        return f": [{node.text}]" if len(node.text) <= 40 and node.text.strip() else ""

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
    """A fixed set of keys. `make` gets the values that are set, all of them sound, and may report more problems.

    `instead`: for keys that people expect here and that do not exist, what to do.
    """

    name: str
    keys: Mapping[str, Key]
    make: Callable[[dict[str, Any], MapNode, Report], Any] = field(default=_as_is)
    instead: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", frozenset(name for name, key in self.keys.items() if key.required))

    def read(self, node: Node, report: Report, where: str, around: Collection[str] = ()) -> Any:
        """The same; `around` are the keys that may stand beside this group, one level out."""
        if not isinstance(node, MapNode):
            _is_map(node, report, where, self.keys)
            return WRONG
        sound = _repeated(node, report, self.name) if node.repeated else True
        torn = _torn(node, self.keys, report) if node.flow else ()
        values: dict[str, Any] = {}
        for name, (key, value) in node.entries.items():
            known = self.keys.get(name)
            if name in torn:
                sound = False
            elif known is None:
                report.error(key, f"{self.name}: {self._unknown(name, around)}")
                sound = False
            else:
                shape = known.shape
                if isinstance(shape, Record):
                    found = shape.read(value, report, name, self.keys)
                else:
                    found = shape.read(value, report, name)
                values[name] = found
                if found is WRONG:
                    sound = False
        if not self.required <= node.entries.keys():
            for name in self.keys:
                if name in self.required and name not in node.entries:
                    report.error(node, f"{self.name}: {name!r} is missing")
            sound = False
        return self.make(values, node, report) if sound else WRONG

    def _unknown(self, name: str, around: Collection[str]) -> str:
        """What to say about a key that is not ours: it may be one of the group around, or of a group in here."""
        if name in self.instead:
            return f"unknown key {short(name)}; {self.instead[name]}"
        inside = next(
            (key for key, one in self.keys.items() if isinstance(one.shape, Record) and name in one.shape.keys), None
        )
        if inside is not None:
            return f"{short(name)} stands below {inside + ':'!r}, further in than it"
        if name in around:
            return f"{short(name)} does not stand in here but one level out, beside {self.name + ':'!r}"
        return f"unknown key {short(name)}{_hint(name, self.keys)}"

    def schema(self) -> Json:
        properties = {}
        for name, key in self.keys.items():
            properties[name] = key.shape.schema() | ({"description": key.says} if key.says else {})
        result: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [name for name in self.keys if name in self.required]
        return result | ({"required": required} if required else {})


def _is_map(node: Node, report: Report, where: str, keys: Collection[str] = ()) -> bool:
    if isinstance(node, MapNode):
        return True
    hint = f" such as '{next(iter(keys))}:'" if keys else ""
    report.error(node, f"{where}: {kind_of(node)} stands here; keys with values are expected{hint}")
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
    return near(name.lower(), known, cutoff=0.75) or f"; allowed: {', '.join(known)}"
