"""An e-mail or a script as one lead would get it, and an e-mail of it to somebody else. Nothing of the lead changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from nurture.domain.cadence import Email, PersonTask, Stream
from nurture.domain.errors import RefusedError, RequestError, UnknownNameError
from nurture.domain.lead import LeadId
from nurture.domain.message import Message
from nurture.domain.policy import Policy
from nurture.domain.touch import Channel, State, Touch
from nurture.domain.verdict import Verdict, Yes
from nurture.domain.walk import Program
from nurture.moves.rendering import render_email, render_script, sender_name
from nurture.moves.scene import load
from nurture.ports import Clock, InForce, Links, Mailer, Store


@dataclass(frozen=True, slots=True)
class Preview:
    """What a step gives for one lead: the mail, or the script of a task."""

    template: str
    message: Message | None = None
    script: str | None = None


def step_named(program: Program, step: str) -> tuple[Email | PersonTask, str]:
    """The step of this name, or the item of a stream, with its template. Raises UnknownNameError."""
    for op in program.ops:
        if isinstance(op, Email | PersonTask) and op.id == step:
            return op, op.template
        if isinstance(op, Stream):
            for item in op.items:
                if step in (item, item.rpartition("/")[2]):
                    return Email(op.line, item.rpartition("/")[2], item), item
    items = [item for op in program.ops if isinstance(op, Stream) for item in op.items]
    known = [op.id for op in program.ops if isinstance(op, Email | PersonTask)] + items
    raise UnknownNameError("step", step, known, otherwise=f"Its steps: {', '.join(known)}.")


def preview(
    cadence: str,
    step: str,
    lead: LeadId,
    *,
    links: Links,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    touch_id: str = "preview",
) -> Preview:
    """Render a step of the version in force for a lead. Raises a NurtureError that says what cannot be rendered."""
    if cadence not in rules.workspace.cadences:
        known = sorted(rules.workspace.cadences)
        raise UnknownNameError("cadence", cadence, known, otherwise="Run: nurture cadence list")
    version = rules.versions[cadence]
    program = rules.program(cadence, version)
    chosen, template = step_named(program, step)
    is_mail = isinstance(chosen, Email)
    with store.unit(write=False) as work:
        scene = load(work, [lead], rules=rules, policy=policy, now=now)
    person = scene.leads[lead]
    touch = Touch(
        id=touch_id,
        lead=lead,
        step=chosen.id,
        channel=Channel.EMAIL if isinstance(chosen, Email) else chosen.channel,
        state=State.PLANNED,
        due_at=now,
        created_at=now,
        cadence=cadence,
        version=version,
        template=rules.templates.resolve(cadence, template, "email" if is_mail else "script"),
        address=person.email,
    )
    touch = replace(touch, sender=sender_name(touch.channel, touch.template, program.cadence, scene))
    if isinstance(chosen, Email):
        return Preview(touch.template, render_email(touch, person, scene, links).message)
    return Preview(touch.template, script=render_script(touch, person, scene, ask=chosen.ask))


def send(found: Preview, to: str, *, mailer: Mailer, clock: Clock, policy: Policy) -> None:
    """Send a previewed mail to somebody of us, marked as a test. Raises RefusedError with the provider's answer."""
    if found.message is None:
        raise RequestError("That step is a task, not an e-mail.", hint="See it with: nurture template preview")
    message = replace(found.message, to=to, to_name="", subject=f"[test] {found.message.subject}")
    verdict: Verdict | None = None
    for _, answer in mailer.send([message], deadline=clock.boottime() + policy.mail_lease.total_seconds()):
        verdict = answer
    if not isinstance(verdict, Yes):
        why = getattr(verdict, "because", "") or "no answer"
        raise RefusedError(f"The mailer did not take it: {why}.", hint="See: nurture doctor")
