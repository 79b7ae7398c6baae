"""The repository of what waits for its turn: slots handed out, the queues that they stand in, first waves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from nurture.domain.lead import CompanyId, LeadId
    from nurture.domain.touch import TouchId
    from nurture.domain.wave import Answers, Wave


@dataclass(frozen=True, slots=True)
class Slot:
    """The moment that a waiting touch was given, in every queue that it stands in."""

    touch: TouchId
    lead: LeadId
    at: datetime
    company: CompanyId | None = None
    domain: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Whose touches are counted: those to a mail domain, or from these senders."""

    by: Literal["domain", "sender"]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stand:
    """How a queue stands: its fence, and when the warm-up began."""

    fence: int = 0
    began: datetime | None = None


class Pacing(Protocol):
    """Slots, queues and first waves."""

    def is_anything_held(self) -> bool:
        """Whether any slot is handed out."""

    def slots_of(self, leads: Collection[LeadId]) -> dict[TouchId, Slot]:
        """The slots of touches of these leads."""

    def slots_in(self, companies: Collection[CompanyId]) -> dict[CompanyId, list[Slot]]:
        """The slots of people of these companies."""

    def slots_for(self, counted: Counted) -> list[tuple[datetime, int]]:
        """When mails have slots in a queue, and how many at each moment."""

    def used(self, counted: Counted, since: datetime) -> list[tuple[datetime, int]]:
        """When mails of a queue counted, after `since`, and how many at each moment."""

    def hold(self, slots: Sequence[Slot]) -> None:
        """Hand slots out; a touch has one."""

    def let_go(self, touches: Collection[TouchId]) -> None:
        """Take slots back."""

    def sweep(self, before: datetime) -> None:
        """Remove the slots that nobody came for."""

    def stand(self, queues: Collection[str]) -> dict[str, Stand]:
        """How queues stand; one that nobody stood in is not there."""

    def lock(self, queues: Collection[str]) -> dict[str, Stand]:
        """Hold queues until the end of the transaction, in the order of their names, and raise their fences.

        Returns how they stood before. Everything else that is locked for limits (lead, company) comes first.
        """

    def begin(self, queues: Mapping[str, datetime]) -> None:
        """When warm-ups begin."""

    def waves(self, *, templates: Collection[str] | None = None, lock: bool = False) -> dict[str, Wave]:
        """First waves that are not over, of these templates or of all."""

    def put_waves(self, waves: Sequence[Wave]) -> None:
        """Store first waves; one of the same template is replaced."""

    def end_waves(self, templates: Collection[str]) -> None:
        """The rest may follow."""

    def out(self, touches: Collection[TouchId]) -> list[TouchId]:
        """Those of these touches that count."""

    def answers(self, touches: Collection[TouchId]) -> Answers:
        """What came back for these mails."""

    def wake_wave(self, template: str, now: datetime) -> None:
        """Let every enrollment that waits for this first wave be looked at."""
