"""The store: one transaction at a time (`Unit`), with a repository for each noun."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from nurture.ports.rows import Change, Consent, Rescoring, StoredResponse, Suppression, Switch

if TYPE_CHECKING:
    from nurture.ports.contacts import Enrollments, Responses, Touches
    from nurture.ports.entering import Entering
    from nurture.ports.intake import Arrivals
    from nurture.ports.pacing import Pacing
    from nurture.ports.people import Imports, Leads, Persons, Suppressions
    from nurture.ports.records import Archive, Control, Notes, Sales
    from nurture.ports.reports import Reports

__all__ = ["Change", "Consent", "Rescoring", "Store", "StoredResponse", "Suppression", "Switch", "Unit"]


class Unit(Protocol):
    """One transaction. What is not committed is rolled back."""

    @property
    def leads(self) -> Leads: ...
    @property
    def suppressions(self) -> Suppressions: ...
    @property
    def enrollments(self) -> Enrollments: ...
    @property
    def entering(self) -> Entering: ...
    @property
    def touches(self) -> Touches: ...
    @property
    def pacing(self) -> Pacing: ...
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
    def arrivals(self) -> Arrivals: ...
    @property
    def persons(self) -> Persons: ...
    @property
    def reports(self) -> Reports: ...
    @property
    def archive(self) -> Archive: ...

    def commit(self) -> None:
        """Make it durable."""


class Store(Protocol):
    """The database."""

    @property
    def works_apart(self) -> bool:
        """Whether it is a process of its own, which stores what an import wrote while this one goes on."""

    def unit(self, *, write: bool = True, one_view: bool = False) -> AbstractContextManager[Unit]:
        """A transaction; on SQLite a writing one holds the only write lock from its beginning.

        `one_view`: whatever it reads is as it was at its first look, however long it takes. One that only reads.
        """

    def now(self, clock_now: datetime) -> datetime:
        """The moment of a pass: the database's on PostgreSQL, else the clock's."""
