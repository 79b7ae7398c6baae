"""What is said of each daemon: alive or not, its lag, its share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nurture.domain.fleet import fleet
from tests.fakes import A_TUESDAY

NOW = A_TUESDAY
TICK = timedelta(seconds=30)


def a_daemon(
    id_: str = "d", *, seen: float = 5, passed: float | None = 20, sent: int = 0, **over: Any
) -> dict[str, Any]:
    """A row of the table; the times are seconds ago."""
    return {
        "id": id_,
        "host": "h",
        "pid": 1,
        "started_at": NOW - timedelta(hours=3),
        "seen_at": NOW - timedelta(seconds=seen),
        "passed_at": None if passed is None else NOW - timedelta(seconds=passed),
        "stopped_at": None,
        "sent": sent,
        **over,
    }


@pytest.mark.parametrize(
    ("row", "state", "lag"),
    [
        (a_daemon(), "working", 20),
        (a_daemon(passed=166), "late", 166),
        (a_daemon(passed=None), "late", 3 * 3600),
        (a_daemon(passed=None, started_at=NOW - timedelta(seconds=9)), "working", 9),
        (a_daemon(seen=121), "gone", None),
        (a_daemon(seen=30, stopped_at=NOW - timedelta(seconds=30)), "stopped", None),
    ],
)
def test_each_has_a_state_and_whoever_lives_a_lag(row: dict[str, Any], state: str, lag: float | None) -> None:
    (one,) = fleet([row], now=NOW, tick=TICK)
    assert (one["state"], one["lag_seconds"], one["alive"]) == (state, lag, lag is not None)


def test_the_shares_are_of_what_all_have_sent_that_are_shown() -> None:
    rows = [a_daemon("a", sent=30), a_daemon("b", sent=10, seen=3600), a_daemon("c", sent=99, seen=8 * 86400)]
    assert [(one["id"], one["share"]) for one in fleet(rows, now=NOW, tick=TICK)] == [("a", 0.75), ("b", 0.25)]
    assert fleet([a_daemon()], now=NOW, tick=TICK)[0]["share"] is None
