"""What a person reads of one lead before they talk with it: its whole history, and what is still to be asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from nurture.domain.fact import FactName
from nurture.domain.lead import Lead, LeadId
from nurture.domain.readiness import Readiness
from nurture.domain.timeline import Entry, timeline
from nurture.domain.touch import CONTACTED, Channel
from nurture.moves.brief import shared_facts
from nurture.ports import Unit


def history(work: Unit, lead: LeadId) -> tuple[Entry, ...]:
    """Everything that happened to a lead, oldest first."""
    touches = work.touches.of_leads([lead]).get(lead, [])
    mails = [one for one in touches if one.channel is Channel.EMAIL and one.state in CONTACTED]
    texts = {one.id: work.touches.text(one.id) for one in mails}
    return timeline(
        touches,
        work.responses.of_leads([lead]).get(lead, []),
        work.notes.of_lead(lead),
        subjects={key: text[0] for key, text in texts.items() if text is not None},
    )


def open_questions(
    work: Unit, lead: Lead, ask: Iterable[str], *, readiness: Readiness, now: datetime
) -> tuple[str, ...]:
    """Facts that nobody knows, or that have grown old: those that a step asks for, then what readiness requires."""
    wanted = (*ask, *(name for name in readiness.require if name in set(FactName)))
    if not wanted:
        return ()
    own, (shared, _) = work.leads.facts([lead.id]).get(lead.id, ()), shared_facts(work, lead)
    since = now - readiness.facts_valid.span
    known = {one.name.value for one in (*own, *(fact for _, fact in shared)) if one.is_fresh(since=since, now=now)}
    return tuple(name for name in dict.fromkeys(wanted) if name not in known)
