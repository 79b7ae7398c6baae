"""scoring fit and scoring compare at the terminal: a file in, a proposal out, one sentence for what cannot be."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from benchmarks.outcomes import made_up
from tests.commands.conftest import Nurture


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    """Two hundred made-up leads with their outcome, as a foreign system exports them."""
    rows = [row | {"duration": "7" if row["y"] == "y" else "0"} for row in made_up(200)]
    lines = [";".join(rows[0]), *(";".join(row.values()) for row in rows)]
    file = tmp_path / "outcomes.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_what_is_proposed_can_be_compared_at_once(refused: Nurture, outcomes: Path, tmp_path: Path) -> None:
    made = refused("scoring", "fit", "--outcomes", str(outcomes), "--never", "desk")
    assert made.code == 0, made.err
    assert "Not used: x.duration, by its name (duration)" in made.err
    assert "x.desk" not in made.out
    proposed = tmp_path / "new.yaml"
    proposed.write_text(made.out)
    done = refused("scoring", "compare", str(proposed), "--outcomes", str(outcomes), "--json")
    assert done.code == 0, done.err
    assert done.json["new_auc"] > 0.6
    assert done.json["gained"] == done.json["lost"] == []
    assert {"period", "lift", "new_lift", "recall", "new_recall", "expected", "good"} <= done.json["periods"][0].keys()
    assert "times in 100" in refused("scoring", "compare", str(proposed), "--outcomes", str(outcomes)).out


def test_too_few_outcomes_are_refused(refused: Nurture) -> None:
    done = refused("scoring", "fit")
    assert (done.code, done.out) == (1, "")
    assert "Too few outcomes" in done.err


def test_without_the_extra_the_command_says_what_to_install(refused: Nurture, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def bare(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "nurture.adapters.learning":
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", bare)
    done = refused("scoring", "fit")
    assert (done.code, done.out) == (2, "")
    assert "pip install 'nurture[calibrate]'" in done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read"), ("fit:\n  - {points: many, when: phone, because: x}\n", "bad.yaml:2: ")],
)
def test_a_scoring_that_cannot_be_read_is_one_message(
    refused: Nurture, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "bad.yaml"
    if text is not None:
        file.write_text(text)
    done = refused("scoring", "compare", str(file))
    assert (done.code, done.out) == (2, "")
    assert words in done.err
