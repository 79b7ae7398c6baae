"""Which years plans reckon with: beyond them calendars end, and so does arithmetic with them."""

from __future__ import annotations

from datetime import date
from typing import Final

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
HINT: Final = f"Name one between {FIRST_YEAR} and {LAST_YEAR}."


def is_within_reach(when: date) -> bool:
    """Whether a day or moment is one to plan with."""
    return FIRST_YEAR <= when.year <= LAST_YEAR
