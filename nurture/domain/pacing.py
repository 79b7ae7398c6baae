"""May this touch go now: Go, Wait(until, because) or Skip(because). The limits on pressure are kept here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.queue import PeopleQueue, Queue, RateQueue
from nurture.domain.touch import Channel, Reason

if TYPE_CHECKING:
    from nurture.domain.calendar import Window
    from nurture.domain.policy import Limits

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
MONTH: Final = timedelta(days=30)
# A search goes from opening to opening; this many are some years.
_STEPS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Go:
    """Now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: look again at `until`."""

    until: datetime
    because: Reason
    text: str = ""  # what is to be said about it, where the reason alone does not say it


@dataclass(frozen=True, slots=True)
class Skip:
    """Never: this touch will not be made."""

    because: Reason


Pace = Go | Wait | Skip


def limits_for(limits: Limits, *, light_until: datetime | None, now: datetime) -> Limits:
    """The limits of one lead: somebody who asked for less is contacted once in 30 days."""
    if light_until is None or light_until <= now:
        return limits
    return replace(limits, lead_per_30_days=min(1, limits.lead_per_30_days or 1))


def lead_free_at(counted: Sequence[datetime], limits: Limits, now: datetime, zone: ZoneInfo) -> datetime:
    """The earliest moment, not before `now`, at which one more touch keeps all limits of a lead.

    `counted`: when the lead's touches counted, in any order.
    """
    moments = sorted(counted)
    free = now
    for most, span in ((limits.lead_per_7_days, WEEK), (limits.lead_per_30_days, MONTH)):
        if most is not None:
            free = max(free, _rolling(moments, most, span, free))
    if limits.lead_per_day is not None:
        today = calendar.local_day(free, zone)
        same_day = sum(1 for moment in moments if calendar.local_day(moment, zone) == today)
        if same_day >= limits.lead_per_day:
            free = calendar.day_bounds(today, zone)[1]
            return lead_free_at(counted, limits, free, zone)
    return free


def _rolling(moments: Sequence[datetime], most: int, span: timedelta, now: datetime) -> datetime:
    """When fewer than `most` of the moments lie within `span` before."""
    if most <= 0:
        return datetime.max.replace(tzinfo=now.tzinfo)
    inside = [moment for moment in moments if now - moment < span]
    return inside[-most] + span if len(inside) >= most else now


def company_free_at(last_by_lead: Mapping[int, datetime], lead: int, limits: Limits, now: datetime) -> datetime:
    """The earliest moment at which this lead may be contacted beside its colleagues.

    `last_by_lead`: the latest counted touch of each person of the company. A limit counts people, not touches: one who
    was contacted within the week may be again.
    """
    most = limits.company_per_7_days
    if most is None or len(last_by_lead) < most:
        return now
    return PeopleQueue(Reason.LIMIT_COMPANY, most, WEEK, now, last_by_lead).free_at(now, lead)


# A touch that counted: when, of which enrollment, on which channel.
Counted = tuple[datetime, int | None, str]


def with_its_call(voicemail: tuple[datetime, int | None], touches: Iterable[Counted]) -> bool:
    """Whether a voicemail of this moment and enrollment goes with a call within the day before: they are one touch."""
    at, enrollment = voicemail
    return any(
        channel == Channel.CALL and enrollment == other and timedelta(0) <= at - call < DAY
        for call, other, channel in touches
    )


def as_counted(touches: Sequence[Counted]) -> list[datetime]:
    """When the touches of one lead count against its limits."""
    return [
        at
        for at, enrollment, channel in touches
        if channel != Channel.VOICEMAIL or not with_its_call((at, enrollment), touches)
    ]


@dataclass(slots=True)
class Paths:
    """Where the search for a slot may begin: what is known to be full stays full while slots are handed out."""

    known: dict[tuple[object, ...], datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asking:
    """One touch that asks for the earliest moment at which it may be made.

    `counted`: when the lead's touches counted, and when others that go first will. `in_turn`: it was given this slot.
    """

    lead: int
    window: Window
    zone: ZoneInfo
    fraction: float
    limits: Limits
    counted: Sequence[datetime]
    queues: tuple[Queue, ...] = ()
    in_turn: bool = False


def earliest(
    asking: Asking,
    now: datetime,
    *,
    begin: datetime | None = None,
    because: Reason = Reason.WINDOW,
    paths: Paths | None = None,
) -> Go | Wait:
    """The earliest legal moment of a touch: inside the window, within every limit, beside the slots handed out.

    It is not before `begin`, if given, for the reason that goes with it. A lead that waits for its window alone comes
    at its own offset into it, so that a backlog spreads. Where the queue of a sender or a mail domain is full, its rate
    spreads them: they follow each other from the opening on.
    """
    begin = now if begin is None else max(now, begin)
    first, why = _fitting(asking, begin, asking.fraction, because)
    if first <= now:
        return Go()
    rates = tuple(one for one in asking.queues if isinstance(one, RateQueue))
    alone, _ = _fitting(replace(asking, queues=()), begin, asking.fraction, because)
    if not rates or all(one.free_at(alone, asking.lead) == alone for one in rates):
        return Wait(first, why)
    paths = paths if paths is not None else Paths()
    key = (asking.window, asking.zone.key, begin, *(id(one) for one in rates))
    line = replace(asking, queues=rates, counted=(), in_turn=False)
    front, because = _fitting(line, paths.known.get(key, begin), 0.0, rates[-1].reason)
    paths.known[key] = front
    first, why = _fitting(asking, max(front, begin), 0.0, because)
    return Wait(first, why)


def _fitting(asking: Asking, moment: datetime, fraction: float, why: Reason) -> tuple[datetime, Reason]:
    """The first moment from this one on that suits everything at once, and the limit that it was put off for last."""
    begin = moment
    for _ in range(_STEPS):
        before = moment
        free = lead_free_at(asking.counted, asking.limits, moment, asking.zone) if asking.counted else moment
        if free > moment:
            moment, why = free, Reason.LIMIT_LEAD
        for queue in asking.queues:
            free = queue.free_at(moment, asking.lead, in_turn=asking.in_turn and moment == begin)
            if free > moment:
                moment, why = free, queue.reason
        moment = asking.window.next_slot(moment, asking.zone, fraction)
        if moment == before:
            break
    return moment, why
