"""Every e-mail and script, rendered for every lead it would go to: for whom it would fail, and why."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from nurture.domain.errors import NurtureError
from nurture.domain.message import ascii_address
from nurture.domain.touch import BY_PHONE, Channel, State, Touch
from nurture.moves.rendering import NOWHERE, render_email, render_script
from nurture.moves.scene import Scene, load
from nurture.moves.template_uses import Use, uses_of

if TYPE_CHECKING:
    from nurture.domain.enrollment import Enrollment
    from nurture.domain.lead import Lead, LeadId
    from nurture.domain.policy import Policy
    from nurture.ports import InForce, Store

CHUNK = 500
ALIKE = 100  # letters: texts of about one length


@dataclass(frozen=True, slots=True)
class Failure:
    """A template that cannot be rendered for a lead."""

    template: str
    lead: LeadId
    email: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was tried: so many texts, of which those failed."""

    failures: tuple[Failure, ...]
    texts: int


def failures(
    entering: Mapping[str, Sequence[LeadId]],
    standing: Iterable[Enrollment],
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
) -> Rendered:
    """Render what is ahead of leads in flight, in their own version, and all of a cadence for those who enter it.

    A text is rendered once for all leads for whom it must come out alike; so every lead is spoken for.
    """
    ahead: dict[tuple[str, int, int], tuple[Use, ...]] = {}  # shared by the leads that stand at the same place

    def uses(name: str, version: int, since: int) -> tuple[Use, ...]:
        key = (name, version, since)
        if key not in ahead:
            ahead[key] = tuple(uses_of(rules.program(name, version), rules.templates, since=since))
        return ahead[key]

    for_lead: dict[LeadId, list[tuple[Use, ...]]] = {}
    for name, leads in entering.items():
        for lead in leads:
            for_lead.setdefault(lead, []).append(uses(name, rules.versions[name], 0))
    for one in standing:
        # Without --migrate it goes on in its version, whose templates may be gone from the files.
        for_lead.setdefault(one.lead, []).append(uses(one.cadence, one.version, one.place.pc))
    found: dict[tuple[str, LeadId], Failure] = {}
    known: dict[Hashable, str | None] = {}
    texts = 0
    ids = sorted(for_lead)
    for start in range(0, len(ids), CHUNK):
        batch = ids[start : start + CHUNK]
        with store.unit(write=False) as work:
            scene = load(work, batch, rules=rules, policy=policy, now=now)
        for person in scene.leads.values():
            names = scene.names(person)
            for use in dict.fromkeys(chain.from_iterable(for_lead[person.id])):
                if not _goes_to(use, person, scene):
                    continue
                texts += 1
                alike = _alike(use, person, names, scene)
                if alike is None:
                    message = _trouble(use, person, scene)
                else:
                    if alike not in known:
                        known[alike] = _trouble(use, person, scene)
                    message = known[alike]
                if message is not None:
                    found.setdefault((use.path, person.id), Failure(use.path, person.id, person.email, message))
    return Rendered(tuple(found[key] for key in sorted(found)), texts)


def _alike(use: Use, lead: Lead, names: Mapping[str, Any], scene: Scene) -> Hashable | None:
    """What decides whether this text can be made for this lead; None where only trying tells."""
    needs = scene.rules.templates.needs(use.path, use.kind)
    if needs.lists or "x" in needs.used or "x" in needs.shown:
        return None
    values = tuple(names.get(name) for name in sorted(needs.used))
    shapes = tuple(_shape(names.get(name)) for name in sorted(needs.shown))
    try:
        hash(values)
    except TypeError:
        return None
    # True and 1 are equal, and yet a template may tell them apart; the owner may be the sender.
    sender = lead.owner if _is_from_owner(use, scene) else None
    reader = (ascii_address(lead.email or "") is None, _shape(lead.first_name), _shape(lead.last_name))
    return (use, values, tuple(map(type, values)), shapes, sender, reader if use.kind == "email" else None)


def _shape(value: object) -> Hashable:
    """What can matter about a value that is only shown: whether it is there, fits in a line, and is not endless."""
    if isinstance(value, str):
        return (bool(value), bool(value.strip()), value.isprintable(), len(value) // ALIKE)
    return (type(value), bool(value))


def _is_from_owner(use: Use, scene: Scene) -> bool:
    cadence = scene.rules.workspace.cadences.get(use.cadence)
    return cadence is not None and cadence.sender == "owner"


def _goes_to(use: Use, lead: Lead, scene: Scene) -> bool:
    if use.task is not None:
        return use.task.channel not in BY_PHONE or bool(lead.phone)
    return bool(lead.email) and (use.repeat or not scene.had(lead, use.path))


def _trouble(use: Use, lead: Lead, scene: Scene) -> str | None:
    """Why a text cannot be made for this lead; None where it can."""
    touch = imagined(use, lead, scene)
    try:
        if use.task is not None:
            render_script(touch, lead, scene, ask=use.task.ask)
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
