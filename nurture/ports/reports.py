"""Counts for the reports, added up where the rows are: their cost in memory does not grow with the leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from nurture.domain.digest import Happened
    from nurture.domain.reception import Reception


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the leads of one source came, ever: one that was rejected later was offered all the same.

    `source` is None where nobody said it. `middle` is when the lead in the middle arrived.
    """

    source: str | None
    leads: int
    contacted: int
    responded: int
    near_term: int
    offered: int
    accepted: int
    rejected: int
    won: int
    middle: datetime


@dataclass(frozen=True, slots=True)
class Waited:
    """Leads of one source that arrived on one day, and on which day they first reached a step; None: not yet."""

    source: str | None
    step: str  # contacted, near_term, offered, accepted, won
    arrived: date
    reached: date | None
    leads: int


@dataclass(frozen=True, slots=True)
class Earned:
    """What the won leads of one source are worth, in one currency."""

    source: str | None
    currency: str
    amount: float


@dataclass(frozen=True, slots=True)
class Arm:
    """The people who were in one cadence, those who got it or those held out, and what came of them since.

    `states` counts enrollments: a person may have been in it twice.
    """

    cadence: str
    held_out: bool
    people: int
    near_term: int
    accepted: int
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Work:
    """What a cadence did: touches by state, and the people who clicked and replied."""

    cadence: str
    touches: Mapping[str, int]
    clicked: int
    replied: int


@dataclass(frozen=True, slots=True)
class Held:
    """Touches that wait, or were not made, for one reason. `next_at` to `until` is when they are looked at again."""

    reason: str
    state: str
    touches: int
    leads: int
    oldest_due_at: datetime
    next_at: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Made:
    """What one part of a cadence, a step or a version, did: touches by state, and people by what they did in return."""

    part: str
    channel: str  # of its first touch
    touches: Mapping[str, int]
    people: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Entered:
    """Enrollments of one version of a cadence in one state."""

    version: int
    state: str
    held_out: bool
    enrollments: int


@dataclass(frozen=True, slots=True)
class Desk:
    """What one rep did with what was offered. `middle_wait`: from offer to answer, half of the answers took longer."""

    rep: str
    states: Mapping[str, int]
    reasons: Mapping[str, int]  # of rejections, the most frequent first
    middle_wait: timedelta | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person. `queued`: ready leads by why no rep has them; `doers`: who has open work, by address,
    name or role."""

    idle: int
    inbox: int
    queued: Mapping[str, int]
    late: int
    in_doubt: int
    no_zone: int
    doers: frozenset[str]


class Reports(Protocol):
    """What became of leads and of what was sent. Merged leads are counted as one; forgotten ones are still counted."""

    def reception(self, last: int, *, since: datetime) -> Reception:
        """How the last mails, so many, that were sent after a moment were received."""

    def reached(self) -> list[Reached]:
        """How far the leads of each source came; each lead once, by source name, the unknown one last."""

    def waited(self) -> list[Waited]:
        """How long the leads of each source took to each step, by days."""

    def earned(self) -> list[Earned]:
        """What was won, by source and currency."""

    def arms(self) -> list[Arm]:
        """Who was in each cadence and who was held out of it, by cadence; those who got it first."""

    def work(self) -> list[Work]:
        """What each cadence did, by cadence."""

    def held(self) -> list[Held]:
        """What waits or was not made, the most frequent first."""

    def made(self, cadence: str, *, by: Literal["step", "version"]) -> list[Made]:
        """What each step or version of a cadence did, by its first touch."""

    def entered(self, cadence: str) -> list[Entered]:
        """Who entered each version of a cadence and how it ended, by version."""

    def desks(self) -> list[Desk]:
        """What each rep did with what was offered, by rep."""

    def happened(self, since: datetime, until: datetime) -> Happened:
        """What happened from one moment (included) to another (not)."""

    def waiting(self, *, late_before: datetime) -> Waiting:
        """What waits for a person; tasks are late that were due before a moment."""
