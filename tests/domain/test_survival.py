"""Young cohorts and small sources: Kaplan-Meier and shrinkage, by hand-made examples and properties."""

from __future__ import annotations

from collections import Counter
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.statistics import Count
from nurture.domain.survival import pulled, reached_by

days = st.dictionaries(st.integers(0, 400), st.integers(1, 9), max_size=12)
counts = st.integers(1, 200).flatmap(lambda of: st.builds(Count, st.integers(0, of), st.just(of)))


def test_the_example_of_the_paper_comes_out_as_printed() -> None:
    # Kaplan and Meier 1958, section 2: deaths at 0.8, 3.1, 5.4, 9.2; losses at 1.0, 2.7, 7.0, 12.1 (times ten here).
    found = reached_by(92, {8: 1, 31: 1, 54: 1, 92: 1}, {10: 1, 27: 1, 70: 1, 121: 1})
    assert found is not None
    assert found[0] == pytest.approx(1 - 7 / 8 * 4 / 5 * 3 / 4 * 1 / 2)


@given(days, st.integers(0, 500))
def test_when_every_lead_had_its_time_it_is_the_plain_share(reached: dict[int, int], leads: int) -> None:
    waiting = {401: leads} if leads else {}
    found = reached_by(400, reached, waiting)
    total = sum(reached.values()) + leads
    if not total:
        assert found is None
        return
    assert found is not None
    assert found[0] == pytest.approx(sum(reached.values()) / total)


@given(days, days, st.integers(0, 400))
def test_the_share_lies_in_its_interval_and_young_leads_never_lower_it(
    reached: dict[int, int], waiting: dict[int, int], day: int
) -> None:
    found = reached_by(day, reached, waiting)
    if found is None:
        return
    share, interval, known = found
    assert 0 <= interval.low <= share <= interval.high <= 1
    assert known <= day
    plain = sum(count for when, count in reached.items() if when <= day) / (
        sum(reached.values()) + sum(waiting.values())
    )
    assert share >= plain - 1e-9


@given(st.lists(counts, min_size=1, max_size=8))
def test_a_pulled_rate_lies_between_its_own_and_that_of_all(found: list[Count]) -> None:
    usual = sum(one.hits for one in found) / sum(one.of for one in found)
    for one, rate in zip(found, pulled(found), strict=True):
        assert min(one.rate, usual) - 1e-9 <= rate <= max(one.rate, usual) + 1e-9


def test_the_smaller_a_source_the_more_it_is_pulled() -> None:
    small, large, *_ = pulled([Count(4, 8), Count(400, 800), Count(100, 800), Count(120, 800)])
    assert small < large
    assert large > 0.45


def test_sources_that_do_not_differ_are_all_alike() -> None:
    rates = pulled([Count(10, 100), Count(21, 200), Count(1, 10)])
    assert max(rates) == pytest.approx(min(rates)) == pytest.approx(mean(rates))


def test_what_too_few_leads_are_old_enough_to_tell_is_left_out() -> None:
    # Twenty leads were watched for ten days; the last of them, much older, was accepted at last.
    found = reached_by(180, {5: 2, 150: 1}, {10: 17}, watched=10)
    assert found is not None
    assert found[0] == pytest.approx(0.1)
    assert found[2] == 10
    assert reached_by(180, {5: 2}, {10: 3}, watched=10) is None


def test_of_nothing_there_is_nothing_to_pull() -> None:
    assert pulled([]) == []
    assert pulled([Count(0, 0)]) == [0.0]
    assert reached_by(90, Counter(), Counter()) is None
