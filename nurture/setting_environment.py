"""Settings from the environment, NURTURE_SECTION__KEY: they win over those of the file."""

from __future__ import annotations

import os
from typing import Any, Final

from pydantic import BaseModel

PREFIX: Final = "NURTURE_"


def over(values: dict[str, Any], sections: type[BaseModel]) -> dict[str, Any]:
    """These values, and over them what the environment says of these sections."""
    ours = tuple(f"{PREFIX}{name}".lower() for name in sections.model_fields)
    if not any(name.lower().startswith(ours) for name in os.environ):
        return values
    from pydantic_settings import EnvSettingsSource  # slow to import, and most commands have nothing to read with it

    model: Any = sections
    return _merged(values, EnvSettingsSource(model, env_prefix=PREFIX, env_nested_delimiter="__")())


def _merged(values: dict[str, Any], winning: dict[str, Any]) -> dict[str, Any]:
    both = dict(values)
    for key, value in winning.items():
        under = both.get(key)
        both[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return both
