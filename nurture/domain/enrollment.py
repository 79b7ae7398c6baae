"""The enrollment state machine: one lead in one version of one cadence, its schedule and its pauses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.chance import is_held_out
from nurture.domain.errors import RefusedError

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
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


# Under this name the memory of a place holds the day that a `wait_until` waits for. No stream can be called so.
DAY: Final = "wait until"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an enrollment stands. `memory`: items given by each stream and when its next is due."""

    pc: int
    anchor: datetime
    memory: Mapping[str, Any] = field(default_factory=dict)


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
        if DAY in memory:  # a day in the calendar comes when it comes: the next look knows when
            left = 0.0
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
