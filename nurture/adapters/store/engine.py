"""A database address -> an engine: SQLite pragmas and write locks, PostgreSQL isolation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from nurture.adapters.store.turns import Turns
from nurture.domain.errors import RequestError

WRITES = "nurture_writes"  # execution option of a connection: its transaction begins with the write lock
HAS_ROOM = "nurture_room"  # in `Connection.info`: it keeps more pages at hand, until it is given back
LINEAGE = "nurture_lineage"  # in `Connection.info`: which server this is, and how often a standby has taken over
# What libpq is told where the address says nothing else (https://www.postgresql.org/docs/current/libpq-connect.html).
# Of several hosts the one that takes writes. A machine that vanished is missed after 20 s, not after a quarter of an
# hour: it can say no word any more, and a standby waits to be found.
USUAL: Final = {
    "connect_timeout": "10",
    "target_session_attrs": "read-write",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "20000",
    "application_name": "nurture",
}
_CACHE: Final = -2_000  # as SQLite has it: kilobytes
READ_ONLY: Final = "25006"  # read_only_sql_transaction
_TURN: Final = "nurture_turn"  # in `Connection.info`: whether it is its turn to write
_LINEAGE: Final = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' ||"
    " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
)


def open_engine(
    url: str,
    *,
    busy_seconds: float = 30.0,
    wrote: Callable[[], None] = lambda: None,
    durable: bool = True,
    idle: timedelta | None = None,
) -> Engine:
    """An engine for `sqlite:///FILE` or `postgresql+psycopg://...`. Raises RequestError for any other address.

    `wrote` is called at each commit of a transaction that may have written. Not `durable`: commits in SQLite do not
    wait for the disk, and a crash of the machine may lose them. `idle`: for so long PostgreSQL lets a transaction stand
    still before it cuts it off, with the locks that it holds.
    """
    engine = _opened(url, busy_seconds, durable, idle)

    @event.listens_for(engine, "commit")
    def committed(connection: Any) -> None:
        if connection.get_execution_options().get(WRITES, True):
            wrote()

    return engine


def _opened(url: str, busy_seconds: float, durable: bool, idle: timedelta | None) -> Engine:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        backend = ""
    if backend == "sqlite":
        return _sqlite(url, busy_seconds, durable)
    if backend == "postgresql":
        return _postgresql(parsed, idle)
    raise RequestError(
        "database.url is not an address of a database that is supported.",
        hint="Use sqlite:///nurture.db or postgresql+psycopg://USER@HOST/NAME.",
    )


def _postgresql(url: URL, idle: timedelta | None) -> Engine:
    given = url.query.get("options", "")
    wait = f" -c idle_in_transaction_session_timeout={int(idle.total_seconds() * 1000)}" if idle is not None else ""
    told: Mapping[str, str] = {name: value for name, value in USUAL.items() if name not in url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=8,
        isolation_level="READ COMMITTED",
        connect_args={**told, "options": f"{given} -c timezone=UTC{wait}".strip()},
    )

    @event.listens_for(engine, "connect")
    def note_lineage(connection: Any, record: Any) -> None:
        # A cousin of PostgreSQL may not have these functions: then nobody can tell one of its servers from another.
        try:
            record.info[LINEAGE] = connection.execute(_LINEAGE).fetchone()[0]
        except engine.dialect.loaded_dbapi.Error:
            record.info[LINEAGE] = ""
        finally:
            connection.rollback()

    @event.listens_for(engine, "handle_error")
    def leave_a_standby(context: Any) -> None:
        # A server that was made read-only is of no use: every connection to it is given up, and one is looked for anew.
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
            context.is_disconnect = True

    return engine


def _sqlite(url: str, busy_seconds: float, durable: bool) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")  # a send depends on the commit before it
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={int(busy_seconds * 1000)}")
        cursor.close()

    @event.listens_for(engine, "checkin")
    def give_back(connection: Any, record: Any) -> None:
        if record.info.pop(HAS_ROOM, False) and connection is not None:
            connection.execute(f"PRAGMA cache_size={_CACHE}").close()

    turns = Turns()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A reader that later writes would fail at once under WAL; a writer takes the lock from the beginning.
        if not connection.get_execution_options().get(WRITES, True):
            connection.exec_driver_sql("BEGIN")
            return
        connection.info[_TURN] = turns.take(busy_seconds)  # without it, SQLite has the last word
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            end(connection)
            raise

    @event.listens_for(engine, "commit")
    @event.listens_for(engine, "rollback")
    def end(connection: Any) -> None:
        if connection.info.pop(_TURN, False):
            turns.give()

    return engine
