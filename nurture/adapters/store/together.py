"""Many rows changed by one statement on PostgreSQL: they go over as one JSON value.

A statement for each row costs the server twice what the row itself does; SQLite has no way to go and no such cost.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, Text, bindparam, cast, column, func, select, update
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlalchemy.sql.dml import Insert, Update

from nurture.adapters.store.among import among


def change(db: Connection, table: Table, names: Collection[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Set the columns `names` of the rows whose ids are given as `key`."""
    db.execute(_changing(table, frozenset(names)), {"ids": [row["key"] for row in rows], "rows": _as_one(rows)})


def add(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns."""
    db.execute(_adding(table, tuple(rows[0])), {"rows": _as_one(rows)})


def _as_one(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps([*map(dict, rows)], default=_moment, ensure_ascii=False, allow_nan=False)


def _moment(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"no column keeps a {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError("a moment without a zone")
    return value.isoformat()


# Building a statement costs more than running it: each is built once.
@cache
def _changing(table: Table, names: frozenset[str]) -> Update:
    given = _given(table, {"key": "id"} | {name: name for name in sorted(names)})
    # The ids once more: how many rows there are in a JSON value is not known, and so the whole table might be read.
    found = update(table).where(among(table.c.id), table.c.id == given.c.key)
    return found.values({name: given.c[name] for name in sorted(names)})


@cache
def _adding(table: Table, names: tuple[str, ...]) -> Insert:
    return insert(table).from_select(names, select(_given(table, {name: name for name in names})))


def _given(table: Table, names: Mapping[str, str]) -> Any:
    """The rows that the statement is given as `rows`: name -> the column whose type it has."""
    kinds = [column(name, table.c[like].type) for name, like in names.items()]
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON()))
    return rows.table_valued(*kinds).render_derived(name="given", with_types=True)
