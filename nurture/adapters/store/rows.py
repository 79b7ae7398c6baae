"""Small things that every repository needs: rows of many ids, upserts, rows as mappings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table
from sqlalchemy.dialects import postgresql, sqlite


def fetch(db: Connection, query: Select[Any], ids: Collection[Any], **values: Any) -> Iterable[Row[Any]]:
    """The rows of a query that has an `among`, for these ids; for none of them nobody asks the database."""
    return db.execute(query, {"ids": ids, **values}) if ids else ()


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
