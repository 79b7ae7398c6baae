"""Why something happened to a lead, waits, or did not: enrollments, touches, promotion; with the rule and its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.domain import calendar
from nurture.domain.cadence import Cadence, Stream
from nurture.domain.enrollment import OPEN, Enrollment, State
from nurture.domain.errors import NurtureError
from nurture.domain.lead import Lead, LeadId, Status
from nurture.domain.policy import Policy
from nurture.domain.promotion import CallNow, Keep, Promote
from nurture.domain.touch import SENTENCES, Touch
from nurture.domain.touch import State as TouchState
from nurture.domain.walk import Contact, Finished, Program, Sleep, walk
from nurture.moves.entry import may_enter
from nurture.moves.handing_over import judged
from nurture.moves.scene import Scene, load
from nurture.ports import InForce, Store, Unit


@dataclass(frozen=True, slots=True)
class Because:
    """One answer. `code` is stable, `place` is file:line, `clears_at` the earliest moment at which it is otherwise."""

    about: str  # enrollment, touch or promotion
    code: str
    text: str
    place: str | None = None
    version: int | None = None
    cadence: str | None = None
    step: str | None = None
    touch: str | None = None
    missing: tuple[str, ...] = ()
    clears_at: datetime | None = None


def why(lead: LeadId, *, store: Store, rules: InForce, policy: Policy, now: datetime) -> list[Because]:
    """Every answer about a lead: the cadences it is or was in, those it is not in, its touches, and sales."""
    with store.unit(write=False) as work:
        scene = load(work, [lead], rules=rules, policy=policy, now=now)
        person = scene.leads[lead]
        past = work.enrollments.all_of([lead]).get(lead, [])
        return [
            *(_of_enrollment(one, scene, person) for one in past),
            *_not_entered(person, scene, past, work),
            *(_of_touch(one, scene) for one in scene.touches.get(lead, ())),
            *_of_promotion(work, scene, person),
        ]


# Enrollments -------------------------------------------------------------------------------------------------------


def _of_enrollment(one: Enrollment, scene: Scene, lead: Lead) -> Because:
    program = _program(one, scene)
    step, line, text, clears_at = None, 1, "", one.next_at
    if one.state not in OPEN:
        ended = f" on {one.ended_at:%Y-%m-%d}" if one.ended_at else ""
        words = one.state.replace("_", " ")
        text = f"{one.cadence} is over{ended}: {words}" + (f" ({one.reason.replace('_', ' ')})." if one.reason else ".")
    elif one.state is State.PAUSED:
        reasons = [
            name.replace("_", " ") + (f" until {until[:10]}" if until else "") for name, until in one.pauses.items()
        ]
        text = f"{one.cadence} is paused: {', '.join(reasons)}."
    elif program is not None:
        step, line, text = _standing(one, program, scene, lead)
    if one.held_out and one.state in OPEN:
        text += " The lead is in the held-out arm: its waits run, no contact is made."
    code = "held_out" if one.held_out and one.state in OPEN else one.state.value
    place = _place(program.cadence if program else None, one.cadence, line)
    return Because("enrollment", code, text, place, one.version, one.cadence, step, one.touch, (), clears_at)


def _standing(one: Enrollment, program: Program, scene: Scene, lead: Lead) -> tuple[str | None, int, str]:
    """The step at which an active enrollment stands, its line, and what it waits for."""
    step = program.next_contact(one.place.pc)
    line = getattr(program.ops[one.place.pc], "line", 1) if one.place.pc < len(program.ops) else 1
    if one.touch is not None:
        return step, line, f"{one.cadence} waits for its touch {step or ''}."
    around = scene.surroundings(lead, one, program.cadence)
    found = walk(program, one.place, around, scene.now)
    line = getattr(program.ops[found.place.pc], "line", 1) if found.place.pc < len(program.ops) else line
    step = program.next_contact(found.place.pc)
    match found.outcome:
        case Sleep(until=until, because=because):
            then = f"; then {step}" if step else ""
            return step, line, f"{one.cadence} is {because} until {until:%Y-%m-%d %H:%M} UTC{then}."
        case Finished(word=word):
            return None, line, f"{one.cadence} ends with the next pass ({word})."
        case Contact():
            return step, line, f"{one.cadence} reaches {step} with the next pass."


def _not_entered(lead: Lead, scene: Scene, past: list[Enrollment], work: Unit) -> list[Because]:
    """The cadences in force that the lead is not in, and why not."""
    found = []
    open_in = {one.cadence for one in past if one.state in OPEN}
    for name, cadence in sorted(scene.rules.workspace.cadences.items()):
        if name in open_in:
            continue
        place, version = _place(cadence, name, cadence.entry.line), scene.rules.versions.get(name)
        switch = scene.switches.get(f"cadence:{name}")
        if switch is not None:
            text = f"{name} is paused by {switch.by}: {switch.reason}."
            found.append(Because("enrollment", "paused", text, place, version, name, clears_at=switch.until))
            continue
        left = None
        if cadence.entry.rate is not None:
            left = cadence.entry.rate - work.enrollments.started_since(name, _today(scene))
        answer = may_enter(lead, cadence, scene, past, rate_left=left)
        code, text = answer.code or "may_enter", answer.text
        if answer.may_enter:
            text = f"{name} takes this lead with the next pass, unless another cadence comes first."
        missing, clears_at = answer.missing, answer.clears_at
        found.append(Because("enrollment", code, text, place, version, name, None, None, missing, clears_at))
    return found


def _today(scene: Scene) -> datetime:
    zone = calendar.zone(scene.policy.timezone)
    return calendar.day_bounds(calendar.local_day(scene.now, zone), zone)[0]


# Touches -----------------------------------------------------------------------------------------------------------


def _of_touch(one: Touch, scene: Scene) -> Because:
    reason = one.reason.value if one.reason is not None else one.state.value
    sentence = one.because or (SENTENCES[one.reason] if one.reason is not None else _plainly(one, scene.now))
    line = _step_line(one, scene)
    place = _place(scene.rules.workspace.cadences.get(one.cadence), one.cadence, line) if one.cadence else None
    waits = one.state in (TouchState.PLANNED, TouchState.OPEN)
    return Because(
        "touch",
        reason,
        f"{one.channel.value} {one.step}: {sentence}",
        place,
        one.version or None,
        one.cadence or None,
        one.step,
        one.id,
        clears_at=(one.expires_at if one.state is TouchState.OPEN else one.due_at) if waits else one.lease_until,
    )


def _plainly(one: Touch, now: datetime) -> str:
    at = one.sent_at or one.intent_at
    match one.state:
        case TouchState.PLANNED:
            return "due" if one.due_at <= now else f"planned for {one.due_at:%Y-%m-%d %H:%M} UTC"
        case TouchState.OPEN:
            return f"with {one.claimed_by or one.assigned or 'a caller'}, due {one.due_at:%Y-%m-%d}"
        case TouchState.DONE:
            return f"done on {at:%Y-%m-%d} ({(one.outcome or 'done').replace('_', ' ')})" if at else "done"
        case _:
            words = one.state.replace("_", " ")
            return f"{words} on {at:%Y-%m-%d}" if at else words


def _step_line(one: Touch, scene: Scene) -> int:
    """Where the step stands in the version that the touch belongs to."""
    if not one.cadence or not one.version:
        return 1
    try:
        program = scene.rules.program(one.cadence, one.version)
    except NurtureError:
        return 1
    at = program.contacts.get(one.step)
    if at is not None:
        return int(getattr(program.ops[at], "line", 1))
    streams = [op for op in program.ops if isinstance(op, Stream)]
    return next((op.line for op in streams if any(item.endswith(one.step) for item in op.items)), 1)


# Promotion ---------------------------------------------------------------------------------------------------------


def _of_promotion(work: Unit, scene: Scene, lead: Lead) -> list[Because]:
    rows = work.sales.handoffs(lead=lead.id)
    last = rows[-1] if rows else None
    if lead.status is not Status.NURTURING:
        state = str(last["state"]) if last is not None else lead.status.value
        rep = f" with {last['rep']}" if last is not None and last["rep"] else ""
        text = f"The lead is {lead.status.replace('_', ' ')}{rep}."
        return [Because("promotion", state, text, clears_at=last["due_at"] if last is not None else None)]
    if last is not None and last["state"] == "queued":
        code = str(last["reason"] or "queued")
        return [Because("promotion", code, f"Ready for sales, and waits for a rep ({code.replace('_', ' ')}).")]
    found = judged(work, scene, lead)
    readiness = scene.rules.workspace.readiness
    match found:
        case Promote(why=reasons):
            text = f"Ready for sales, offered with the next pass: {'; '.join(reasons)}."
            return [Because("promotion", "promote", text, f"readiness.yaml:{readiness.promote_line or 1}")]
        case CallNow(why=reasons):
            text = f"To be called at once: {'; '.join(reasons)}."
            return [Because("promotion", "call_now", text, f"readiness.yaml:{readiness.fast_line or 1}")]
        case Keep(missing=missing):
            return [
                Because(
                    "promotion",
                    one.code.value,
                    one.text,
                    f"readiness.yaml:{one.line}" if one.line else None,
                    missing=one.names,
                    clears_at=one.clears_at,
                )
                for one in missing
            ]


def _program(one: Enrollment, scene: Scene) -> Program | None:
    try:
        return scene.rules.program(one.cadence, one.version)
    except NurtureError:
        return None


def _place(cadence: Cadence | None, name: str, line: int) -> str:
    file = (cadence.file if cadence is not None else "") or f"cadences/{name}.yaml"
    return f"{file}:{line}"
