"""What goes into a JSON column: moments and days as ISO strings, everything else as JSON has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any


def as_json(value: Any) -> Any:
    """The value in the types of JSON. Amounts become texts, so that no cent is lost."""
    match value:
        case Enum():
            return as_json(value.value)
        case None | bool() | int() | float() | str():
            return value
        case date():  # a datetime is one
            return value.isoformat()
        case Decimal():
            return str(value)
        case Mapping():
            return {str(key): as_json(inner) for key, inner in value.items()}
        case set() | frozenset():
            return [as_json(inner) for inner in sorted(value)]
        case Collection():
            return [as_json(inner) for inner in value]
    raise TypeError(f"no place in JSON for a {type(value).__name__}")
