"""The points table keeps up with other models on made-up leads, of one time and of times that change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmarks.outcomes import SHAPES, made_up
from nurture.adapters.lead_files.outcomes import read_outcomes
from nurture.domain.calibration import ranking
from nurture.domain.calibration.table import Example
from nurture.domain.errors import RequestError


@pytest.fixture(scope="module")
def bench() -> Any:
    """The table and its rivals, loaded by the process that runs these tests: scikit-learn takes a second of each."""
    return import_module("benchmarks.calibration")


def auc_of(model: Callable[..., Sequence[float]], examples: list[Example], cut: int) -> float:
    past, later = examples[:cut], examples[cut:]
    return ranking.auc(model(past, later), [one.good for one in later]) or 0.0


def test_on_average_the_table_is_as_good_as_models_that_nobody_can_read(bench: Any) -> None:
    found: dict[str, float] = {}
    for seed in (2, 3, 4):
        examples = bench.examples_of(made_up(1200, seed), "y")
        for name, model in (("points", bench.points), ("logistic", bench.logistic), ("bayes", bench.bayes)):
            found[name] = found.get(name, 0.0) + auc_of(model, examples, 800) / 3
    assert found["points"] >= max(found.values()) - 0.02
    assert found["points"] > 0.62


@pytest.mark.parametrize(("shape", "rival"), [("cities", "logistic"), ("alike", "logistic"), ("humps", "bayes")])
def test_it_keeps_up_where_another_model_is_at_its_best(bench: Any, shape: str, rival: str) -> None:
    examples = bench.examples_of(SHAPES[shape](1600), "y")
    assert auc_of(bench.points, examples, 1200) >= auc_of(getattr(bench, rival), examples, 1200) - 0.02
    assert len(bench.learn(examples).bands) <= 80


def test_a_feature_that_only_tells_the_date_gets_no_credit_for_the_times(bench: Any) -> None:
    rows = made_up(600, 3)
    for number, row in enumerate(rows):
        row["quarter"] = f"q{number // 150}"
        if number >= 300 and row["desk"] == "x":
            row["y"] = "y"  # times get better, and not by what the leads are
    table = bench.learn(bench.examples_of(rows, "y"))
    by_date = [abs(band.points) for band in table.of("quarter") if band.leads]
    assert max(by_date, default=0) <= 6


def test_the_table_is_small_and_learned_the_same_again(bench: Any) -> None:
    examples = bench.examples_of(made_up(500), "y")
    table = bench.learn(examples)
    assert 0 < len(table.bands) <= 30
    assert table == bench.learn(examples)


def test_of_one_outcome_or_of_nothing_there_is_nothing_to_learn(bench: Any) -> None:
    assert bench.learn([]).bands == ()
    assert bench.learn([Example({"a": "b"}, good=True)] * 50).bands == ()
    assert bench.learn([Example({}, good=bool(number % 2)) for number in range(50)]).bands == ()


def test_the_bank_is_put_in_the_order_of_its_campaign(bench: Any) -> None:
    rows = [
        {"nr.employed": number, "month": month}
        for number, month in (("4963.6", "nov"), ("5099.1", "may"), ("5099.1", "apr"), ("5191", "may"))
    ]
    ordered = [(row["nr.employed"], row["month"]) for row in bench.in_order(rows, None)]
    assert ordered == [("5191", "may"), ("5099.1", "apr"), ("5099.1", "may"), ("4963.6", "nov")]


# Files of outcomes ---------------------------------------------------------------------------------------------------


def test_a_file_of_outcomes_is_read_in_the_order_of_its_dates(tmp_path: Path) -> None:
    file = tmp_path / "won.csv"
    file.write_text(
        "Employees;nr.sites;E-Mail;date;Outcome\n300;4;a@b.example;2026-02-01;won\n;x;c@d.example;2026-01-01;lost\n"
    )
    read_in = read_outcomes(file)
    assert [(dict(one.values), one.good) for one in read_in.examples] == [
        ({"employees": None, "x.nr_sites": "x"}, False),
        ({"employees": 300.0, "x.nr_sites": "4"}, True),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no column says how it turned out"),
        ("a,outcome\n1,perhaps\n", "neither good nor bad"),
        ("date,outcome\nsoon,won\n", "is no date"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(RequestError, match=words) as problem:
        read_outcomes(file)
    assert problem.value.hint
