"""For each due enrollment: go, wait until, or skip, with the reason; and where it stands afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nurture.domain import calendar, enrollment, touch
from nurture.domain.cadence import Email, PersonTask, Webhook
from nurture.domain.changed import changed
from nurture.domain.enrollment import Enrollment, Place
from nurture.domain.errors import NurtureError
from nurture.domain.lead import Lead
from nurture.domain.pacing import Go, Skip, Wait
from nurture.domain.touch import SENTENCES, Channel, Event, Reason, State, Touch
from nurture.domain.walk import Contact, Finished, Program, Sleep, after_touch, goal_met, walk
from nurture.flow.dispatch.gates import LOOK_AGAIN, gates
from nurture.moves.rendering import sender_name
from nurture.moves.scene import Scene

__all__ = ["LOOK_AGAIN", "Decision", "decide", "order", "rest"]


@dataclass(slots=True)
class Decision:
    """What follows for one enrollment. `go` is the touch to be made now, if any."""

    before: Enrollment
    after: Enrollment
    lead: Lead
    new: list[Touch] = field(default_factory=list)
    changed: list[tuple[Touch, Touch]] = field(default_factory=list)  # (was, is)
    fields: dict[str, Any] = field(default_factory=dict)
    go: Touch | None = None
    step: Email | PersonTask | Webhook | None = None
    into: str | None = None  # the cadence that takes over
    in_turn: bool = False  # its touch has come at a slot that it was given
    mistake: str = ""  # of the program itself: it is looked at again later

    @property
    def finished(self) -> bool:
        """Whether this ends the enrollment."""
        return self.after.state not in enrollment.OPEN

    def put(self, was: Touch, now: Touch) -> None:
        """Let a touch of this decision be stored in another shape: a new one as such, else as a change from `was`."""
        if any(one.id == was.id for one in self.new):
            self.new = [now if one.id == was.id else one for one in self.new]
        else:
            self.changed = [pair for pair in self.changed if pair[1].id != was.id] + [(was, now)]


def decide(due: Enrollment, scene: Scene, *, new_id: Callable[[], str]) -> Decision:
    """Go on with one due enrollment until it waits, ends, or has a touch to make now."""
    lead = scene.leads[due.lead]
    program = scene.rules.program(due.cadence, due.version)
    decision = Decision(due, due, lead)
    if due.state is not enrollment.State.ACTIVE:
        return decision
    decision.in_turn = scene.pressure.arrived(due.touch)
    made = next((one for one in scene.touches.get(lead.id, ()) if one.id == due.touch), None)
    if made is not None and made.state is State.OPEN:
        made = _expired(made, decision, scene)
    if made is not None and made.state in (State.OPEN, State.SENDING, State.IN_DOUBT):
        decision.after = replace(due, next_at=made.expires_at if made.state is State.OPEN else None)
        return decision
    if made is not None and made.state in touch.FINAL:
        decision.after = moved_on(due, made, program, scene)
        made = None
    # A skipped contact leads straight to the next step; the program is finite, so this ends.
    while _one_step(decision, made, program, scene, new_id=new_id):
        made = None
    return decision


def moved_on(due: Enrollment, made: Touch, program: Program, scene: Scene) -> Enrollment:
    """The enrollment after its open touch is over."""
    return replace(due, place=place_after(due, made, program, scene), touch=None)


def place_after(due: Enrollment, made: Touch, program: Program, scene: Scene) -> Place:
    """Where it stands after its open touch is over."""
    return after_touch(program, due.place, made, scene.now)


def _expired(made: Touch, decision: Decision, scene: Scene) -> Touch:
    """The task, expired where its time is over."""
    if made.expires_at is None or made.expires_at > scene.now:
        return made
    after = replace(made, state=touch.moved(made.state, Event.EXPIRE), because="nobody did it in time")
    decision.changed.append((made, after))
    scene.keep(after)
    return after


def _one_step(
    decision: Decision, made: Touch | None, program: Program, scene: Scene, *, new_id: Callable[[], str]
) -> bool:
    """Walk to the next stop. True when a contact was skipped and the walk goes on."""
    due, lead = decision.after, decision.lead
    around = scene.surroundings(lead, due, program.cadence)
    if decision.fields:
        around = replace(around, names={**around.names, **decision.fields})
    if made is not None and not goal_met(program.cadence, around):
        # It was planned before and has waited: the walk came here already, and would find a stream's item taken.
        due = replace(due, waiting=False)
        planned = _up_to_date(made, lead, program, scene)
        return _contact(decision, due, planned, _step_of(made, program, due), program, scene, was=made)
    step = walk(program, due.place, around, scene.now)
    decision.fields.update(step.fields)
    match step.outcome:
        case Sleep(until=until, wakeable=wakeable):
            decision.after = replace(due, place=step.place, next_at=until, waiting=wakeable, touch=None)
            return False
        case Finished(event=event, word=word, into=into):
            if made is not None:
                _skip(decision, made, made, Reason.STOPPED, scene)
            over = replace(due, place=step.place, touch=None)
            decision.after = enrollment.ended(over, event, reason=word, now=scene.now)
            decision.into = into
            return False
        case Contact(step=contact, due_at=due_at):
            planned = _planned(due, lead, contact, due_at, program, scene, new_id=new_id)
            return _contact(decision, due, planned, contact, program, scene, was=None, place=step.place)


def _step_of(made: Touch, program: Program, due: Enrollment) -> Email | PersonTask | Webhook:
    """The step that a planned touch was made for. A stream's item is an e-mail that was made for it."""
    op = program.ops[due.place.pc]
    return op if isinstance(op, Email | PersonTask | Webhook) else Email(0, made.step, made.template)


def _up_to_date(made: Touch, lead: Lead, program: Program, scene: Scene) -> Touch:
    """A planned touch with the address, the company and the sender that it has now."""
    company = lead.company.id if lead.company else None
    address, domain = _address(made.channel, lead), _domain(made.channel, lead)
    sender = sender_name(made.channel, made.template, program.cadence, scene)
    return replace(made, company=company, address=address, domain=domain, sender=sender)


def _address(channel: Channel, lead: Lead) -> str | None:
    return lead.email if channel is Channel.EMAIL else lead.phone


def _domain(channel: Channel, lead: Lead) -> str | None:
    return lead.email.rpartition("@")[2] if channel is Channel.EMAIL and lead.email else None


def _planned(
    due: Enrollment,
    lead: Lead,
    step: Email | PersonTask | Webhook,
    due_at: datetime,
    program: Program,
    scene: Scene,
    *,
    new_id: Callable[[], str],
) -> Touch:
    """The touch of a step that was just reached."""
    match step:
        case Email():
            channel, template = Channel.EMAIL, _resolved(scene, due.cadence, step.template, "email")
        case PersonTask():
            channel, template = step.channel, _resolved(scene, due.cadence, step.template, "script")
        case Webhook():
            channel, template = Channel.WEBHOOK, step.name
    before = [one for one in scene.touches.get(lead.id, ()) if one.enrollment == due.id and one.step == step.id]
    return Touch(
        id=new_id(),
        lead=lead.id,
        step=step.id,
        channel=channel,
        state=State.PLANNED,
        due_at=due_at,
        created_at=scene.now,
        enrollment=due.id,
        company=lead.company.id if lead.company else None,
        cadence=due.cadence,
        version=due.version,
        occurrence=len(before) + 1,
        template=template,
        address=_address(channel, lead),
        domain=_domain(channel, lead),
        sender=sender_name(channel, template, program.cadence, scene),
    )


def _resolved(scene: Scene, cadence: str, name: str, kind: str) -> str:
    try:
        return scene.rules.templates.resolve(cadence, name, "email" if kind == "email" else "script")
    except NurtureError:
        return name  # rendering says what is wrong with it


def _contact(
    decision: Decision,
    due: Enrollment,
    planned: Touch,
    step: Email | PersonTask | Webhook,
    program: Program,
    scene: Scene,
    *,
    was: Touch | None,
    place: Place | None = None,
) -> bool:
    """Go, wait or skip. True when it was skipped.

    `was` is the planned touch as stored; None for a new one. `place`: where the walk came to, where it moved.
    """
    pace = gates(planned, step, decision.lead, due, program, scene, in_turn=decision.in_turn)
    match pace:
        case Go():
            _put(decision, was, planned, scene)
            # When it is looked at again is said by whoever makes it.
            decision.after = changed(due, place=place or due.place, waiting=False, touch=planned.id, next_at=None)
            decision.go, decision.step = planned, step
            return False
        case Wait(until=until, because=because, text=text):
            _put(decision, was, replace(planned, reason=because, because=text or SENTENCES[because]), scene)
            has_goal = program.cadence.goal is not None  # may be reached before it is made
            decision.after = changed(due, place=place or due.place, waiting=has_goal, touch=planned.id, next_at=until)
            return False
        case Skip(because=because):
            skipped = _skip(decision, was, planned, because, scene)
            here = due if place is None else changed(due, place=place, waiting=False)
            decision.after = moved_on(here, skipped, program, scene)
            return True


def _skip(decision: Decision, was: Touch | None, planned: Touch, because: Reason, scene: Scene) -> Touch:
    """The touch, not made and never to be."""
    state = touch.moved(planned.state, Event.SKIP)
    skipped = replace(planned, state=state, reason=because, because=SENTENCES[because])
    _put(decision, was, skipped, scene)
    return skipped


def _put(decision: Decision, was: Touch | None, now: Touch, scene: Scene) -> None:
    scene.keep(now)
    if was is None:
        decision.new.append(now)
    elif was != now:
        decision.changed.append((was, now))


def expires_at(step: PersonTask, lead: Lead, scene: Scene) -> datetime:
    """When a task that is handed out now is no longer wanted."""
    return calendar.later(scene.now, step.within, zone=scene.zone_of(lead), country=scene.country_of(lead))


def rest(sent: Enrollment, made: Touch, lead: Lead, scene: Scene) -> Decision:
    """Where an enrollment stands once its contact is made: asleep, over, or due again at once."""
    program = scene.rules.program(sent.cadence, sent.version)
    decision = Decision(sent, sent, lead)
    place = place_after(sent, made, program, scene)
    step = walk(program, place, scene.surroundings(lead, sent, program.cadence), scene.now)
    decision.fields.update(step.fields)
    match step.outcome:
        case Sleep(until=until, wakeable=wakeable):
            decision.after = changed(sent, place=step.place, touch=None, next_at=until, waiting=wakeable)
        case Finished(event=event, word=word, into=into):
            over = replace(sent, place=step.place, touch=None)
            decision.after = enrollment.ended(over, event, reason=word, now=scene.now)
            decision.into = into
        case Contact():
            decision.after = replace(sent, place=step.place, touch=None, next_at=scene.now, waiting=False)
    return decision


def order(batch: Sequence[Enrollment]) -> list[Enrollment]:
    """The order of decisions, and so of the slots that they are given: the larger priority, due, then the id."""
    return sorted(batch, key=lambda one: (-one.priority, one.next_at or one.started_at, one.id))
