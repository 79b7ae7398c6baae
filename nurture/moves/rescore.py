"""Bring the stored score and stage of leads up to what their ledger says at a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import fsum
from typing import TYPE_CHECKING, Any

from nurture.domain import scoring
from nurture.domain.names import next_turn
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.lead import Lead, LeadId, Stage
    from nurture.domain.scoring import Line, Running, Scoring
    from nurture.domain.workspace import Workspace
    from nurture.moves.scene import Scene
    from nurture.ports import Unit


def rescore(
    work: Unit,
    ids: Collection[LeadId],
    scene: Scene,
    *,
    sums: Mapping[LeadId, Mapping[str, Running]] | None = None,
    by: str,
    because: str = "",
) -> list[Change]:
    """Store fit, engagement, stage and the next moment to look, as of the scene's now. Returns the stage changes.

    `sums`: the running sums after new ledger lines, where there are any. Whatever waits for something is woken, for it
    may hold now, and enroll and promote are asked to look.
    """
    rules = scene.rules.workspace
    countdown = countdown_of(rules)
    bounds: dict[float, tuple[float, ...] | None] = {}  # by fit, of which there are few
    changes: list[Change] = []
    rows: list[dict[str, Any]] = []
    for lead_id in sorted(ids):
        lead = scene.leads[lead_id]
        running = dict((sums or {}).get(lead_id, scene.sums.get(lead_id, {})))
        after, stage_because = standing(lead, running, scene, rules.scoring)
        if after.fit not in bounds:
            bounds[after.fit] = scoring.thresholds(rules.watched, after.fit)
        moved = after.stage is not lead.stage
        if moved:
            words = stage_because + (f" ({because})" if because else "")
            changes.append(moved_to(lead_id, lead.stage, after.stage, words, scene.now, by=by))
        rows.append(
            {
                "id": lead_id,
                "fit": after.fit,
                "engagement": after.engagement,
                "stage": after.stage.value,
                "scored_at": scene.now,
                "sums": {key: _stored(one) for key, one in running.items()} or None,
                "look_at": _first_of(
                    scoring.look_at(running, rules.scoring, bounds[after.fit], scene.now),
                    next_turn(lead.timeline_on, countdown, scene.now),
                ),
                "enroll_check": True,
                "ready_check": True,
            }
        )
    work.leads.update_many(rows)
    work.notes.add(changes)
    work.enrollments.wake_waiting(ids, scene.now)
    return changes


def moved_to(lead: LeadId, was: Stage, stage: Stage, because: str, now: datetime, *, by: str) -> Change:
    """What the history says of a stage that changed."""
    detail = {"from": was.value, "to": stage.value}
    return Change("stage", f"{was} -> {stage}: {because}", now, by=by, lead=lead, detail=detail)


def countdown_of(workspace: Workspace) -> frozenset[float] | None:
    """The months until a decision at which a condition of these rules can change; None: they cannot be read off."""
    return _bounds_of_timeline([*workspace.watched, *(rule.when for rule in workspace.scoring.fit)])


def _bounds_of_timeline(conditions: Iterable[Condition]) -> frozenset[float] | None:
    found = [one.bounds("timeline_months") for one in conditions]
    known = [bounds for bounds in found if bounds is not None]
    return frozenset[float]().union(*known) if len(known) == len(found) else None


def _first_of(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _stored(one: Running) -> list[Any]:
    return [one.lines, one.at.isoformat(), one.half_life.total_seconds()]


def standing(lead: Lead, running: Mapping[str, Running], scene: Scene, rules: Scoring) -> tuple[Lead, str]:
    """The lead with fit, engagement and stage as they are now, and the condition that changed the stage."""
    history = scene.history(lead, None)
    names = dict(scene.names(lead))
    fit = fsum(line.worth for line in scoring.fit_lines(rules, names, history))
    engagement = scoring.engagement(running, rules, scene.now)
    names |= {"fit": fit, "engagement": engagement, "score": fit + engagement}
    stage, because = scoring.stage_of(lead.stage, rules, names, history)
    return replace(lead, fit=fit, engagement=engagement, stage=stage, scored_at=scene.now), because


def ledger_again(work: Unit, ids: Sequence[LeadId], scene: Scene) -> dict[LeadId, list[tuple[int, Line]]]:
    """The ledger lines that the stored responses make under the rules in force."""
    heard = work.responses.with_ids(ids)
    lines: dict[LeadId, list[tuple[int, Line]]] = {}
    for number in ids:
        lead = scene.leads[number]
        names, history = scene.names(lead), scene.history(lead, None)
        lines[number] = [
            (stored.id, line)
            for stored in heard.get(number, ())
            for line in scoring.lines_for(scene.rules.workspace.scoring, stored.response, names, history)
        ]
    return lines
