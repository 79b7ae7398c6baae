"""Enrolling many leads at once: whom a cadence takes is asked, and answered, by the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.lead import LeadId, Status
    from nurture.domain.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Door:
    """A way into a cadence: by the condition of `through`, which is itself or the one whose place it takes.

    `late`: for leads that came too late for `through`, and would be taken by it otherwise.
    """

    cadence: Cadence
    version: int
    through: Cadence
    late: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What speaks against enrolling a lead by hand: its status, that it is in the cadence, or in `place`.

    `alone`: nothing does, but something else changes with it (a pause of its own, a return): it is enrolled by itself.
    """

    lead: LeadId
    email: str | None
    status: Status
    is_in: bool
    place: str | None
    alone: bool


class Entering(Protocol):
    """Many leads, and the cadences that they enter. The caller holds the leads."""

    def take(self, limit: int) -> list[LeadId]:
        """Hold the next leads that are marked, and take the mark away. Those that somebody else holds are left out."""

    def suppressed(self, ids: Collection[LeadId]) -> set[LeadId]:
        """Those who must not be contacted at all."""

    def unlike(self, ids: Collection[LeadId], rules: Workspace, now: datetime) -> set[LeadId]:
        """Those of whom the database alone cannot say what becomes of them: they are asked one by one.

        Their engagement decays and a condition asks for it, they come again to a cadence that takes them again after
        a while, or something else changes with it.
        """

    def enter(
        self, ids: Collection[LeadId], door: Door, *, rules: Workspace, now: datetime, by: str, most: int | None = None
    ) -> int:
        """Enroll those of these leads whom the cadence takes, at most `most`: the best fit first, then the newest."""

    def against(
        self, ids: Sequence[LeadId], cadence: Cadence, statuses: Collection[Status], now: datetime
    ) -> list[Standing]:
        """Those of these leads whom the cadence would not take by hand, or not among many, by id."""

    def put(self, ids: Collection[LeadId], cadence: Cadence, version: int, *, now: datetime, by: str) -> int:
        """Enroll these leads, against whom nothing speaks; how many were."""
