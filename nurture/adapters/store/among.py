"""`column IN (many values)` as one parameter: the statement stays the same however many there are.

An IN with a parameter for each value is another statement for each count of values: it is built, compiled and planned
anew, and ends at the limit of parameters. Here the values go over as one: an array for PostgreSQL, JSON for SQLite.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, Select, Text, bindparam, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator, TypeEngine


def among(column: ColumnElement[Any], name: str = "ids") -> ColumnElement[bool]:
    """Whether the column is one of the values that the statement is given under `name`."""
    return _Among(column, name)


def these(dialect: str, column: ColumnElement[Any], name: str = "ids") -> ColumnElement[Any]:
    """Each of the values in a row, called `id`: to be selected by itself."""
    values = bindparam(name, type_=_Values(column.type))
    if dialect == "postgresql":
        return func.unnest(values).column_valued("given").label("id")
    each: ColumnElement[Any] = func.json_each(values).table_valued("value", name="given").c.value
    return each.label("id")


def each_among(dialect: str, column: ColumnElement[Any], *others: ColumnElement[Any]) -> Select[Any]:
    """The column and others of its table, for rows where it is one of the values that the statement is given as `ids`.

    For a column with an index, many values and few rows: SQLite looks each value up as it comes, where for an IN it
    first sorts them all.
    """
    if dialect == "postgresql":
        return select(column, *others).select_from(column.table).where(among(column))
    given = func.json_each(bindparam("ids", type_=_Values(column.type))).table_valued("value", name="given")
    return select(column, *others).select_from(given.join(column.table, column == given.c.value))


class _Values(TypeDecorator[Collection[Any]]):
    """Many values of one type."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(Text())
        from sqlalchemy.dialects.postgresql import ARRAY

        return dialect.type_descriptor(ARRAY(self.item))

    def bind_processor(self, dialect: Dialect) -> Any:
        return _as_array if dialect.name == "postgresql" else _as_json


def _as_json(values: Collection[Any] | None) -> str:
    return json.dumps(list(values or ()))


def _as_array(values: Collection[Any] | None) -> str:
    """Texts or numbers as PostgreSQL writes an array: its driver takes many times as long to say the same.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    return f"{{{','.join(map(_item, values or ()))}}}"


def _item(value: str | int | None) -> str:
    if isinstance(value, str):
        if "\\" in value or '"' in value:
            value = value.replace("\\", r"\\").replace('"', r"\"")
        return f'"{value}"'
    return "NULL" if value is None else str(int(value))


class _Among(ColumnElement[bool]):
    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True  # else SQLite is asked whether it `= 1`, and reads the whole table
    _traverse_internals = [  # noqa: RUF012 (as the library has it)
        ("column", InternalTraversal.dp_clauseelement),
        ("values", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.values = bindparam(name, type_=_Values(column.type))


@compiles(_Among, "sqlite")
def _in_sqlite(one: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(one.column, **options), compiler.process(one.values, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(_Among, "postgresql")
def _in_postgresql(one: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(one.column, **options), compiler.process(one.values, **options)
    return f"{column} = ANY({values})"
