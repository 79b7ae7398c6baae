"""Every e-mail and script, rendered for every lead it would go to: for whom it would fail, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nurture.domain.enrollment import Enrollment
from nurture.domain.errors import NurtureError
from nurture.domain.lead import Lead, LeadId
from nurture.domain.policy import Policy
from nurture.domain.touch import BY_PHONE, Channel, State, Touch
from nurture.flow.plan.templates import Use, uses_of
from nurture.moves.rendering import NOWHERE, render_email, render_script
from nurture.moves.scene import Scene, load
from nurture.ports import InForce, Store

# A plan is read while somebody waits: so many leads for each template, and so many texts in all.
MOST_LEADS = 2_000
MOST_TEXTS = 20_000
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """A template that cannot be rendered for a lead."""

    template: str
    lead: LeadId
    email: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was tried. `sampled`: templates with more leads than were tried -> (tried, all)."""

    failures: tuple[Failure, ...]
    texts: int
    sampled: Mapping[str, tuple[int, int]]


def failures(
    entering: Mapping[str, Sequence[LeadId]],
    standing: Iterable[Enrollment],
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
) -> Rendered:
    """Render what is ahead of leads in flight, in their own version, and all of a cadence for those who enter it."""
    targets: dict[Use, list[LeadId]] = {}
    for name, leads in entering.items():
        for use in uses_of(rules.program(name, rules.versions[name]), rules.templates):
            targets.setdefault(use, []).extend(leads)
    for one in standing:
        # Without --migrate it goes on in its version, whose templates may be gone from the files.
        for use in uses_of(rules.program(one.cadence, one.version), rules.templates, since=one.place.pc):
            targets.setdefault(use, []).append(one.lead)
    most = max(1, min(MOST_LEADS, MOST_TEXTS // max(1, len(targets))))
    sampled: dict[str, tuple[int, int]] = {}
    for_lead: dict[LeadId, list[Use]] = {}
    for use, leads in targets.items():
        chosen = leads[:: -(-len(leads) // most)] if len(leads) > most else leads
        if len(chosen) < len(leads):
            sampled[use.path] = (len(chosen), len(leads))
        for lead in chosen:
            for_lead.setdefault(lead, []).append(use)
    found: dict[tuple[str, LeadId], Failure] = {}
    texts = 0
    ids = sorted(for_lead)
    for start in range(0, len(ids), CHUNK):
        batch = ids[start : start + CHUNK]
        with store.unit(write=False) as work:
            scene = load(work, batch, rules=rules, policy=policy, now=now)
        for person in scene.leads.values():
            for use in for_lead[person.id]:
                if not _goes_to(use, person, scene):
                    continue
                texts += 1
                message = _trouble(use, person, scene)
                if message is not None:
                    found.setdefault((use.path, person.id), Failure(use.path, person.id, person.email, message))
    return Rendered(tuple(found[key] for key in sorted(found)), texts, sampled)


def _goes_to(use: Use, lead: Lead, scene: Scene) -> bool:
    if use.task is not None:
        return use.task.channel not in BY_PHONE or bool(lead.phone)
    return bool(lead.email) and (use.repeat or not scene.had(lead, use.path))


def _trouble(use: Use, lead: Lead, scene: Scene) -> str | None:
    """Why a text cannot be made for this lead; None where it can."""
    touch = imagined(use, lead, scene)
    try:
        if use.task is not None:
            render_script(touch, lead, scene, NOWHERE, ask=use.task.ask)
        else:
            render_email(touch, lead, scene, NOWHERE)
    except NurtureError as problem:
        return str(problem)
    return None


def imagined(use: Use, lead: Lead, scene: Scene) -> Touch:
    """The touch that this step would make now; it is stored nowhere."""
    return Touch(
        id="preview",
        lead=lead.id,
        step=use.step,
        channel=use.task.channel if use.task is not None else Channel.EMAIL,
        state=State.PLANNED,
        due_at=scene.now,
        created_at=scene.now,
        cadence=use.cadence,
        template=use.path,
        address=lead.email if use.task is None else lead.phone,
        sender=scene.rules.workspace.cadences[use.cadence].sender or None
        if use.cadence in scene.rules.workspace.cadences
        else None,
    )
