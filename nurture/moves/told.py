"""What a person reads of one lead before they talk with it: its whole history, and what is still to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain.brief import PERSONAL
from nurture.domain.fact import FactName
from nurture.domain.timeline import Entry, timeline
from nurture.domain.touch import CONTACTED, Channel, Touch, TouchId

if TYPE_CHECKING:
    from nurture.domain.lead import Lead, LeadId
    from nurture.domain.readiness import Readiness
    from nurture.ports import Unit


def history(work: Unit, lead: LeadId) -> tuple[Entry, ...]:
    """Everything that happened to a lead, oldest first."""
    touches = work.touches.of_leads([lead]).get(lead, [])
    mails = [one for one in touches if one.channel is Channel.EMAIL and one.state in CONTACTED]
    texts = work.touches.texts([one.id for one in mails])
    return timeline(
        touches,
        work.responses.of_lead(lead),
        work.notes.of_lead(lead),
        subjects={key: text[0] for key, text in texts.items()},
    )


def open_questions(
    work: Unit, tasks: Sequence[Touch], people: Mapping[LeadId, Lead], *, readiness: Readiness, now: datetime
) -> dict[TouchId, tuple[str, ...]]:
    """For each task the facts that nobody knows, or that have grown old: those that its step asks for, then what
    readiness requires. What a colleague said about the company is known too.
    """
    required = [name for name in readiness.require if name in set(FactName)]
    asking = [one for one in tasks if one.ask or required]
    leads = {one.lead for one in asking}
    own = work.leads.facts(leads)
    shared = work.leads.facts_in({lead.company.id for number in leads if (lead := people[number]).company})
    since = now - readiness.facts_valid.span

    def known(lead: Lead) -> set[str]:
        beside = shared.get(lead.company.id, ()) if lead.company else ()
        said = [*own.get(lead.id, ()), *(fact for fact in beside if fact.name not in PERSONAL)]
        return {fact.name.value for fact in said if fact.is_fresh(since=since, now=now)}

    knows = {number: known(people[number]) for number in leads}
    return {
        one.id: tuple(name for name in dict.fromkeys((*one.ask, *required)) if name not in knows[one.lead])
        for one in asking
    }
