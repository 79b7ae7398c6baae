"""Words and dates that all shapes of a brief share, and the environment of its two HTML templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

ASK: Final = "Unknown: ask."
CONTRADICTED: Final = "These statements contradict each other: ask which one holds."
MISSING: Final = "Not known yet:"
# What the confidence of a statement means to a reader; what was stated needs no remark.
CONFIDENCE: Final = {"stated": "", "inferred": "inferred, not said", "guess": "a guess"}


def day(iso: str | None, zone: str = "UTC") -> str:
    """`3 Mar 2026` where the lead is; nothing without a moment."""
    if not iso:
        return ""
    local = datetime.fromisoformat(iso).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y}"


def clock(iso: str | None, zone: str = "UTC") -> str:
    """`3 Mar 2026, 14:05` where the lead is."""
    return f"{day(iso, zone)}, {datetime.fromisoformat(iso).astimezone(ZoneInfo(zone)):%H:%M}" if iso else ""


def origin(statement: Mapping[str, Any], zone: str = "UTC") -> str:
    """Where a statement is from, when it was made, how surely, and whether it is too old to rely on."""
    parts = [statement["source"], day(statement["at"], zone), CONFIDENCE.get(statement["confidence"], "")]
    if statement.get("stale"):
        parts.append("may be out of date: ask again")
    return ", ".join(part for part in parts if part)


def signed(number: float) -> str:
    """`+25`, `-3.5`, `+0.4`; a true minus sign is left to typographers, so that it can be searched for."""
    return f"{number:+.1f}".removesuffix(".0")


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The environment of the templates in this folder: everything is escaped, a missing name is an error."""
    made = Environment(
        loader=PackageLoader("nurture.adapters.salesdesk", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"day": day, "clock": clock, "origin": origin, "signed": signed}
    made.globals |= {"ASK": ASK, "CONTRADICTED": CONTRADICTED, "MISSING": MISSING}
    return made
