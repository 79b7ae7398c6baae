"""Small things that every repository needs: upserts, chunks, and enums out of columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

# SQLite takes at most 32,766 parameters in a statement; lists in an IN stay well below.
CHUNK = 5_000


def chunks(values: Collection[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def insert(db: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT and RETURNING on this database."""
    return postgresql.insert(table) if db.dialect.name == "postgresql" else sqlite.insert(table)


def add_once(db: Connection, table: Table, values: dict[str, Any], returning: Any) -> Any | None:
    """Insert a row; None if a unique key says that it is there already.

    The UNIQUE decides, not a SELECT before the INSERT: two can arrive together. RETURNING, not rowcount: PostgreSQL
    drivers say -1.
    """
    statement = insert(db, table).values(values).on_conflict_do_nothing().returning(returning)
    row = db.execute(statement).first()
    return row[0] if row is not None else None


def dicts(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as plain mappings."""
    return [dict(row._mapping) for row in rows]
