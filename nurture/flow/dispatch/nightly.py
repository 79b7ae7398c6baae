"""The full count, once a night: rows that break an invariant are written down, a total that does stops all sending."""

from __future__ import annotations

from datetime import datetime

from nurture.flow.dispatch.checked import BROKEN, stop
from nurture.ports import Store
from nurture.ports.store import Change


def run(*, store: Store, now: datetime) -> int:
    """How many rows and totals are broken; each row is noted once."""
    with store.unit(write=False) as work:  # nobody who writes waits for the count
        rows, totals = work.touches.unsound()
    if not rows and not totals:
        return 0
    with store.unit() as work:
        known = {(one.detail.get("touch"), one.text) for one in work.notes.select(what=BROKEN)} if rows else set()
        leads = {touch: one.lead for touch, one in work.touches.get({touch for touch, _ in rows}).items()}
        work.notes.add(
            [
                Change(BROKEN, words, now, by=BROKEN, lead=leads.get(touch), detail={"touch": touch})
                for touch, words in rows
                if (touch, words) not in known
            ]
        )
        if totals:
            stop(work, totals, now)
        work.commit()
    return len(rows) + len(totals)
