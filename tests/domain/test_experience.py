"""Rates from few observations: they lean on what is usual, and stay shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.experience import Counted, Experience, blended, drawn, leaning, quantile

counts = st.integers(0, 10_000)
shares = st.floats(0, 1)


def test_without_any_history_the_rate_is_what_is_usual() -> None:
    assert Experience().rate("click", "course", "hello", 0.03) == pytest.approx(0.03)


def test_many_observations_outweigh_what_is_usual() -> None:
    seen = Experience(mails={("course", "course/hello"): Counted(20_000, {"click": 4_000})})
    assert seen.rate("click", "course", "course/hello", 0.03) == pytest.approx(0.2, abs=0.01)


def test_a_new_template_takes_after_its_cadence() -> None:
    mails = {("warm", "a"): Counted(5_000, {"click": 1_000}), ("cold", "b"): Counted(5_000, {"click": 50})}
    seen = Experience(mails=mails)
    assert seen.rate("click", "warm", "new", 0.03) > 2 * seen.rate("click", "cold", "new", 0.03)


@given(counts, counts, shares, st.floats(1, 1_000))
def test_a_leaning_share_lies_between_what_was_seen_and_what_is_usual(
    happened: int, more: int, usual: float, weight: float
) -> None:
    of = happened + more
    seen = happened / of if of else usual
    low, high = sorted((seen, usual))
    assert low - 1e-9 <= leaning(happened, of, usual, weight) <= high + 1e-9


@given(st.dictionaries(st.sampled_from("abc"), counts), shares)
def test_blended_shares_add_up_and_each_mark_draws_one_of_them(seen: dict[str, int], mark: float) -> None:
    found = blended(seen, {"a": 0.5, "b": 0.5})
    assert sum(found.values()) == pytest.approx(1)
    assert drawn(found, mark) in found


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted), shares)
def test_a_quantile_lies_among_the_values(values: list[float], share: float) -> None:
    assert values[0] - 1e-6 <= quantile(values, share) <= values[-1] + 1e-6
