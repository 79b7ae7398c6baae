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
    wanted = f"{PREFIX}{'__'.join(path)}".lower()
    return next((name for name in os.environ if name.lower() == wanted), None)


def _set(under: Any, path: list[str], value: str) -> Any:
    """A table with a value at a path in it; whatever else stands where a table is needed gives way."""
    if not path:
        return value
    inner = dict(under) if isinstance(under, Mapping) else {}
    name = next((one for one in inner if one.lower() == path[0]), path[0])  # a sender of the file may have capitals
    return inner | {name: _set(inner.get(name), path[1:], value)}
