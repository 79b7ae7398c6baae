"""Why a touch was made, waits, or is not made; with the step, the key of the cadence or the setting that says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from nurture.domain import calendar
from nurture.domain.cadence import Stream
from nurture.domain.enrollment import Enrollment, State
from nurture.domain.touch import BY_PHONE, SENTENCES, Reason, Touch
from nurture.domain.touch import State as TouchState
from nurture.domain.walk import Program
from nurture.flow.why.answer import Because, place_of, place_of_key, program_in
from nurture.flow.why.enrollments import pause_code
from nurture.moves.calls import calls_left, is_for
from nurture.moves.scene import Scene
from nurture.ports import Unit

# What decides is not in the cadence: a setting, or a list. The sentence names it.
RULES: Final[Mapping[Reason, str]] = {
    Reason.LIMIT_LEAD: "limits.lead_per_day, lead_per_7_days and lead_per_30_days in nurture.toml",
    Reason.LIMIT_COMPANY: "limits.company_per_7_days in nurture.toml",
    Reason.LIMIT_DOMAIN: "limits.domain_per_hour in nurture.toml",
    Reason.LIMIT_SENDER: "the sender's rate and warm_up in nurture.toml",
    Reason.FIRST_WAVE: "mail.first_wave and mail.first_wave_watch in nurture.toml",
    Reason.NO_CONSENT: "mail.without_basis in nurture.toml",
    Reason.SUPPRESSED: "nurture suppression list",
    Reason.MAILER_PAUSED: "nurture mailer list",
    Reason.CALLS_PER_DAY: "calls_per_day in people.yaml",
}
KEYS: Final[Mapping[Reason, str]] = {Reason.WINDOW: "window", Reason.HOLDOUT: "holdout"}
SETTLE: Final = "Whoever knows settles it: nurture touch resolve {id} --sent, or --not-sent."
WAITING: Final = (TouchState.PLANNED, TouchState.OPEN)


def of_touch(one: Touch, scene: Scene, enrollment: Enrollment | None, work: Unit) -> Because:
    """Why one touch stands as it does."""
    reason, clears_at = one.reason, _clears_at(one, enrollment, scene)
    because = one.because
    if one.state in WAITING and enrollment is not None and enrollment.state is State.PAUSED:
        reason, because = Reason(pause_code(enrollment)), ""  # whatever held it back before
    elif one.state is TouchState.OPEN and one.channel in BY_PHONE and reason is None:
        free_at = _calls_used_up(one, scene, work)
        if free_at is not None:
            reason, clears_at = Reason.CALLS_PER_DAY, free_at
    sentence = because or (SENTENCES[reason] if reason is not None else _plainly(one, scene.now))
    if reason is not None and reason in RULES and one.state in (*WAITING, TouchState.SKIPPED):
        sentence += f" Rule: {RULES[reason]}."
    if one.state is TouchState.IN_DOUBT:
        sentence += f". {SETTLE.format(id=one.id)}"
    return Because(
        "touch",
        (reason or one.state).value,
        f"{one.channel.value} {one.step}: {sentence}",
        _place(one, scene, reason),
        one.version or None,
        one.cadence or None,
        one.step,
        one.id,
        clears_at=clears_at,
    )


def _clears_at(one: Touch, enrollment: Enrollment | None, scene: Scene) -> datetime | None:
    """The earliest moment at which it is otherwise: its enrollment is looked at again then."""
    match one.state:
        case TouchState.PLANNED:
            if enrollment is not None and enrollment.touch == one.id:
                return enrollment.next_at
            return one.due_at
        case TouchState.OPEN:
            return one.expires_at
        case TouchState.IN_DOUBT if scene.policy.in_doubt == "hold":
            return None  # only a person settles it
        case _:
            return one.lease_until


def _calls_used_up(one: Touch, scene: Scene, work: Unit) -> datetime | None:
    """When somebody may call again, where the calls of all who could are used up."""
    if one.claimed_by is not None:
        return None
    people = [person for person in scene.rules.workspace.people.values() if is_for(one, person)]
    if not people or any(calls_left(work, person, scene.policy, scene.now) > 0 for person in people):
        return None
    zones = [calendar.zone(person.timezone or scene.policy.timezone) for person in people]
    return min(calendar.day_bounds(calendar.local_day(scene.now, zone), zone)[1] for zone in zones)


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


def _place(one: Touch, scene: Scene, reason: Reason | None) -> str | None:
    """The rule in the version that the touch belongs to: the key that holds it back, else its step."""
    if not one.cadence:
        return None
    program = program_in(scene, one.cadence, one.version) if one.version else None
    cadence = program.cadence if program is not None else scene.rules.workspace.cadences.get(one.cadence)
    line = _step_line(one, program) if program is not None else 1
    if reason is not None and reason in KEYS and cadence is not None:
        return place_of_key(cadence, KEYS[reason], default=line)
    return place_of(cadence, one.cadence, line)


def _step_line(one: Touch, program: Program) -> int:
    """Where the step stands."""
    at = program.contacts.get(one.step)
    if at is not None:
        return int(getattr(program.ops[at], "line", 1))
    streams = [op for op in program.ops if isinstance(op, Stream)]
    return next((op.line for op in streams if any(item.endswith(one.step) for item in op.items)), 1)
