"""What each step of a cadence did, what each rep did with what was offered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from nurture.domain.response import Kind
from nurture.domain.touch import State
from nurture.ports import InForce, Store

_TOLD_BY_STEP: Final = (State.SENT, State.DONE, State.SKIPPED, State.FAILED)
_TOLD_BY_REP: Final = ("offered", "accepted", "rejected", "expired", "won", "lost")


def steps(cadence: str, *, store: Store) -> list[dict[str, Any]]:
    """What each step of a cadence did, and what people did in return; each person counts once."""
    with store.unit(write=False) as work:
        found = work.reports.made(cadence, by="step")
    return [
        {
            "step": one.part,
            "channel": one.channel,
            "made": sum(one.touches.values()),
            **{state.value: one.touches.get(state.value, 0) for state in _TOLD_BY_STEP},
            "clicked": one.people.get(Kind.CLICK.value, 0),
            "replied": one.people.get(Kind.REPLY.value, 0),
            "unsubscribed": one.people.get(Kind.UNSUBSCRIBE.value, 0),
        }
        for one in found
    ]


def handoffs(*, store: Store, rules: InForce) -> list[dict[str, Any]]:
    """What each rep did with what was offered."""
    with store.unit(write=False) as work:
        desks = work.reports.desks()
    people = {one.rep: rules.workspace.person(one.rep) for one in desks}
    return [
        {
            "rep": one.rep,
            "name": person.name if (person := people[one.rep]) is not None else None,
            "handed": sum(one.states.values()),
            **{state: one.states.get(state, 0) for state in _TOLD_BY_REP},
            "answer_hours": round(one.middle_wait / timedelta(hours=1), 1) if one.middle_wait is not None else None,
            "reasons": dict(one.reasons),
        }
        for one in desks
    ]
