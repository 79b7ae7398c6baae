"""Many rows changed by one statement on PostgreSQL: each column goes over as one array.

A statement for each row costs the server twice what the row itself does. SQLite has `in_one_text.py` for that.
What is the same in all rows goes over once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.types import JSON, Float, TypeEngine

from nurture.adapters.store.bulk import Columns, are_alike
from nurture.adapters.store.tables import Moment

_json: Final = json.JSONEncoder(allow_nan=False).encode
WAS: Final = "was_"  # before the name of a column: the value that it must have


def change(db: Connection, table: Table, columns: Columns, was: Columns | None = None) -> Sequence[Any]:
    """Set columns of the rows whose ids are given as `key`; of those alone that are still as they `was`: their ids."""
    columns = _columns(table, columns)
    alike = _alike(columns, {"key"})
    before = was or {}
    said = _changing(db.dialect, table, tuple(columns), alike, tuple(before))
    given = {name: values[0] if name in alike else values for name, values in columns.items()}
    return (
        db.exec_driver_sql(said, given | {WAS + name: list(values) for name, values in before.items()}).scalars().all()
    )


def add(db: Connection, table: Table, columns: Columns) -> None:
    """Insert rows."""
    columns = _columns(table, columns)
    alike = _alike(columns, {"id"})
    given = {name: values[0] if name in alike else values for name, values in columns.items()}
    db.exec_driver_sql(_adding(db.dialect, table, tuple(columns), alike), given)


def _alike(columns: Columns, but: Collection[str]) -> frozenset[str]:
    return frozenset(name for name, values in columns.items() if name not in but and are_alike(values))


def _columns(table: Table, columns: Columns) -> Columns:
    """The values of each column as the driver takes them, before any of them are compared: 1 and true are equal."""
    return {name: _values(table.c["id" if name == "key" else name].type, values) for name, values in columns.items()}


def _values(kind: TypeEngine[Any], values: Sequence[Any]) -> Sequence[Any]:
    if isinstance(kind, JSON):
        return [None if value is None else _json(value) for value in values]
    if isinstance(kind, Float):  # an array of whole numbers and others is refused
        return [None if value is None else float(value) for value in values]
    if isinstance(kind, Moment) and any(value is not None and value.tzinfo is None for value in values):
        raise ValueError("a moment without a zone")
    return list(values)


# Each is built once: a batch says what the batch before it said.
@lru_cache(maxsize=256)
def _changing(
    dialect: Dialect, table: Table, names: tuple[str, ...], alike: frozenset[str], was: tuple[str, ...]
) -> str:
    quote = dialect.identifier_preparer.quote
    target = quote(table.name)
    kinds = {name: _kind(dialect, table, "id" if name == "key" else name) for name in names}
    arrays = {name: kinds[name] for name in names if name not in alike}
    # Never the same for all, even if they are: by a condition on its own table the server would begin at that.
    arrays |= {WAS + name: _kind(dialect, table, name) for name in was}
    new = ", ".join(f"{quote(name)} = {_value(name, kinds[name], alike, quote)}" for name in names if name != "key")
    still = "".join(f" AND {target}.{quote(name)} = given.{WAS}{name}" for name in was)
    return (
        f"UPDATE {target} SET {new} FROM {_rows(arrays, quote)} WHERE {target}.id = given.key{still}"
        f" RETURNING {target}.id"
    )


@lru_cache(maxsize=256)
def _adding(dialect: Dialect, table: Table, names: tuple[str, ...], alike: frozenset[str]) -> str:
    quote = dialect.identifier_preparer.quote
    kinds = {name: _kind(dialect, table, name) for name in names}
    values = ", ".join(_value(name, kinds[name], alike, quote) for name in names)
    arrays = {name: kind for name, kind in kinds.items() if name not in alike}
    return (
        f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, names))}) SELECT {values} FROM {_rows(arrays, quote)}"
    )


def _rows(arrays: Mapping[str, str], quote: Callable[[str], str]) -> str:
    given = ", ".join(f"%({name})b::{_carried(kind)}[]" for name, kind in arrays.items())
    return f"unnest({given}) AS given({', '.join(map(quote, arrays))})"


def _value(name: str, kind: str, alike: Collection[str], quote: Callable[[str], str]) -> str:
    if name in alike:
        return f"%({name})s::{kind}"
    return f"given.{quote(name)}" + (f"::{kind}" if kind != _carried(kind) else "")


def _kind(dialect: Dialect, table: Table, name: str) -> str:
    return table.c[name].type.compile(dialect)


def _carried(kind: str) -> str:
    """What goes over in an array of this type: JSON as text."""
    return "TEXT" if kind == "JSON" else kind
