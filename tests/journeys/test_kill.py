"""Kill -9 at random moments, some dozen times, while mails go out: none lost, none doubled, none stuck."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nurture.domain.touch import State
from tests.journeys import crash


@pytest.mark.timeout(240)
def test_one_process_on_sqlite_is_killed_again_and_again(tmp_path: Path) -> None:
    outcome = crash.run(tmp_path / "w", touches=300, kills=18, database="sqlite:///nurture.db", daemons=1, faults=0.03)
    assert outcome.kills == 18
    assert (outcome.lost, outcome.doubled, outcome.unlisted) == (0, 0, 0)
    assert outcome.in_doubt > 0  # the kills did hit something
    assert outcome.states == {State.SENT: 300}  # what the provider never took was sent once its log had settled that
    assert len(outcome.accepted) == 300


@pytest.mark.timeout(240)
def test_two_daemons_on_postgresql_are_killed_in_turn(tmp_path: Path, postgres_url: str) -> None:
    outcome = crash.run(tmp_path / "w", touches=200, kills=16, database=postgres_url, daemons=2, give_up=4)
    assert outcome.kills == 16
    assert (outcome.lost, outcome.doubled, outcome.unlisted) == (0, 0, 0)
    assert outcome.states[State.SENT] + outcome.states[State.UNKNOWN] == 200
    assert outcome.states[State.SENT] <= len(outcome.accepted) <= 200


@pytest.mark.timeout(240)
def test_under_hold_all_that_is_in_doubt_is_listed_and_nothing_doubled(tmp_path: Path) -> None:
    database = "sqlite:///nurture.db"
    outcome = crash.run(
        tmp_path / "w", touches=120, kills=8, database=database, daemons=1, faults=0.05, in_doubt="hold"
    )
    assert (outcome.lost, outcome.doubled, outcome.unlisted) == (0, 0, 0)
    assert outcome.listed > 0
    # The first kill may come before the provider has taken anything: then all of them are in doubt.
    assert outcome.states == Counter({State.SENT: len(outcome.accepted), State.IN_DOUBT: outcome.listed})
    assert len(outcome.accepted) + outcome.listed == 120
