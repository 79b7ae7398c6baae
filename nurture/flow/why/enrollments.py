"""Why a lead is in a cadence and where it stands there, and why it is not in the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nurture.domain import calendar
from nurture.domain.enrollment import OPEN, Enrollment, Pause, State
from nurture.domain.lead import USED_UP, Lead
from nurture.domain.touch import SENTENCES, Reason
from nurture.domain.walk import Contact, Finished, Program, Sleep, walk
from nurture.flow.why.answer import READINESS, Because, place_of, place_of_key, program_in
from nurture.moves.entry import may_enter
from nurture.moves.scene import Scene
from nurture.ports import Unit

# The key of a cadence that says no, where it is another than the condition.
KEYS = {"again": "enroll.again", "rate": "enroll.rate", "arrived_late": "enroll.arrived_within"}


def of_enrollment(one: Enrollment, scene: Scene, lead: Lead) -> Because:
    """How an enrollment stands, or how it ended."""
    program = program_in(scene, one.cadence, one.version)
    step, line, text, clears_at = None, 1, "", one.next_at
    code = one.state.value
    if one.state not in OPEN:
        ended = f" on {one.ended_at:%Y-%m-%d}" if one.ended_at else ""
        words = one.state.replace("_", " ")
        text = f"{one.cadence} ended{ended}: {words}" + (f" ({one.reason.replace('_', ' ')})." if one.reason else ".")
        if one.state is State.GOAL_MET and program is not None:
            line = program.cadence.goal_line or line
    elif one.state is State.PAUSED:
        reasons = [
            name.replace("_", " ") + (f" until {until[:10]}" if until else "") for name, until in one.pauses.items()
        ]
        text = f"{one.cadence} is paused: {', '.join(reasons)}."
        code = pause_code(one)
        if program is not None and one.place.pc < len(program.ops):
            line = getattr(program.ops[one.place.pc], "line", 1)
    elif program is not None:
        step, line, text, clears_at = _standing(one, program, scene, lead)
    place = place_of(program.cadence if program else None, one.cadence, line)
    if one.held_out and one.state in OPEN:
        text += " The lead is in the held-out arm: its waits run, no contact is made."
        code = "held_out"
        if program is not None:
            place = place_of_key(program.cadence, "holdout", default=line)
    return Because("enrollment", code, text, place, one.version, one.cadence, step, one.touch, (), clears_at)


def pause_code(one: Enrollment) -> str:
    """What holds a paused enrollment back."""
    only = set(one.pauses) == {Pause.COLLEAGUE_OFFERED.value}
    return Reason.COLLEAGUE_OFFERED.value if only else Reason.PAUSED.value


def _standing(
    one: Enrollment, program: Program, scene: Scene, lead: Lead
) -> tuple[str | None, int, str, datetime | None]:
    """The step at which an active enrollment stands, its line, what it waits for, and until when."""
    step = program.next_contact(one.place.pc)
    line = getattr(program.ops[one.place.pc], "line", 1) if one.place.pc < len(program.ops) else 1
    if one.touch is not None:
        return step, line, f"{one.cadence} waits for its touch {step or ''}.", one.next_at
    around = scene.surroundings(lead, one, program.cadence)
    found = walk(program, one.place, around, scene.now)
    line = getattr(program.ops[found.place.pc], "line", 1) if found.place.pc < len(program.ops) else line
    step = program.next_contact(found.place.pc)
    match found.outcome:
        case Sleep(until=until, because=because):
            then = f"; then {step}" if step and program.is_decided(found.place.pc) else ""
            return step, line, f"{one.cadence} is {because} until {until:%Y-%m-%d %H:%M} UTC{then}.", until
        case Finished(word=word):
            return None, line, f"{one.cadence} ends with the next pass ({word}).", one.next_at
        case Contact():
            return step, line, f"{one.cadence} reaches {step} with the next pass.", one.next_at


def not_entered(lead: Lead, scene: Scene, past: Sequence[Enrollment], work: Unit) -> list[Because]:
    """The cadences in force that the lead is not in, and why not."""
    found = []
    open_in = {one.cadence for one in past if one.state in OPEN}
    stored = work.leads.columns(lead.id)
    for name, cadence in sorted(scene.rules.workspace.cadences.items()):
        if name in open_in:
            continue
        place, version = place_of(cadence, name, cadence.entry.line), scene.rules.versions.get(name)
        switch = scene.switches.get(f"cadence:{name}")
        if switch is not None:
            text = f"{name} is paused by {switch.by}: {switch.reason}."
            found.append(Because("enrollment", "paused", text, place, version, name, clears_at=switch.until))
            continue
        readiness = scene.rules.workspace.readiness
        if name == readiness.if_missing and stored.get("returns_because") == USED_UP and lead.returns_at is not None:
            code, text = Reason.ATTEMPTS_USED.value, SENTENCES[Reason.ATTEMPTS_USED]
            rule = f"{READINESS}:{readiness.promote_line or 1}"
            found.append(Because("enrollment", code, text, rule, version, name, clears_at=lead.returns_at))
            continue
        left = None
        if cadence.entry.rate is not None:
            left = cadence.entry.rate - work.enrollments.started_since(name, _today(scene))
        answer = may_enter(lead, cadence, scene, past, rate_left=left)
        code, text = answer.code or "may_enter", answer.text
        if answer.may_enter:
            text = f"{name} takes this lead with the next pass, unless another cadence comes first."
        if code in KEYS:
            place = place_of_key(cadence, KEYS[code], default=cadence.entry.line)
        missing, clears_at = answer.missing, answer.clears_at
        found.append(Because("enrollment", code, text, place, version, name, None, None, missing, clears_at))
    return found


def _today(scene: Scene) -> datetime:
    zone = calendar.zone(scene.policy.timezone)
    return calendar.day_bounds(calendar.local_day(scene.now, zone), zone)[0]
