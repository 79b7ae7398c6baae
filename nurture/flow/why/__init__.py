"""Why something happened to a lead, waits, or did not: enrollments, touches, promotion; with the rule and its place."""

from __future__ import annotations

from datetime import datetime

from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.flow.why.answer import Because
from nurture.flow.why.enrollments import not_entered, of_enrollment
from nurture.flow.why.promotion import of_promotion
from nurture.flow.why.touches import of_touch
from nurture.moves.scene import load
from nurture.ports import InForce, Store

__all__ = ["Because", "why"]


def why(lead: LeadId, *, store: Store, rules: InForce, policy: Policy, now: datetime) -> list[Because]:
    """Every answer about a lead: the cadences it is or was in, those it is not in, its touches, and sales."""
    with store.unit(write=False) as work:
        scene = load(work, [lead], rules=rules, policy=policy, now=now)
        person = scene.leads[lead]
        past = work.enrollments.all_of([lead]).get(lead, [])
        mine = {one.id: one for one in past}
        return [
            *(of_enrollment(one, scene, person) for one in past),
            *not_entered(person, scene, past, work),
            *(of_touch(one, scene, mine.get(one.enrollment or 0), work) for one in scene.touches.get(lead, ())),
            *of_promotion(work, scene, person),
        ]
