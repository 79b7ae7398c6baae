"""Queues: whatever is given out, no span ever holds more than its limit, and nobody waits longer than that needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.domain.calendar import Window
from nurture.domain.pacing import Asking, Go, Paths, Wait, earliest
from nurture.domain.policy import Limits
from nurture.domain.queue import PeopleQueue, RateQueue
from nurture.domain.rate import Ceiling, parse_rate, parse_warm_up
from nurture.domain.touch import Reason

NOW = datetime(2026, 3, 27, 10, tzinfo=UTC)  # a Friday, two days before the clocks of Europe change
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PARIS, ALWAYS, OFFICE = ZoneInfo("Europe/Paris"), Window(frozenset(range(7)), 0, 24 * 60), Window()
NONE = Limits(None, None, None, None, None)

moments = st.integers(-90, 600).map(lambda minutes: NOW + minutes * MINUTE)
ceilings = st.lists(
    st.builds(
        Ceiling, st.integers(1, 4), st.integers(5, 180).map(lambda n: n * MINUTE), st.sampled_from([1.0, 1.4, 2])
    ),
    min_size=1,
    max_size=2,
).map(tuple)


def keeps(given_out: list[datetime], limits: tuple[Ceiling, ...], began: datetime) -> bool:
    """Whether no span, ending anywhere, holds more than its limit: counted out plainly, at each moment."""
    return all(
        sum(last - one.span < at <= last for at in given_out) <= one.at(last, began)
        for one in limits
        for last in given_out
    )


@settings(max_examples=60, deadline=None)
@given(ceilings, st.lists(moments, max_size=12))
def test_no_span_holds_more_than_its_limit_whatever_is_asked_and_in_any_order(
    limits: tuple[Ceiling, ...], wishes: list[datetime]
) -> None:
    queue = RateQueue(Reason.LIMIT_SENDER, limits, NOW, began=NOW - DAY)
    given_out: list[datetime] = []
    for wish in wishes:
        moment = queue.free_at(wish, lead=1)
        assert moment >= wish
        assert keeps(sorted([*given_out, moment]), limits, NOW - DAY)
        # Nothing before it would have done.
        for minute in range(0, min(160, int((moment - wish) / MINUTE)), 19):
            assert not keeps(sorted([*given_out, wish + minute * MINUTE]), limits, NOW - DAY)
        queue.take(moment)
        given_out.append(moment)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.lists(st.tuples(moments, st.integers(1, 6)), max_size=15))
def test_a_company_never_has_more_people_in_a_span_than_its_limit(
    most: int, wishes: list[tuple[datetime, int]]
) -> None:
    queue = PeopleQueue(Reason.LIMIT_COMPANY, most, HOUR, NOW, {})
    given_out: list[tuple[datetime, int]] = []
    for wish, lead in wishes:
        moment = queue.free_at(wish, lead)
        assert moment >= wish
        queue.take(moment, lead)
        given_out.append((moment, lead))
        for last, _ in given_out:
            assert len({who for at, who in given_out if last - HOUR < at <= last}) <= most


@given(st.lists(st.integers(0, 120), max_size=12), st.integers(0, 6), st.integers(1, 4))
def test_those_whose_slot_has_come_are_before_newcomers(used: list[int], waiting: int, most: int) -> None:
    queue = RateQueue(Reason.LIMIT_SENDER, (Ceiling(most, HOUR),), NOW, began=NOW)
    queue.fill(sorted((NOW - minutes * MINUTE, 1) for minutes in used))
    inside = sum(minutes < 60 for minutes in used)
    queue.expect(waiting)
    assert (queue.free_at(NOW, 1) == NOW) == (inside + waiting < most)
    came = 0
    for _ in range(waiting):
        queue.arrived()
        if queue.free_at(NOW, 1, in_turn=True) == NOW:
            queue.take(NOW)
            came += 1
    assert came == min(waiting, max(0, most - inside))


def test_a_long_queue_is_handed_out_in_order_and_without_gaps() -> None:
    queue, paths = RateQueue(Reason.LIMIT_SENDER, (parse_rate("10 per hour"),), NOW), Paths()
    slots = []
    for lead in range(400):
        asking = Asking(lead, OFFICE, PARIS, 0.5, NONE, (), (queue,))
        pace = earliest(asking, NOW, paths=paths)
        slots.append(pace.until if isinstance(pace, Wait) else NOW)
        queue.take(slots[-1])
    assert slots == sorted(slots)
    assert keeps(slots, queue.ceilings, NOW)
    assert {OFFICE.is_open(one, PARIS) for one in slots} == {True}
    assert slots[-1] == datetime(2026, 4, 3, 8, tzinfo=UTC)  # 60 that day, 80 on each of the next four, then 20


def test_a_slot_that_is_given_back_is_free_for_another() -> None:
    queue = RateQueue(Reason.LIMIT_SENDER, (Ceiling(1, HOUR),), NOW)
    for _ in range(5):
        queue.take(queue.free_at(NOW, 1))
    assert queue.free_at(NOW, 1) == NOW + 5 * HOUR
    queue.give_back(NOW + 2 * HOUR)
    assert queue.free_at(NOW, 1) == NOW + 2 * HOUR


def test_somebody_of_another_zone_takes_a_slot_between_those_handed_out() -> None:
    queue, paths = RateQueue(Reason.LIMIT_SENDER, (Ceiling(2, HOUR),), NOW), Paths()
    tokyo = ZoneInfo("Asia/Tokyo")
    asked = [
        Asking(lead, OFFICE, zone, 0.0, NONE, (), (queue,)) for lead, zone in enumerate([PARIS] * 20 + [tokyo] * 3)
    ]
    slots = []
    for asking in asked:
        pace = earliest(asking, NOW, paths=paths)
        slots.append(NOW if isinstance(pace, Go) else pace.until)
        queue.take(slots[-1])
    assert keeps(slots, queue.ceilings, NOW)
    assert slots[20].astimezone(tokyo).hour == 9
    assert slots[20] < slots[19]


# Rates in words


@pytest.mark.parametrize(
    ("words", "ceiling"),
    [("100 per hour", Ceiling(100, HOUR)), (" 5 Per Day", Ceiling(5, DAY)), ("7/minute", Ceiling(7, MINUTE))],
)
def test_a_rate_is_read(words: str, ceiling: Ceiling) -> None:
    assert parse_rate(words) == ceiling


@pytest.mark.parametrize(
    "words", ["", "lots", "0 per hour", "-1 per hour", "10 per second", "1.5 per day", "10 per hour x2"]
)
def test_what_is_no_rate_says_how_to_write_one(words: str) -> None:
    with pytest.raises(ValueError, match="100 per hour"):
        parse_rate(words)


@pytest.mark.parametrize(
    "words", ["20 per hour", "20 per hour x1 daily", "20 per hour x11 daily", "x1.4 daily", "20 x2 daily"]
)
def test_what_is_no_warm_up_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"20 per hour x1.4 daily|100 per hour"):
        parse_warm_up(words)


def test_a_warm_up_grows_each_day_and_never_beyond_all_numbers() -> None:
    ceiling = parse_warm_up("20 per hour x1.4 daily")
    assert [ceiling.at(NOW + n * DAY, NOW) for n in range(4)] == [20, 28, 39, 54]
    assert ceiling.at(NOW + DAY - MINUTE, NOW) == ceiling.at(NOW - DAY, NOW) == ceiling.at(NOW, None) == 20
    assert ceiling.at(NOW + 5000 * DAY, NOW) == ceiling.at(NOW + 399 * DAY, NOW) == 10**9
    assert ceiling.grows_after(NOW + HOUR, NOW) == NOW + DAY
    assert ceiling.grows_after(NOW + 5000 * DAY, NOW) is None
