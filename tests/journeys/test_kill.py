"""Kill -9 at random moments, a few dozen times, while 500 touches go out: none lost, none doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from nurture.domain.touch import State
from tests.journeys import crash


@pytest.mark.timeout(180)
def test_one_process_on_sqlite_is_killed_again_and_again(tmp_path: Path) -> None:
    outcome = crash.run(tmp_path / "w", touches=500, kills=34, database="sqlite:///nurture.db", daemons=1)
    assert outcome.kills == 34
    assert (outcome.lost, outcome.doubled, outcome.unlisted) == (0, 0, 0)
    assert outcome.in_doubt > 0  # the kills did hit something
    assert outcome.proved + outcome.sent_again == outcome.in_doubt
    assert outcome.states == {State.SENT: 500}  # what the provider never took was sent once the doubt was settled
    assert len(outcome.accepted) == 500


@pytest.mark.timeout(180)
def test_two_daemons_on_postgresql_are_killed_in_turn(tmp_path: Path, postgres_url: str) -> None:
    outcome = crash.run(tmp_path / "w", touches=500, kills=34, database=postgres_url, daemons=2, give_up=4)
    assert outcome.kills == 34
    assert (outcome.lost, outcome.doubled, outcome.unlisted) == (0, 0, 0)
    assert outcome.states[State.SENT] + outcome.states[State.UNKNOWN] == 500
    assert outcome.states[State.SENT] <= len(outcome.accepted) <= 500
