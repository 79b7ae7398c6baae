"""A test that a marketer writes for a cadence: a lead, what it does and when, and the touches that must follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from nurture.domain import calendar

if TYPE_CHECKING:
    from nurture.domain.response import Kind
    from nurture.domain.touch import Channel

WORKED_OUT: Final = ("score", "fit", "engagement", "asked_for_sales")  # of a lead, by the program itself
When = date | datetime  # a day, or a moment; one without a zone is local to the lead


@dataclass(frozen=True, slots=True)
class Told:
    """Something the lead does. `step`: the touch that it answers. `detail` as in a response, `facts` among it."""

    at: When
    kind: Kind
    step: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """A touch that must be made: an e-mail that goes out, a task that is handed to a person."""

    at: When
    channel: Channel
    step: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One test. The lead enters the cadence at `start`, whatever its condition says."""

    cadence: str
    lead: Mapping[str, Any]
    start: When
    responses: tuple[Told, ...] = ()
    expect: tuple[Expected, ...] = ()
    file: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """A touch that was made."""

    at: datetime
    channel: Channel
    step: str


def moment(when: When, zone: ZoneInfo, *, clock: time = time.min) -> datetime:
    """The moment that is meant; `clock` is the time of a day alone."""
    if not isinstance(when, datetime):
        return calendar.at_local(when, clock, zone)
    if when.tzinfo is None:
        return calendar.at_local(when.date(), when.time(), zone)
    return when.astimezone(UTC)


def ends_at(when: When, zone: ZoneInfo) -> datetime:
    """The last moment that fits."""
    if isinstance(when, datetime):
        return moment(when, zone) + timedelta(minutes=1)
    return calendar.day_bounds(when, zone)[1]


def fits(wanted: Expected, made: Done, zone: ZoneInfo) -> bool:
    """Whether a touch is the one that was expected: on the day, or within the minute."""
    in_time = moment(wanted.at, zone) <= made.at < ends_at(wanted.at, zone)
    return in_time and wanted.channel is made.channel and wanted.step == made.step


def first_wrong(test: Rehearsal, made: Sequence[Done], zone: ZoneInfo) -> tuple[int, str] | None:
    """(line, what happened instead) of the first expectation that does not hold. None: all do, and nothing more."""
    for at, wanted in enumerate(test.expect):
        words = f"expected {wanted.channel} {wanted.step} on {_said(wanted.at)}"
        if at >= len(made):
            return wanted.line, f"{words}; nothing more happened"
        if not fits(wanted, made[at], zone):
            return wanted.line, f"{words}; instead: {_told(made[at], zone)}"
    if len(made) > len(test.expect):
        line = test.expect[-1].line if test.expect else test.line
        return line, f"nothing more was expected; then came {_told(made[len(test.expect)], zone)}"
    return None


def _said(when: When) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if isinstance(when, datetime) else when.isoformat()


def _told(one: Done, zone: ZoneInfo) -> str:
    return f"{one.channel} {one.step} on {one.at.astimezone(zone):%Y-%m-%d %H:%M}"
