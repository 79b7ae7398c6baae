"""What happened on each day and in each week, counted as it happens: contacts, calls, what was held back, offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.handoff import State as Handoff
from nurture.domain.touch import BY_PHONE, Reason, State, Touch
from nurture.ports.simulation import News


@dataclass(slots=True)
class Volume:
    """Counts by day, and by week (its Monday), in the workspace's zone. They grow with the days, never with touches."""

    zone: ZoneInfo
    channels: dict[str, Counter[date]] = field(default_factory=dict)  # contacts made, by day
    callers: dict[str, Counter[date]] = field(default_factory=dict)
    held: Counter[tuple[str, str]] = field(default_factory=Counter)  # (reason, cadence): put off to a later moment
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    expired: Counter[date] = field(default_factory=Counter)
    promoted: Counter[date] = field(default_factory=Counter)
    offered: dict[str, Counter[date]] = field(default_factory=dict)  # by rep
    accepted: Counter[date] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    desk: dict[date, tuple[int, int]] = field(default_factory=dict)  # at the end of a week: open at sales, waiting
    sent: int = 0

    def week(self, at: datetime) -> date:
        """The Monday of a moment."""
        return monday(calendar.local_day(at, self.zone))

    def add(
        self,
        news: Sequence[News],
        touches: Mapping[str, Touch],
        handoffs: Mapping[str, Mapping[str, Any]],
        at: datetime,
    ) -> None:
        """Count what moved at a moment."""
        day = calendar.local_day(at, self.zone)
        week = monday(day)
        for one in news:
            if one.what == "touch" and (touch := touches.get(one.id)) is not None:
                self._touch(one, touch, day)
            elif one.what == "handoff" and (row := handoffs.get(one.id)) is not None:
                self._handoff(one.state, row, week)

    def _touch(self, one: News, touch: Touch, day: date) -> None:
        match State(one.state):
            case State.SENT | State.DONE:
                self.channels.setdefault(touch.channel.value, Counter())[day] += 1
                self.sent += one.state == State.SENT
                if one.state == State.DONE and touch.channel in BY_PHONE:
                    self.callers.setdefault(touch.claimed_by or "", Counter())[monday(day)] += 1
            case State.SKIPPED | State.FAILED if one.reason:
                self.skipped[one.reason, touch.cadence] += 1
            case State.EXPIRED:
                self.expired[monday(day)] += 1
            case State.PLANNED if one.reason and one.reason != Reason.WINDOW:
                self.held[one.reason, touch.cadence] += 1
            case _:
                pass

    def _handoff(self, state: str, row: Mapping[str, Any], week: date) -> None:
        if state == Handoff.OFFERED.value:
            self.offered.setdefault(str(row["rep"] or ""), Counter())[week] += 1
        elif state == Handoff.ACCEPTED.value:
            self.accepted[week] += 1
        elif state == Handoff.REJECTED.value:
            self.rejected[str(row["reason"] or "")] += 1


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())
