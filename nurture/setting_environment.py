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


def _set(under: Any, path: list[str], value: str) -> Any:
    """A table with a value at a path in it; whatever else stands where a table is needed gives way."""
    if not path:
        return value
    inner = dict(under) if isinstance(under, Mapping) else {}
    return inner | {path[0]: _set(inner.get(path[0]), path[1:], value)}
