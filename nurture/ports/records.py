"""Repositories of what follows: sales, history and inbox, what is in force and who is at work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nurture.domain.chore import Chore
    from nurture.domain.handoff import State as HandoffState
    from nurture.domain.lead import LeadId
    from nurture.ports.rows import Change, Switch


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

    def last_answers(self, count: int) -> list[HandoffState]:
        """How the handoffs stand that were answered last, the latest first."""

    def handoffs(
        self,
        *,
        lead: LeadId | None = None,
        rep: str | None = None,
        states: Collection[str] | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Handoffs, by id; at most `limit` of those behind the id `after`."""

    def save_handoff(self, handoff: int, values: Mapping[str, Any], *, was: str) -> bool:
        """Compare-and-set on (id, state); False if somebody else moved it."""

    def overdue(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Handoffs whose next deadline has passed."""

    def deliver(self, *, key: str, kind: str, to: str, payload: Mapping[str, Any], at: datetime) -> bool:
        """Queue something for sales or an operator; False if the key is queued already."""

    def deliveries_due(self, now: datetime, limit: int, *, kind: str | None = None) -> list[dict[str, Any]]:
        """What waits to be delivered, of every kind or of one."""

    def lease_deliveries(self, ids: Collection[int], *, until: datetime) -> None:
        """Nobody else takes these before a moment. It is no attempt yet."""

    def delivered(self, delivery: int, *, at: datetime, problem: str | None, retry_at: datetime | None) -> None:
        """The outcome of one delivery."""


class Notes(Protocol):
    """The history, the inbox and the promises."""

    def add(self, changes: Sequence[Change]) -> None:
        """Write to the history."""

    def add_alike(self, what: str, leads: Sequence[LeadId], texts: Sequence[str], *, at: datetime, by: str) -> None:
        """Write to the history of many leads what happened to all of them, each in its own words."""

    def of_lead(self, lead: LeadId) -> list[Change]:
        """The changes of a lead, oldest first."""

    def select(self, *, what: str | None = None, since: datetime | None = None) -> list[Change]:
        """Changes of one kind, oldest first."""

    def to_inbox(self, values: Mapping[str, Any]) -> bool:
        """Something a person must look at; False if it is there already (`key`)."""

    def inbox(self, *, settled: bool = False) -> list[dict[str, Any]]:
        """The inbox, oldest first."""

    def inbox_entry(self, number: int) -> dict[str, Any] | None:
        """One entry, open or settled; None where there is none."""

    def settle(self, entry: int, *, as_: str, by: str, at: datetime) -> bool:
        """Settle an entry; False if it was."""

    def promise(self, values: Mapping[str, Any]) -> int:
        """A new promise."""

    def promises(self, *, lead: LeadId | None = None) -> list[dict[str, Any]]:
        """Promises, by date."""

    def promises_due(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Open promises whose moment has come."""

    def promise_counts(self, now: datetime) -> dict[str, int]:
        """How many promises stand in each state; `overdue` are those called whose task ran out of time."""

    def drop_promises(self, leads: Collection[LeadId]) -> None:
        """Let the open and called promises of leads be dropped."""

    def save_promise(self, promise: int, values: Mapping[str, Any], *, was: str) -> bool:
        """Compare-and-set on (id, state)."""


class Archive(Protocol):
    """What is old and proves nothing, out of the way of the passes.

    Both methods look at no more than `limit` rows behind the number `after`, in their order, and move those that are
    old; they return up to which number all is old and moved, and how many rows they moved.
    """

    def move_responses(self, *, after: int, before: datetime, limit: int) -> tuple[int, int]:
        """Responses recorded before a moment that no decision, score, report or limit asks for."""

    def move_events(self, *, after: int, before: datetime, limit: int) -> tuple[int, int]:
        """Deliveries as they came that arrived before a moment and are worked on."""


class Control(Protocol):
    """What is in force, what is paused, who is at work."""

    def lineage(self) -> str:
        """Which server this is: another one after each failover. Empty on SQLite, and where nobody can tell."""

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

    def forget_slots(self, job: str, before: str) -> None:
        """Remove the slots of a job that come before one in their order: nobody asks for them again."""

    def agenda(self, now: datetime, night: str) -> frozenset[Chore]:
        """The arrows that find rows at a moment, by one look at their indexes; `night` is the nightly job's slot."""

    def beat(
        self, daemon: str, *, host: str, pid: int, now: datetime, sent: int, passed: datetime | None = None
    ) -> None:
        """Say that a daemon is alive, and when its last pass ended."""

    def daemons(self) -> list[dict[str, Any]]:
        """Daemons that were seen, latest first."""

    def forget_daemons(self, before: datetime) -> None:
        """Remove the daemons that nobody has seen since."""

    def leave(self, daemon: str, now: datetime) -> None:
        """A daemon stops cleanly."""

    def add_token(self, name: str, *, sha: str, at: datetime, by: str) -> bool:
        """Keep the hash of an API token; False if the name is taken."""
