"""What an import asks and writes, a batch at a time: each method is the same few statements for any number of rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nurture.domain.employers import Employers
    from nurture.domain.fact import Fact
    from nurture.domain.lead import LeadId
    from nurture.ports.rows import Consent, Suppression


class Arrivals(Protocol):
    """Many leads at once. What is new is written with CollisionError where somebody else was quicker."""

    def by_identity(
        self, emails: Collection[str], external_ids: Collection[str]
    ) -> tuple[dict[str, LeadId], dict[str, LeadId]]:
        """Known leads: address (or alias) -> lead, external id -> lead. A merged lead is followed to where it went."""

    def by_phone(self, phones: Collection[str]) -> dict[tuple[str, str], LeadId]:
        """Known leads that have neither an address nor an external id: their `caller` -> lead.

        Nobody else is answered about numbers before this transaction ends, or each of two would make the same lead.
        """

    def hold(self, ids: Collection[LeadId]) -> dict[LeadId, dict[str, Any]]:
        """All stored columns of leads, whom nobody else changes before this transaction ends."""

    def reserve(self, count: int) -> Sequence[LeadId]:
        """Ids for new leads."""

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Insert leads, given by their columns, `id` among them."""

    def change(self, names: Collection[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Set these columns of leads; each row carries `id` and all of them."""

    def employers(self, named: Collection[tuple[str | None, str | None]], *, only_known: bool = False) -> Employers:
        """The companies of these (name, domain) pairs; unless `only_known`, with ids for new ones."""

    def settle(self, employers: Employers, now: datetime) -> None:
        """Store what was made of them."""

    def add_consents(self, consents: Sequence[tuple[LeadId, Consent]]) -> None:
        """More bases."""

    def add_facts(self, facts: Sequence[tuple[LeadId, Fact]]) -> None:
        """More statements."""

    def add_aliases(self, aliases: Sequence[tuple[LeadId, str]]) -> None:
        """Old addresses of leads; one that is an alias already goes over to this lead."""

    def listed(self, addresses: Collection[str]) -> set[tuple[str, str]]:
        """The (address, scope) pairs of these addresses and numbers that are suppressed, as they stand."""

    def suppress(self, suppressions: Sequence[Suppression], *, by: str) -> None:
        """Suppress; those that are suppressed already stay as they are."""
