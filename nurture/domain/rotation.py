"""Which copies are kept as time goes on: the newest, then one for each day, then one for each week."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

NEWEST: Final = 3
DAYS: Final = 7
WEEKS: Final = 4


def kept(made: Collection[datetime]) -> frozenset[datetime]:
    """Of copies made at these moments the newest three, and the last of each of the last seven days and four weeks.

    Days and weeks are those that have a copy: a pause of the machine takes none away.
    """
    newest = sorted(set(made), reverse=True)
    found = set(newest[:NEWEST])
    spans: tuple[tuple[int, Callable[[datetime], Any]], ...] = (
        (DAYS, lambda at: at.date()),
        (WEEKS, lambda at: at.isocalendar()[:2]),
    )
    for many, span in spans:
        last: dict[Any, datetime] = {}
        for at in newest:
            last.setdefault(span(at), at)
        found |= set(list(last.values())[:many])
    return frozenset(found)
