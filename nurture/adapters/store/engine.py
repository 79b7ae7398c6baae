"""A database address -> an engine: SQLite pragmas and write locks, PostgreSQL isolation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from nurture.domain.errors import RequestError

WRITES = "nurture_writes"  # execution option of a connection: its transaction begins with the write lock


def open_engine(
    url: str, *, busy_seconds: float = 30.0, wrote: Callable[[], None] = lambda: None, durable: bool = True
) -> Engine:
    """An engine for `sqlite:///FILE` or `postgresql+psycopg://...`. Raises RequestError for any other address.

    `wrote` is called at each commit of a transaction that may have written. Not `durable`: commits in SQLite do not
    wait for the disk, and a crash of the machine may lose them.
    """
    engine = _opened(url, busy_seconds, durable)

    @event.listens_for(engine, "commit")
    def committed(connection: Any) -> None:
        if connection.get_execution_options().get(WRITES, True):
            wrote()

    return engine


def _opened(url: str, busy_seconds: float, durable: bool) -> Engine:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        backend = ""
    if backend == "sqlite":
        return _sqlite(url, busy_seconds, durable)
    if backend == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=8,
            isolation_level="READ COMMITTED",
            connect_args={"connect_timeout": 10, "options": "-c timezone=UTC"},
        )
    raise RequestError(
        "database.url is not an address of a database that is supported.",
        hint="Use sqlite:///nurture.db or postgresql+psycopg://USER@HOST/NAME.",
    )


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

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A reader that later writes would fail at once under WAL; a writer takes the lock from the beginning.
        writes = connection.get_execution_options().get(WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
