"""YAML text to nodes that know their line and column: YAML 1.2, without what surprises a marketer or harms us.

PyYAML's events are read, not its nodes: they still show anchors, tags and repeated keys, arrive one by one (so that a
bomb is refused before it is built), and skip the YAML 1.1 guessing in which `NO` is false and `10:30` is 630.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from nurture.adapters.cadence_files.report import Place, Report

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50
MOST_LINES: Final = 20  # with a forbidden character, that are shown
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What YAML 1.1 and 1.2 both print, less the line ends that only 1.1 knows: with them our lines and an editor's differ.
# Compiled when it is needed, which takes as long as to read all files of a workspace: see _refuse_characters.
REFUSED: Final = "[^\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
# The core schema of YAML 1.2.
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(_NOTHING),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_NOT_A_SPACE: Final = re.compile(r"[ -]*(?:[\w.-]+:)?[\xa0\u2000-\u200b\u202f\u205f\u3000]")
_LONGEST_NUMBER: Final = 40
_BEGINS_NUMBER: Final = frozenset("+-.0123456789")
_BEGINS_OTHER: Final = _BEGINS_NUMBER | {word[:1] for word in _WORDS}  # than a text

Value = str | int | float | bool | None


@dataclass(slots=True)
class ScalarNode:
    """A text, number, truth value or nothing. `plain`: written without quotes; `one_line`: begins and ends on one."""

    line: int
    column: int
    text: str
    plain: bool = True
    one_line: bool = True

    @property
    def value(self) -> Value:
        """What the core schema of YAML 1.2 makes of it."""
        text = self.text
        if not self.plain or text[:1] not in _BEGINS_OTHER:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _BEGINS_NUMBER or len(text) > _LONGEST_NUMBER:
            return text
        if _INTEGER.fullmatch(text):
            return int(text, 0 if text[:2] in {"0o", "0x"} else 10)
        return float(text) if _NUMBER.fullmatch(text) else text

    @property
    def is_nothing(self) -> bool:
        """Whether nothing stands here, as after `name:`."""
        return self.plain and self.text in _NOTHING


@dataclass(slots=True)
class ListNode:
    """A list."""

    line: int
    column: int
    flow: bool = False  # written as [a, b]
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MapNode:
    """Keys with values, in the order of the file; a repeated key stands in `repeated` with the line of the first."""

    line: int
    column: int
    flow: bool = False  # written as {a: b}
    entries: dict[str, tuple[ScalarNode, Node]] = field(default_factory=dict)
    repeated: list[tuple[ScalarNode, int]] = field(default_factory=list)


Node = ScalarNode | ListNode | MapNode


def read_nodes(text: str, report: Report) -> Node | None:
    """The document as nodes, or None when it is not the YAML we read; the reasons are in `report`.

    A file without content is an empty scalar. Refused: anchors, aliases, tags, merge keys, tabs, control characters,
    several documents, depth over 50, more than a megabyte.
    """
    text = text.removeprefix("\ufeff")
    before = len(report.problems)
    start = Place(1, 1)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        report.error(start, f"the file is larger than {MAX_BYTES:,} bytes")
        return None
    _refuse_characters(text, report)
    if len(report.problems) > before:
        return None
    try:
        root = _parsed(text, report)
    except yaml.MarkedYAMLError as error:
        report.error(*_in_words(error, text))
        return None
    return root if len(report.problems) == before else None


def _refuse_characters(text: str, report: Report) -> None:
    if text.replace("\n", "").isprintable():
        return  # as nearly always, and nothing that is refused is printable
    if re.search(REFUSED, text) is None:
        return
    shown = 0
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        found = re.search(REFUSED, line)
        if found is not None and shown < MOST_LINES:
            shown += 1
            what = "a tab: YAML wants spaces" if found[0] == "\t" else f"a control character (U+{ord(found[0]):04X})"
            report.error(Place(number, found.start() + 1), what)


def _parsed(text: str, report: Report) -> Node:
    loader = LOADER(text)
    try:
        # `yaml.parse` gives the same events, and asks twice for each.
        return _built(loader.get_event, report)
    finally:
        loader.dispose()


def _built(next_event: Callable[[], Any], report: Report) -> Node:
    """The nodes of one document. A loop, not a recursion, so that depth costs no stack.

    Most of the time of `check` that is not spent on conditions is spent here, so what is usual comes first.
    """
    root: Node | None = None
    documents = 0
    parent: ListNode | MapNode | None = None
    key: ScalarNode | None = None  # in an open map, the key whose value comes next
    around: list[tuple[ListNode | MapNode | None, ScalarNode | None]] = []
    while (event := next_event()) is not None:
        kind = type(event)
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            parent, key = around.pop()
            continue
        mark = event.start_mark
        line = mark.line
        node: Node
        if kind is ScalarEvent:
            node = ScalarNode(line + 1, mark.column + 1, event.value, not event.style, line == event.end_mark.line)
        elif kind is MappingStartEvent:
            node = MapNode(line + 1, mark.column + 1, bool(event.flow_style), {}, [])
        elif kind is SequenceStartEvent:
            node = ListNode(line + 1, mark.column + 1, bool(event.flow_style), [])
        elif kind is AliasEvent:
            node = ScalarNode(line + 1, mark.column + 1, "")
        else:
            at = Place(line + 1, mark.column + 1)
            if kind is DocumentStartEvent:
                documents += 1
                if event.tags or (event.version or (1, 2)) != (1, 2):
                    report.error(at, "a directive (%) is not allowed: this is YAML 1.2")
            if documents > 1:
                report.error(at, "a second document ('---') is not allowed")
                break
            continue
        if kind is AliasEvent:
            report.error(node, f"an alias (*{event.anchor}) is not allowed: write the value out")
        elif event.anchor is not None:
            report.error(node, f"an anchor (&{event.anchor}) is not allowed: write the value out")
        elif event.tag is not None:
            hint = "; quote a text that begins with !, and in conditions write not" if event.tag[:1] == "!" else ""
            report.error(node, f"a tag ({event.tag}) is not allowed{hint}")
        if isinstance(parent, MapNode):
            if key is None:
                key = _as_key(node, report)
            else:
                if key.text in parent.entries:
                    parent.repeated.append((key, parent.entries[key.text][0].line))
                else:
                    parent.entries[key.text] = (key, node)
                key = None
        elif parent is not None:
            parent.items.append(node)
        else:
            root = node
        if not isinstance(node, ScalarNode):
            if len(around) == MAX_DEPTH:
                report.error(node, f"nested deeper than {MAX_DEPTH} levels")
                break
            around.append((parent, key))
            parent, key = node, None
    return root if root is not None else ScalarNode(1, 1, "")


def _as_key(node: Node, report: Report) -> ScalarNode:
    """What stands where a key must: the key, or an empty one in its stead."""
    if not isinstance(node, ScalarNode):
        report.error(node, "a key must be a word; quote text that begins with a bracket")
        return ScalarNode(node.line, node.column, "")
    if node.plain and node.text == "<<":
        report.error(node, "a merge key (<<) is not allowed: write the keys out")
    return node


def _in_words(error: yaml.MarkedYAMLError, text: str) -> tuple[Place, str]:
    """The place, and what a marketer can do about it. The parser only knows what it expected."""
    problem, context = str(error.problem or "this is not YAML"), str(error.context or "")
    mark = error.problem_mark
    lines = text.splitlines()
    unfinished = mark is None or mark.line >= len(lines) or "end of stream" in problem
    if unfinished and error.context_mark is not None:
        mark = error.context_mark
    at = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
    source = lines[at.line - 1] if at.line <= len(lines) else ""
    # A key that is never finished is noticed lines later.
    key = error.context_mark.line if "simple key" in context and error.context_mark is not None else at.line - 1
    for number in range(min(key, len(lines) - 1), max(-1, key - 3), -1):
        if found := _NOT_A_SPACE.match(lines[number]):
            return Place(number + 1, found.end()), "a no-break space, which looks like a space: YAML wants plain ones"
    if "could not find expected ':'" in problem and 0 <= key < len(lines):
        line = lines[key].strip()
        if re.match(r"(<{7}|={7}|>{7})( |$)", line):
            return Place(
                key + 1, 1
            ), "Git has marked a conflict here: choose one of the two texts, and remove the marks"
        word = re.match(r"[\w.-]*", line.removeprefix("- "))
        shown = word[0] if word and word[0] else "key"
        return Place(
            key + 1, len(lines[key]) - len(lines[key].lstrip()) + 1
        ), f"a key is written '{shown}: ', with a colon and a space"
    if "flow" in context:
        kind = "{}" if "mapping" in context else "[]"
        if unfinished:
            return at, f"the {kind[0]!r} that begins here is never closed"
        return at, f"this does not belong here: inside {kind} quote any value with a comma, a bracket or a colon"
    if "mapping values are not allowed" in problem and re.fullmatch(r"\s+[\w.-]+", source[: at.column - 1]):
        return at, "this stands further in than the keys it belongs to: begin it right below them"
    if "block sequence entries" in problem:
        return at, "a list begins on a line of its own; quote a text that begins with '-'"
    if "mapping values are not allowed" in problem:
        return at, "a second ': ' here: quote a value that has a colon, or put the key on a line of its own"
    if "cannot start any token" in problem:
        return at, "a value cannot begin with this character: quote it"
    if "quoted scalar" in context:
        return at, "the quote that begins here is never closed" if unfinished else f"in a quoted text: {problem}"
    if "expected key" in problem or "'-' indicator" in problem:
        if re.match(r"""\s*(?:- )?[^'"]*[:-]\s+['"]""", source) and at.column > len(source) - len(source.lstrip()) + 1:
            return at, "text after a closing quote: when a value begins with a quote, quote all of it"
        return at, "this does not line up with the lines above: check the spaces at the beginning of the line"
    if "expected node content" in problem or "document start" in problem:
        return at, "this does not belong here"
    return at, problem
