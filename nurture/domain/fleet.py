"""The daemons of one database: who is at work, how long ago its last pass was, which share of the mails it sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

ALIVE: Final = timedelta(minutes=2)  # who was not seen for so long is taken for dead
SHOWN: Final = timedelta(days=7)  # whoever is gone for longer is history
TICKS: Final = 5  # so many without a pass are too many
BEAT: Final = timedelta(seconds=15)  # between two heartbeats, which tell of the last pass


class Condition(StrEnum):
    """How a daemon is doing."""

    WORKING = "working"
    LATE = "late"  # it lives, and makes no passes
    GONE = "gone"  # it fell silent
    STOPPED = "stopped"  # in order


def fleet(rows: Iterable[Mapping[str, Any]], *, now: datetime, tick: timedelta) -> list[dict[str, Any]]:
    """What is shown of each daemon that lives or was here in the last week, the one seen last first.

    `lag_seconds` is the time since its last pass, for those that live: up to a tick and a heartbeat while all is well.
    `share` is that of the mails which all of them have sent since each of them started.
    """
    shown = [row for row in rows if now - row["seen_at"] < SHOWN]
    sent = sum(row["sent"] for row in shown)
    return [_one(row, now, tick) | {"share": round(row["sent"] / sent, 3) if sent else None} for row in shown]


def is_alive(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether a daemon is at work, as far as anybody knows."""
    return row["stopped_at"] is None and now - row["seen_at"] < ALIVE


def _one(row: Mapping[str, Any], now: datetime, tick: timedelta) -> dict[str, Any]:
    lag = max(now - (row["passed_at"] or row["started_at"]), timedelta())
    if is_alive(row, now):
        condition = Condition.LATE if lag > TICKS * tick + BEAT else Condition.WORKING
    else:
        condition = Condition.GONE if row["stopped_at"] is None else Condition.STOPPED
    known = ("id", "host", "pid", "started_at", "seen_at", "passed_at", "stopped_at", "sent")
    return {name: row[name] for name in known} | {
        "state": condition.value,
        "alive": is_alive(row, now),
        "lag_seconds": round(lag.total_seconds(), 3) if is_alive(row, now) else None,
    }
