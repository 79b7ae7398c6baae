"""Stores decisions: enrollments where they stand now, touches, fields, what takes over, what machines are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nurture.domain import enrollment
from nurture.domain.enrollment import EnrollmentId
from nurture.domain.touch import Channel, State, Touch, TouchId
from nurture.flow.dispatch.decide import Decision
from nurture.flow.dispatch.mistakes import tell
from nurture.moves.fields import set_fields
from nurture.moves.scene import Scene
from nurture.ports import Unit
from nurture.ports.store import Change

MADE: Final = frozenset({State.SENT, State.UNKNOWN, State.DONE, State.EXPIRED})


@dataclass(frozen=True, slots=True)
class Kept:
    """What was stored; whatever somebody else has moved meanwhile is not among it."""

    enrollments: frozenset[EnrollmentId]
    touches: frozenset[TouchId]


def keep(work: Unit, decisions: Sequence[Decision], scene: Scene) -> Kept:
    """Store decisions, those whose enrollment is still ours. The caller commits."""
    # The enrollment first: who lost it to a pause or a stop in this moment must not leave a touch behind.
    stored = work.enrollments.save([one.after for one in decisions])
    ours = [one for one in decisions if one.after.id in stored]
    scene.leaves_due = scene.leaves_due or any(_is_due(one, scene) for one in ours)
    new = [made for one in ours for made in one.new]
    work.touches.add(new)
    changed = [pair for one in ours for pair in one.changed]
    saved = work.touches.save([now for _, now in changed], was={was.id: (was.attempt, was.state) for was, _ in changed})
    history: list[Change] = []
    for one in ours:
        if one.fields:
            set_fields(work, one.lead.id, one.fields, scene.now, by=f"cadence {one.after.cadence}")
        if one.finished:
            history.append(_ended(one, scene))
        if one.into is not None:
            history += _hand_over(work, one, scene)
        for made in [*one.new, *(now for _, now in one.changed)]:
            if made.channel is Channel.WEBHOOK and made.state is State.SENT:
                _tell(work, made, one, scene)
    over = sorted({one.lead.id for one in ours if one.finished})
    work.leads.update_many([{"id": lead, "enroll_check": True, "ready_check": True} for lead in over])
    if scene.rules.workspace.entry_asks_about_touches:
        touched = sorted({one.lead.id for one in ours if _was_made(one, scene)})
        work.leads.update_many([{"id": lead, "enroll_check": True} for lead in touched])
    work.notes.add(history)
    tell(work, ours, scene.now)
    return Kept(stored, saved | {made.id for made in new})


def _is_due(one: Decision, scene: Scene) -> bool:
    """Whether something is due at once after this. Other fields of a lead may wake whoever waits by the calendar."""
    at = one.after.next_at
    return bool(one.into or one.fields) or (at is not None and at <= scene.now)


def _was_made(one: Decision, scene: Scene) -> bool:
    """Whether a touch of this lead came to something here."""
    ids = {one.before.touch, one.after.touch}
    return any(made.id in ids and made.state in MADE for made in scene.touches.get(one.lead.id, ()))


def _ended(one: Decision, scene: Scene) -> Change:
    return Change(
        "enrollment_ended",
        f"{one.after.cadence} ended: {one.after.reason}",
        scene.now,
        by="daemon",
        lead=one.lead.id,
        detail={"enrollment": one.after.id, "state": one.after.state.value},
    )


def _hand_over(work: Unit, one: Decision, scene: Scene) -> list[Change]:
    """The next cadence takes over; a name that is no longer in force is written down, not lost."""
    cadence = scene.rules.workspace.cadences.get(one.into or "")
    if cadence is None:
        text = f"{one.after.cadence} hands over to {one.into!r}, which is not in force"
        return [Change("handover_failed", text, scene.now, by="daemon", lead=one.lead.id)]
    new = enrollment.started(cadence, lead=one.lead.id, version=scene.rules.versions[cadence.name], now=scene.now)
    added = work.enrollments.add(new, by=f"cadence {one.after.cadence}")
    if added is None:
        return []
    text = f"enrolled in {cadence.name} by {one.after.cadence}"
    return [Change("enrolled", text, scene.now, by="daemon", lead=one.lead.id, detail={"enrollment": added})]


def _tell(work: Unit, made: Touch, one: Decision, scene: Scene) -> None:
    """Queue the call of a webhook step; it is delivered at least once, under the touch's id."""
    payload = {
        "touch": made.id,
        "step": made.step,
        "cadence": made.cadence,
        "enrollment": str(one.after.id),
        "version": one.after.version,
        "lead": {name: value for name, value in scene.names(one.lead).items() if value is not None},
        "lead_id": str(one.lead.id),
        "at": scene.now.isoformat(),
    }
    work.sales.deliver(key=made.id, kind="webhook", to=made.template, payload=payload, at=scene.now)
