"""What each cadence did, how it ended for those in it, and whether it made a difference to those held out of it."""

from __future__ import annotations

from typing import Any

from nurture.domain.enrollment import State as Enrolled
from nurture.domain.lift import lift
from nurture.domain.statistics import Count
from nurture.domain.touch import State
from nurture.ports import InForce, Store
from nurture.ports.reports import Arm, Work


def cadences(*, store: Store, rules: InForce) -> list[dict[str, Any]]:
    """Cadences in force, and those that leads were in, by name.

    `enrolled` counts people who got it, the states count their enrollments. `lift` is how much larger the share of
    those who reached near-term is than among the people held out, between `low` and `high` 19 times in 20; the keys
    `accepted_...` say the same of those whom sales accepted.
    """
    with store.unit(write=False) as work:
        arms = {(one.cadence, one.held_out): one for one in work.reports.arms()}
        made = {one.cadence: one for one in work.reports.work()}
    names = sorted({*rules.workspace.cadences, *(cadence for cadence, _ in arms)})
    return [
        {"cadence": name, "version": rules.versions.get(name)}
        | _outcome(arms.get((name, False)) or _nobody(name), arms.get((name, True)) or _nobody(name))
        | _work(made.get(name))
        for name in names
    ]


def _nobody(cadence: str) -> Arm:
    return Arm(cadence, held_out=False, people=0, near_term=0, accepted=0, states={})


def _outcome(got: Arm, held_out: Arm) -> dict[str, Any]:
    near = lift(Count(got.near_term, got.people), Count(held_out.near_term, held_out.people))
    accepted = lift(Count(got.accepted, got.people), Count(held_out.accepted, held_out.people))
    return {
        "enrolled": got.people,
        **{state.value: got.states.get(state.value, 0) for state in Enrolled},
        "near_term": got.near_term,
        "accepted": got.accepted,
        "held_out": held_out.people,
        "held_out_near_term": held_out.near_term,
        "held_out_accepted": held_out.accepted,
        "lift": _rounded(near.gap),
        "low": _rounded(near.interval.low if near.interval else None),
        "high": _rounded(near.interval.high if near.interval else None),
        "verdict": near.verdict,
        "accepted_lift": _rounded(accepted.gap),
        "accepted_low": _rounded(accepted.interval.low if accepted.interval else None),
        "accepted_high": _rounded(accepted.interval.high if accepted.interval else None),
        "accepted_verdict": accepted.verdict,
    }


def _work(made: Work | None) -> dict[str, Any]:
    touches = made.touches if made else {}
    return {
        "sent": touches.get(State.SENT.value, 0),
        "tasks_done": touches.get(State.DONE.value, 0),
        "skipped": touches.get(State.SKIPPED.value, 0),
        "clicked": made.clicked if made else 0,
        "replied": made.replied if made else 0,
    }


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if value is not None else None
