"""Settings from the environment, NURTURE_SECTION__KEY: they win over those of the file."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, Final

PREFIX: Final = "NURTURE_"


def over(values: Mapping[str, Any], sections: Collection[str]) -> dict[str, Any]:
    """These values, and over them what the environment says of these sections, in capitals or not."""
    both = dict(values)
    for name, value in os.environ.items():
        section, *path = name.lower().removeprefix(PREFIX.lower()).split("__")
        if name.lower().startswith(PREFIX.lower()) and section in sections and path:
            both[section] = _set(both.get(section), path, value)
    return both


def name_of(path: Collection[str]) -> str | None:
    """The variable that sets what is at this path, as it is written; None where none does."""
    wanted = _plain(f"{PREFIX}{'__'.join(path)}")
    return next((name for name in os.environ if _plain(name) == wanted), None)


def variable(path: Collection[str]) -> str:
    """The variable that would set what is at this path."""
    return f"{PREFIX}{'__'.join(path)}".upper().replace("-", "_")


def _set(under: Any, path: list[str], value: str) -> Any:
    """A table with a value at a path in it; whatever else stands where a table is needed gives way."""
    if not path:
        return value
    inner = dict(under) if isinstance(under, Mapping) else {}
    # A webhook of the file may have a hyphen, which no shell takes in the name of a variable, or capitals.
    alike = sorted((one for one in inner if _plain(one) == _plain(path[0])), key=lambda one: one.lower() != path[0])
    name = alike[0] if alike else path[0]
    return inner | {name: _set(inner.get(name), path[1:], value)}


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
