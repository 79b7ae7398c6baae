"""What leaves for sales and operators: briefs, alerts, webhooks, the CRM. At least once, each under a stable id."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from nurture.domain.chance import chance
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes, backoff
from nurture.ports import Store
from nurture.ports.store import Change
from nurture.ports.world import Courier, Delivery

GIVE_UP_AFTER: Final = timedelta(days=3)
# Nobody else tries a delivery for so long; one whose daemon died is tried again afterwards.
LEASE: Final = timedelta(minutes=5)
AT_ONCE: Final = 8  # destinations; what goes to the same one goes one after the other


def run(*, store: Store, courier: Courier, now: datetime, limit: int = 100, kind: str | None = None) -> int:
    """Hand over what is due, or only one kind of it; how many arrived. No transaction is open while we call."""
    due = _claim(store, now, limit, kind)
    if not due:
        return 0
    lines = [list(many) for _, many in groupby(sorted(due, key=_line), key=_line)]
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(lines)), thread_name_prefix="deliver") as pool:
        outcomes = [pair for pairs in pool.map(lambda line: _hand_over(courier, line), lines) for pair in pairs]
    with store.unit() as work:
        for one, verdict in outcomes:
            problem, retry_at = _outcome(one, verdict, now)
            work.sales.delivered(one.id, at=now, problem=problem, retry_at=retry_at)
            if problem is not None and retry_at is None:
                words = f"the {one.kind} {one.key} was not delivered and is given up: {problem}"
                work.notes.add([Change("delivery_given_up", words, now, by="daemon", detail={"delivery": one.id})])
        work.commit()
    return sum(1 for _, verdict in outcomes if isinstance(verdict, Yes))


def _claim(store: Store, now: datetime, limit: int, kind: str | None) -> list[Delivery]:
    """Take what is due for as long as the lease: who dies with it leaves it to the next."""
    with store.unit() as work:
        rows = work.sales.deliveries_due(now, limit, kind=kind)
        work.sales.lease_deliveries([row["id"] for row in rows], until=now + LEASE)
        work.commit()
    return [_delivery(row, now) for row in rows]


def _delivery(row: dict[str, Any], now: datetime) -> Delivery:
    return Delivery(
        id=row["id"],
        key=row["key"],
        kind=row["kind"],
        to=row["to"],
        payload=row["payload"],
        made_at=row["at"],
        at=now,
        attempt=row["attempts"] + 1,
    )


def _line(one: Delivery) -> tuple[str, str]:
    return one.kind, one.to


def _hand_over(courier: Courier, line: Sequence[Delivery]) -> list[tuple[Delivery, Verdict]]:
    """One destination. After the first sign that it does not answer, the rest is not tried on it in this pass."""
    found: list[tuple[Delivery, Verdict]] = []
    silent: Verdict | None = None
    for one in sorted(line, key=lambda delivery: delivery.id):
        verdict = silent or courier.deliver(one)
        if isinstance(verdict, Again | Maybe | ChannelDown):
            silent = verdict
        found.append((one, verdict))
    return found


def _outcome(one: Delivery, verdict: Verdict, now: datetime) -> tuple[str | None, datetime | None]:
    """(problem, when to try again); (None, None) for what arrived, (problem, None) for what is given up."""
    match verdict:
        case Yes():
            return None, None
        case Never(because=because):
            return because, None
        case Again(because=because) | ChannelDown(because=because) | Maybe(because=because):
            wait = backoff(one.attempt, chance("deliver", one.key, one.attempt))
            again = now + wait
            if isinstance(verdict, Again) and verdict.not_before is not None:
                # A receiver may ask for patience, not for a year of it.
                again = max(again, min(verdict.not_before, now + timedelta(days=1)))
            return because, again if again <= one.made_at + GIVE_UP_AFTER else None
