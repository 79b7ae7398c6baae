"""What a simulation sees of the copy that it runs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nurture.domain.experience import Experience
    from nurture.domain.touch import Touch


@dataclass(frozen=True, slots=True)
class News:
    """A touch or a handoff (`what`) that moved to a state, or waits for a reason."""

    what: str
    id: str
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """So many enrollments of a cadence ended in this state, for this reason, after this contact (empty: before any)."""

    cadence: str
    state: str
    reason: str
    step: str
    leads: int


class Watched(Protocol):
    """A copy, looked at from outside."""

    def latest(self) -> datetime | None:
        """The last moment at which something was stored: no pass of the copy may come before it."""

    def next_work(self) -> tuple[datetime | None, bool, bool]:
        """The earliest moment that a row names; whether a lead is marked; whether a handoff is queued."""

    def may_be_offered_again(self, now: datetime) -> datetime | None:
        """When a queued lead may next be offered to a rep who rejected it."""

    def news(self) -> list[News]:
        """What moved since the last call, in the order in which it moved."""

    def ledger(self, since: datetime, until: datetime) -> Iterator[Touch]:
        """Touches that are over and may have ended in [since, until), by the moment at which they did."""

    def left(self, since: datetime) -> list[Left]:
        """Where enrollments ended since a moment."""

    def dry(self, cadence: str, stream: str, items: int) -> tuple[int, datetime | None]:
        """How many open enrollments have had every item of a stream, and since when the first of them."""

    def count(self, table: str, states: Sequence[str]) -> int:
        """How many handoffs or enrollments stand in these states."""

    def experience(self) -> Experience:
        """How people answered so far."""
