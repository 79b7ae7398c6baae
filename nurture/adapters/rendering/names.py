"""The names that a template may use, and lead data frozen into plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from nurture.domain.fact import FactName

# These two noncharacters stand around the number of a value while the shape of an e-mail is looked up.
# Nothing from outside may contain them.
OPEN: Final = "\ufdd0"
CLOSE: Final = "\ufdd1"
MARK: Final = re.compile(f"{OPEN}([0-9]+){CLOSE}")

LEAD: Final = frozenset(
    {
        *("email", "first_name", "last_name", "title", "phone", "company", "domain", "industry", "employees"),
        *("revenue", "country", "timezone", "language", "source", "owner", "external_id", "status", "stage"),
        *("score", "fit", "engagement", "timeline_months", "asked_for_sales", "created_at", "x"),
        *(name.value for name in FactName),
    }
)
EMAIL: Final = LEAD | {"sender", "unsubscribe_url", "preferences_url", "postal_address", "subject", "preheader"}
SCRIPT: Final = LEAD | {"sender", "questions", "facts", "history"}
SENDER: Final = frozenset({"name", "email", "phone"})

_PLAIN: Final = frozenset({int, float, bool, type(None), date, datetime, Decimal})


class Record(dict[str, Any]):
    """A mapping with attribute access; an unknown key is an error. Templates cannot change it."""


class CustomFields(Record):
    """The fields called x.NAME. They are declared nowhere and most leads lack most of them: a missing one is None."""


def frozen(names: Mapping[str, Any]) -> dict[str, Any]:
    """The same names with plain values; x.NAME becomes an item of x.

    TypeError for anything but text, numbers, truth values, dates, lists and mappings.
    """
    plain: dict[str, Any] = {}
    custom = CustomFields()
    for name, value in names.items():
        kept = value if type(value) in _PLAIN else _plain(value, name)
        if name == "x":
            custom.update(kept or {})
        elif name.startswith("x."):
            custom[name[2:]] = kept
        else:
            plain[name] = kept
    plain["x"] = custom
    return plain


def _plain(value: Any, where: str) -> Any:
    kind = type(value)
    if kind is str:
        return value if OPEN not in value and CLOSE not in value else value.replace(OPEN, "").replace(CLOSE, "")
    if kind in _PLAIN:
        return value
    if isinstance(value, str):  # an enum, or text marked as safe elsewhere: here it is plain text
        return _plain(str.__str__(value), where)
    if isinstance(value, Mapping):
        return Record({_plain(str(key), where): _plain(item, f"{where}.{key}") for key, item in value.items()})
    if isinstance(value, tuple | list):
        return tuple(_plain(item, where) for item in value)
    raise TypeError(f"{where}: a template takes plain values, not {kind.__name__}")
