"""What waits for which limit and until when, and what was not made at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from nurture.ports import Store


def limits(*, store: Store, now: datetime) -> list[dict[str, Any]]:
    """Touches with a reason, the most frequent first.

    The first of what waits is looked at again at `next_at`, the last at `until`; both None where that is not known (a
    pause without a date) or where nothing will be tried again. `late_days`: since the oldest of them was due.
    """
    with store.unit(write=False) as work:
        held = work.reports.held()
    return [
        {
            "reason": one.reason,
            "state": one.state,
            "touches": one.touches,
            "leads": one.leads,
            "oldest_due_at": one.oldest_due_at if one.state == "planned" else None,
            "late_days": max(0, (now - one.oldest_due_at) // timedelta(days=1)) if one.state == "planned" else None,
            "next_at": one.next_at,
            "until": one.until,
        }
        for one in held
    ]
