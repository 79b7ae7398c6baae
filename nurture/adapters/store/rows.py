"""Small things that every repository needs: rows of many ids, upserts, rows as mappings."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import compress
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Dialect,
    Insert,
    Row,
    Select,
    Table,
    Update,
    UpdateBase,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy import insert as plain_insert
from sqlalchemy.types import TypeEngine

from nurture.adapters.store.among import among
from nurture.adapters.store.bulk import FEW as MANY
from nurture.adapters.store.bulk import Columns, insert_each, stored, unchecked
from nurture.adapters.store.engine import HAS_ROOM

ROOM: Final = 64_000  # kilobytes
LARGE: Final = 5_000  # rows that are worth it
OUTGROWN: Final = 1_000  # rows
GROWN: Final = "nurture_grown"  # in `Connection.info`: rows inserted since the last plan
FEW: Final = 8  # rows: fewer are not worth one statement for all of them
# Handed over as one value, and the sequence looked up once: without OFFSET it is looked up for each number.
_FOLLOWING: Final = text(
    "SELECT array_agg(nextval(name)) FROM generate_series(1, :count),"
    " (SELECT CAST(pg_get_serial_sequence(:table, 'id') AS regclass) AS name OFFSET 0) AS sequence"
)


def fetch(db: Connection, query: Select[Any], ids: Collection[Any], **values: Any) -> Iterable[Row[Any]]:
    """The rows of a query that has an `among`, for these ids; for none of them nobody asks the database."""
    return db.execute(query, {"ids": ids, **values}).all() if ids else ()


def pairs(db: Connection, query: Select[Any], ids: Collection[Any]) -> dict[Any, Any]:
    """The first column of a query that has an `among` -> its second."""
    found: Any = fetch(db, query, ids)
    return {row[0]: row[1] for row in found}


def plan_anew(db: Connection) -> None:
    """Let PostgreSQL plan the statements of this connection again, for the tables as they are now.

    A plan that it kept from when a table was empty reads all of it for each row: many at once then take hours.
    """
    if db.dialect.name == "postgresql":
        db.exec_driver_sql("DISCARD PLANS")


def _grow(db: Connection, many: int) -> None:
    """Let PostgreSQL plan again once this connection has inserted many rows since it last did.

    What it looks up for a foreign key is planned once for each connection. Planned for a table that was tiny when
    its statistics were made, it reads the whole table for each row that follows, until autovacuum has come by.
    """
    db.info[GROWN] = db.info.get(GROWN, 0) + many
    if db.info[GROWN] >= OUTGROWN:
        db.info[GROWN] = 0
        plan_anew(db)


def make_room(db: Connection, *, stays: bool = False) -> None:
    """Let a connection to SQLite keep more pages at hand, until it is given back, or as long as it lives.

    For whoever touches many rows: with the usual 2 MB, pages are written and read again before the transaction is over.
    """
    if db.dialect.name == "sqlite":
        db.exec_driver_sql(f"PRAGMA cache_size={-ROOM}")
        if not stays:
            db.info[HAS_ROOM] = True


def gathered(db: Connection, query: Select[Any], **values: Any) -> list[int]:
    """The ids that a query finds, lowest first, handed over as one value: a row for each costs more than to find it."""
    found = query.subquery("found").c.id
    if db.dialect.name == "sqlite":
        return sorted(json.loads(db.execute(select(func.json_group_array(found)), values).scalar_one()))
    return sorted(db.execute(select(func.array_agg(found)), values).scalar_one() or ())


def insert(db: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT and RETURNING on this database."""
    return _inserting(db.dialect.name, table)


def _inserting(dialect: str, table: Table) -> Any:
    # Only the dialect in use is loaded: that of PostgreSQL costs a tenth of a start.
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns of rows that all have the same."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def put(
    db: Connection, table: Table, rows: Sequence[dict[str, Any]], *, key: tuple[str, ...], once: tuple[str, ...] = ()
) -> None:
    """Insert rows of the same columns, or replace the row with this key; `once`: columns of a new one alone."""
    names = tuple(name for name in rows[0] if name not in (*key, *once))
    each(db, table, _putting(db.dialect.name, table, key, names), columns_of(rows))


def change(db: Connection, table: Table, columns: Columns) -> None:
    """Set columns of many rows, whose ids are given as `key`."""
    # Like `_inserting`: each database needs but one of them.
    if _are_many(db, columns):
        from nurture.adapters.store import together

        together.change(db, table, columns)
        return
    if len(columns["key"]) >= FEW:
        from nurture.adapters.store import in_one_text

        if in_one_text.change(db, table, columns):
            return
    each(db, table, _changing(table, frozenset(columns)), columns)


def change_if(db: Connection, table: Table, columns: Columns, was: Columns) -> frozenset[Any]:
    """Set columns of those of many rows that are as they `was`, held against others until the commit; their ids."""
    if _are_many(db, columns):
        from nurture.adapters.store import together

        return frozenset(together.change(db, table, columns, was))
    keys = columns["key"]
    same = _are_still(db, table, keys, was)
    if not all(same):
        columns = {name: [*compress(values, same)] for name, values in columns.items()}
    if any(same):
        change(db, table, columns)
    return frozenset(columns["key"])


def _are_still(db: Connection, table: Table, keys: Sequence[Any], was: Columns) -> list[bool]:
    if db.dialect.name == "sqlite":
        from nurture.adapters.store import in_one_text

        still = in_one_text.as_they_were(db, table, keys, was)
        return [key in still for key in keys]
    held = {row[0]: row[1:] for row in fetch(db, _as_it_is(table, tuple(was)), keys)}
    return [held.get(key) == then for key, then in zip(keys, zip(*was.values(), strict=True), strict=True)]


def add(db: Connection, table: Table, columns: Columns) -> None:
    """Insert many rows."""
    if _are_many(db, columns):
        from nurture.adapters.store import together

        together.add(db, table, columns)
        _grow(db, len(next(iter(columns.values()))))
    elif db.dialect.name == "sqlite":
        insert_each(db, table, columns, literally=len(next(iter(columns.values()))) >= MANY)
    else:
        each(db, table, _adding_each(table), columns)


def _are_many(db: Connection, columns: Columns) -> bool:
    return db.dialect.name == "postgresql" and len(next(iter(columns.values()))) >= FEW


def each(db: Connection, table: Table, statement: UpdateBase, columns: Columns) -> None:
    """Run a statement for each of many rows, given by their columns.

    As the library does it, but for its building of the parameters of each row, which costs more than the row itself.
    """
    said, kinds, by_place = _said(statement, db.dialect, tuple(columns))
    made = [stored(kind, columns[name], db.dialect) for name, kind in kinds.items()]
    values = zip(*made, strict=True)
    with unchecked(db, table, columns):
        db.exec_driver_sql(said, list(values) if by_place else [dict(zip(kinds, row, strict=True)) for row in values])


@lru_cache(maxsize=256)
def _said(
    statement: UpdateBase, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, dict[str, TypeEngine[Any]], bool]:
    """A statement as the driver reads it, and how it is given what: in which order, or by name."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=names, for_executemany=True)
    order = compiled.positiontup or list(compiled.binds)
    return str(compiled), {name: compiled.binds[name].type for name in order}, compiled.positiontup is not None


# Building a statement costs more than running it: each is built once.
@cache
def _putting(dialect: str, table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Any:
    new = _inserting(dialect, table)
    return new.on_conflict_do_update(index_elements=key, set_={name: new.excluded[name] for name in names})


@cache
def _as_it_is(table: Table, names: tuple[str, ...]) -> Select[Any]:
    return select(table.c.id, *(table.c[name] for name in names)).where(among(table.c.id)).with_for_update()


@cache
def _changing(table: Table, names: frozenset[str]) -> Update:
    new = {name: bindparam(name, type_=table.c[name].type) for name in sorted(names - {"key"})}
    return update(table).where(table.c.id == bindparam("key")).values(new)


@cache
def _adding_each(table: Table) -> Insert:
    return plain_insert(table)


@cache
def _adding(dialect: str, table: Table, returning: Any) -> Any:
    new = _inserting(dialect, table)
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


def reserved(db: Connection, table: Table, count: int) -> Sequence[int]:
    """Ids for new rows of a table: nobody else gets them, or, on SQLite, nobody else writes before this commits."""
    if count == 0:
        return ()
    if db.dialect.name == "postgresql":
        numbers: Sequence[int] = db.execute(_FOLLOWING, {"table": table.name, "count": count}).scalar_one()
        return numbers
    last = db.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
    return range(last + 1, last + 1 + count)


def dicts(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as plain mappings."""
    return [dict(row._mapping) for row in rows]
