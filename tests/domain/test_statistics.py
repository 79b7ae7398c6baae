"""Intervals against published numbers, and the properties that make them trustworthy; the verdict on a cadence."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.lift import lift
from nurture.domain.statistics import Count, difference, wilson


@st.composite
def counts(draw: st.DrawFn, least: int = 1) -> Count:
    of = draw(st.integers(least, 5000))
    return Count(draw(st.integers(0, of)), of)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_rate_is_the_one_that_newcombe_printed(hits: int, of: int, low: float, high: float) -> None:
    found = wilson(Count(hits, of))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        (Count(56, 70), Count(48, 80), 0.0524, 0.3339),
        (Count(9, 10), Count(3, 10), 0.1705, 0.8090),
        (Count(10, 10), Count(0, 20), 0.6791, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_the_one_that_newcombe_printed(
    one: Count, other: Count, low: float, high: float
) -> None:
    found = difference(one, other)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(counts())
def test_an_interval_holds_what_was_seen_and_nothing_impossible(count: Count) -> None:
    found = wilson(count)
    assert 0 <= found.low < found.high <= 1
    assert count.rate in found


@given(counts())
def test_failures_are_as_sure_as_successes(count: Count) -> None:
    found, mirrored = wilson(count), wilson(Count(count.of - count.hits, count.of))
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-9)
    assert found.high == pytest.approx(1 - mirrored.low, abs=1e-9)


@given(counts(), st.integers(2, 20))
def test_more_of_the_same_makes_surer(count: Count, times: int) -> None:
    few, many = wilson(count), wilson(Count(count.hits * times, count.of * times))
    assert many.high - many.low < few.high - few.low


@given(st.integers(1, 2000), st.data())
def test_one_more_success_never_lowers_an_end(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of - 1))
    before, after = wilson(Count(hits, of)), wilson(Count(hits + 1, of))
    assert before.low < after.low
    assert before.high < after.high or after.high == 1.0


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("of", [30, 100, 400])
def test_the_truth_is_inside_about_nineteen_times_in_twenty(rate: float, of: int) -> None:
    inside = sum(
        comb(of, hits) * rate**hits * (1 - rate) ** (of - hits)
        for hits in range(of + 1)
        if rate in wilson(Count(hits, of))
    )
    assert 0.92 < inside < 0.995


@given(counts(), counts())
def test_a_difference_holds_the_gap_and_turns_its_sign_with_the_order(one: Count, other: Count) -> None:
    found, turned = difference(one, other), difference(other, one)
    assert -1 <= found.low <= one.rate - other.rate <= found.high <= 1
    assert found.low == pytest.approx(-turned.high, abs=1e-9)


def test_nothing_counted_proves_nothing() -> None:
    assert (wilson(Count(0, 0)).low, wilson(Count(0, 0)).high) == (0.0, 1.0)
    for hits, of in ((1, 0), (-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="cannot be"):
            Count(hits, of)


# Lift --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "held_out", "verdict"),
    [
        (Count(40, 400), Count(0, 0), "nobody held out"),
        (Count(0, 0), Count(3, 40), "too early"),
        (Count(80, 400), Count(0, 29), "too early"),
        (Count(3, 400), Count(1, 40), "too early"),
        (Count(120, 400), Count(2, 60), "it helps"),
        (Count(8, 400), Count(12, 60), "it harms"),
        (Count(40, 400), Count(5, 60), "no difference seen"),
    ],
)
def test_a_lift_is_said_only_as_far_as_the_counts_go(got: Count, held_out: Count, verdict: str) -> None:
    assert lift(got, held_out).verdict == verdict


@given(counts(), counts())
def test_a_cadence_that_is_said_to_help_had_the_larger_rate(got: Count, held_out: Count) -> None:
    found = lift(got, held_out)
    assert found.gap == got.rate - held_out.rate
    if found.verdict == "it helps":
        assert found.gap > 0
    if found.verdict == "it harms":
        assert found.gap < 0
