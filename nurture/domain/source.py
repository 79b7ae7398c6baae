"""A lead source: where leads come from, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of sources.yaml. `reliability`, 0 to 1, says how far the data of its leads can be trusted."""

    name: str
    kind: str
    cost: Decimal | None = None
    currency: str | None = None
    date: date | None = None
    reliability: float | None = None
    line: int = 0
