"""Load all that a brief of one lead needs, and make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nurture.domain import scoring
from nurture.domain.brief import PERSONAL, Brief, expects_call, sections_of, stage_words, why_now
from nurture.domain.timeline import timeline
from nurture.domain.touch import CONTACTED, Channel

if TYPE_CHECKING:
    from nurture.domain.fact import Fact
    from nurture.domain.lead import Lead
    from nurture.moves.scene import Scene
    from nurture.ports import Unit
    from nurture.ports.store import Change

# Entries of the history that tell sales about the lead; who paused which cadence does not.
_OF_INTEREST = frozenset({"stage", "promised", "promoted", "offered", "accepted", "rejected", "lost", "won", "expired"})


def build(work: Unit, lead: Lead, scene: Scene, *, why: Sequence[str] = ()) -> Brief:
    """The brief of a lead as of the scene's now; the lead is in the scene. `why`: the reasons of its promotion."""
    rules = scene.rules.workspace
    responses = scene.responses.get(lead.id, ())
    touches = scene.touches.get(lead.id, ())
    names, history = scene.names(lead), scene.history(lead, None)
    fit = scoring.fit_lines(rules.scoring, names, history)
    lines = work.responses.lines([lead.id]).get(lead.id, [])
    ledger = scoring.ledger(fit, lines, rules.scoring, scene.now)
    zone = scene.zone_of(lead)
    changes = work.notes.of_lead(lead.id)
    mails = [one for one in touches if one.channel is Channel.EMAIL and one.state in CONTACTED]
    texts = work.touches.texts([one.id for one in mails])
    shared, colleagues = shared_facts(work, lead)
    return Brief(
        lead=lead,
        at=scene.now,
        zone=zone.key,
        expects_call=expects_call(
            responses,
            work.notes.promises(lead=lead.id),
            asked_for_sales=lead.asked_for_sales,
            zone=zone,
            now=scene.now,
        ),
        why_now=why_now(
            why, responses, [(one.at, one.text) for one in changes if one.what == "stage"], zone=zone, now=scene.now
        ),
        sections=sections_of(
            lead,
            scene.facts.get(lead.id, ()),
            shared,
            valid_since=scene.now - rules.readiness.facts_valid.span,
            now=scene.now,
            titles=[title for title in (lead.title, *colleagues) if title],
        ),
        score=sum(line.worth for line in ledger),
        ledger=ledger,
        history=timeline(
            touches,
            responses,
            [_for_sales(one) for one in changes if one.what in _OF_INTEREST],
            subjects={key: text[0] for key, text in texts.items()},
        ),
        colleagues=colleagues,
    )


def _for_sales(change: Change) -> Change:
    return replace(change, text=stage_words(change.text)) if change.what == "stage" else change


def shared_facts(work: Unit, lead: Lead) -> tuple[list[tuple[str, Fact]], tuple[str, ...]]:
    """What colleagues said about the company, with whose it is, and who they are."""
    if lead.company is None:
        return [], ()
    ids = [one for one in work.leads.of_company(lead.company.id) if one != lead.id]
    people = work.leads.get(ids)
    shared = [
        (people[number].name, fact)
        for number, facts in work.leads.facts(ids).items()
        for fact in facts
        if fact.name not in PERSONAL
    ]
    listed = tuple(
        one.name + (f", {one.title}" if one.title else "") + f" ({one.stage.replace('_', '-')})"
        for one in people.values()
    )
    return shared, listed
