"""The walk through a cadence's program: which step comes next, and when.

A cadence is laid out flat once (`program_of`): branches become jumps, all forward, so that a walk always ends. The
place of an enrollment is a position in that program and the moment from which its waits count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
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
from nurture.domain.chance import chance
from nurture.domain.enrollment import DAY, Event, Place
from nurture.domain.touch import State, Touch

if TYPE_CHECKING:
    from nurture.domain.condition import Condition, History

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

    def ahead(self, pc: int) -> Iterator[Op]:
        """The steps from a position on to the end of the cadence; a choice goes its first way."""
        while pc < len(self.ops):
            op = self.ops[pc]
            if isinstance(op, Jump):
                pc = op.to
                continue
            yield op
            if isinstance(op, Enroll | Stop):
                return
            pc += 1

    def next_contact(self, pc: int) -> str | None:
        """The first contact step at or after a position; where a condition or chance decides, of the first way."""
        return next((op.id for op in self.ahead(pc) if isinstance(op, Email | PersonTask | Webhook | Stream)), None)

    def is_decided(self, pc: int) -> bool:
        """Whether the next contact comes without a choice before it."""
        choices = Email | PersonTask | Webhook | Stream | Branch | Fork
        return not isinstance(next((op for op in self.ahead(pc) if isinstance(op, choices)), None), Branch | Fork)


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
    items: Callable[[Stream], tuple[str, ...]]  # a stream's items as they are today


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact step is reached. For an item of a stream, `step` is an Email made for it."""

    step: Email | PersonTask | Webhook
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing to do before `until`. `wakeable`: what is known of the lead may end it earlier."""

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


def goal_met(cadence: Cadence, around: Surroundings) -> bool:
    """Whether the lead has reached what the cadence is for."""
    return cadence.goal is not None and cadence.goal.holds(around.names, around.history)


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

    if goal_met(cadence, around):
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
                due = _remembered(memory[DAY], around.zone) if DAY in memory else _day(op, anchor, around)
                if due > now:
                    # A pause moves the anchor, and must not move the day; in another zone the same day begins then.
                    memory[DAY] = calendar.local_day(due, around.zone).isoformat()
                    return stand(Sleep(due, wakeable=cadence.goal is not None, because="waiting for the day"))
                memory.pop(DAY, None)
                anchor = max(anchor, due)
                pc += 1
            case WaitFor(condition=condition, timeout=timeout):
                due = calendar.later(anchor, timeout, zone=around.zone, country=around.country)
                if condition.holds(names, around.history):
                    anchor = max(anchor, min(now, due))
                elif due > now:
                    return stand(Sleep(due, wakeable=True, because=f"waiting for {condition.text}, at the latest"))
                else:
                    anchor = due
                pc += 1
            case Stream():
                reached = _stream(op, anchor, memory, around, now, wakeable=cadence.goal is not None)
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
    op: Stream, anchor: datetime, memory: dict[str, Any], around: Surroundings, now: datetime, *, wakeable: bool
) -> Contact | Sleep | datetime:
    """The next item, the wait for it, or the moment at which the stream is over."""
    given = int(memory.get(op.id, 0))
    if given:
        due = calendar.later(anchor, op.every, zone=around.zone, country=around.country)
        if due > now:
            return Sleep(due, wakeable=wakeable, because="between two items of its stream")
    else:
        due = anchor
    if op.times is not None and given >= op.times:
        return due
    item = next((item for item in around.items(op) if not around.had(item)), None)
    if item is None:
        return due
    return Contact(Email(op.line, item, item), due)


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


def _remembered(day: str, zone: ZoneInfo) -> datetime:
    return calendar.at_local(date.fromisoformat(day), _MIDNIGHT, zone)


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


def after_touch(program: Program, place: Place, made: Touch, now: datetime) -> Place:
    """The place after an open touch is over; waits count from when that really happened."""
    counted = made.counted_at is not None or made.state is State.EXPIRED
    at = made.sent_at or made.intent_at or now
    if made.state is State.EXPIRED and made.expires_at is not None:
        at = made.expires_at
    return after_contact(program, place, at if counted else now, counted=counted)
