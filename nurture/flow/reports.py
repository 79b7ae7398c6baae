"""How far leads came, what each step of a cadence did, what each rep did with what was offered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nurture.domain.lead import LeadId
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State
from nurture.ports import InForce, Store, Unit

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
WON: Final = frozenset({"won"})
ACCEPTED: Final = frozenset({"accepted", "won", "lost"})
OFFERED: Final = ACCEPTED | {"offered", "rejected", "expired"}


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
        touches = work.touches.select(cadence=cadence)
        answers = [
            one.response
            for one in work.responses.stored()
            if one.response.touch is not None and one.response.grade is Grade.HUMAN
        ]
    by_touch = {one.id: one for one in touches}
    heard: dict[tuple[str, Kind], set[LeadId]] = {}
    for one in answers:
        touch = by_touch.get(one.touch or "")
        if touch is not None:
            heard.setdefault((touch.step, one.kind), set()).add(touch.lead)
    rows = []
    for step in dict.fromkeys(one.step for one in touches):
        mine = [one for one in touches if one.step == step]
        states = Counter(one.state for one in mine)
        rows.append(
            {
                "step": step,
                "channel": mine[0].channel.value,
                "made": len(mine),
                **{one.value: states[one] for one in (State.SENT, State.DONE, State.SKIPPED, State.FAILED)},
                "clicked": len(heard.get((step, Kind.CLICK), ())),
                "replied": len(heard.get((step, Kind.REPLY), ())),
                "unsubscribed": len(heard.get((step, Kind.UNSUBSCRIBE), ())),
            }
        )
    return rows


def handoffs(*, store: Store, rules: InForce) -> list[dict[str, Any]]:
    """What each rep did with what was offered."""
    with store.unit(write=False) as work:
        rows = [row for row in work.sales.handoffs() if row["rep"]]
    result = []
    for rep in sorted({str(row["rep"]) for row in rows}):
        mine = [row for row in rows if row["rep"] == rep]
        states = Counter(row["state"] for row in mine)
        reasons = Counter(row["reason"] for row in mine if row["state"] == "rejected" and row["reason"])
        waits = sorted(
            (row["answered_at"] - row["offered_at"]) / timedelta(hours=1)
            for row in mine
            if row["answered_at"] and row["offered_at"]
        )
        person = rules.workspace.person(rep)
        result.append(
            {
                "rep": rep,
                "name": person.name if person is not None else None,
                "handed": len(mine),
                **{state: states[state] for state in ("offered", "accepted", "rejected", "expired", "won", "lost")},
                "answer_hours": round(waits[len(waits) // 2], 1) if waits else None,
                "reasons": dict(reasons.most_common()),
            }
        )
    return result
