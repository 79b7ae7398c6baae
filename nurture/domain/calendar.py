"""Local send windows, business days, holidays, month steps, daylight saving, spreading: all times are arguments."""

from __future__ import annotations

import re
import sys
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from itertools import count
from threading import Lock
from types import ModuleType
from typing import Final
from warnings import catch_warnings, simplefilter
from zoneinfo import ZoneInfo, available_timezones

from nurture.domain.duration import Duration, Unit

ONE_DAY: Final = timedelta(days=1)
ONE_SECOND: Final = timedelta(seconds=1)
DAY_MINUTES: Final = 24 * 60
DAY_NAMES: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT: Final = time()
OPEN_TIME: Final = {Unit.BUSINESS_HOURS, Unit.HOURS, Unit.MINUTES, Unit.SECONDS}


# Zones and local times


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    """Every zone name by its small letters, and by the city alone, for near matches."""
    names = sorted(available_timezones() - {"Factory", "localtime"})  # these two say nothing about a place
    cities = {name.rpartition("/")[2].lower(): name for name in names if "/" in name}
    return cities | {name.lower(): name for name in names}


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises ValueError with the near match when there is none.

    Only listed names are looked up: a name comes from a lead and must never become a path. An offset is refused,
    because it would be wrong for half the year.
    """
    known = _zone_names()
    folded = name.strip().lower().replace(" ", "_")[:64]
    if known.get(folded) == name:
        return ZoneInfo(name)
    if re.fullmatch(r"(utc|gmt)?[+-][0-9:]+", folded):
        raise ValueError(f"{name[:64]!r} is an offset, not a time zone: write a name such as 'Europe/Paris'.")
    near = get_close_matches(folded, known, n=1)
    hint = f"did you mean {known[near[0]]!r}?" if near else "write a name such as 'Europe/Paris'."
    raise ValueError(f"{name[:64]!r} is not a time zone: {hint}")


def at_local(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which local clocks show this. A time that exists twice is the first of the two.

    A time that does not exist (spring) becomes the first that does: the moment at which the clocks jump.
    """
    first, second = _readings(day, clock, zone)
    # Read with the offset before the jump, a time in a gap is later than with the one after it.
    return first if first <= second else _jump(zone, second, first)


def _readings(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments of a local time read with the offsets before and after a change: equal on nearly every day."""
    plain = datetime.combine(day, clock, UTC)
    first, second = zone.utcoffset(plain.replace(fold=0)), zone.utcoffset(plain.replace(fold=1))
    assert first is not None
    assert second is not None
    return plain - first, plain - second


def _jump(zone: ZoneInfo, before: datetime, until: datetime) -> datetime:
    """The moment after `before`, and no later than `until`, at which the zone's offset changes."""
    low, high = before.replace(microsecond=0), until.replace(microsecond=0)
    offset = low.astimezone(zone).utcoffset()
    while high - low > ONE_SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The date that people in the zone write at this moment."""
    return moment.astimezone(zone).date()


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first moment of a local day and the first of the next, in UTC: 23, 24 or 25 hours apart, or none at all."""
    return at_local(day, MIDNIGHT, zone), at_local(day + ONE_DAY, MIDNIGHT, zone)


# Business days

_BUILDING: Final = Lock()


@lru_cache(maxsize=4096)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    """The national public holidays of a year, observed days included; none for a country that is not known."""
    import holidays  # here, because it takes a while, and most commands never ask
    from holidays.registry import COUNTRIES

    code = country.strip().upper()
    # The library's own list of codes loads all 250 countries, which takes a second. Longer names are those of classes.
    if len(code) > 3 or not any(code in names for names in COUNTRIES.values()):
        return frozenset()
    # It promises nothing about threads, and warns of far years whose dates nobody has fixed yet.
    with _BUILDING, catch_warnings():
        simplefilter("ignore")
        # Its package of countries imports all of them, a tenth of a second. From a bare one each is imported alone.
        bare = ModuleType("holidays.countries")
        bare.__path__ = [f"{folder}/countries" for folder in holidays.__path__]
        sys.modules.setdefault(bare.__name__, bare)
        return frozenset(holidays.country_holidays(code, years=year))


def is_business_day(day: date, country: str | None) -> bool:
    """Monday to Friday and no public holiday of the ISO 3166 country; unknown or none: weekends only."""
    return day.weekday() < 5 and not (country and day in _public_holidays(country, day.year))


# Later and earlier


def later(start: datetime, duration: Duration, *, zone: ZoneInfo, country: str | None = None) -> datetime:
    """The moment, in UTC, that is this much later for someone who lives in the zone; never before `start`.

    Days, weeks, months and business days keep the local hour; hours, minutes and seconds are elapsed time; business
    hours count Monday to Friday, 09:00 to 17:00. From a Saturday, one business day later is Monday.
    """
    unit, amount = duration.unit, duration.amount
    if unit is Unit.HOURS or unit is Unit.MINUTES or unit is Unit.SECONDS or not amount:
        return start.astimezone(UTC) + duration.span
    if unit is Unit.BUSINESS_HOURS:
        return _open_time_later(start, duration.span, OFFICE, zone, country, ())
    local = start.astimezone(zone)
    if unit is Unit.BUSINESS_DAYS:
        day = local.date()
        while amount:
            day += ONE_DAY
            amount -= is_business_day(day, country)
    else:
        day = _moved(local.date(), amount, unit)
    return at_local(day, local.time(), zone)


def earlier_day(day: date, duration: Duration) -> date:
    """The day this much earlier. Raises ValueError for a duration that is not in days.

    Business days skip weekends only: no country is known here.
    """
    if duration.unit is Unit.BUSINESS_DAYS:
        amount = duration.amount
        while amount:
            day -= ONE_DAY
            amount -= is_business_day(day, None)
        return day
    return _moved(day, -duration.amount, duration.unit)


def _moved(day: date, amount: int, unit: Unit) -> date:
    """A day moved by days, weeks or months; the 31st becomes the last day of a shorter month."""
    if unit is Unit.DAYS:
        return day + timedelta(days=amount)
    if unit is Unit.WEEKS:
        return day + timedelta(weeks=amount)
    if unit is not Unit.MONTHS:
        raise ValueError(f"A day cannot be moved by {unit}: write days, weeks or months.")
    year, month = divmod(day.year * 12 + day.month - 1 + amount, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def next_yearday(start: datetime, month: int, day: int, *, zone: ZoneInfo, before: Duration | None = None) -> datetime:
    """The first moment of the next such day, less `before`, on or after the local date of `start`.

    On the day itself that is its beginning, which may be earlier than `start`. 29 February falls on the 28th in other
    years. Raises ValueError for a day that no year has.
    """
    date(2024, month, day)  # a leap year has every day that exists
    today = local_day(start, zone)
    for year in count(today.year):
        found = date(year, month, min(day, monthrange(year, month)[1]))
        if before:
            found = earlier_day(found, before)
        if found >= today:
            return at_local(found, MIDNIGHT, zone)
    raise AssertionError("unreachable: years do not end")


# Windows


@dataclass(frozen=True, slots=True)
class Window:
    """The local hours in which contact is allowed; `days` counts Monday as 0, the rest are minutes of the local day.

    A minute that exists twice in autumn is open once when the window closes in it: the first closing counts.
    """

    days: frozenset[int] = frozenset(range(5))
    opens_minute: int = 9 * 60
    closes_minute: int = 17 * 60

    def __post_init__(self) -> None:
        if not self.days or not self.days <= set(range(7)):
            raise ValueError("A window needs at least one day of the week.")
        if not 0 <= self.opens_minute < self.closes_minute <= DAY_MINUTES:
            raise ValueError("A window must open before it closes, between 00:00 and 24:00.")

    def __str__(self) -> str:
        return f"{_days_text(self.days)} {_clock_text(self.opens_minute)}-{_clock_text(self.closes_minute)}"

    @property
    def always(self) -> bool:
        """True if it never closes."""
        return self.closes_minute - self.opens_minute == DAY_MINUTES and len(self.days) == 7

    def is_open(self, moment: datetime, zone: ZoneInfo) -> bool:
        """True if local clocks show an open minute."""
        local = moment.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if not self.opens_minute <= minute < self.closes_minute or local.weekday() not in self.days:
            return False
        if not local.fold or self.always:
            return True
        return any(opens <= moment < closes for opens, closes in _openings(self, local.date(), zone))

    def next_open(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The moment itself when open, else the next opening, in UTC."""
        return self.next_slot(moment, zone, 0)

    def next_slot(self, moment: datetime, zone: ZoneInfo, fraction: float) -> datetime:
        """The moment itself when open, else that fraction of the way through the next opening, in UTC.

        `fraction`, from 0 to less than 1, is the lead's own and fixed, so that a backlog spreads over the window.
        """
        if not 0 <= fraction < 1:
            raise ValueError(f"The fraction must be at least 0 and less than 1, not {fraction}.")
        moment = moment.astimezone(UTC)
        if self.is_open(moment, zone):
            return moment
        today = local_day(moment, zone)
        for ahead in count():
            for opens, closes in self.openings(today + timedelta(days=ahead), zone):
                if moment < opens:
                    return opens + timedelta(seconds=int(fraction * (closes - opens).total_seconds()))
        raise AssertionError("unreachable: a window has a day, and weeks do not end")

    def openings(self, day: date, zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
        """When it opens and closes on a local day, in UTC: once, rarely twice (autumn), or never (a gap in spring)."""
        return _openings(self, day, zone) if day.weekday() in self.days else ()


@lru_cache(maxsize=8192)  # a pass asks for few days, zones and windows, thousands of times
def _openings(window: Window, day: date, zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
    opening = time(*divmod(window.opens_minute, 60))
    opens = at_local(day, opening, zone)
    if window.closes_minute == DAY_MINUTES:
        closes = at_local(day + ONE_DAY, MIDNIGHT, zone)
    else:
        closes = at_local(day, time(*divmod(window.closes_minute, 60)), zone)
    if opens >= closes:
        return ()
    first, second = _readings(day, opening, zone)
    if first < second < closes:
        jump = _jump(zone, first, second)
        if jump < second:  # after the clocks went back it is before opening time once more
            return (opens, jump), (second, closes)
    return ((opens, closes),)


OFFICE: Final = Window()


def parse_window(days: str = "mon-fri", hours: str = "09:00-17:00") -> Window:
    """The window that these words mean. Raises ValueError with a sentence that shows how to write it."""
    opens, closes = _parse_hours(hours)
    return Window(_parse_days(days), opens, closes)


def parse_hours(text: str) -> Window:
    """The window of a person's `hours`: days, a blank, hours. Raises ValueError like `parse_window`."""
    days, _, hours = text.strip().rpartition(" ")
    if not days:
        raise ValueError(f"{text[:40]!r} must be days and hours: write for example 'mon-fri 09:00-17:00'.")
    return parse_window(days, hours)


_WORKDAYS: Final = frozenset({"weekdays", "workdays", "working days", "business days"})
_DASHES: Final = dict.fromkeys(range(0x2010, 0x2016), "-") | {0x2212: "-"}


def _parse_days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        start = _weekday(first, text)
        end = _weekday(last, text) if dash else start
        found.update((start + ahead) % 7 for ahead in range((end - start) % 7 + 1))
    return frozenset(found)


def _weekday(name: str, text: str) -> int:
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    for number, short in enumerate(DAY_NAMES):
        if name in {short, full[number]}:
            return number
    near = ["mon-fri"] if name in _WORKDAYS else get_close_matches(name[:3], DAY_NAMES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "write for example 'mon-fri' or 'mon,wed,fri'."
    raise ValueError(f"{text[:40]!r} has no known day {name[:20]!r}: {_with_hyphen(text) or hint}")


def _with_hyphen(text: str) -> str:
    """What to write in place of a dash, which word processors put where a hyphen was typed."""
    plain = text.translate(_DASHES)
    return f"write the plain hyphen, {plain[:40]!r}." if plain != text else ""


def _parse_hours(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*", text)
    if not found:
        hint = _with_hyphen(text) or "write for example '09:00-17:00'."
        raise ValueError(f"{text[:40]!r} must be an opening and a closing: {hint}")
    hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
    opens, closes = hour * 60 + minute, end_hour * 60 + end_minute
    if max(minute, end_minute) > 59 or max(opens, closes) > DAY_MINUTES:
        raise ValueError(f"{text[:40]!r} has a time that no day has: write from '00:00' to '24:00'.")
    if opens >= closes:
        raise ValueError(f"{text[:40]!r} opens after it closes: a window ends the same day, at the latest at '24:00'.")
    return opens, closes


def _days_text(days: frozenset[int]) -> str:
    if len(days) == 7:
        return "mon-sun"
    runs = []
    for first in sorted(day for day in days if (day - 1) % 7 not in days):
        last = next(day for day in count(first) if (day + 1) % 7 not in days)
        runs.append(DAY_NAMES[first] if last == first else f"{DAY_NAMES[first]}-{DAY_NAMES[last % 7]}")
    return ",".join(runs)


def _clock_text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


# A person's working hours


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When a person works: the days of the window, less public holidays and absences (both ends included).

    The days of the window take the place of Monday to Friday: who works `sun-thu` works on Sunday.
    """

    window: Window = OFFICE
    zone: str = "UTC"
    country: str | None = None
    away: tuple[tuple[date, date], ...] = ()


def business_hours_later(start: datetime, hours: Duration, working: WorkingHours) -> datetime:
    """The moment, in UTC, at which the person has had this much open time since `start`.

    From Friday 16:30, eight business hours of nine to five are over on Monday 16:30; what ends with the day ends at
    its closing, not at the next opening. Raises ValueError for a duration in days, and if the person never works again.
    """
    if hours.unit not in OPEN_TIME:
        raise ValueError(f"{hours} are not business hours: write for example '8 business hours'.")
    where = zone(working.zone)
    return _open_time_later(start, hours.span, working.window, where, working.country, working.away)


def business_days_later(start: datetime, n: int, working: WorkingHours) -> datetime:
    """The moment, in UTC, that is `n` of the person's working days later, at the same local hour.

    Raises ValueError if the person never works again.
    """
    if n < 0:
        raise ValueError(f"The number of business days cannot be negative: {n}.")
    where = zone(working.zone)
    if not n:
        return start.astimezone(UTC)
    local = start.astimezone(where)
    days = _working_days(local.date() + ONE_DAY, working.window, working.country, working.away)
    for _ in range(n):
        day = next(days)
    return at_local(day, local.time(), where)


def at_work(start: datetime, working: WorkingHours) -> datetime:
    """The first moment from `start` on, in UTC, at which the person works. Raises ValueError if that never is."""
    where = zone(working.zone)
    for day in _working_days(local_day(start, where), working.window, working.country, working.away):
        for opens, closes in working.window.openings(day, where):
            if start < closes:
                return max(opens, start).astimezone(UTC)
    raise AssertionError  # the days never end: there is none, or the next one


def _open_time_later(
    start: datetime,
    span: timedelta,
    window: Window,
    zone: ZoneInfo,
    country: str | None,
    away: tuple[tuple[date, date], ...],
) -> datetime:
    start = start.astimezone(UTC)
    if not span:
        return start
    for day in _working_days(local_day(start, zone), window, country, away):
        for opens, closes in window.openings(day, zone):
            begins = max(opens, start)
            if begins < closes:
                if span <= closes - begins:
                    return begins + span
                span -= closes - begins
    raise AssertionError("unreachable: working days do not end, they raise")


def _working_days(
    day: date, window: Window, country: str | None, away: tuple[tuple[date, date], ...]
) -> Iterator[date]:
    """The working days from this one on. Raises ValueError when there are no more."""
    try:
        while True:
            absence = max((last for first, last in away if first <= day <= last), default=None)
            holiday = country and day in _public_holidays(country, day.year)
            if absence:
                day = absence
            elif day.weekday() in window.days and not holiday:
                yield day
            day += ONE_DAY
    except OverflowError:
        raise ValueError("There is no working day left: look at the absences.") from None
