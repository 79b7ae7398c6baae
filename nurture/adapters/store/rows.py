"""Small things that every repository needs: rows of many ids, upserts, rows as mappings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, Update, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite


def fetch(db: Connection, query: Select[Any], ids: Collection[Any], **values: Any) -> Iterable[Row[Any]]:
    """The rows of a query that has an `among`, for these ids; for none of them nobody asks the database."""
    return db.execute(query, {"ids": ids, **values}) if ids else ()


def insert(db: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT and RETURNING on this database."""
    return postgresql.insert(table) if db.dialect.name == "postgresql" else sqlite.insert(table)


def put(
    db: Connection, table: Table, rows: Sequence[dict[str, Any]], *, key: tuple[str, ...], once: tuple[str, ...] = ()
) -> None:
    """Insert rows of the same columns, or replace the row with this key; `once`: columns of a new one alone."""
    db.execute(
        _putting(db.dialect.name, table, key, tuple(name for name in rows[0] if name not in (*key, *once))), rows
    )


def change(db: Connection, table: Table, names: Collection[str], rows: Sequence[dict[str, Any]]) -> None:
    """Set columns of many rows, each given as `key` (its id) and the values by their names with `new_` before them."""
    db.execute(_changing(table, frozenset(names)), rows)


# Building a statement costs more than running it: each is built once.
@cache
def _putting(dialect: str, table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Any:
    new = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return new.on_conflict_do_update(index_elements=key, set_={name: new.excluded[name] for name in names})


@cache
def _changing(table: Table, names: frozenset[str]) -> Update:
    new = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in sorted(names)}
    return update(table).where(table.c.id == bindparam("key")).values(new)


@cache
def _adding(dialect: str, table: Table, returning: Any) -> Any:
    new = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return new.on_conflict_do_nothing().returning(returning)


@cache
def _adding_many(dialect: str, table: Table, returning: Any, key: Any) -> Any:
    return _adding(dialect, table, returning).returning(key)


def add_once(db: Connection, table: Table, values: dict[str, Any], returning: Any) -> Any | None:
    """Insert a row; None if a unique key says that it is there already.

    The UNIQUE decides, not a SELECT before the INSERT: two can arrive together. RETURNING, not rowcount: PostgreSQL
    drivers say -1.
    """
    row = db.execute(_adding(db.dialect.name, table, returning), values).first()
    return row[0] if row is not None else None


def add_new(db: Connection, table: Table, rows: Sequence[dict[str, Any]], returning: Any, key: Any) -> dict[Any, Any]:
    """Insert rows of the same columns, but those whose unique key is there already; the new ones, by their key."""
    if not rows:
        return {}
    new = db.execute(_adding_many(db.dialect.name, table, returning, key), rows)
    return {row[1]: row[0] for row in new}


def dicts(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as plain mappings."""
    return [dict(row._mapping) for row in rows]
