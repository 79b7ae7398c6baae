"""The calendar: its rules by example, by property, and against `whenever`, which knows nothing of this code."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
import whenever
from holidays.registry import COUNTRIES
from hypothesis import example, given
from hypothesis import strategies as st

from nurture.domain.calendar import (
    Window,
    WorkingHours,
    at_local,
    business_days_later,
    business_hours_later,
    day_bounds,
    earlier_day,
    is_business_day,
    later,
    local_day,
    next_yearday,
    parse_hours,
    parse_window,
    zone,
)
from nurture.domain.duration import Duration, Unit, parse_duration

PARIS = zone("Europe/Paris")
NEW_YORK = zone("America/New_York")
SECOND, MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
# Half-hour jumps, jumps at midnight, two a year for Ramadan, a day that never was, far from Greenwich, none at all.
ODD_ZONES = [
    "UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Cairo",
    "Africa/Casablanca", "America/Havana", "America/Nuuk", "America/Scoresbysund", "Atlantic/Azores", "Pacific/Apia",
    "Pacific/Kiritimati", "Pacific/Chatham", "America/Santiago", "Asia/Kathmandu", "America/St_Johns",
]  # fmt: skip

zones = st.sampled_from(ODD_ZONES).map(zone)
# From 2009: Samoa had no 30 December 2011, and Newfoundland still went back over midnight.
moments = st.integers(0, 31 * 366 * 86_400_000).map(lambda ms: datetime(2009, 1, 1, tzinfo=UTC) + ms * MILLISECOND)
windows = st.builds(
    lambda days, ends: Window(frozenset(days), min(ends), max(ends)),
    st.sets(st.integers(0, 6), min_size=1),
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda ends: ends[0] != ends[1]),
)
fractions = st.floats(0, 1, exclude_max=True)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def shown(moment: datetime, where: ZoneInfo = PARIS) -> str:
    assert moment.tzinfo is UTC
    return moment.astimezone(where).strftime("%a %Y-%m-%d %H:%M")


@cache
def changes(where: ZoneInfo, year: int, until: int) -> tuple[datetime, ...]:
    """The moments at which a zone's offset changes, found by looking every week: none lasts less than a month."""
    found = []
    low = datetime(year, 1, 1, tzinfo=UTC)
    offset = low.astimezone(where).utcoffset()
    while low.year < until:
        high = low + timedelta(days=7)
        if (changed := high.astimezone(where).utcoffset()) != offset:
            before, after = low, high
            while after - before > SECOND:
                middle = before + (after - before) // 2
                middle = middle.replace(microsecond=0)
                if middle.astimezone(where).utcoffset() == offset:
                    before = middle
                else:
                    after = middle
            found.append(after)
        low, offset = high, changed
    return tuple(found)


def oracle_holds(day: date, clock: time, name: str, answer: datetime) -> bool:
    """True if `whenever` agrees that this is the first moment whose local clock shows this time or a later one."""
    wanted = whenever.PlainDateTime(day.year, day.month, day.day, clock.hour, clock.minute, clock.second)
    first = wanted.assume_tz(name, disambiguation="earlier")
    instant = whenever.Instant.from_timestamp(int(answer.timestamp()))
    if first.to_plain() == wanted:
        return instant == first.to_instant()
    before = instant.subtract(seconds=1).to_tz(name).to_plain()
    return before < wanted < instant.to_tz(name).to_plain()


# Zones


def test_every_listed_zone_is_found() -> None:
    for name in available_timezones() - {"Factory", "localtime"}:
        assert zone(name).key == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Europe/Pari", "did you mean 'Europe/Paris'?"),
        ("europe/paris", "did you mean 'Europe/Paris'?"),
        ("Paris", "did you mean 'Europe/Paris'?"),
        ("America/New York", "did you mean 'America/New_York'?"),
        ("+02:00", "is an offset"),
        ("UTC+2", "is an offset"),
        ("GMT-05:30", "is an offset"),
        ("", "is not a time zone"),
        ("localtime", "is not a time zone"),
        ("../../etc/passwd", "is not a time zone"),
        ("/etc/passwd", "is not a time zone"),
        ("Europe/../Europe/Paris", "is not a time zone"),
        ("Europe/Paris\0", "is not a time zone"),
        ("x" * 100_000, "is not a time zone"),
    ],
)
def test_what_is_not_a_zone_name_is_refused_with_the_near_match(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"Europe/Paris|did you mean") as refused:
        zone(name)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 200


# Local times


def test_a_time_that_the_spring_skips_becomes_the_first_that_exists() -> None:
    assert shown(at_local(date(2026, 3, 29), time(2, 30), PARIS)) == "Sun 2026-03-29 03:00"
    assert shown(at_local(date(2026, 3, 29), time(2), PARIS)) == "Sun 2026-03-29 03:00"
    assert shown(at_local(date(2026, 3, 29), time(3), PARIS)) == "Sun 2026-03-29 03:00"


def test_a_time_that_the_autumn_repeats_is_the_first_of_the_two() -> None:
    assert at_local(date(2026, 10, 25), time(2, 30), PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert at_local(date(2026, 10, 25), time(2, 30, fold=1), PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_that_never_was_is_empty_and_becomes_the_next() -> None:
    apia = zone("Pacific/Apia")
    begins, ends = day_bounds(date(2011, 12, 30), apia)
    assert begins == ends == day_bounds(date(2011, 12, 31), apia)[0]


def test_a_day_of_the_clock_change_is_23_or_25_hours_long() -> None:
    lengths = [ends - begins for begins, ends in (day_bounds(date(2026, m, d), PARIS) for m, d in [(3, 29), (10, 25)])]
    assert lengths == [timedelta(hours=23), timedelta(hours=25)]


def test_the_local_day_is_the_one_that_people_there_write() -> None:
    moment = datetime(2026, 6, 30, 23, tzinfo=UTC)
    assert local_day(moment, PARIS) == date(2026, 7, 1)
    assert local_day(moment, NEW_YORK) == date(2026, 6, 30)


def test_gaps_and_repeats_of_every_zone_agree_with_an_independent_library() -> None:
    checked = 0
    for name in sorted(available_timezones() - {"Factory", "localtime"}):
        where = zone(name)
        for change in changes(where, 2025, 2031):
            edges = (change - SECOND).astimezone(where), change.astimezone(where)
            low, high = sorted(edge.replace(tzinfo=None) for edge in edges)
            for wanted in (low - SECOND, low, low + (high - low) / 2, high, high + SECOND):
                wanted = wanted.replace(microsecond=0)
                assert oracle_holds(wanted.date(), wanted.time(), name, at_local(wanted.date(), wanted.time(), where))
                checked += 1
    assert checked > 5000


@given(moments, zones)
def test_every_local_time_is_reached_and_exact(moment: datetime, where: ZoneInfo) -> None:
    local = moment.astimezone(where)
    assert at_local(local.date(), local.time(), where) == local.replace(fold=0)


# Business days


@pytest.mark.parametrize(
    ("day", "country", "open_for_business"),
    [
        (date(2026, 7, 14), "FR", False),
        (date(2026, 7, 14), "fr", False),
        (date(2026, 7, 14), "US", True),
        (date(2026, 7, 3), "US", False),  # observed: the 4th is a Saturday
        (date(2026, 7, 14), None, True),
        (date(2026, 7, 14), "", True),
        (date(2026, 7, 14), "XX", True),
        (date(2026, 7, 14), "HolidayBase", True),
        (date(2026, 7, 18), None, False),
        (date(2026, 7, 19), "XX", False),
        (date(2050, 8, 15), "IN", False),
    ],
)
def test_business_days_are_monday_to_friday_without_holidays(
    day: date, country: str | None, open_for_business: bool
) -> None:
    assert is_business_day(day, country) is open_for_business


@pytest.mark.parametrize(
    ("country", "is_known"),
    [("US", True), ("gb", True), (" DEU ", True), ("ZZ", False), ("ECB", False), ("Korea", False), ("U", False)],
)
def test_a_country_is_known_by_its_code_alone(country: str, is_known: bool) -> None:
    assert is_business_day(date(2026, 1, 1), country) is not is_known


def test_the_holidays_of_a_country_are_read_without_those_of_all_others() -> None:
    code = (
        "import sys; from datetime import date; from nurture.domain.calendar import is_business_day;"
        "assert not is_business_day(date(2027, 7, 5), 'US');"  # the fourth is a Sunday
        "print(*(one for one in sys.modules if one.startswith('holidays.countries.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "holidays.countries.united_states" in done.stdout.split()
    assert len(done.stdout.split()) < 10


def test_each_country_can_be_read_alone() -> None:
    new_year = {names[1]: is_business_day(date(2027, 1, 1), names[1]) for names in COUNTRIES.values()}
    assert len(new_year) > 200
    assert sum(new_year.values()) < 60  # where it is a day like others


def test_holidays_are_the_same_from_many_threads() -> None:
    days = [(date(year, 12, 25), country) for year in range(2031, 2041) for country in ("DE", "US", "GB", "CA")]
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(lambda pair: is_business_day(*pair), days * 8))


# Later


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        ("2026-01-31 10:00", "1 month", "Sat 2026-02-28 10:00"),
        ("2028-01-31 10:00", "1 month", "Tue 2028-02-29 10:00"),
        ("2026-10-31 10:00", "13 months", "Tue 2027-11-30 10:00"),
        ("2026-12-31 10:00", "0 months", "Thu 2026-12-31 10:00"),
        ("2026-03-28 10:00", "1 day", "Sun 2026-03-29 10:00"),
        ("2026-03-28 10:00", "24 hours", "Sun 2026-03-29 11:00"),
        ("2026-10-24 10:00", "24 hours", "Sun 2026-10-25 09:00"),
        ("2026-03-28 02:30", "1 day", "Sun 2026-03-29 03:00"),
        ("2026-03-22 02:30", "1 week", "Sun 2026-03-29 03:00"),
        ("2026-10-20 10:00", "6 weeks", "Tue 2026-12-01 10:00"),
        ("2026-10-20 10:00", "90 minutes", "Tue 2026-10-20 11:30"),
        ("2026-05-22 17:00", "3 business days", "Thu 2026-05-28 17:00"),  # Whit Monday
        ("2026-05-23 17:00", "1 business day", "Tue 2026-05-26 17:00"),
        ("2026-12-23 12:00", "6 business days", "Mon 2027-01-04 12:00"),
        ("2026-05-22 16:30", "8 business hours", "Tue 2026-05-26 16:30"),
    ],
)
def test_later_in_france(start: str, duration: str, expected: str) -> None:
    assert shown(later(paris(start), parse_duration(duration), zone=PARIS, country="FR")) == expected


def test_without_a_country_only_weekends_are_skipped() -> None:
    assert (
        shown(later(paris("2026-05-22 17:00"), Duration(3, Unit.BUSINESS_DAYS), zone=PARIS)) == "Wed 2026-05-27 17:00"
    )


def test_no_wait_changes_nothing_even_in_the_repeated_hour() -> None:
    second = datetime(2026, 10, 25, 1, 30, 7, 5, tzinfo=UTC)
    assert all(later(second, Duration(0, unit), zone=PARIS) == second for unit in Unit)


@given(moments, st.integers(0, 1200), st.sampled_from([Unit.DAYS, Unit.WEEKS, Unit.MONTHS]), st.sampled_from(ODD_ZONES))
def test_calendar_steps_agree_with_an_independent_library(moment: datetime, n: int, unit: Unit, name: str) -> None:
    moment = moment.replace(microsecond=0)
    answer = later(moment, Duration(n, unit), zone=zone(name))
    plain = whenever.Instant.from_timestamp(int(moment.timestamp())).to_tz(name).to_plain()
    day = plain.date().add(**{unit.value: n}) if n else plain.date()
    if n:
        assert oracle_holds(date(day.year, day.month, day.day), plain.time().to_stdlib(), name, answer)
    else:
        assert answer == moment


@given(moments, st.integers(0, 300), st.sampled_from(Unit), zones, st.sampled_from([None, "US", "FR"]))
def test_later_is_utc_and_never_earlier(
    moment: datetime, n: int, unit: Unit, where: ZoneInfo, country: str | None
) -> None:
    answer = later(moment, Duration(n, unit), zone=where, country=country)
    assert answer.tzinfo is UTC
    assert answer >= moment
    assert answer <= later(moment, Duration(n + 1, unit), zone=where, country=country)


@given(moments, st.integers(1, 60), st.sampled_from([None, "US", "FR"]))
def test_as_many_business_days_lie_between_as_were_asked_for(moment: datetime, n: int, country: str | None) -> None:
    end = local_day(later(moment, Duration(n, Unit.BUSINESS_DAYS), zone=PARIS, country=country), PARIS)
    day, passed = local_day(moment, PARIS), 0
    while day < end:
        day += timedelta(days=1)
        passed += is_business_day(day, country)
    assert passed == n
    assert is_business_day(end, country)


# Days of the year


@pytest.mark.parametrize(
    ("day", "duration", "expected"),
    [
        (date(2027, 1, 1), "3 months", date(2026, 10, 1)),
        (date(2026, 5, 31), "3 months", date(2026, 2, 28)),
        (date(2027, 1, 1), "2 weeks", date(2026, 12, 18)),
        (date(2027, 1, 1), "1 day", date(2026, 12, 31)),
        (date(2026, 10, 5), "1 business day", date(2026, 10, 2)),
    ],
)
def test_an_earlier_day(day: date, duration: str, expected: date) -> None:
    assert earlier_day(day, parse_duration(duration)) == expected


def test_a_day_less_hours_is_refused() -> None:
    with pytest.raises(ValueError, match="days, weeks or months"):
        earlier_day(date(2026, 1, 1), Duration(3, Unit.HOURS))


@pytest.mark.parametrize(
    ("start", "month", "day", "before", "expected"),
    [
        ("2026-08-31 23:59", 9, 1, None, "Tue 2026-09-01 00:00"),
        ("2026-09-01 15:00", 9, 1, None, "Tue 2026-09-01 00:00"),
        ("2026-09-02 00:00", 9, 1, None, "Wed 2027-09-01 00:00"),
        ("2026-02-01 12:00", 2, 29, None, "Sat 2026-02-28 00:00"),
        ("2028-02-01 12:00", 2, 29, None, "Tue 2028-02-29 00:00"),
        ("2026-02-28 12:00", 2, 29, None, "Sat 2026-02-28 00:00"),
        ("2026-09-30 12:00", 1, 1, "3 months", "Thu 2026-10-01 00:00"),
        ("2026-10-02 12:00", 1, 1, "3 months", "Fri 2027-10-01 00:00"),
        ("2026-10-02 12:00", 1, 1, "30 months", "Thu 2027-07-01 00:00"),
    ],
)
def test_the_next_such_day_begins_at_local_midnight(
    start: str, month: int, day: int, before: str | None, expected: str
) -> None:
    less = parse_duration(before) if before else None
    assert shown(next_yearday(paris(start), month, day, zone=PARIS, before=less)) == expected


@pytest.mark.parametrize(("month", "day"), [(2, 30), (13, 1), (0, 1), (4, 31), (1, 0)])
def test_a_day_that_no_year_has_is_refused(month: int, day: int) -> None:
    with pytest.raises(ValueError):
        next_yearday(paris("2026-01-01"), month, day, zone=PARIS)


# Windows


@pytest.mark.parametrize(
    ("days", "hours", "expected"),
    [
        ("mon-fri", "09:00-16:30", "mon-fri 09:00-16:30"),
        ("Mon, Wed ,FRI", "9:00 - 17:00", "mon,wed,fri 09:00-17:00"),
        ("sat-mon", "00:00-24:00", "sat-mon 00:00-24:00"),
        ("mon-sun", "00:00-24:00", "mon-sun 00:00-24:00"),
        ("sunday-thursday", "08:30-24:00", "sun-thu 08:30-24:00"),
        ("fri-mon,wed", "00:00-00:01", "wed,fri-mon 00:00-00:01"),
        ("tue", "09:00-17:00", "tue 09:00-17:00"),
    ],
)
def test_windows_are_read_and_shown(days: str, hours: str, expected: str) -> None:
    window = parse_window(days, hours)
    assert str(window) == expected
    assert parse_hours(expected) == window


@pytest.mark.parametrize(
    ("days", "hours", "said"),
    [
        ("mon-fry", "09:00-17:00", "did you mean 'fri'?"),
        ("", "09:00-17:00", "no known day"),
        ("mon,,tue", "09:00-17:00", "no known day"),
        ("mon-wed-fri", "09:00-17:00", "no known day"),
        ("mon-fri", "17:00-09:00", "opens after it closes"),
        ("mon-fri", "09:00-09:00", "opens after it closes"),
        ("mon-fri", "09:00-24:01", "a time that no day has"),
        ("mon-fri", "09:60-17:00", "a time that no day has"),
        ("mon-fri", "9-17", "an opening and a closing"),
        ("mon-fri", "", "an opening and a closing"),
        ("mon-fri", "٠٩:00-17:00", "an opening and a closing"),
    ],
)
def test_a_bad_window_is_refused_with_a_sentence(days: str, hours: str, said: str) -> None:
    with pytest.raises(ValueError, match="'") as refused:
        parse_window(days, hours)
    assert said in str(refused.value)


def test_hours_of_a_person_need_days_and_hours() -> None:
    assert parse_hours(" mon-fri 09:00-17:00 ") == Window()
    for bad in ("09:00-17:00", "mon-fri", "", "mon-fri 17:00-09:00"):
        with pytest.raises(ValueError):
            parse_hours(bad)


def test_a_window_that_could_never_open_cannot_be_made() -> None:
    for bad in ({"days": frozenset[int]()}, {"days": frozenset({7})}, {"opens_minute": 1020}, {"closes_minute": 1441}):
        with pytest.raises(ValueError):
            Window(**bad)


def test_a_window_of_all_days_and_hours_is_always_open() -> None:
    always = parse_window("mon-sun", "00:00-24:00")
    assert always.always
    assert not Window().always
    assert not parse_window("mon-fri", "00:00-24:00").always


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        ("mon-fri 09:00-17:00", "2026-10-22 12:00", "Thu 2026-10-22 12:00"),
        ("mon-fri 09:00-17:00", "2026-10-22 09:00", "Thu 2026-10-22 09:00"),
        ("mon-fri 09:00-17:00", "2026-10-22 08:59", "Thu 2026-10-22 09:00"),
        ("mon-fri 09:00-17:00", "2026-10-23 17:00", "Mon 2026-10-26 09:00"),  # over the clock change
        ("sat-sun 09:00-17:00", "2026-10-26 12:00", "Sat 2026-10-31 09:00"),
        ("sun 02:15-02:45", "2026-03-23 12:00", "Sun 2026-04-05 02:15"),  # wholly in the gap: that Sunday is skipped
        ("sun 02:30-04:00", "2026-03-23 12:00", "Sun 2026-03-29 03:00"),
        ("sun 01:30-02:30", "2026-03-23 12:00", "Sun 2026-03-29 01:30"),
        ("mon-fri 09:00-24:00", "2026-10-22 23:59", "Thu 2026-10-22 23:59"),
        ("mon-fri 09:00-24:00", "2026-10-23 00:00", "Fri 2026-10-23 09:00"),
    ],
)
def test_the_next_opening(window: str, now: str, expected: str) -> None:
    assert shown(parse_hours(window).next_open(paris(now), PARIS)) == expected


def test_a_window_in_the_repeated_hour_is_used_once() -> None:
    window = parse_hours("sun 02:00-02:30")
    again = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    assert window.is_open(again - timedelta(hours=1), PARIS)
    assert not window.is_open(again, PARIS)
    assert shown(window.next_open(again, PARIS)) == "Sun 2026-11-01 02:00"


def test_a_window_that_opens_in_the_repeated_hour_is_closed_while_clocks_show_less() -> None:
    window = parse_hours("sun 02:30-05:00")
    first, jump, second, closes = (
        datetime(2026, 10, 25, h, m, tzinfo=UTC) for h, m in [(0, 30), (1, 0), (1, 30), (4, 0)]
    )
    assert window.openings(date(2026, 10, 25), PARIS) == ((first, jump), (second, closes))
    assert not window.is_open(jump, PARIS)
    assert window.next_open(jump, PARIS) == second


def test_a_window_that_opens_at_the_jump_back_is_one_piece() -> None:
    havana = zone("America/Havana")  # 01:00 becomes 00:00 on 1 November 2026
    begins, ends = day_bounds(date(2026, 11, 1), havana)
    assert parse_hours("sun 00:00-24:00").openings(date(2026, 11, 1), havana) == ((begins, ends),)


def test_a_backlog_of_the_weekend_spreads_over_monday() -> None:
    saturday = paris("2026-10-24 12:00")
    slots = [Window().next_slot(saturday, PARIS, n / 8) for n in range(8)]
    assert [shown(slot)[-5:] for slot in slots] == [f"{hour:02}:00" for hour in range(9, 17)]
    assert {local_day(slot, PARIS) for slot in slots} == {date(2026, 10, 26)}


def test_the_last_lead_of_a_backlog_is_still_inside() -> None:
    almost = 0.9999999999999999
    assert shown(Window().next_slot(paris("2026-10-24 12:00"), PARIS, almost)) == "Mon 2026-10-26 16:59"
    for bad in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="fraction"):
            Window().next_slot(paris("2026-10-24 12:00"), PARIS, bad)


@given(moments, zones, windows, fractions)
@example(datetime(2009, 11, 1, 3, 0, tzinfo=UTC), zone("America/St_Johns"), parse_hours("sun 00:00-24:00"), 0.9)
@example(datetime(2011, 12, 30, 5, tzinfo=UTC), zone("Pacific/Apia"), parse_hours("fri 09:00-17:00"), 0.5)
def test_a_slot_is_inside_never_earlier_and_stays(
    now: datetime, where: ZoneInfo, window: Window, fraction: float
) -> None:
    opening, slot = window.next_open(now, where), window.next_slot(now, where, fraction)
    assert now <= opening <= slot
    assert (slot == now) == (opening == now) == window.is_open(now, where)
    for moment in (opening, slot):
        assert moment.tzinfo is UTC
        local = moment.astimezone(where)
        assert local.weekday() in window.days
        assert window.opens_minute <= local.hour * 60 + local.minute < window.closes_minute
        assert window.is_open(moment, where)
        assert window.next_slot(moment, where, fraction) == moment
        assert window.next_open(moment, where) == moment
    if opening > now:
        assert not window.is_open(now + (opening - now) / 2, where)
        assert not window.is_open(opening - timedelta(microseconds=1), where)


@given(st.sampled_from(ODD_ZONES), windows, st.integers(0, 40), st.integers(-26 * 60, 26 * 60))
def test_openings_and_open_minutes_are_the_same_thing_near_every_change(
    name: str, window: Window, which: int, minutes: int
) -> None:
    where = zone(name)
    known = list(changes(where, 2009, 2012)) or [datetime(2026, 1, 1, tzinfo=UTC)]
    moment = known[which % len(known)] + timedelta(minutes=minutes)
    today = local_day(moment, where)
    pieces = [piece for ahead in (-1, 0, 1) for piece in window.openings(today + timedelta(days=ahead), where)]
    inside = any(opens <= moment < closes for opens, closes in pieces)
    assert inside == window.is_open(moment, where) or window.always


# A person's hours

LEE = WorkingHours(zone="America/New_York", country="US", away=((date(2026, 12, 24), date(2027, 1, 2)),))


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        ("2026-10-23 16:30", "8 business hours", "Mon 2026-10-26 16:30"),
        ("2026-10-23 09:00", "8 business hours", "Fri 2026-10-23 17:00"),
        ("2026-10-24 12:00", "8 business hours", "Mon 2026-10-26 17:00"),
        ("2026-10-24 12:00", "0 business hours", "Sat 2026-10-24 12:00"),
        ("2026-10-23 17:00", "1 business hour", "Mon 2026-10-26 10:00"),
        ("2026-10-23 16:30", "90 minutes", "Mon 2026-10-26 10:00"),
        ("2026-11-25 16:00", "2 business hours", "Fri 2026-11-27 10:00"),  # Thanksgiving
        ("2026-12-23 16:00", "2 business hours", "Mon 2027-01-04 10:00"),  # away until the 2nd
        ("2026-10-30 16:00", "2 business hours", "Mon 2026-11-02 10:00"),  # over the clock change
    ],
)
def test_a_deadline_runs_in_the_hours_of_its_person(start: str, duration: str, expected: str) -> None:
    begins = datetime.fromisoformat(start).replace(tzinfo=NEW_YORK)
    assert shown(business_hours_later(begins, parse_duration(duration), LEE), NEW_YORK) == expected


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [
        ("2026-10-23 16:30", 1, "Mon 2026-10-26 16:30"),
        ("2026-10-24 20:00", 1, "Mon 2026-10-26 20:00"),
        ("2026-10-24 20:00", 0, "Sat 2026-10-24 20:00"),
        ("2026-11-25 10:00", 2, "Mon 2026-11-30 10:00"),
        ("2026-12-22 10:00", 2, "Mon 2027-01-04 10:00"),
    ],
)
def test_business_days_of_a_person_skip_holidays_and_absences(start: str, n: int, expected: str) -> None:
    begins = datetime.fromisoformat(start).replace(tzinfo=NEW_YORK)
    assert shown(business_days_later(begins, n, LEE), NEW_YORK) == expected


def test_who_works_on_sunday_has_business_hours_on_sunday() -> None:
    sara = WorkingHours(parse_hours("sun-thu 08:00-16:00"), "Asia/Jerusalem", "IL")
    thursday = datetime(2026, 6, 11, 15, tzinfo=zone("Asia/Jerusalem"))
    assert shown(business_hours_later(thursday, Duration(2, Unit.BUSINESS_HOURS), sara), zone(sara.zone)) == (
        "Sun 2026-06-14 09:00"
    )


def test_who_never_comes_back_has_no_deadline_but_an_error_that_says_so() -> None:
    gone = WorkingHours(away=((date(2026, 1, 1), date.max),))
    start = datetime(2026, 6, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="absences"):
        business_hours_later(start, Duration(1, Unit.BUSINESS_HOURS), gone)
    with pytest.raises(ValueError, match="absences"):
        business_days_later(start, 1, gone)


def test_days_are_not_business_hours_and_nothing_runs_backwards() -> None:
    with pytest.raises(ValueError, match="8 business hours"):
        business_hours_later(paris("2026-01-01"), Duration(1, Unit.DAYS), LEE)
    with pytest.raises(ValueError, match="negative"):
        business_days_later(paris("2026-01-01"), -1, LEE)


@given(moments, st.integers(1, 200), st.integers(1, 200), zones)
def test_business_time_adds_up(start: datetime, first: int, second: int, where: ZoneInfo) -> None:
    working = WorkingHours(zone=where.key, country="US")
    halfway = business_hours_later(start, Duration(first, Unit.MINUTES), working)
    assert business_hours_later(halfway, Duration(second, Unit.MINUTES), working) == business_hours_later(
        start, Duration(first + second, Unit.MINUTES), working
    )
