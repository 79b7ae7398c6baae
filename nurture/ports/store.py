"""The store: one transaction at a time (`Unit`), with a repository for each noun."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from nurture.domain.condition import Condition
from nurture.domain.enrollment import Enrollment, EnrollmentId, State
from nurture.domain.fact import Fact
from nurture.domain.lead import Company, CompanyId, Lead, LeadId
from nurture.domain.response import Response
from nurture.domain.scoring import Line, Running
from nurture.domain.touch import State as TouchState
from nurture.domain.touch import Touch, TouchId


@dataclass(frozen=True, slots=True)
class Consent:
    """A basis for contact: what, since when, until when, from where, and the text that was shown."""

    basis: str
    at: datetime
    until: datetime | None = None
    source: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that must not be contacted. `scope` is all, email or phone."""

    address: str
    scope: str
    reason: str
    at: datetime
    lead: LeadId | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that is paused: `send`, `cadence:NAME`, `mailer:NAME`."""

    name: str
    reason: str
    since: datetime
    until: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history: a change that somebody or something made, in words."""

    what: str
    text: str
    at: datetime
    by: str
    lead: LeadId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response with its row id, and when it was recorded."""

    id: int
    response: Response
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Scored:
    """What a lead's score decays from."""

    sums: Mapping[str, Running]
    look_at: datetime | None


class Leads(Protocol):
    """Leads, their companies, facts and consent."""

    def get(self, ids: Collection[LeadId]) -> dict[LeadId, Lead]:
        """Leads by id, with their companies."""

    def find(self, text: str) -> Lead | None:
        """A lead by address, alias, id or external id; a merged lead is followed to where it went."""

    def search(self, where: Condition | None, *, now: datetime, limit: int | None = None) -> list[Lead]:
        """The leads for which a condition holds, by id; all without one. Merged and forgotten leads are left out."""

    def add(self, values: Mapping[str, Any]) -> LeadId:
        """Insert a lead from column values."""

    def update(self, lead: LeadId, values: Mapping[str, Any]) -> None:
        """Set columns of a lead."""

    def update_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Set the same columns of many leads; each row carries `id`."""

    def columns(self, lead: LeadId) -> dict[str, Any]:
        """All stored columns of a lead."""

    def flagged(self, flag: str, limit: int) -> list[LeadId]:
        """Leads marked with `ready_check` or `enroll_check`, by id."""

    def unflag(self, flag: str, ids: Collection[LeadId]) -> None:
        """Take the mark away."""

    def to_look_at(self, now: datetime, limit: int) -> list[LeadId]:
        """Leads whose score time may have carried over a threshold."""

    def returning(self, now: datetime, limit: int) -> list[LeadId]:
        """Leads whose dated return has come."""

    def scored(self, ids: Collection[LeadId]) -> dict[LeadId, Scored]:
        """The running sums of the engagement."""

    def facts(self, ids: Collection[LeadId]) -> dict[LeadId, list[Fact]]:
        """Everything learned, oldest first."""

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

    def company_last_touched(
        self, companies: Collection[CompanyId], since: datetime
    ) -> dict[CompanyId, dict[LeadId, datetime]]:
        """For each company, each person's latest counted touch after `since`."""

    def add_alias(self, lead: LeadId, email: str) -> None:
        """Keep an old address as another name of the lead."""

    def idle(self) -> list[LeadId]:
        """Leads of ours (nurturing) without an enrollment, a task, a queued handoff, a promise or a dated return."""


class Suppressions(Protocol):
    """Addresses that must not be contacted."""

    def scopes(self, addresses: Collection[str]) -> dict[str, frozenset[str]]:
        """The scopes in which each address is suppressed; addresses that are not are left out."""

    def add(self, suppression: Suppression, *, by: str) -> bool:
        """Suppress; False if it was already."""

    def seal(self, address: str) -> int:
        """Keep the suppressions of an address under a keyed hash in its place, so that nobody can read it; how many."""

    def remove(self, address: str) -> int:
        """Lift all suppressions of an address; how many there were."""

    def all(self) -> list[Suppression]:
        """Every suppression, oldest first."""


class Enrollments(Protocol):
    """Enrollments and the schedule that they are."""

    def get(self, ids: Collection[EnrollmentId]) -> dict[EnrollmentId, Enrollment]:
        """Enrollments by id."""

    def claim(self, now: datetime, *, limit: int, owner: str, lease_until: datetime) -> list[Enrollment]:
        """Lease the due ones, in the order (due, priority, id). Nobody else gets them before `lease_until`.

        Each comes with its `next_at` as it was due, and with a new fence.
        """

    def save(self, changed: Sequence[Enrollment], *, fenced: bool = True) -> frozenset[EnrollmentId]:
        """Store changed enrollments; with `fenced`, only those whose fence is still ours. Returns those stored."""

    def add(self, enrollment: Enrollment, *, by: str) -> EnrollmentId | None:
        """Start one. None if the lead's exclusive place is taken: the unique index decides."""

    def open_of(self, leads: Collection[LeadId]) -> dict[LeadId, list[Enrollment]]:
        """Active and paused enrollments of leads."""

    def all_of(self, leads: Collection[LeadId]) -> dict[LeadId, list[Enrollment]]:
        """Every enrollment of leads, oldest first."""

    def select(
        self, *, lead: LeadId | None = None, cadence: str | None = None, state: State | None = None
    ) -> list[Enrollment]:
        """Enrollments, by id."""

    def wake(self, ids: Collection[EnrollmentId], now: datetime) -> None:
        """Make active enrollments due now."""

    def paused_until(self, now: datetime, limit: int) -> list[Enrollment]:
        """Paused enrollments whose dated pause is over."""

    def started_since(self, cadence: str, since: datetime) -> int:
        """How many were enrolled in a cadence since a moment: for its rate."""

    def next_due(self) -> datetime | None:
        """The earliest moment at which one is due."""

    def count_due(self, now: datetime) -> int:
        """How many are due."""


class Touches(Protocol):
    """Touches, tasks among them."""

    def get(self, ids: Collection[TouchId]) -> dict[TouchId, Touch]:
        """Touches by id."""

    def of_leads(self, leads: Collection[LeadId]) -> dict[LeadId, list[Touch]]:
        """Every touch of leads, oldest first."""

    def select(
        self,
        *,
        state: TouchState | None = None,
        lead: LeadId | None = None,
        cadence: str | None = None,
        step: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Touch]:
        """Touches, by creation."""

    def add(self, touches: Sequence[Touch]) -> None:
        """Insert new ones."""

    def save(self, touches: Sequence[Touch], *, was: Mapping[TouchId, tuple[int, TouchState]]) -> frozenset[TouchId]:
        """Compare-and-set on (id, attempt, state) as given by `was`. Returns those stored."""

    def lock_for_limits(self, leads: Collection[LeadId], companies: Collection[CompanyId]) -> None:
        """Hold the rows on which limits are counted, in the order lead, company. Nothing on SQLite: one writer."""

    def counted(self, leads: Collection[LeadId], since: datetime) -> dict[LeadId, list[datetime]]:
        """When each lead's touches counted, after `since`."""

    def domain_counted(self, domains: Collection[str], since: datetime) -> dict[str, list[datetime]]:
        """When mails to each domain counted, after `since`."""

    def had(self, pairs: Collection[tuple[LeadId, str]]) -> frozenset[tuple[LeadId, str]]:
        """Of these (lead, template) pairs, those that were sent or must be assumed to have been."""

    def save_texts(self, texts: Sequence[tuple[TouchId, str, str, str]]) -> None:
        """Keep (touch, subject, html, text) as sent; a later attempt replaces what was never taken."""

    def text(self, touch: TouchId) -> tuple[str, str, str] | None:
        """Subject, html and text as sent."""

    def by_message_id(self, message_id: str) -> Touch | None:
        """The touch whose mail carried this Message-ID."""

    def unsettled(self, now: datetime, limit: int) -> list[Touch]:
        """Touches in `sending` or `in_doubt` whose lease or settle time is over."""

    def open_tasks(self, *, due_before: datetime | None = None) -> list[Touch]:
        """Open tasks, by when they were due."""

    def add_links(self, links: Mapping[str, str]) -> None:
        """Keep link ids with their targets; known ones are left alone."""

    def links(self) -> list[tuple[str, str, str]]:
        """(id, url as written, target) of every link."""

    def link_target(self, link: str) -> str | None:
        """Where a tracked link leads today."""

    def repair_link(self, old: str, new: str) -> int:
        """Lead every link to `old` elsewhere; how many."""

    def count_by_state(self) -> dict[TouchState, int]:
        """How many touches stand in each state."""


class Responses(Protocol):
    """Responses and the ledger lines they made."""

    def add(self, response: Response, *, key: str, recorded_at: datetime, by: str) -> int | None:
        """Store a response. None if we have it already: providers deliver more than once."""

    def of_leads(self, leads: Collection[LeadId]) -> dict[LeadId, list[Response]]:
        """Every response of leads, oldest first."""

    def stored(self, *, since: datetime | None = None, lead: LeadId | None = None) -> list[StoredResponse]:
        """Responses with their ids, by moment."""

    def of_touch(self, touch: TouchId) -> list[Response]:
        """The responses to one touch, oldest first."""

    def add_lines(self, lead: LeadId, response: int, lines: Sequence[Line]) -> None:
        """Ledger lines of a response."""

    def lines(self, leads: Collection[LeadId]) -> dict[LeadId, list[Line]]:
        """The ledger of each lead."""

    def keep_raw(self, kind: str, key: str, body: bytes, at: datetime) -> bool:
        """Store a delivery as it came. False if it is there already."""

    def raw_new(self, limit: int) -> list[tuple[int, str, bytes, datetime]]:
        """(id, kind, body, arrived) of deliveries not yet processed."""

    def raw_done(self, row: int, at: datetime, problem: str | None = None) -> None:
        """Mark a delivery as processed."""


class Sales(Protocol):
    """Promotions, handoffs and what leaves for sales. Rows are plain mappings of column names."""

    def promote(self, lead: LeadId, *, at: datetime, why: str, brief: Mapping[str, Any], value: float) -> int | None:
        """A promotion. None if the lead has one that is open: the unique index decides."""

    def promotion(self, promotion: int) -> dict[str, Any] | None:
        """A promotion by id."""

    def promotions_of(self, lead: LeadId) -> list[dict[str, Any]]:
        """All promotions of a lead, oldest first."""

    def close_promotion(self, promotion: int) -> None:
        """Sales is done with it; the lead may be promoted again."""

    def add_handoff(self, values: Mapping[str, Any]) -> int:
        """A new handoff."""

    def handoff(self, handoff: int) -> dict[str, Any] | None:
        """A handoff by id."""

    def handoffs(
        self, *, lead: LeadId | None = None, rep: str | None = None, states: Collection[str] | None = None
    ) -> list[dict[str, Any]]:
        """Handoffs, by id."""

    def save_handoff(self, handoff: int, values: Mapping[str, Any], *, was: str) -> bool:
        """Compare-and-set on (id, state); False if somebody else moved it."""

    def overdue(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Handoffs whose next deadline has passed."""

    def deliver(self, *, key: str, kind: str, to: str, payload: Mapping[str, Any], at: datetime) -> bool:
        """Queue something for sales or an operator; False if the key is queued already."""

    def deliveries_due(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """What waits to be delivered."""

    def delivered(self, delivery: int, *, at: datetime, problem: str | None, retry_at: datetime | None) -> None:
        """The outcome of one delivery."""


class Notes(Protocol):
    """The history, the inbox and the promises."""

    def add(self, changes: Sequence[Change]) -> None:
        """Write to the history."""

    def of_lead(self, lead: LeadId) -> list[Change]:
        """The changes of a lead, oldest first."""

    def select(self, *, what: str | None = None, since: datetime | None = None) -> list[Change]:
        """Changes of one kind, oldest first."""

    def to_inbox(self, values: Mapping[str, Any]) -> bool:
        """Something a person must look at; False if it is there already (`key`)."""

    def inbox(self, *, settled: bool = False) -> list[dict[str, Any]]:
        """The inbox, oldest first."""

    def settle(self, entry: int, *, as_: str, by: str, at: datetime) -> bool:
        """Settle an entry; False if it was."""

    def promise(self, values: Mapping[str, Any]) -> int:
        """A new promise."""

    def promises(self, *, lead: LeadId | None = None) -> list[dict[str, Any]]:
        """Promises, by date."""

    def promises_due(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Open promises whose moment has come."""

    def save_promise(self, promise: int, values: Mapping[str, Any], *, was: str) -> bool:
        """Compare-and-set on (id, state)."""


class Control(Protocol):
    """What is in force, what is paused, who is at work."""

    def generation(self) -> int:
        """A number that grows with every `apply`."""

    def files(self) -> dict[str, str]:
        """The applied files: path -> content."""

    def put_files(self, files: Mapping[str, str | None], *, at: datetime, by: str) -> None:
        """Put files in force; None removes one."""

    def versions(self) -> dict[str, tuple[int, str]]:
        """Latest version and structure hash of each cadence."""

    def version(self, cadence: str, version: int) -> str | None:
        """The text of one version of a cadence."""

    def put_version(self, cadence: str, version: int, *, structure: str, content: str, at: datetime, by: str) -> None:
        """A new version, or a new text for one whose structure is the same."""

    def switches(self) -> dict[str, Switch]:
        """What is paused."""

    def switch(self, switch: Switch) -> None:
        """Pause something."""

    def unswitch(self, name: str) -> bool:
        """Let it go on; False if it was not paused."""

    def mark(self, name: str) -> tuple[str, datetime] | None:
        """A stored mark."""

    def set_mark(self, name: str, value: str, at: datetime) -> None:
        """Set a mark."""

    def take_job(self, job: str, slot: str, *, at: datetime, by: str) -> bool:
        """True for the one daemon of the fleet that may run this job in this slot."""

    def beat(self, daemon: str, *, host: str, pid: int, now: datetime, sent: int) -> None:
        """Say that a daemon is alive."""

    def daemons(self) -> list[dict[str, Any]]:
        """Daemons that were seen, latest first."""

    def leave(self, daemon: str, now: datetime) -> None:
        """A daemon stops cleanly."""

    def add_token(self, name: str, *, sha: str, at: datetime, by: str) -> bool:
        """Keep the hash of an API token; False if the name is taken."""


class Imports(Protocol):
    """Import batches, so that one can be undone."""

    def begin(self, *, file: str, source: str | None, at: datetime, by: str) -> int:
        """A new batch."""

    def finish(self, batch: int, *, created: int, updated: int, unchanged: int, refused: Sequence[Any]) -> None:
        """The counts of a batch."""

    def add_rows(self, batch: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """What the batch did to each lead: lead_id, line, before (None: created), at."""

    def select(self) -> list[dict[str, Any]]:
        """Batches, latest first."""

    def get(self, batch: int) -> dict[str, Any] | None:
        """One batch."""

    def rows(self, batch: int) -> list[dict[str, Any]]:
        """What a batch did."""

    def undone(self, batch: int, at: datetime) -> None:
        """Mark a batch as undone."""

    def remove_lead(self, lead: LeadId) -> None:
        """Delete a lead that nothing has happened to since its import."""

    def by_identity(
        self, emails: Collection[str], external_ids: Collection[str]
    ) -> tuple[dict[str, LeadId], dict[str, LeadId]]:
        """Known leads: address (or alias) -> lead, external id -> lead."""


class Persons(Protocol):
    """One person, wherever the database has something about them."""

    def everything(self, lead: LeadId) -> dict[str, Any]:
        """All that is held about a person, by table; ready for JSON."""

    def move(self, lead: LeadId, into: LeadId) -> None:
        """Give all rows of one lead to another. Its exclusive place and its open promotion must be free there."""

    def erase(self, lead: LeadId, at: datetime) -> None:
        """Erase whoever this was, everywhere; what was counted stays, under a number that names nobody."""


class Unit(Protocol):
    """One transaction. What is not committed is rolled back."""

    @property
    def leads(self) -> Leads: ...
    @property
    def suppressions(self) -> Suppressions: ...
    @property
    def enrollments(self) -> Enrollments: ...
    @property
    def touches(self) -> Touches: ...
    @property
    def responses(self) -> Responses: ...
    @property
    def sales(self) -> Sales: ...
    @property
    def notes(self) -> Notes: ...
    @property
    def control(self) -> Control: ...
    @property
    def imports(self) -> Imports: ...
    @property
    def persons(self) -> Persons: ...

    def commit(self) -> None:
        """Make it durable."""


class Store(Protocol):
    """The database."""

    def unit(self, *, write: bool = True) -> AbstractContextManager[Unit]:
        """A transaction; on SQLite a writing one holds the only write lock from its beginning."""

    def now(self, clock_now: datetime) -> datetime:
        """The moment of a pass: the database's on PostgreSQL, else the clock's."""
