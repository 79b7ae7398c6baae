"""A throwaway copy of the data that the passes need: read in one transaction that cannot write, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Column, Connection, Engine, Table, case, create_engine, event, insert, null, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from nurture.adapters.store import schema, tables
from nurture.adapters.store.engine import WRITES, open_engine
from nurture.adapters.store.unit import away
from nurture.domain.errors import RefusedError

# What no pass reads: texts as sent, what came in and what leaves, who is at work. `deliveries` stays empty.
LEFT_OUT: Final = frozenset(
    {
        *("touch_texts", "skeletons", "raw_events", "deliveries", "daemons", "api_tokens", "imports", "import_rows"),
        *("archived_responses", "archived_events", "import_refusals"),
    }
)
# Long texts of what is over; nothing is decided by them.
BLANK: Final = frozenset({("touches", "script"), ("touches", "note")})
BATCH: Final = 5_000


def throwaway(file: Path) -> Engine:
    """A SQLite engine for a file that nobody needs after a crash: nothing waits for the disk."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "temp_store=MEMORY", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA wal_autocheckpoint=4000")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get(WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def reading(url: str) -> Engine | None:
    """An engine that cannot write. None where a SQLite file does not exist yet: nothing is made."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return open_engine(url)
    file = Path(parsed.database or "")
    if not file.is_file():
        return None
    # Who opens for reading alone cannot tidy up the files of the log, if there were none before.
    mode = "ro" if file.with_name(file.name + "-wal").exists() else "rw"
    # The file's name may hold a ? or a #, which would mean something in an address.
    engine = create_engine(f"sqlite:///file:{quote(str(file.resolve()))}?mode={mode}&uri=true")

    @event.listens_for(engine, "connect")
    def refuse_writing(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA query_only=ON")

    return engine


def fill(target: Engine, source: Engine | None) -> None:
    """Make the tables in `target` and copy what the passes need. Memory does not grow with what is stored.

    Raises RefusedError for a schema that this program does not know, UnreachableError when nothing answers.
    """
    schema.upgrade(target)
    if source is None:
        return
    found = schema.current(source)
    if found is None:
        return
    if found != schema.NEWEST:
        raise RefusedError("The database has another schema than this program.", hint="Run: nurture database upgrade")
    try:
        with _reading(source) as there, target.connect() as here:
            for table in tables.metadata.sorted_tables:
                if table.name not in LEFT_OUT:
                    _copy(table, there, here)
            here.commit()
    except OperationalError as problem:
        raise away(problem, source) from problem


@contextmanager
def _reading(source: Engine) -> Iterator[Connection]:
    """One view of everything, in a transaction in which the database itself refuses to write."""
    with source.connect() as db:
        if source.dialect.name == "postgresql":
            yield db.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            return
        db.exec_driver_sql("BEGIN")
        yield db


def _copy(table: Table, there: Connection, here: Connection) -> None:
    rows = there.execution_options(yield_per=BATCH, stream_results=True).execute(
        select(*(_kept(table, column) for column in table.c))
    )
    names = [column.name for column in table.c]
    for batch in rows.partitions():
        here.execute(insert(table), [dict(zip(names, row, strict=True)) for row in batch])


def _kept(table: Table, column: Column[Any]) -> Any:
    if (table.name, column.name) not in BLANK:
        return column
    return case((column.is_not(None), ""), else_=null()).label(column.name)  # a task in mail is known by its script
