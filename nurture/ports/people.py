"""Repositories of who we write to: leads, suppressions, imports, everything about one person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.fact import Fact
    from nurture.domain.lead import Company, CompanyId, Lead, LeadId
    from nurture.domain.scoring import Scoring, Sums
    from nurture.domain.workspace import Workspace
    from nurture.ports.rows import Consent, Rescoring, Suppression


class Leads(Protocol):
    """Leads, their companies, facts and consent."""

    def get(self, ids: Collection[LeadId]) -> dict[LeadId, Lead]:
        """Leads by id, with their companies."""

    def with_sums(self, ids: Collection[LeadId], points: Scoring) -> tuple[dict[LeadId, Lead], dict[LeadId, Sums]]:
        """Leads by id, with their companies, and the running sums of their engagement, as they decay by these rules."""

    def reach(self, ids: Collection[LeadId]) -> dict[LeadId, tuple[str | None, str | None, datetime | None, int]]:
        """Address, number, until when a lead asked for less, and how many bases are recorded: never fewer, as a
        withdrawal is one more. What is looked at again just before a send.
        """

    def find(self, text: str) -> Lead | None:
        """A lead by address, alias, id or external id; a merged lead is followed to where it went."""

    def search(
        self,
        where: Condition | None,
        *,
        now: datetime,
        rules: Workspace | None = None,
        limit: int | None = None,
        after: LeadId = 0,
    ) -> list[Lead]:
        """The leads for which a condition holds, by id, behind `after`; all without one. Merged and forgotten leads
        are left out. By `rules` engagement decays and facts grow too old; without, it is as stored, and a fact of any
        age is known."""

    def ids(
        self, where: Condition, *, now: datetime, rules: Workspace | None = None, limit: int, after: LeadId = 0
    ) -> list[LeadId]:
        """The ids of the leads that `search` would give."""

    def count(self, where: Condition, *, now: datetime, rules: Workspace | None = None) -> int:
        """How many leads `search` would give."""

    def custom_names(self) -> list[str]:
        """The names of all custom fields that a lead has."""

    def add(self, values: Mapping[str, Any]) -> LeadId:
        """Insert a lead from column values."""

    def update(self, lead: LeadId, values: Mapping[str, Any]) -> None:
        """Set columns of a lead."""

    def update_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Set the same columns of many leads; each row carries `id`."""

    def columns(self, lead: LeadId) -> dict[str, Any]:
        """All stored columns of a lead."""

    def flagged(self, flag: str, limit: int | None, *, best_first: bool = False) -> list[LeadId]:
        """Leads marked with `ready_check` or `enroll_check`, by id; or the best fit first, then the newest."""

    def unflag(self, flag: str, ids: Collection[LeadId]) -> None:
        """Take the mark away."""

    def flag_everyone(self) -> None:
        """Mark every lead of ours for both checks."""

    def flag_for_the_night(self, rules: Workspace, now: datetime) -> None:
        """Mark whom a cadence may take now by its condition, who is near a decision, and whose score time may move."""

    def to_look_at(self, now: datetime, limit: int) -> list[LeadId]:
        """Leads whose score time may have carried over a threshold."""

    def returning(self, now: datetime, limit: int) -> list[LeadId]:
        """Leads whose dated return has come."""

    def sums(self, ids: Collection[LeadId], points: Scoring) -> dict[LeadId, Sums]:
        """The running sums of the engagement, as they decay by these rules."""

    def score_again(self, after: LeadId, *, rules: Workspace, rescoring: Rescoring) -> LeadId | None:
        """Score the next leads behind an id from their ledger; the last of them, or None where there are no more.

        Stages that change are written to the history. Who may now enter a cadence or be promoted is marked.
        """

    def facts(self, ids: Collection[LeadId]) -> dict[LeadId, list[Fact]]:
        """Everything learned, oldest first."""

    def facts_in(self, companies: Collection[CompanyId]) -> dict[CompanyId, list[Fact]]:
        """Everything learned from the people of each company, oldest first; merged and forgotten ones are left out."""

    def add_fact(self, lead: LeadId, fact: Fact) -> None:
        """One more statement; older ones stay."""

    def consents(self, ids: Collection[LeadId]) -> dict[LeadId, list[Consent]]:
        """Recorded bases, oldest first."""

    def add_consent(self, lead: LeadId, consent: Consent) -> None:
        """One more basis."""

    def companies(self, ids: Collection[CompanyId] | None) -> dict[CompanyId, Company]:
        """Companies by id; None: all of them."""

    def company_named(self, name: str) -> CompanyId | None:
        """The company of this name or domain."""

    def set_company(self, company: CompanyId, values: Mapping[str, Any]) -> None:
        """Set columns of a company."""

    def company_domain(self, company: CompanyId, domain: str) -> CompanyId:
        """Let a domain be this company's, or say whose it is already."""

    def merge_companies(self, company: CompanyId, into: CompanyId) -> None:
        """Give the people and the domains of one company to another, and remove it."""

    def company_for(
        self, *, name: str | None, domain: str | None, values: Mapping[str, Any], now: datetime
    ) -> CompanyId:
        """The company of this domain, else of this name, else a new one; blanks are filled from `values`."""

    def of_company(self, company: CompanyId) -> list[LeadId]:
        """The people of a company."""

    def stages_in(self, companies: Collection[CompanyId]) -> dict[CompanyId, dict[str, int]]:
        """How many people of each company are in each stage; merged and forgotten ones are left out."""

    def company_last_touched(
        self, companies: Collection[CompanyId], since: datetime
    ) -> dict[CompanyId, dict[LeadId, datetime]]:
        """For each company, each person's latest counted touch after `since`."""

    def add_alias(self, lead: LeadId, email: str) -> None:
        """Keep an old address as another name of the lead."""

    def idle(self, only: Collection[LeadId] | None = None) -> list[LeadId]:
        """Leads of ours (nurturing) without an enrollment, a task, a queued handoff, a promise or a dated return."""


class Suppressions(Protocol):
    """Addresses that must not be contacted."""

    def scopes(self, addresses: Collection[str]) -> dict[str, frozenset[str]]:
        """The scopes in which each address is suppressed; addresses that are not are left out."""

    def add(self, suppression: Suppression, *, by: str) -> bool:
        """Suppress; False if it was already."""

    def seal(self, address: str) -> int:
        """Keep the suppressions of an address under a keyed hash in its place, so that nobody can read it; how many."""

    def sealed(self) -> frozenset[str]:
        """What stands for the addresses of those who were forgotten."""

    def sealed_as(self, address: str) -> str:
        """What would stand for this address."""

    def remove(self, address: str) -> int:
        """Lift all suppressions of an address; how many there were."""

    def all(self) -> list[Suppression]:
        """Every suppression, oldest first."""


class Imports(Protocol):
    """Import batches, so that one can be undone."""

    def begin(self, *, file: str, source: str | None, at: datetime, by: str, content: str | None = None) -> int:
        """A new batch; one with `content` can be gone on with."""

    def unfinished(self, content: str) -> dict[str, Any] | None:
        """The latest batch of the same content that was not finished, nor undone."""

    def advance(
        self,
        batch: int,
        *,
        was: int,
        line: int,
        created: int,
        updated: int,
        unchanged: int,
        refused: Sequence[tuple[int, str]],
        finished_at: datetime | None,
    ) -> bool:
        """The rows from line `was` to `line` are stored, with these counts in all; False if somebody else did them.

        `refused` are (line, reason) of those among them that were not taken.
        """

    def refused(self, batch: int) -> list[tuple[int, str]]:
        """(line, reason) of the rows that were not taken, by line."""

    def add_rows(
        self,
        batch: int,
        *,
        made: tuple[Sequence[LeadId], Sequence[int]],
        changed: Sequence[tuple[LeadId, int, Mapping[str, Any]]],
        at: datetime,
    ) -> None:
        """What the batch did: leads that it made and the lines of each; those it changed, the line, what was before."""

    def select(self) -> list[dict[str, Any]]:
        """Batches, latest first."""

    def get(self, batch: int) -> dict[str, Any] | None:
        """One batch."""

    def rows(self, batch: int, *, after: LeadId = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """What a batch did to so many leads behind one, by lead."""

    def undone(self, batch: int, at: datetime) -> None:
        """Mark a batch as undone."""

    def remove_leads(self, ids: Sequence[LeadId]) -> None:
        """Delete leads that nothing has happened to since their import."""


class Persons(Protocol):
    """One person, wherever the database has something about them."""

    def everything(self, lead: LeadId) -> dict[str, Any]:
        """All that is held about a person, by table; ready for JSON."""

    def move(self, lead: LeadId, into: LeadId) -> None:
        """Give all rows of one lead to another. Its exclusive place and its open promotion must be free there."""

    def names(self, lead: LeadId) -> frozenset[str]:
        """Every address and number of a lead and of those that were merged into it, also old ones."""

    def every_name(self) -> Iterator[tuple[LeadId, str]]:
        """The addresses and numbers of all leads, merged ones included, each with the lead that it leads to."""

    def erase(self, lead: LeadId, at: datetime) -> None:
        """Erase whoever this was, everywhere; what was counted stays, under a number that names nobody."""


class ForgottenBook(Protocol):
    """What stands for forgotten addresses, kept outside the database: it outlives the restore of an old backup."""

    def read(self) -> frozenset[str]:
        """All that is kept."""

    def add(self, sealed: Collection[str]) -> None:
        """Keep more; durable when it returns. Raises UnreachableError when it cannot be written."""
