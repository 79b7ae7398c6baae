"""How far leads came, what each step of a cadence did, what each rep did with what was offered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nurture.domain.lead import LeadId
from nurture.domain.response import Kind
from nurture.domain.touch import State
from nurture.ports import InForce, Store, Unit

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
WON: Final = frozenset({"won"})
ACCEPTED: Final = frozenset({"accepted", "won", "lost"})
OFFERED: Final = ACCEPTED | {"offered", "rejected", "expired"}
_TOLD_BY_STEP: Final = (State.SENT, State.DONE, State.SKIPPED, State.FAILED)
_TOLD_BY_REP: Final = ("offered", "accepted", "rejected", "expired", "won", "lost")


@dataclass(frozen=True, slots=True)
class Reached:
    """Which leads came how far, ever: a lead that was rejected later was offered all the same."""

    leads: frozenset[LeadId]
    contacted: frozenset[LeadId]
    responded: frozenset[LeadId]
    near_term: frozenset[LeadId]
    offered: frozenset[LeadId]
    accepted: frozenset[LeadId]
    rejected: frozenset[LeadId]
    won: frozenset[LeadId]


def reached(work: Unit, now: datetime) -> tuple[Reached, dict[LeadId, Any], list[dict[str, Any]]]:
    """How far the leads came, the leads, and the handoffs."""
    people = {lead.id: lead for lead in work.leads.search(None, now=now)}
    ids = list(people)
    handoffs = work.sales.handoffs()
    human = {
        one.response.lead
        for one in work.responses.stored()
        if one.response.is_evidence and one.response.lead is not None
    }
    staged = {one.lead for one in work.notes.select(what="stage") if one.detail.get("to") == "near_term"}
    staged |= {lead.id for lead in people.values() if lead.stage == "near_term"}

    def handed(states: Collection[str]) -> frozenset[LeadId]:
        return frozenset(row["lead_id"] for row in handoffs if row["state"] in states) & people.keys()

    # A handoff that was accepted and then rejected was accepted.
    accepted = handed(ACCEPTED) | {row["lead_id"] for row in handoffs if row["contacted_at"] is not None}
    return (
        Reached(
            frozenset(people),
            frozenset(work.touches.counted(ids, EVER)),
            frozenset(human) & people.keys(),
            frozenset(one for one in staged if one is not None) & people.keys(),
            handed(OFFERED),
            frozenset(accepted) & people.keys(),
            handed({"rejected"}),
            handed(WON),
        ),
        people,
        handoffs,
    )


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
