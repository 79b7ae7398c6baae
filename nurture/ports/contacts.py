"""Repositories of what happens with leads: enrollments, touches, responses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nurture.domain.enrollment import Enrollment, EnrollmentId, State
    from nurture.domain.lead import CompanyId, LeadId
    from nurture.domain.response import Response
    from nurture.domain.scoring import Line
    from nurture.domain.touch import Reason, Touch, TouchId
    from nurture.domain.touch import State as TouchState
    from nurture.ports.rows import Carried, LaidOut, SentText, StoredResponse, Waiting


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
        self,
        *,
        lead: LeadId | None = None,
        cadence: str | None = None,
        state: State | None = None,
        after: EnrollmentId = 0,
        limit: int | None = None,
    ) -> list[Enrollment]:
        """Enrollments, by id; at most `limit` of those behind the id `after`."""

    def wake(self, ids: Collection[EnrollmentId], now: datetime) -> None:
        """Make active enrollments due now."""

    def wake_waiting(self, leads: Collection[LeadId], now: datetime) -> None:
        """Make those of these leads due now that wait for something which may hold by now, or have a goal."""

    def release(self, now: datetime, *, owner: str | None = None) -> None:
        """Make due whatever is claimed and was not worked on, by one owner or all: whoever claimed it has lost it."""

    def prioritize(self, cadence: str, priority: int) -> None:
        """Give the open enrollments of a cadence this priority, whatever their version."""

    def paused_until(self, now: datetime, limit: int) -> list[Enrollment]:
        """Paused enrollments whose dated pause is over."""

    def held_for_nobody(self) -> list[LeadId]:
        """Leads held back for a colleague, beside whom sales works on nobody: one of them left the company since."""

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

    def save(
        self,
        touches: Sequence[Touch],
        *,
        was: Mapping[TouchId, tuple[int, TouchState]],
        only: frozenset[str] | None = None,
    ) -> frozenset[TouchId]:
        """Compare-and-set on (id, attempt, state) as given by `was`. Returns those stored.

        `only`: the fields that may have changed, where the caller knows; None: any.
        """

    def lock_for_limits(self, leads: Collection[LeadId], companies: Collection[CompanyId]) -> None:
        """Hold the rows on which limits are counted, in the order lead, company. Nothing on SQLite: one writer."""

    def counted(self, leads: Collection[LeadId], since: datetime) -> dict[LeadId, list[datetime]]:
        """When each lead's touches counted, after `since`."""

    def had(self, pairs: Collection[tuple[LeadId, str]]) -> frozenset[tuple[LeadId, str]]:
        """Of these (lead, template) pairs, those that were sent or must be assumed to have been."""

    def lay_out(self, texts: Sequence[SentText]) -> list[LaidOut]:
        """The shape in which mails are kept. This writes nothing: whoever writes need not wait for it."""

    def save_texts(self, texts: Sequence[LaidOut]) -> None:
        """Keep mails as sent; a later attempt replaces what was never taken."""

    def text(self, touch: TouchId) -> tuple[str, str, str] | None:
        """Subject, html and text as sent."""

    def texts(self, touches: Collection[TouchId]) -> dict[TouchId, tuple[str, str, str]]:
        """The same of many."""

    def by_message_id(self, message_id: str) -> Touch | None:
        """The touch whose mail carried this Message-ID."""

    def unsettled(self, now: datetime, limit: int) -> list[Touch]:
        """Touches in `sending` or `in_doubt` whose lease or settle time is over."""

    def open_tasks(self, *, due_before: datetime | None = None) -> list[Touch]:
        """Open tasks, by when they were due."""

    def taken_by(self, person: str) -> Touch | None:
        """The open task that a person, by address, has taken."""

    def waiting(self, assigned: Collection[str], *, for_anybody: bool, lowering: Collection[str] = ()) -> list[Waiting]:
        """Open tasks of these addresses and roles, and those of nobody; not those of leads of whom one is taken.

        `lowering`: the keys of the scoring rules that take points.
        """

    def unanswered(self, leads: Collection[LeadId]) -> set[LeadId]:
        """Those of leads who wrote to us and wait for an answer: a task to answer them is open."""

    def calls_made(self, by: str, *, since: datetime) -> int:
        """Calls and voicemails that a person, by address, did at a moment or later."""

    def over(self, since: datetime, until: datetime) -> list[Touch]:
        """Touches that ended in [since, until): sent, done, expired; else when that was decided."""

    def tasks_page(self, *, assigned: str | None, after: TouchId | None, limit: int | None) -> list[Touch]:
        """Open tasks, at most so many, by when they were due, behind the one whose id is `after`."""

    def add_links(self, links: Mapping[str, str]) -> None:
        """Keep link ids with their targets; known ones are left alone."""

    def links(self) -> list[tuple[str, str, str]]:
        """(id, url as written, target) of every link."""

    def link_target(self, link: str) -> str | None:
        """Where a tracked link leads today."""

    def repair_link(self, old: str, new: str) -> int:
        """Lead every link to `old` elsewhere; how many."""

    def unsound(self) -> tuple[list[tuple[TouchId, str]], list[str]]:
        """Rows that break an invariant, as (touch, what is wrong), and totals that do, in words: the full count."""

    def count_by_state(self) -> dict[TouchState, int]:
        """How many touches stand in each state."""

    def carried(self, since: datetime) -> dict[str, Carried]:
        """What each mailer has sent since a moment. No index knows it."""

    def is_waiting(self, reason: Reason) -> bool:
        """Whether a touch is held back for this reason. No index knows it: it may read all that are planned."""


class Responses(Protocol):
    """Responses and the ledger lines they made."""

    def add(self, response: Response, *, key: str, recorded_at: datetime, by: str) -> int | None:
        """Store a response. None if we have it already: providers deliver more than once."""

    def add_all(self, responses: Sequence[tuple[Response, str]], *, recorded_at: datetime, by: str) -> list[int | None]:
        """Store responses, each with its key, in one statement; their ids in this order, None for those we have."""

    def of_leads(self, leads: Collection[LeadId]) -> dict[LeadId, list[Response]]:
        """The responses of leads that may prove something, oldest first: all but those in the archive."""

    def of_lead(self, lead: LeadId) -> list[Response]:
        """Every response of a lead, those in the archive among them, oldest first."""

    def stored(self, *, since: datetime | None = None, lead: LeadId | None = None) -> list[StoredResponse]:
        """Responses with their ids, by moment."""

    def page(self, *, lead: LeadId | None, since: datetime | None, after: int, limit: int) -> list[StoredResponse]:
        """At most so many responses, by id, behind the id `after`; `since` bounds when they were recorded."""

    def of_touch(self, touch: TouchId) -> list[Response]:
        """The responses to one touch, oldest first."""

    def of_touches(self, touches: Collection[TouchId]) -> dict[TouchId, list[StoredResponse]]:
        """The responses to touches with their ids, oldest first; touches without any are left out."""

    def clicks(self, since: datetime, until: datetime) -> list[Response]:
        """Every click from one moment to another, both included."""

    def judge(self, response: int, values: Mapping[str, Any]) -> None:
        """Another verdict on a stored response: `kind`, `grade`, `why`, `detail`."""

    def raw(self, keys: Collection[str]) -> dict[str, bytes]:
        """Mails as they came, by their keys; those that are no longer kept are left out."""

    def add_lines(self, lines: Sequence[tuple[LeadId, int, Line]]) -> None:
        """Ledger lines, each with its lead and its response."""

    def replace_lines(self, lines: Mapping[LeadId, Sequence[tuple[int, Line]]]) -> None:
        """The whole ledger of these leads anew: lead -> (response, line)."""

    def with_ids(self, leads: Collection[LeadId]) -> dict[LeadId, list[StoredResponse]]:
        """The responses of leads with their ids, oldest first."""

    def lines(self, leads: Collection[LeadId]) -> dict[LeadId, list[Line]]:
        """The ledger of each lead."""

    def keep_all_raw(self, kind: str, bodies: Mapping[str, bytes], at: datetime) -> set[str]:
        """Store deliveries of one kind as they came, by their keys; the keys of those that were not there already."""

    def keep_raw(self, kind: str, key: str, body: bytes, at: datetime) -> bool:
        """Store a delivery as it came. False if it is there already."""

    def raw_new(
        self,
        limit: int,
        kinds: Collection[str] = (),
        *,
        after: int = 0,
        without: Collection[int] = (),
        most_bytes: int | None = None,
    ) -> list[tuple[int, str, bytes, datetime]]:
        """(id, kind, body, arrived) of deliveries not yet processed, of these kinds or of all, as they came.

        Those behind the id `after` and not `without`, and no more than have `most_bytes` together; one at least.
        """

    def raw_done(self, row: int, at: datetime, problem: str | None = None) -> None:
        """Mark a delivery as processed."""
