"""May this touch be made now? First what can never be made right, then what only takes time, then the limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from nurture.domain import calendar, pacing
from nurture.domain.cadence import Email, PersonTask, Webhook
from nurture.domain.chance import chance
from nurture.domain.consent import Standing, standing
from nurture.domain.enrollment import Enrollment, State
from nurture.domain.lead import Lead
from nurture.domain.pacing import Asking, Go, Skip, Wait
from nurture.domain.touch import BY_PHONE, Channel, Reason, Touch
from nurture.domain.touch import State as TouchState
from nurture.domain.walk import Contact, Program, walk
from nurture.moves.scene import Scene

# How often what is paused is looked at again; `resume` also wakes it.
LOOK_AGAIN: Final = timedelta(hours=1)
# A cadence may stay paused for months, and its leads are looked at for nothing: only lest one that a daemon held in
# the very moment of `resume` sleeps on.
LOOK_AGAIN_AT_CADENCE: Final = timedelta(days=1)
# A lead's own slot lies in the first three quarters of a window: one that a short outage misses is still made that day.
SPREAD: Final = 0.75
# Who is looked at this much after its time was missed: the program was not running. Less than a night and a morning.
MISSED: Final = timedelta(hours=12)


def gates(
    planned: Touch,
    step: Email | PersonTask | Webhook,
    lead: Lead,
    due: Enrollment,
    program: Program,
    scene: Scene,
    *,
    in_turn: bool = False,
) -> pacing.Pace:
    """May this touch be made now? `in_turn`: it has come at a slot that it was given."""
    skip = _never(planned, step, lead, due, scene)
    if skip is not None:
        return skip
    hold = _held(planned, lead, scene)
    if hold is not None:
        return hold
    if planned.channel is Channel.WEBHOOK:
        return Go()  # a machine is told, nobody is contacted
    wave, begin, because = scene.pressure.waves.get(planned.template), scene.now, Reason.WINDOW
    if wave is not None and planned.channel is Channel.EMAIL:
        if wave.held:
            ways = f"Apply a corrected text, or run: nurture cadence resume {planned.cadence}"
            return Wait(scene.now + pacing.DAY, Reason.FIRST_WAVE, f"{wave.held}: it is held. {ways}.")
        begin = scene.pressure.after_first_wave(planned, wave)
        because = Reason.FIRST_WAVE if begin > scene.now else Reason.WINDOW  # who is in it waits for the window alone
    missed = due.next_at is not None and scene.now - due.next_at > MISSED
    if missed and (another_day := _after_catching_up(planned, lead, scene)) > begin:
        begin, because = another_day, Reason.DOWNTIME
    asking = Asking(
        lead=lead.id,
        window=program.cadence.window,
        zone=scene.zone_of(lead),
        fraction=chance("slot", lead.id) * SPREAD,
        limits=pacing.limits_for(scene.policy.limits, light_until=lead.light_until, now=scene.now),
        counted=[] if scene.goes_with_a_call(planned) else [*scene.counted(lead.id), *_going_first(due, lead, scene)],
        queues=scene.pressure.queues(planned),
        in_turn=in_turn,
    )
    pace = pacing.earliest(asking, scene.now, begin=begin, because=because, paths=scene.pressure.paths)
    if isinstance(pace, Wait):
        scene.pressure.put_off(planned, pace.until, asking)
    elif missed:
        scene.pressure.caught_up.add(lead.id)
    return pace


def _never(
    planned: Touch, step: Email | PersonTask | Webhook, lead: Lead, due: Enrollment, scene: Scene
) -> Skip | None:
    """A reason that time will not cure."""
    if due.held_out:
        return Skip(Reason.HOLDOUT)
    if planned.channel is Channel.WEBHOOK:
        return None
    address = lead.email if planned.channel is Channel.EMAIL else lead.phone
    scopes = scene.scopes_of(lead)
    if "all" in scopes:
        return Skip(Reason.SUPPRESSED)
    if planned.channel is Channel.EMAIL and "email" in scopes:
        return Skip(Reason.SUPPRESSED)
    if planned.channel in BY_PHONE and ("phone" in scopes or lead.do_not_call or scene.no_calls(lead)):
        return Skip(Reason.SUPPRESSED)
    if not address and (planned.channel is Channel.EMAIL or planned.channel in BY_PHONE):
        return Skip(Reason.NO_ADDRESS)
    if isinstance(step, Email) and not step.repeat and scene.had(lead, planned.template):
        return Skip(Reason.ALREADY_HAD)
    qualifies = due.cadence == scene.rules.workspace.readiness.if_missing
    if qualifies and _contacts(due, scene) >= scene.policy.attempts and not scene.goes_with_a_call(planned):
        return Skip(Reason.ATTEMPTS_USED)
    return None


def _contacts(due: Enrollment, scene: Scene) -> int:
    """How often an enrollment has contacted its lead; a call with its voicemail is one contact."""
    return len(
        pacing.as_counted(
            [
                (one.counted_at, one.enrollment, one.channel)
                for one in scene.touches.get(due.lead, ())
                if one.enrollment == due.id and one.counted_at is not None
            ]
        )
    )


def _held(planned: Touch, lead: Lead, scene: Scene) -> Wait | None:
    """Somebody or something holds it back for now."""
    for name, reason, again in (
        (f"cadence:{planned.cadence}", Reason.PAUSED, LOOK_AGAIN_AT_CADENCE),
        ("send", Reason.PAUSED, LOOK_AGAIN),
        ("mailer", Reason.MAILER_PAUSED, LOOK_AGAIN),
    ):
        switch = scene.switches.get(name)
        if switch is None or (name == "mailer" and planned.channel is not Channel.EMAIL):
            continue
        if switch.holds(scene.now):
            return Wait(switch.until or scene.now + again, reason)
    if planned.channel is Channel.EMAIL and not has_basis(lead, scene):
        return Wait(scene.now + timedelta(days=1), Reason.NO_CONSENT)
    return None


def has_basis(lead: Lead, scene: Scene) -> bool:
    """Whether a basis for e-mail holds. Who has none on record waits too, unless the policy says `send`.

    What is on record is obeyed either way: a basis that ran out, or was withdrawn, is no missing one.
    """
    held = standing(scene.consents.get(lead.id, ()), country=scene.country_of(lead), now=scene.now)
    return held is Standing.GIVEN or (held is Standing.NOTHING and scene.policy.without_basis == "send")


def _after_catching_up(planned: Touch, lead: Lead, scene: Scene) -> datetime:
    """When a touch that was missed may be made: now, or on a later day, when another has caught up today.

    Of all that a lead missed, one goes today; each of the others has a day of its own.
    """
    zone = scene.zone_of(lead)
    today = calendar.local_day(scene.now, zone)
    others = [one for one in scene.touches.get(lead.id, ()) if one.id != planned.id]
    had = lead.id in scene.pressure.caught_up or any(
        one.counted_at is not None and calendar.local_day(one.counted_at, zone) == today for one in others
    )
    if not had:
        return scene.now
    before = sum(one.state is TouchState.PLANNED and one.reason is Reason.DOWNTIME for one in others)
    return calendar.at_local(today + timedelta(days=1 + before), datetime.min.time(), zone)


def _going_first(due: Enrollment, lead: Lead, scene: Scene) -> Iterator[datetime]:
    """When touches of the lead's other enrollments that go first are due today: a larger priority, the same local day.

    They count as if they had been made, so that this one takes what the limits of the lead leave.
    """
    others = scene.pressure.beside.get(lead.id, ())
    if not others:
        return
    zone = scene.zone_of(lead)
    today = calendar.local_day(scene.now, zone)
    for other in others:
        if other.state is not State.ACTIVE or other.held_out or other.priority <= due.priority:
            continue
        if other.next_at is None or other.next_at <= scene.now or calendar.local_day(other.next_at, zone) != today:
            continue
        if other.touch is None:
            program = scene.rules.program(other.cadence, other.version)
            step = walk(program, other.place, scene.surroundings(lead, other, program.cadence), other.next_at)
            if not isinstance(step.outcome, Contact) or isinstance(step.outcome.step, Webhook):
                continue
        yield other.next_at
