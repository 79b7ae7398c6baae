"""Response -> score, stage, consent, touch, task and enrollments: one transaction for each call.

A response is stored once (its natural key is unique), whatever arrives how often and in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from nurture.domain.policy import Policy
from nurture.domain.stated_time import decision_date
from nurture.domain.touch import REPLY_STEP
from nurture.moves.again import again
from nurture.moves.facts import add_fact
from nurture.moves.responding import Recorded, Report, record_in
from nurture.ports import InForce, Store

__all__ = ["REPLY_STEP", "Recorded", "Report", "add_fact", "decision_date", "record", "record_in"]


@again
def record(
    reports: Sequence[Report],
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> list[Recorded]:
    """Store responses with everything that follows from them, in one transaction.

    Raises RequestError for a call outcome that lacks what it needs, RefusedError for a task that cannot be done.
    """
    with store.unit() as work:
        result = record_in(work, reports, rules=rules, policy=policy, new_id=new_id, now=now, by=by)
        if not dry_run:
            work.commit()
    return result
