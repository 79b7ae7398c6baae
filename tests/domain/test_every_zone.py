"""Every zone, and every change of its clocks from 2025 to 2030, against `whenever`, which knows nothing of this code.

Zones whose clocks show the same all through these years are one: the first of them stands for its aliases.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
import whenever

from nurture.domain.calendar import Window, is_business_day, later, next_yearday, zone
from nurture.domain.duration import Duration, Unit
from tests.domain.test_calendar import SECOND, changes, oracle_holds

FIRST, LAST = 2025, 2031
QUARTER = timedelta(minutes=15)
STEPS = [Duration(1, Unit.DAYS), Duration(2, Unit.WEEKS), Duration(1, Unit.MONTHS), Duration(3, Unit.BUSINESS_DAYS)]


@cache
def every_change() -> tuple[tuple[str, datetime], ...]:
    """(zone, moment of a change) of every zone that has any."""
    seen: dict[tuple[object, ...], str] = {}
    found: list[tuple[str, datetime]] = []
    for name in sorted(available_timezones() - {"Factory", "localtime"}):
        where = zone(name)
        at = tuple(changes(where, FIRST, LAST))
        looks = (
            *at,
            *((moment - SECOND).astimezone(where).utcoffset() for moment in at),
            at and at[-1].astimezone(where).utcoffset(),
        )
        if at and looks not in seen:
            seen[looks] = name
            found += [(name, moment) for moment in at]
    return tuple(found)


def shown_at(moment: datetime, name: str) -> whenever.ZonedDateTime:
    """What clocks there show, as `whenever` has it."""
    return whenever.Instant.from_timestamp(int(moment.timestamp())).to_tz(name)


def edges(moment: datetime, where: ZoneInfo) -> Iterator[datetime]:
    """Local times before, in and after what a change leaves out or repeats."""
    low, high = sorted(one.astimezone(where).replace(tzinfo=None) for one in (moment - SECOND, moment))
    for edge in (low - QUARTER, low + SECOND, low + (high - low) / 2, high, high + QUARTER):
        yield edge.replace(microsecond=0)


def test_there_are_changes_in_every_year_and_in_many_kinds_of_zones() -> None:
    years = {moment.year for _, moment in every_change()}
    assert years == set(range(FIRST, LAST))
    assert len({name for name, _ in every_change()}) > 25


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_waits_that_end_at_a_change_keep_the_local_hour(step: Duration) -> None:
    for name, moment in every_change():
        where = zone(name)
        for wanted in edges(moment, where):
            start = _before(wanted.date(), step)
            begins = shown_begin(start, wanted, name)
            if begins is None:
                continue
            answer = later(begins, step, zone=where, country=None)
            day = _after(start, step)
            assert oracle_holds(day, wanted.time(), name, answer), (name, wanted, step)


def shown_begin(day: date, wanted: datetime, name: str) -> datetime | None:
    """The moment at which clocks there first show this time on this day; None where they never do."""
    plain = whenever.PlainDateTime(day.year, day.month, day.day, wanted.hour, wanted.minute, wanted.second)
    first = plain.assume_tz(name, disambiguation="earlier")
    if first.to_plain() != plain:
        return None
    return datetime.fromtimestamp(first.timestamp(), UTC)


def _before(day: date, step: Duration) -> date:
    """A day from which the step leads to this one, or about there."""
    match step.unit:
        case Unit.BUSINESS_DAYS:
            return day - timedelta(days=3)
        case Unit.MONTHS:
            return date(day.year - (day.month == 1), (day.month - 2) % 12 + 1, min(day.day, 28))
        case _:
            return day - step.span


def _after(day: date, step: Duration) -> date:
    """Where a step leads, counted by `whenever` and, for business days, one by one."""
    if step.unit is Unit.BUSINESS_DAYS:
        left = step.amount
        while left:
            day += timedelta(days=1)
            left -= is_business_day(day, None)
        return day
    moved = whenever.Date(day.year, day.month, day.day).add(**{step.unit.value: step.amount})
    return date(moved.year, moved.month, moved.day)


def test_hours_are_elapsed_time_through_every_change() -> None:
    for name, moment in every_change():
        begins = moment - timedelta(hours=5)
        answer = later(begins, Duration(12, Unit.HOURS), zone=zone(name))
        assert shown_at(begins, name).add(hours=12).timestamp() == answer.timestamp()


def test_the_next_such_day_begins_when_its_first_moment_comes() -> None:
    for name, moment in every_change():
        day = shown_at(moment, name).date()
        answer = next_yearday(moment - timedelta(days=3), day.month, day.day, zone=zone(name))
        first = whenever.Date(day.year, day.month, day.day).at(whenever.Time()).assume_tz(name, disambiguation="later")
        if first.to_plain().date() == day and first.to_plain().time() == whenever.Time():
            first = first.to_plain().assume_tz(name, disambiguation="earlier")
            assert answer.timestamp() == first.timestamp(), name
        else:
            assert shown_at(answer, name).date() == day
            assert shown_at(answer - SECOND, name).date() < day


WINDOWS = [
    Window(),
    Window(frozenset(range(7)), 0, 90),
    Window(frozenset(range(7)), 120, 180),
    Window(frozenset(range(7)), 0, 1440),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_window_is_open_when_clocks_say_so_and_the_next_opening_misses_none(window: Window) -> None:
    for name, moment in every_change():
        where = zone(name)
        probes = [moment + (step * QUARTER) for step in range(-14, 15, 2)]
        opened = [window.is_open(probe, where) for probe in probes]
        for probe, is_open in zip(probes, opened, strict=True):
            local = shown_at(probe, name)
            says = _clock_says(window, local)
            twice = local.to_plain().assume_tz(name, disambiguation="earlier") != local
            assert not is_open or says, (name, probe)
            assert is_open == says or twice, (name, probe)  # what exists twice is used once
        answer = window.next_open(probes[0], where)
        assert _clock_says(window, shown_at(answer, name))
        assert not any(is_open for probe, is_open in zip(probes, opened, strict=True) if probe < answer)


def _clock_says(window: Window, local: whenever.ZonedDateTime) -> bool:
    minute = local.hour * 60 + local.minute
    weekday = local.date().day_of_week().value - 1
    return weekday in window.days and window.opens_minute <= minute < window.closes_minute
