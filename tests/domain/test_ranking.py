"""How well points order leads, checked against the definitions; and the lines of a table as conditions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.calibration import ranking
from nurture.domain.calibration.leakage import leaking
from nurture.domain.calibration.table import Band, Example, Kind, Table
from nurture.domain.condition import parse
from nurture.domain.history import LeadHistory

judged = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=40)
NOBODY = LeadHistory(datetime(2026, 1, 1, tzinfo=UTC))


@given(judged)
def test_auc_is_the_chance_that_a_good_lead_scores_above_a_bad_one(leads: list[tuple[int, bool]]) -> None:
    good = [score for score, one in leads if one]
    bad = [score for score, one in leads if not one]
    found = ranking.auc([score for score, _ in leads], [one for _, one in leads])
    if not good or not bad:
        assert found is None
        return
    wins = sum((mine > other) + (mine == other) / 2 for mine in good for other in bad)
    assert found == pytest.approx(wins / (len(good) * len(bad)))


@given(judged, st.integers(1, 50), st.randoms(use_true_random=False))
def test_what_a_team_gets_does_not_depend_on_the_order_of_ties(
    leads: list[tuple[int, bool]], capacity: int, dice: object
) -> None:
    first = ranking.at_capacity([score for score, _ in leads], [one for _, one in leads], capacity)
    other = sorted(leads, key=lambda _: dice.random())  # type: ignore[attr-defined]
    second = ranking.at_capacity([score for score, _ in other], [one for _, one in other], capacity)
    assert first.hits == pytest.approx(second.hits)
    assert first.taken == min(capacity, len(leads))
    assert 0 <= first.hits <= min(first.taken, first.good) + 1e-9
    if capacity >= len(leads):
        assert first.hits == pytest.approx(first.good)


LINES = [
    Band("x.job", Kind.AMONG, 5, 1, 1, texts=("clerk", "o'neil")),
    Band("x.job", Kind.UNSEEN, 7, 0, 0, texts=("clerk", "o'neil")),
    Band("x.job", Kind.MISSING, 3, 1, 0),
    Band("employees", Kind.BETWEEN, 2, 1, 0, above=-1.5, up_to=200.0),
    Band("employees", Kind.BETWEEN, 4, 1, 0, above=200.0),
    Band("x.rate", Kind.BETWEEN, 1, 1, 0, up_to=0.82),
    Band("phone", Kind.AMONG, 9, 1, 1, texts=("yes",)),
    Band("phone", Kind.MISSING, -9, 1, 1, texts=("yes",)),
    Band("employees", Kind.MISSING, -9, 1, 1),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.condition)
@pytest.mark.parametrize("value", [None, "clerk", "o'neil", "baker", "yes"])
def test_a_line_means_the_same_in_the_table_and_in_the_file_for_texts(line: Band, value: str | None) -> None:
    if line.feature == "x.job" or (line.feature == "phone" and value in (None, "yes")):
        assert parse(line.condition).holds({line.feature: value}, NOBODY) is line.holds(value)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.condition)
@pytest.mark.parametrize("value", [None, -2.0, -1.5, 0.5, 0.82, 0.83, 200.0, 201.0])
def test_a_line_means_the_same_in_the_table_and_in_the_file_for_numbers(line: Band, value: float | None) -> None:
    if line.feature in ("employees", "x.rate"):
        assert parse(line.condition).holds({line.feature: value}, NOBODY) is line.holds(value)


def test_points_are_the_sum_of_the_lines_that_hold() -> None:
    table = Table(tuple(LINES), 10, 5)
    assert table.points({"x.job": "clerk", "employees": 300.0, "phone": "yes"}) == 5 + 4 + 9
    assert table.features == ("x.job", "employees", "x.rate", "phone")


def test_what_was_filled_in_after_the_hand_off_is_found_by_date_by_name_and_by_its_pattern() -> None:
    examples = [
        Example(
            {
                "industry": "food" if number % 3 else "metal",
                "x.duration": str(number),
                "x.poutcome": "success" if number % 5 else None,
                "x.contract_no": str(number) if number % 2 else None,
                "x.tier": "a",
                "employees": float(number % 7),
                "x.grade": float(number % 2) + number / 1000,
            },
            good=bool(number % 2),
        )
        for number in range(60)
    ]
    found = leaking(examples, changed_after={"x.tier": 3})
    assert found.keys() == {"x.duration", "x.contract_no", "x.tier", "x.grade"}
    assert found["x.tier"] == "changed after the hand-off for 3 leads"
    assert "100 % of those that turned out well and 0 % of the others" in found["x.contract_no"]
