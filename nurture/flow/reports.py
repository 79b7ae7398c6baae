"""Where leads come from and what became of them: sources, the funnel, cadences, limits, handoffs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nurture.domain.cohort import Cohort, verdict_of, wilson
from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State
from nurture.ports import InForce, Store, Unit

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
NO_SOURCE: Final = "(none)"
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


def sources(*, store: Store, rules: InForce, policy: Policy, now: datetime) -> list[dict[str, Any]]:
    """Each source judged by what became of its leads. Sources without a lead, and leads without a source, are in it."""
    with store.unit(write=False) as work:
        far, people, handoffs = reached(work, now)
    known = rules.workspace.sources
    mine: dict[str, set[LeadId]] = {name: set() for name in known}
    for lead in people.values():
        mine.setdefault(lead.source or NO_SOURCE, set()).add(lead.id)
    whole = Cohort(len(far.leads), len(far.accepted), None)
    mature = now - rules.workspace.readiness.outcome_within.span
    rows = []
    for name, ids in sorted(mine.items(), key=lambda pair: (pair[0] == NO_SOURCE, pair[0])):
        source = known.get(name)
        cost = float(source.cost) if source is not None and source.cost is not None else None
        currency = source.currency if source is not None else None
        value, paid_in = _value([row for row in handoffs if row["lead_id"] in ids], currency)
        accepted, won = len(far.accepted & ids), len(far.won & ids)
        arrived = sorted(people[one].created_at or now for one in ids)
        middle = arrived[len(arrived) // 2] if arrived else None
        low, high = wilson(accepted, len(ids)) if ids else (None, None)
        cohort = Cohort(len(ids), accepted, middle)
        rows.append(
            {
                "source": name,
                "leads": len(ids),
                "contacted": len(far.contacted & ids),
                "near_term": len(far.near_term & ids),
                "offered": len(far.offered & ids),
                "accepted": accepted,
                "rejected": len(far.rejected & ids),
                "won": won,
                "value": value,
                "cost": cost,
                "currency": currency or paid_in,
                "cost_per_lead": _per(cost, len(ids)),
                "cost_per_accepted": _per(cost, accepted),
                "cost_per_won": _per(cost, won),
                "return": round(value / cost, 2) if cost and value is not None else None,
                "low": low,
                "high": high,
                "verdict": verdict_of(cohort, whole, mature=mature),
            }
        )
    return rows


def _value(handoffs: list[dict[str, Any]], currency: str | None) -> tuple[float | None, str | None]:
    """What was won, in the currency of the cost, or the only one there is; None where that cannot be added up."""
    won = [row for row in handoffs if row["state"] == "won" and row["amount"] is not None]
    paid = {row["currency"] for row in won}
    wanted = currency or (next(iter(paid)) if len(paid) == 1 else None)
    if not won:
        return 0.0, wanted
    return (sum(row["amount"] for row in won), wanted) if paid == {wanted} else (None, wanted)


def _per(cost: float | None, count: int) -> float | None:
    return round(cost / count, 2) if cost is not None and count else None


def funnel(*, store: Store, now: datetime) -> list[dict[str, Any]]:
    """How many leads came how far, and what part of the step before."""
    with store.unit(write=False) as work:
        far, _, _ = reached(work, now)
    counts = [
        ("leads", far.leads),
        ("contacted", far.contacted),
        ("responded", far.responded),
        ("near_term", far.near_term),
        ("offered", far.offered),
        ("accepted", far.accepted),
        ("won", far.won),
    ]
    rows = []
    before: int | None = None
    for name, ids in counts:
        rows.append(
            {
                "step": name,
                "leads": len(ids),
                "of_all": round(len(ids) / len(far.leads), 4) if far.leads else None,
                "of_previous": round(len(ids) / before, 4) if before else None,
            }
        )
        before = len(ids)
    return rows


def cadences(*, store: Store, rules: InForce) -> list[dict[str, Any]]:
    """What each cadence did: who is in it, how it ended, what it sent, who answered. The held-out arm apart."""
    with store.unit(write=False) as work:
        enrollments = work.enrollments.select()
        touches = Counter((one.cadence, one.state) for one in work.touches.select())
        replied = _replied(work)
    rows = []
    for name in sorted({*rules.workspace.cadences, *(one.cadence for one in enrollments)}):
        mine = [one for one in enrollments if one.cadence == name]
        states = Counter(one.state.value for one in mine)
        rows.append(
            {
                "cadence": name,
                "version": rules.versions.get(name),
                "enrolled": len(mine),
                **{state: states[state] for state in ("active", "paused", "done", "stopped", "goal_met", "failed")},
                "held_out": sum(one.held_out for one in mine),
                "sent": touches[name, State.SENT],
                "tasks_done": touches[name, State.DONE],
                "skipped": touches[name, State.SKIPPED],
                "replied": replied.get(name, 0),
            }
        )
    return rows


def _replied(work: Unit) -> Mapping[str, int]:
    """How many people answered each cadence."""
    replies = [
        one.response
        for one in work.responses.stored()
        if one.response.kind is Kind.REPLY and one.response.grade is Grade.HUMAN and one.response.touch
    ]
    made = work.touches.get({one.touch for one in replies if one.touch})
    pairs = {(made[one.touch].cadence, one.lead) for one in replies if one.touch in made}
    return Counter(cadence for cadence, _ in pairs)


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


def limits(*, store: Store, now: datetime) -> list[dict[str, Any]]:
    """What waits or was not made, and why."""
    with store.unit(write=False) as work:
        touches = [one for one in work.touches.select() if one.reason is not None]
    counted = Counter((one.reason, one.state) for one in touches if one.reason is not None)
    rows = []
    for (reason, state), count in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])):
        due = [one.due_at for one in touches if one.reason is reason and one.state is state]
        oldest = min(due) if state is State.PLANNED else None
        rows.append(
            {
                "reason": reason.value,
                "state": state.value,
                "touches": count,
                "oldest_due_at": oldest,
                "late_days": max(0, (now - oldest) // timedelta(days=1)) if oldest else None,
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
