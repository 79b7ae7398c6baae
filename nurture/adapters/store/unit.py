"""The unit of work: one transaction and the repositories inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from nurture.adapters.store.engine import WRITES
from nurture.domain.errors import CollisionError, UnreachableError

if TYPE_CHECKING:
    from nurture.adapters.store.archive import ArchiveRows
    from nurture.adapters.store.control import ControlRows
    from nurture.adapters.store.enrollments import EnrollmentRows
    from nurture.adapters.store.entering import EnteringRows
    from nurture.adapters.store.imports import ImportRows
    from nurture.adapters.store.intake import ArrivalRows
    from nurture.adapters.store.leads import LeadRows
    from nurture.adapters.store.notes import NoteRows
    from nurture.adapters.store.pacing import PacingRows
    from nurture.adapters.store.persons import PersonRows
    from nurture.adapters.store.reports import ReportRows
    from nurture.adapters.store.responses import ResponseRows
    from nurture.adapters.store.sales import SalesRows
    from nurture.adapters.store.sent_texts import Skeletons
    from nurture.adapters.store.suppressions import SuppressionRows
    from nurture.adapters.store.touches import TouchRows

# Locked for longer than we wait, a full or a failing disk; and: connection lost, resources used up, shut down.
DISK: Final = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")  # then the disk is asked
SQLITE_AWAY: Final = ("SQLITE_BUSY", *DISK)
ASK: Final = "Is database.url right, and is it running?"
HINTS: Final = {
    "SQLITE_FULL": "Make room on the disk. Nothing was lost: it goes on by itself then.",
    "53100": "Make room on the disk of the server. Nothing was lost: it goes on by itself then.",
    "SQLITE_READONLY": "Let this user write the file, its folder and the disk.",
    "25006": "It takes no writes: let database.url name the primary as well, host=a,b.",
    "SQLITE_IOERR": "The disk fails, or was made read-only: look into the system's log. Nothing was lost.",
    "SQLITE_CANTOPEN": "Is database.url right? Let this user read and write the file and its folder.",
    "SQLITE_BUSY": "Another program holds the lock. Which one has the file open?",
}
COLLISIONS: Final = ("40001", "40P01")  # serialization_failure, deadlock_detected: undone, and certainly so
POSTGRES_AWAY: Final = ("08", "53", "57P", "58")


class SqlUnit:
    """One transaction. What is not committed is rolled back when it is left.

    A repository is read and made when it is first asked for: few commands need more than some of them.
    """

    def __init__(self, db: Connection, key: Callable[[], str], skeletons: Callable[[], Skeletons]) -> None:
        self._db = db
        self._key = key
        self._skeletons = skeletons

    @cached_property
    def leads(self) -> LeadRows:
        from nurture.adapters.store.leads import LeadRows

        return LeadRows(self._db)

    @cached_property
    def suppressions(self) -> SuppressionRows:
        from nurture.adapters.store.suppressions import SuppressionRows

        return SuppressionRows(self._db, self._key)

    @cached_property
    def enrollments(self) -> EnrollmentRows:
        from nurture.adapters.store.enrollments import EnrollmentRows

        return EnrollmentRows(self._db)

    @cached_property
    def entering(self) -> EnteringRows:
        from nurture.adapters.store.entering import EnteringRows

        return EnteringRows(self._db, self._key)

    @cached_property
    def touches(self) -> TouchRows:
        from nurture.adapters.store.touches import TouchRows

        return TouchRows(self._db, self._skeletons())

    @cached_property
    def pacing(self) -> PacingRows:
        from nurture.adapters.store.pacing import PacingRows

        return PacingRows(self._db)

    @cached_property
    def responses(self) -> ResponseRows:
        from nurture.adapters.store.responses import ResponseRows

        return ResponseRows(self._db)

    @cached_property
    def sales(self) -> SalesRows:
        from nurture.adapters.store.sales import SalesRows

        return SalesRows(self._db)

    @cached_property
    def notes(self) -> NoteRows:
        from nurture.adapters.store.notes import NoteRows

        return NoteRows(self._db)

    @cached_property
    def control(self) -> ControlRows:
        from nurture.adapters.store.control import ControlRows

        return ControlRows(self._db)

    @cached_property
    def imports(self) -> ImportRows:
        from nurture.adapters.store.imports import ImportRows

        return ImportRows(self._db)

    @cached_property
    def arrivals(self) -> ArrivalRows:
        from nurture.adapters.store.intake import ArrivalRows

        return ArrivalRows(self._db)

    @cached_property
    def persons(self) -> PersonRows:
        from nurture.adapters.store.persons import PersonRows

        return PersonRows(self._db)

    @cached_property
    def reports(self) -> ReportRows:
        from nurture.adapters.store.reports import ReportRows

        return ReportRows(self._db)

    @cached_property
    def archive(self) -> ArchiveRows:
        from nurture.adapters.store.archive import ArchiveRows

        return ArchiveRows(self._db)

    def commit(self) -> None:
        """Make it durable. The unit may be used on: the next statement begins a new transaction."""
        self._db.commit()


class SqlStore:
    """The database behind the Store port. `key` gives the secret under which forgotten addresses are hashed."""

    def __init__(self, engine: Engine, *, key: Callable[[], str] = str) -> None:
        self.engine = engine
        self.works_apart = engine.dialect.name == "postgresql"
        self._key = key

    @contextmanager
    def unit(self, *, write: bool = True, one_view: bool = False) -> Iterator[SqlUnit]:
        """A transaction. Raises UnreachableError when the database does not answer, or stops answering in it.

        Then nothing since the last commit is stored; whether that commit itself went through is not known.
        """
        with reached(self.engine), self.engine.connect() as db:
            if one_view and db.dialect.name == "postgresql":  # SQLite shows one view in every transaction
                db = db.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield SqlUnit(db.execution_options(**{WRITES: write}), self._key, lambda: self._skeletons)

    @cached_property
    def _skeletons(self) -> Skeletons:
        """What mails share, as far as this process knows."""
        from nurture.adapters.store.sent_texts import Skeletons

        return Skeletons()

    def now(self, clock_now: datetime) -> datetime:
        """The database's clock on PostgreSQL, so that all daemons agree; else the given one.

        Raises UnreachableError.
        """
        if self.engine.dialect.name != "postgresql":
            return clock_now
        with reached(self.engine), self.engine.connect() as db:
            moment: datetime = db.execute(text("SELECT clock_timestamp()")).scalar_one()
            return moment.astimezone(UTC)


@contextmanager
def reached(engine: Engine) -> Iterator[None]:
    """What the database's absence looks like to the rest of the program: UnreachableError, wherever it happens."""
    try:
        yield
    except DBAPIError as problem:
        if getattr(problem.orig, "sqlstate", None) in COLLISIONS:
            raise CollisionError(
                f"Others worked on the same rows: {_first_line(problem)}.", hint="Nothing was changed. Try again."
            ) from problem
        if not _is_away(problem):
            raise
        raise away(problem, engine) from problem


def _is_away(problem: DBAPIError) -> bool:
    """Whether the database is gone, rather than asked for something wrong, or in the way of another transaction."""
    if problem.connection_invalidated:
        return True
    if not isinstance(problem, OperationalError):
        return False
    cause = problem.orig
    if (name := getattr(cause, "sqlite_errorname", None)) is not None:
        return str(name).startswith(SQLITE_AWAY)
    state = getattr(cause, "sqlstate", None)
    return state is None or str(state).startswith(POSTGRES_AWAY)


def away(problem: DBAPIError, engine: Engine) -> UnreachableError:
    """What is wrong with a database that does not answer, or does not take what is written, and what to do."""
    if str(getattr(problem.orig, "sqlite_errorname", "")).startswith(DISK):
        from nurture.adapters import disk

        folder = folder_of(engine)
        if folder is not None and (found := disk.trouble(folder)) is not None:
            return UnreachableError(f"{found[0]}, where the database is: {folder}.", hint=found[1])
    return UnreachableError(f"The database does not answer: {_first_line(problem)}.", hint=_hint(problem))


def folder_of(engine: Engine) -> Path | None:
    """The folder of a SQLite file, also where the address is one for SQLite itself; None for any other database."""
    if engine.dialect.name != "sqlite" or not (file := engine.url.database) or file == ":memory:":
        return None
    return Path(unquote(file.removeprefix("file:").partition("?")[0]) if file.startswith("file:") else file).parent


def _hint(problem: DBAPIError) -> str:
    said = str(getattr(problem.orig, "sqlite_errorname", None) or getattr(problem.orig, "sqlstate", None))
    return next((hint for start, hint in HINTS.items() if said.startswith(start)), ASK)


def _first_line(problem: Exception) -> str:
    return str(getattr(problem, "orig", problem)).strip().splitlines()[0]
