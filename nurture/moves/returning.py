"""What brings a lead back into nurture: a dated return, the qualification, a task for a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from nurture.domain import enrollment as machine
from nurture.domain.enrollment import Enrollment, Pause
from nurture.domain.fact import FactName
from nurture.domain.lead import USED_UP, Lead
from nurture.domain.person import Person, Role
from nurture.domain.promotion import last_request
from nurture.domain.routing import deadline
from nurture.domain.touch import Channel, State, Touch
from nurture.moves import enrolling
from nurture.moves.calls import who_does
from nurture.moves.handing_over import FAST_STEP, Hands, is_suppressed
from nurture.moves.promises import keep_by_return
from nurture.moves.start import start

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.duration import Duration

# The qualification is not begun again sooner than this after it ended.
REST: Final = timedelta(days=30)
RETURN_STEP: Final = "return"


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work for a person."""

    step: str
    script: str
    channel: Channel
    due_at: datetime
    assigned: str
    ask: tuple[str, ...] = ()
    since: datetime | None = None  # what it answers came then: within a pass, that may be later than its moment


def hand_out(hands: Hands, lead: Lead, work: Work, *, new_id: Callable[[], str]) -> Touch:
    """Open a task of no cadence."""
    made = Touch(
        id=new_id(),
        lead=lead.id,
        step=work.step,
        channel=work.channel,
        state=State.OPEN,
        due_at=work.due_at,
        created_at=max(hands.now, work.since or hands.now),
        company=lead.company.id if lead.company else None,
        address=lead.phone if work.channel is Channel.CALL else lead.email,
        assigned=work.assigned,
        script=work.script,
        ask=work.ask,
    )
    hands.work.touches.add([made])
    hands.note("task", f"task for {work.assigned}: {work.step.replace('_', ' ').replace('-', ' ')}", lead.id)
    return made


def caller_of(hands: Hands, lead: Lead) -> tuple[str, Person | None]:
    """Who calls this lead: the owner, else any caller, else any rep; and whose hours its deadline runs in."""
    return who_does(hands.scene.rules.workspace, lead.owner, (Role.REP, Role.CALLER))


def due_within(hands: Hands, within: Duration, person: Person | None) -> datetime:
    """A deadline in the hours of whoever does it."""
    policy = hands.scene.policy
    hours = (person or Person("", "")).working_hours(zone=policy.timezone, country=policy.country or None)
    return deadline(hands.now, within, hours)


def call_now(hands: Hands, lead: Lead, why: tuple[str, ...], *, new_id: Callable[[], str]) -> Touch:
    """The fast lane: a call within the hour, before any mail. Sales may get the lead meanwhile."""
    readiness = hands.scene.rules.workspace.readiness
    assigned, person = caller_of(hands, lead)
    known = {fact.name for fact in hands.scene.facts.get(lead.id, ())}
    ask = tuple(name for name in readiness.require if name in set(FactName) and FactName(name) not in known)
    script = f"{lead.name} {'; '.join(why)}. Call now: {lead.phone}."
    due = due_within(hands, readiness.call_within, person)
    asked = last_request(hands.scene.responses.get(lead.id, ()))
    # A pass runs at a point of the grid of ticks; who asked after it, and before the pass looked, is called once too.
    work = Work(FAST_STEP, script, Channel.CALL, due, assigned, ask, since=asked.at if asked else None)
    made = hand_out(hands, lead, work, new_id=new_id)
    hands.work.leads.update(lead.id, {"ready_check": True})
    enrolling.pause(hands.work, [lead.id], Pause.QUALIFICATION, until=None, now=hands.now, by=hands.by)
    return made


def qualify(hands: Hands, lead: Lead, enrollments: list[Enrollment]) -> bool:
    """Ask for what is missing: the qualification cadence, beside the paused others. True if it begins.

    `enrollments`: all of the lead's, ended ones too. Ended lately, it waits until the rest is over.
    """
    name = hands.scene.rules.workspace.readiness.if_missing
    cadence = hands.scene.rules.workspace.cadences.get(name or "")
    if cadence is None:
        return False
    mine = [one for one in enrollments if one.cadence == cadence.name]
    if any(one.state in machine.OPEN for one in mine):
        return False
    ended = max((one.ended_at for one in mine if one.ended_at is not None), default=None)
    if ended is not None and ended + REST > hands.now:
        if lead.returns_at is None:
            values = {"returns_at": ended + REST, "returns_into": cadence.name, "returns_because": USED_UP}
            hands.work.leads.update(lead.id, values)
            words = f"all of {cadence.name} is used; it is tried again on {ended + REST:%Y-%m-%d}"
            hands.note("returns", words, lead.id, into=cadence.name)
        return False
    return _begin_beside(hands, lead, cadence)


def _begin_beside(hands: Hands, lead: Lead, cadence: Cadence) -> bool:
    """Start a cadence that takes no exclusive place; the others pause meanwhile."""

    def other(one: Enrollment) -> bool:
        return one.cadence != cadence.name

    enrolling.pause(hands.work, [lead.id], Pause.QUALIFICATION, until=None, now=hands.now, by=hands.by, which=other)
    return start(hands.work, cadence, lead.id, hands.scene, by=hands.by, exclusive=False) is not None


def is_called(hands: Hands, lead: Lead) -> bool:
    """Whether the fast lane has a call open: what is missing is asked then."""
    return any(one.step == FAST_STEP and one.state is State.OPEN for one in hands.scene.touches.get(lead.id, ()))


def settle_pauses(hands: Hands, lead: Lead, enrollments: list[Enrollment]) -> None:
    """Let the others go on when nobody qualifies this lead any more."""
    name = hands.scene.rules.workspace.readiness.if_missing
    waiting = any(Pause.QUALIFICATION in one.pauses for one in enrollments)
    busy = any(one.cadence == name and one.state in machine.OPEN for one in enrollments)
    if waiting and not busy and not is_called(hands, lead):
        enrolling.resume(hands.work, [lead.id], Pause.QUALIFICATION, now=hands.now, by=hands.by)


def come_back(hands: Hands, lead: Lead, into: str, because: str, *, new_id: Callable[[], str]) -> None:
    """The day of the return: what was paused gives way to the cadence named, whatever its `again` and `rate`.

    A cadence whose goal the lead has reached already would end at once, and one that is not in force cannot begin:
    then a person calls, so that the return is not lost.
    """
    work, now, by = hands.work, hands.now, hands.by
    cleared = {"returns_at": None, "returns_into": None, "returns_because": None}
    work.leads.update(lead.id, {**cleared, "ready_check": True, "enroll_check": True})
    words = because.replace("_", " ")
    if is_suppressed(hands.scene, lead):
        hands.note("return_dropped", f"does not return ({words}): it must not be contacted", lead.id)
        return
    cadence = hands.scene.rules.workspace.cadences.get(into)
    names, history = hands.scene.names(lead), hands.scene.history(lead, None)
    reached = cadence is not None and cadence.goal is not None and cadence.goal.holds(names, history)
    if cadence is None or reached:
        reason = f"the goal of {into} is reached already" if reached else f"{into!r} is not in force"
        assigned, person = caller_of(hands, lead)
        script = f"{lead.name} returns today ({words}), and {reason}. Call, and decide what comes next."
        within = hands.scene.rules.workspace.readiness.contact_within
        channel = Channel.CALL if lead.phone and not lead.do_not_call else Channel.OTHER
        task = Work(RETURN_STEP, script, channel, due_within(hands, within, person), assigned)
        hand_out(hands, lead, task, new_id=new_id)
        enrolling.resume(work, [lead.id], Pause.OFFERED, now=now, by=by)
        return
    still_open = work.enrollments.open_of([lead.id]).get(lead.id, [])
    if cadence.name == hands.scene.rules.workspace.readiness.if_missing:
        if not any(one.cadence == cadence.name for one in still_open):
            _begin_beside(hands, lead, cadence)
    else:
        enrolling.stop(work, [lead.id], reason="returned", now=now, by=by, which=lambda one: one.exclusive)
        start(work, cadence, lead.id, hands.scene, by=by, returns=True)
    keep_by_return(work, hands.scene, lead.id, into)
    enrolling.resume(work, [lead.id], Pause.OFFERED, now=now, by=by)
    hands.note("returned", f"is back ({words}), in {into}", lead.id, into=into)
