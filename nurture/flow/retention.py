"""Old events that prove nothing move to the archive, in small transactions; nothing is lost, and no count changes.

What a score, a condition, a report or a limit asks for stays where it is: every response of a person, every bounce,
complaint and out-of-office note. What moves are reports of delivery, opens and clicks of machines, and deliveries as
they came. Each row is looked at once in its life, in the order of its number: a mark says how far.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from nurture.ports import Store, Unit

BATCH: Final = {"responses": 1_000, "events": 50}  # a delivery may hold a thousand events
BATCHES: Final = 200  # of each in one run


def run(
    *, store: Store, now: datetime, keep: timedelta, stop: Callable[[], bool] = lambda: False, batches: int = BATCHES
) -> dict[str, int]:
    """Move what is older than `keep`; how many rows of each. Whoever is cut off goes on where the mark says."""
    return {what: _move(store, what, now - keep, now, stop, batches) for what in BATCH}


def _move(store: Store, what: str, before: datetime, now: datetime, stop: Callable[[], bool], batches: int) -> int:
    name, moved = f"archived_{what}", 0
    for _ in range(batches):
        if stop():
            break
        with store.unit() as work:
            mark = work.control.mark(name)
            after = int(mark[0]) if mark else 0
            last, count = _mover(work, what)(after=after, before=before, limit=BATCH[what])
            if last == after:
                break
            work.control.set_mark(name, str(last), now)
            work.commit()
        moved += count
    return moved


def _mover(work: Unit, what: str) -> Any:
    return work.archive.move_events if what == "events" else work.archive.move_responses
