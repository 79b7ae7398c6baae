"""May this touch go now: Go, Wait(until, because) or Skip(because). The limits on pressure live here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.calendar import Window
from nurture.domain.touch import Reason

WEEK: Final = timedelta(days=7)
MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Go:
    """Now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: look again at `until`."""

    until: datetime
    because: Reason


@dataclass(frozen=True, slots=True)
class Skip:
    """Never: this touch will not be made."""

    because: Reason


Pace = Go | Wait | Skip


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a lead, a company and a mail domain may be contacted. None: no limit."""

    lead_per_day: int | None = 1
    lead_per_7_days: int | None = 2
    lead_per_30_days: int | None = 6
    company_per_7_days: int | None = 3
    domain_per_hour: int | None = None


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
    if most is None:
        return now
    recent = {other: at for other, at in last_by_lead.items() if now - at < WEEK}
    if lead in recent or len(recent) < most:
        return now
    return sorted(recent.values())[-most] + WEEK


def domain_free_at(counted: Sequence[datetime], limits: Limits, now: datetime) -> datetime:
    """The earliest moment at which one more mail may go to this mail domain."""
    if limits.domain_per_hour is None:
        return now
    return _rolling(sorted(counted), limits.domain_per_hour, timedelta(hours=1), now)


def earliest(
    *,
    now: datetime,
    window: Window,
    zone: ZoneInfo,
    fraction: float,
    limits: Limits,
    lead: int,
    lead_counted: Sequence[datetime],
    company_last: Mapping[int, datetime],
    domain_counted: Sequence[datetime] = (),
    answers: bool = False,
) -> Go | Wait:
    """The earliest legal moment of a touch: inside the window and within every limit.

    `answers`: an answer to a reply or a kept promise counts, and is never deferred by a limit.
    """
    moment, why = now, Reason.WINDOW
    for _ in range(32):
        before = moment
        if not answers:
            for free, reason in (
                (lead_free_at(lead_counted, limits, moment, zone), Reason.LIMIT_LEAD),
                (company_free_at(company_last, lead, limits, moment), Reason.LIMIT_COMPANY),
                (domain_free_at(domain_counted, limits, moment), Reason.LIMIT_DOMAIN),
            ):
                if free > moment:
                    moment, why = free, reason
        slot = window.next_slot(moment, zone, fraction)
        if slot > moment:
            moment, why = slot, why if why is not Reason.WINDOW else Reason.WINDOW
        if moment == before:
            break
    return Go() if moment <= now else Wait(moment, why)
