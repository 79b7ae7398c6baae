"""Response -> score, stage, consent, touch, task and enrollments: one transaction for each call.

A response is stored once (its natural key is unique), whatever arrives how often and in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.domain.response import Kind
from nurture.domain.stated_time import decision_date
from nurture.domain.touch import CONTACTED, REPLY_STEP, Channel, State, TouchId
from nurture.moves.again import again
from nurture.moves.facts import add_fact
from nurture.moves.responding import PROVES_SENT, Recorded, Report, record_in
from nurture.ports import InForce, Store

__all__ = ["REPLY_STEP", "Recorded", "Report", "add_fact", "decision_date", "mails_answered", "record", "record_in"]

_TO_A_MAIL: Final = PROVES_SENT | {Kind.AUTO_REPLY, Kind.BOUNCE}


def mails_answered(kind: Kind, lead: LeadId, *, at: datetime, store: Store) -> list[TouchId]:
    """The mails to which a lead can have responded so; none for what is no response to a mail."""
    if kind not in _TO_A_MAIL:
        return []
    with store.unit(write=False) as work:
        made = work.touches.select(lead=lead)
    went = CONTACTED - {State.DONE}
    return [
        one.id
        for one in made
        if one.channel is Channel.EMAIL and one.state in went and (one.sent_at or one.created_at) <= at
    ]


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
