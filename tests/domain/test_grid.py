"""The grid of passes: the same for whoever asks, whatever the moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nurture.daemon import grid

naive = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001  (hypothesis adds the zone)
moments = naive.map(lambda moment: moment.replace(tzinfo=UTC))
ticks = st.sampled_from([timedelta(seconds=second) for second in (1, 7, 30, 90, 3600)])


@given(moments, ticks)
def test_the_points_around_a_moment_are_at_most_one_tick_apart(moment: datetime, tick: timedelta) -> None:
    before, after = grid.at_or_before(moment, tick), grid.at_or_after(moment, tick)
    assert before <= moment <= after
    assert after - before in (timedelta(0), tick)
    assert (before - grid.EPOCH) % tick == timedelta(0)


@given(moments, ticks)
def test_what_happens_between_two_points_meets_no_pass(moment: datetime, tick: timedelta) -> None:
    between = grid.between(moment, tick)
    assert grid.at_or_before(moment, tick) < between < grid.at_or_before(moment, tick) + tick
