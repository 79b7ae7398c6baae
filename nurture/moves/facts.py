"""Write down what was learned about a purchase; a timeline that names a date also dates the decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain.errors import RequestError
from nurture.domain.fact import Confidence, Fact, FactName
from nurture.domain.stated_time import decision_date

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.moves.scene import Scene
    from nurture.ports import Unit as Work


def add_fact(
    work: Work,
    scene: Scene,
    lead: LeadId,
    name: str,
    value: str,
    *,
    source: str,
    at: datetime,
    by: str,
    confidence: Confidence = Confidence.STATED,
) -> None:
    """Write down a statement about the purchase. A timeline that names a date also dates the decision.

    Raises RequestError for a name that is no fact.
    """
    try:
        fact = Fact(FactName(name), value, source, at, confidence, by)
    except ValueError:
        known = ", ".join(one.value for one in FactName)
        raise RequestError(f"{name!r} is not a fact.", hint=f"Facts: {known}.") from None
    work.leads.add_fact(lead, fact)
    scene.facts = {**scene.facts, lead: [*scene.facts.get(lead, ()), fact]}
    if fact.name is FactName.TIMELINE:
        on = decision_date(value, at.date())
        if on is not None:
            work.leads.update(lead, {"timeline_on": on})
            scene.leads = {**scene.leads, lead: replace(scene.leads[lead], timeline_on=on)}
    work.leads.update(lead, {"ready_check": True, "enroll_check": True})
