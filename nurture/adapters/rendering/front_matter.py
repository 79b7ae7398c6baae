"""The block at the top of an e-mail: subject, preheader, from, reply_to, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

import yaml

from nurture.domain.message import ascii_address

KEYS: Final = ("subject", "preheader", "from", "reply_to")
_QUICK: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BLOCK: Final = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the block says, where, and what is wrong with it as (line, column, message)."""

    texts: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[tuple[int, int, str], ...] = ()


def split(source: str) -> tuple[str, int, str]:
    """The block's YAML, how many lines it takes with its fences, and the text after it."""
    match = _BLOCK.match(source)
    return ("", 0, source) if match is None else (match[1], match[0].count("\n"), source[match.end() :])


def of(source: str) -> FrontMatter:
    """The front matter of a file; never raises."""
    block, lines, _ = split(source)
    if not lines and source.lstrip().startswith("---"):
        wrong = (
            "it is never closed: end it with a line ---" if source.startswith("---") else "begin it in the first line"
        )
        return FrontMatter(problems=((1, 1, f"front matter: {wrong}"),))
    return read(block)


def read(block: str) -> FrontMatter:
    """The block, read; never raises."""
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems: list[tuple[int, int, str]] = []
    try:
        node = _composed(block)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 2, mark.column + 1) if mark else (1, 1)
        return FrontMatter(problems=((*place, f"front matter: {error.problem}; put the text in quotes"),))
    except yaml.YAMLError:
        return FrontMatter(problems=((1, 1, "front matter: a character that YAML does not allow"),))
    if node is None:
        return FrontMatter()
    if not isinstance(node, yaml.MappingNode):
        return FrontMatter(problems=((2, 1, "front matter: write 'subject: ...', one key a line"),))
    for key, value in node.value:
        line, column = key.start_mark.line + 2, key.start_mark.column + 1
        name = str(key.value)
        problems += [(line, column, message) for message in _wrong(name, value, seen=lines)]
        if isinstance(value, yaml.ScalarNode) and name in KEYS and name not in lines:
            texts[name] = value.value
            lines[name] = value.start_mark.line + 2
    return FrontMatter(texts, lines, tuple(problems))


def _composed(block: str) -> yaml.Node | None:
    """The node of a block: by the C parser, and what that refuses by PyYAML's own, which names the place better."""
    with suppress(yaml.YAMLError, UnicodeEncodeError):
        return yaml.compose(block, Loader=_QUICK)
    return yaml.compose(block, Loader=yaml.SafeLoader)


def _wrong(name: str, value: yaml.Node, *, seen: Mapping[str, int]) -> Iterator[str]:
    if name not in KEYS:
        found = get_close_matches(name, KEYS, n=1)
        hint = f"did you mean {found[0]!r}?" if found else f"known: {', '.join(KEYS)}"
        yield f"front matter: unknown key {name!r}; {hint}"
    elif name in seen:
        yield f"front matter: {name!r} is already set on line {seen[name]}"
    elif not isinstance(value, yaml.ScalarNode):
        yield f"front matter: {name!r} is a text; one that begins with {{ needs quotes"
    elif name in ("from", "reply_to") and ("{{" in value.value or "{%" in value.value or not value.value.isprintable()):
        yield f"front matter: {name!r} is one line of plain text, not a template"
    elif name == "reply_to" and value.value and ascii_address(value.value) is None:
        yield f"front matter: 'reply_to' is one address and no name, not {value.value!r}"
