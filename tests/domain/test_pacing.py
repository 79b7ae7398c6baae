"""Limits on pressure: what is allowed is really within every limit and the window, and nothing earlier would be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.domain.calendar import Window, local_day
from nurture.domain.pacing import (
    MONTH,
    WEEK,
    Asking,
    Go,
    Wait,
    company_free_at,
    earliest,
    lead_free_at,
    limits_for,
)
from nurture.domain.policy import Limits
from nurture.domain.queue import PeopleQueue
from nurture.domain.touch import Reason

NOW = datetime(2026, 3, 27, 10, tzinfo=UTC)  # a Friday, two days before the clocks of Europe change
PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from([PARIS, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Auckland")])
ALWAYS = Window(frozenset(range(7)), 0, 24 * 60)
NONE = Limits(None, None, None, None, None)

past = st.lists(st.integers(0, 45 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes)), max_size=12)
limits = st.builds(
    Limits,
    st.none() | st.integers(1, 2),
    st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 7),
    st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 3),
)
windows = st.builds(
    lambda days, opens, hours: Window(frozenset(days), opens * 60, min(24, opens + hours) * 60),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 23),
    st.integers(1, 12),
)


def is_legal(moment: datetime, counted: list[datetime], limit: Limits, zone: ZoneInfo) -> bool:
    """Whether one more touch at this moment keeps every limit of a lead, counted out plainly."""
    same_day = sum(local_day(one, zone) == local_day(moment, zone) for one in counted)
    week = sum(moment - WEEK < one for one in counted)
    month = sum(moment - MONTH < one for one in counted)
    return all(
        most is None or many < most
        for most, many in (
            (limit.lead_per_day, same_day),
            (limit.lead_per_7_days, week),
            (limit.lead_per_30_days, month),
        )
    )


@given(past, limits, ZONES)
def test_a_lead_is_free_exactly_when_all_its_limits_allow_it(
    counted: list[datetime], limit: Limits, zone: ZoneInfo
) -> None:
    free = lead_free_at(counted, limit, NOW, zone)
    assert free >= NOW
    assert is_legal(free, counted, limit, zone)
    minute, before = timedelta(minutes=1), free - timedelta(minutes=1)
    if free > NOW + minute:
        assert not is_legal(before, counted, limit, zone)


@settings(max_examples=200)
@given(past, limits, windows, ZONES, st.floats(0, 0.75), st.integers(0, 3))
def test_what_is_put_off_goes_at_the_moment_it_was_put_off_to(
    counted: list[datetime], limit: Limits, window: Window, zone: ZoneInfo, fraction: float, colleagues: int
) -> None:
    company = {100 + n: NOW - timedelta(days=n, hours=1) for n in range(colleagues)}

    def ask(now: datetime) -> Go | Wait:
        people = PeopleQueue(Reason.LIMIT_COMPANY, limit.company_per_7_days or 99, WEEK, now, company)
        return earliest(Asking(1, window, zone, fraction, limit, counted, (people,)), now)

    answer = ask(NOW)
    moment = NOW if isinstance(answer, Go) else answer.until
    assert moment >= NOW
    assert window.is_open(moment, zone)
    assert is_legal(moment, counted, limit, zone)
    assert company_free_at(company, 1, limit, moment) <= moment
    assert ask(moment) == Go()  # no second wait: nothing is looked at again and again


def test_a_limit_of_a_company_counts_people_and_not_touches() -> None:
    week = {lead: NOW - timedelta(days=lead) for lead in (1, 2, 3)}
    assert company_free_at(week, 1, Limits(), NOW) == NOW
    assert company_free_at(week, 4, Limits(), NOW) == week[3] + WEEK


def test_the_reason_of_a_wait_is_the_limit_that_holds_it() -> None:
    answer = earliest(Asking(1, ALWAYS, PARIS, 0.0, Limits(), [NOW]), NOW)
    assert isinstance(answer, Wait)
    assert answer.because is Reason.LIMIT_LEAD


def test_who_asked_for_less_is_contacted_once_in_thirty_days() -> None:
    light = limits_for(Limits(), light_until=NOW + timedelta(days=90), now=NOW)
    assert lead_free_at([NOW - timedelta(days=10)], light, NOW, PARIS) == NOW + timedelta(days=20)
    assert limits_for(Limits(), light_until=NOW, now=NOW) == Limits()
    assert limits_for(NONE, light_until=None, now=NOW) == NONE
