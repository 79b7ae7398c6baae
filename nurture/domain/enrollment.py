"""The enrollment state machine, and the walk through a cadence's program: which step comes next, and when.

A cadence is laid out flat once (`program_of`): branches become jumps, all forward, so that a walk always ends. The
place of an enrollment is a position in that program and the moment from which its waits count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import product
from typing import Any, Final
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
    FiscalDay,
    If,
    PersonTask,
    Set,
    Split,
    Step,
    Stop,
    Stream,
    Wait,
    WaitFor,
    WaitUntil,
    Webhook,
    YearDay,
)
from nurture.domain.condition import Condition, History
from nurture.domain.errors import RefusedError
from nurture.domain.touch import TouchId


class State(StrEnum):
    """Where an enrollment stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    DONE = "done"
    STOPPED = "stopped"
    GOAL_MET = "goal_met"
    FAILED = "failed"


class Event(StrEnum):
    """What moves an enrollment."""

    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    STOP = "stop"
    MEET_GOAL = "meet_goal"
    FAIL = "fail"


MOVES: Final[dict[tuple[State, Event], State]] = {
    (State.ACTIVE, Event.PAUSE): State.PAUSED,
    (State.ACTIVE, Event.FINISH): State.DONE,
    (State.ACTIVE, Event.STOP): State.STOPPED,
    (State.ACTIVE, Event.MEET_GOAL): State.GOAL_MET,
    (State.ACTIVE, Event.FAIL): State.FAILED,
    (State.PAUSED, Event.RESUME): State.ACTIVE,
    (State.PAUSED, Event.STOP): State.STOPPED,
    (State.PAUSED, Event.MEET_GOAL): State.GOAL_MET,
}
OPEN: Final = frozenset({State.ACTIVE, State.PAUSED})
NO_CHANGE: Final = frozenset(
    {(State.PAUSED, Event.PAUSE), (State.ACTIVE, Event.RESUME)}
    | {(state, event) for state in frozenset(State) - OPEN for event in (Event.PAUSE, Event.RESUME, Event.STOP)}
)
IMPOSSIBLE: Final = frozenset(product(State, Event)) - MOVES.keys() - NO_CHANGE


def moved(state: State, event: Event) -> State:
    """The state after `event`; the same where it changes nothing. Raises RefusedError where it cannot be."""
    if (state, event) in MOVES:
        return MOVES[state, event]
    if (state, event) in NO_CHANGE:
        return state
    raise RefusedError(
        f"An enrollment that is {state} cannot {event.replace('_', ' ')}.", hint="See: nurture enrollment list"
    )


# The program -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Branch:
    """Go on when the condition holds, else jump."""

    condition: Condition
    otherwise: int
    line: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Jump to the arm that the lead's hash falls into; `upto` are cumulated percents."""

    id: str
    arms: tuple[tuple[float, int], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on elsewhere; always forward."""

    to: int


Op = Email | PersonTask | Webhook | Wait | WaitUntil | WaitFor | Stream | Set | Enroll | Stop | Branch | Fork | Jump


@dataclass(frozen=True, slots=True)
class Program:
    """A cadence laid out flat. `contacts` says where each contact step stands."""

    cadence: Cadence
    ops: tuple[Op, ...]
    contacts: Mapping[str, int]


def program_of(cadence: Cadence) -> Program:
    """Lay a cadence out flat."""
    ops: list[Op] = []

    def lay(steps: tuple[Step, ...]) -> None:
        for step in steps:
            match step:
                case If(line=line, condition=condition, then=then, otherwise=otherwise):
                    at = len(ops)
                    ops.append(Jump(0))
                    lay(then)
                    if otherwise:
                        end = len(ops)
                        ops.append(Jump(0))
                        ops[at] = Branch(condition, len(ops), line)
                        lay(otherwise)
                        ops[end] = Jump(len(ops))
                    else:
                        ops[at] = Branch(condition, len(ops), line)
                case Split(line=line, id=name, arms=arms):
                    at = len(ops)
                    ops.append(Jump(0))
                    targets, ends, upto = [], [], 0.0
                    for arm in arms:
                        upto += arm.percent
                        targets.append((upto, len(ops)))
                        lay(arm.steps)
                        ends.append(len(ops))
                        ops.append(Jump(0))
                    ops[at] = Fork(name, tuple(targets), line)
                    for end in ends:
                        ops[end] = Jump(len(ops))
                case (
                    Email()
                    | PersonTask()
                    | Webhook()
                    | Wait()
                    | WaitUntil()
                    | WaitFor()
                    | Stream()
                    | Set()
                    | Enroll()
                    | Stop()
                ):
                    ops.append(step)
                case _:
                    raise TypeError(f"no layout for {type(step).__name__}")

    lay(cadence.steps)
    contacts = {op.id: at for at, op in enumerate(ops) if isinstance(op, Email | PersonTask | Webhook)}
    return Program(cadence, tuple(ops), contacts)


# The walk --------------------------------------------------------------------------------------------------------


def chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts: the only dice of the domain."""
    digest = sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def is_held_out(lead: int, cadence: str, percent: float) -> bool:
    """Whether this lead is in the held-out arm; the same across all versions of the cadence."""
    return percent > 0 and chance("holdout", lead, cadence) * 100 < percent


@dataclass(frozen=True, slots=True)
class Place:
    """Where an enrollment stands. `memory`: items given by each stream and when its next is due."""

    pc: int
    anchor: datetime
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a walk looks at: the lead's names and history, its calendar, and the e-mails it already had."""

    lead: int
    names: Mapping[str, Any]
    history: History
    zone: ZoneInfo
    country: str | None
    fiscal_year_start: tuple[int, int]  # month, day
    had: Callable[[str], bool]
    items: Callable[[str], tuple[str, ...] | None]  # a stream's items as they are today


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact step is reached. For an item of a stream, `step` is an Email made for it."""

    step: Email | PersonTask | Webhook
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing to do before `until`. `wakeable`: a response may end it earlier."""

    until: datetime
    wakeable: bool
    because: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The cadence is over for this lead; `into` is the cadence that takes over."""

    event: Event
    word: str
    into: str | None = None


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk came to, and the fields it set on the way."""

    place: Place
    outcome: Contact | Sleep | Finished
    fields: Mapping[str, Any]


def walk(program: Program, place: Place, around: Surroundings, now: datetime) -> Walk:
    """Go on from `place` until there is something to do, to wait for, or nothing more.

    All jumps are forward, so that this ends. A goal that is reached ends the enrollment before the next step.
    """
    cadence = program.cadence
    pc, anchor, memory = place.pc, place.anchor, dict(place.memory)
    fields: dict[str, Any] = {}
    names: Mapping[str, Any] = around.names

    def stand(outcome: Contact | Sleep | Finished) -> Walk:
        return Walk(Place(pc, anchor, memory), outcome, fields)

    if cadence.goal is not None and cadence.goal.holds(names, around.history):
        return stand(Finished(Event.MEET_GOAL, "goal"))
    while pc < len(program.ops):
        op = program.ops[pc]
        match op:
            case Email() | PersonTask() | Webhook():
                return stand(Contact(op, anchor))
            case Wait(duration=duration):
                due = calendar.later(anchor, duration, zone=around.zone, country=around.country)
                if due > now:
                    return stand(Sleep(due, wakeable=cadence.goal is not None, because=f"waiting {duration}"))
                anchor = due
                pc += 1
            case WaitUntil():
                due = _day(op, anchor, around)
                if due > now:
                    return stand(Sleep(due, wakeable=cadence.goal is not None, because="waiting for the day"))
                anchor = max(anchor, due)
                pc += 1
            case WaitFor(condition=condition, timeout=timeout):
                due = calendar.later(anchor, timeout, zone=around.zone, country=around.country)
                if condition.holds(names, around.history):
                    anchor = max(anchor, min(now, due))
                elif due > now:
                    return stand(Sleep(due, wakeable=True, because=f"waiting for {condition.text}"))
                else:
                    anchor = due
                pc += 1
            case Stream():
                reached = _stream(op, anchor, memory, around, now)
                if isinstance(reached, Contact | Sleep):
                    return stand(reached)
                anchor = reached
                pc += 1
            case Branch(condition=condition, otherwise=otherwise):
                pc = pc + 1 if condition.holds(names, around.history) else otherwise
            case Fork(id=name, arms=arms):
                mark = chance("split", around.lead, cadence.name, name) * 100
                pc = next((target for upto, target in arms if mark < upto), arms[-1][1])
            case Jump(to=to):
                pc = to
            case Set(fields=values):
                fields.update(values)
                names = {**names, **values}
                pc += 1
            case Enroll(cadence=into):
                return stand(Finished(Event.FINISH, "handed over", into))
            case Stop(word=word):
                return stand(Finished(Event.FINISH, word))
    return stand(Finished(Event.FINISH, "completed"))


def _stream(
    op: Stream, anchor: datetime, memory: dict[str, Any], around: Surroundings, now: datetime
) -> Contact | Sleep | datetime:
    """The next item, the wait for it, or the moment at which the stream is over."""
    given = int(memory.get(op.id, 0))
    if given:
        due = calendar.later(anchor, op.every, zone=around.zone, country=around.country)
        if due > now:
            return Sleep(due, wakeable=False, because=f"one item each {op.every}")
    else:
        due = anchor
    if op.times is not None and given >= op.times:
        return due
    items = around.items(op.id) or op.items
    if given >= len(items):
        return due
    item = next((item for item in items if not around.had(item)), None)
    if item is None:
        return due
    return Contact(Email(op.line, item.rpartition("/")[2], item), due)


def _day(op: WaitUntil, anchor: datetime, around: Surroundings) -> datetime:
    """The start of the day that is waited for; the anchor itself where it is farther away than `if_within`."""
    match op.day:
        case YearDay(month=month, day=day):
            due = calendar.next_yearday(anchor, month, day, zone=around.zone)
        case FiscalDay(before=before):
            month, day = around.fiscal_year_start
            due = calendar.next_yearday(anchor, month, day, zone=around.zone, before=before)
        case date() as day:
            due = calendar.at_local(day, _MIDNIGHT, around.zone)
    if op.if_within is not None:
        limit = calendar.later(anchor, op.if_within, zone=around.zone, country=around.country)
        if due > limit:
            return anchor
    return due


_MIDNIGHT: Final = datetime.min.time()


def after_contact(program: Program, place: Place, at: datetime, *, counted: bool) -> Place:
    """The place after the contact on which `place` stands. Waits count from `at`, when it really happened.

    `counted` is False when it was skipped: the waits then count on from where they were. A skipped item of a stream
    takes its turn all the same, or the same item would come up again at once.
    """
    op = program.ops[place.pc]
    memory = dict(place.memory)
    anchor = at if counted else place.anchor
    if isinstance(op, Stream):
        memory[op.id] = int(memory.get(op.id, 0)) + 1
        return Place(place.pc, at, memory)
    return replace(place, pc=place.pc + 1, anchor=anchor, memory=memory)


# An enrollment, as stored ----------------------------------------------------------------------------------------

EnrollmentId = int


class Pause(StrEnum):
    """Why an enrollment is paused; several may hold at once."""

    OPERATOR = "operator"
    OFFERED = "offered"
    COLLEAGUE_OFFERED = "colleague_offered"
    REPLY = "reply"
    AUTO_REPLY = "auto_reply"
    QUALIFICATION = "qualification"
    PREFERENCE = "preference"


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One lead in one version of one cadence.

    `next_at` is the schedule: when the next pass must look at it; None while something else must happen first.
    """

    id: EnrollmentId
    lead: int
    cadence: str
    version: int
    state: State
    place: Place
    priority: int
    next_at: datetime | None
    started_at: datetime
    held_out: bool = False
    exclusive: bool = True
    waiting: bool = False
    touch: TouchId | None = None
    pauses: Mapping[str, str | None] = field(default_factory=dict)
    paused_at: datetime | None = None
    fence: int = 0
    ended_at: datetime | None = None
    reason: str | None = None

    def paused(self, why: Pause, *, until: datetime | None, now: datetime) -> Enrollment:
        """Paused for one more reason; the remaining wait is kept."""
        pauses = {**self.pauses, why.value: until.isoformat() if until else None}
        return replace(
            self,
            state=moved(self.state, Event.PAUSE),
            pauses=pauses,
            paused_at=self.paused_at or now,
            next_at=_wake(pauses),
            place=self.place if self.state is State.PAUSED else _remember_wait(self.place, self.next_at, now),
        )

    def resumed(self, why: Pause | None, *, now: datetime) -> Enrollment:
        """Without this reason for a pause (None: without any). Active again when none is left."""
        pauses = {key: until for key, until in self.pauses.items() if why is not None and key != why.value}
        if pauses:
            return replace(self, pauses=pauses, next_at=_wake(pauses))
        left = self.place.memory.get("left")
        memory = {key: value for key, value in self.place.memory.items() if key != "left"}
        shift = now - self.paused_at if self.paused_at else timedelta(0)
        return replace(
            self,
            state=moved(self.state, Event.RESUME),
            pauses={},
            paused_at=None,
            # Waits count from the anchor: moving it by the length of the pause keeps what was left of them.
            place=replace(self.place, anchor=self.place.anchor + shift, memory=memory),
            next_at=now + timedelta(seconds=left) if left is not None else None,
        )

    def lapsed(self, now: datetime) -> Enrollment:
        """Without the pauses whose date has come."""
        current = self
        for key, until in self.pauses.items():
            if until is not None and datetime.fromisoformat(until) <= now:
                current = current.resumed(Pause(key), now=now)
        return current


def _wake(pauses: Mapping[str, str | None]) -> datetime | None:
    """When the next dated pause ends; undated ones end only by a person or an event."""
    dated = [datetime.fromisoformat(until) for until in pauses.values() if until is not None]
    return min(dated, default=None)


def _remember_wait(place: Place, next_at: datetime | None, now: datetime) -> Place:
    if next_at is None:
        return place
    left = max(0.0, (next_at - now).total_seconds())
    return replace(place, memory={**place.memory, "left": left})


def started(cadence: Cadence, *, lead: int, version: int, now: datetime, exclusive: bool | None = None) -> Enrollment:
    """A new enrollment at the beginning of a cadence; `id` is given by the store. Due at once."""
    return Enrollment(
        id=0,
        lead=lead,
        cadence=cadence.name,
        version=version,
        state=State.ACTIVE,
        place=Place(0, now),
        priority=cadence.priority,
        next_at=now,
        started_at=now,
        held_out=is_held_out(lead, cadence.name, cadence.holdout),
        exclusive=cadence.exclusive if exclusive is None else exclusive,
    )


def ended(enrollment: Enrollment, event: Event, *, reason: str, now: datetime) -> Enrollment:
    """The enrollment, over."""
    state = moved(enrollment.state, event)
    if enrollment.state not in OPEN:
        return enrollment
    return replace(
        enrollment, state=state, ended_at=now, reason=reason, next_at=None, waiting=False, pauses={}, paused_at=None
    )
