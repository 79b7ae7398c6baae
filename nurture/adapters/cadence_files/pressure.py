"""Plans that the limits on pressure make impossible: what is written for Tuesday would go out next week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from nurture.adapters.cadence_files.course import branches, place_of
from nurture.adapters.cadence_files.report import Report
from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
    If,
    PersonTask,
    Split,
    Step,
    Stop,
    Stream,
    Wait,
    WaitFor,
    WaitUntil,
)
from nurture.domain.duration import Duration, Unit
from nurture.domain.touch import Channel

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a silent lead has come: the time since it entered, and when it was contacted."""

    now: timedelta = timedelta()
    contacts: tuple[timedelta, ...] = ()
    called: bool = False  # just now, so that a voicemail belongs to the same touch


def pressure_problems(cadence: Cadence, report: Report, limits: Mapping[int, int]) -> None:
    """Warn of each contact that a limit moves, for a lead that does not react; `limits` are most touches by days."""
    _walk(cadence.steps, Moment(), report, limits)


def _walk(steps: Sequence[Step], moment: Moment, report: Report, limits: Mapping[int, int]) -> Moment | None:
    """Where a lead is after these steps; None where it never comes out."""
    for step in steps:
        match step:
            case PersonTask(channel=Channel.VOICEMAIL) if moment.called:
                moment = Moment(moment.now, moment.contacts)
            case Email() | PersonTask():
                called = isinstance(step, PersonTask) and step.channel is Channel.CALL
                moment = _contact(step, moment, report, limits, called=called)
            case Wait(duration=duration) | WaitFor(timeout=duration):
                moment = Moment(moment.now + _length(duration), moment.contacts)
            case WaitUntil():
                moment = Moment()  # any time may pass
            case Stream():
                _stream(step, report, limits)
                moment = Moment()
            case If() | Split():
                # After the branches, the calmest of them counts: a doubt is no problem.
                every = [_walk(branch, moment, report, limits) for branch in branches(step)]
                ways = [way for way in every if way is not None]
                if not ways:
                    return None
                moment = min(ways, key=lambda way: (len(way.contacts), -way.now))
            case Enroll() | Stop():
                return None
            case _:
                pass
    return moment


def _length(duration: Duration) -> timedelta:
    """About how long it takes on a calendar: five business days are a week, and so are forty business hours."""
    match duration.unit:
        case Unit.BUSINESS_DAYS:
            return duration.amount * 7 / 5 * DAY
        case Unit.BUSINESS_HOURS:
            return duration.amount / 8 * 7 / 5 * DAY
        case _:
            return duration.span


def _contact(step: Step, moment: Moment, report: Report, limits: Mapping[int, int], *, called: bool) -> Moment:
    legal, because = moment.now, ""
    for days, most in limits.items():
        # The touch that must be so many days old before this one may go.
        if 0 < most <= len(moment.contacts) and (blocking := moment.contacts[-most] + timedelta(days)) > legal:
            legal, because = blocking, _limit(most, days)
    if because:
        late = (legal - moment.now) / DAY
        report.warn(
            place_of(step, report), f"steps: the limit of {because} moves this by {late:.3g} day{'s' * (late != 1)}"
        )
    return Moment(legal, (*moment.contacts, legal), called)


def _stream(step: Stream, report: Report, limits: Mapping[int, int]) -> None:
    for days, most in limits.items():
        if most and _length(step.every) * most < days * DAY and len(step.items) > most:
            slow = f"an item every {step.every} is more than the limit of {_limit(most, days)}"
            report.warn(place_of(step, report), f"stream: {slow}")
            return


def _limit(most: int, days: int) -> str:
    return f"{most} touch{'es' * (most != 1)} in {days} day{'s' * (days != 1)}"
