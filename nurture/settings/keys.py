"""Tables of nurture.toml -> sections, every wrong key at once. A section is a dataclass whose fields say how to read.

Not Pydantic: to import it and to build its validators is a third of a command (docs/decisions/quick-starts.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, field, fields
from difflib import get_close_matches
from typing import Any

from nurture.settings.words import Read

Wrong = list[tuple[tuple[str, ...], str]]  # where, and what is wrong


def key(read: Read, default: Any = MISSING, *, named: str = "") -> Any:
    """A key of a section; `named` where its name is a word of Python. Without a default it must be set."""
    return field(default=default, metadata={"read": read, "named": named})


def table(kind: type[Any]) -> Any:
    """A section; without one, its defaults hold."""
    return field(default_factory=kind, metadata={"table": kind})


def tables(kind: type[Any]) -> Any:
    """Sections by names that the file chooses."""
    return field(default_factory=dict, metadata={"tables": kind})


def read_tables(kind: type[Any], values: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
    """The sections that these values set, by name; what is wrong is added to `wrong`, and left out."""
    found: dict[str, Any] = {}
    for one in fields(kind):
        if one.name not in values or not one.metadata:
            continue
        value, place = values[one.name], (one.name,)
        if not isinstance(value, Mapping):
            wrong.append((place, "it must be a table"))
        elif "table" in one.metadata:
            found[one.name] = _section(one.metadata["table"], value, place, wrong)
        else:
            found[one.name] = {
                name: _section(one.metadata["tables"], each, (*place, name), wrong) for name, each in value.items()
            }
    return found


def _section(kind: type[Any], values: Any, place: tuple[str, ...], wrong: Wrong) -> Any:
    if not isinstance(values, Mapping):
        wrong.append((place, "it must be a table"))
        return None
    known = {one.metadata["named"] or one.name: one for one in fields(kind)}
    before = len(wrong)
    wrong += [((*place, name), f"unknown key{_near(name, known)}") for name in values if name not in known]
    given = dict(_read(known, values, place, wrong))
    return kind(**given) if len(wrong) == before else None


def _read(
    known: Mapping[str, Field[Any]], values: Mapping[str, Any], place: tuple[str, ...], wrong: Wrong
) -> Iterator[tuple[str, Any]]:
    for name, one in known.items():
        if name in values:
            try:
                yield one.name, one.metadata["read"](values[name])
            except ValueError as problem:
                wrong.append(((*place, name), str(problem).rstrip(".")))
        elif one.default is MISSING:
            wrong.append(((*place, name), "it must be set"))


def _near(name: str, known: Mapping[str, Any]) -> str:
    found = get_close_matches(name, known, n=1)
    return f" (did you mean {found[0]}?)" if found else f" (known: {', '.join(sorted(known))})"
