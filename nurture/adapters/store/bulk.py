"""Many rows into a table at once: COPY on PostgreSQL, one prepared statement on SQLite."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table, insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.types import JSON, Boolean, Text, TypeEngine

from nurture.domain.errors import CollisionError

FEW: Final = 50  # rows that are not worth the turns that a COPY takes
KEY_TAKEN: Final = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
BINARY: Final = " (FORMAT BINARY)"  # for texts alone: as they are, where otherwise each of their letters is looked at
CLASH: Final = "Somebody else stored the same lead or company at the same moment."


def load(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows. A column that no row gives has its default; where one gives it, it is NULL for those that do not.

    Raises CollisionError where a unique key is taken: then nothing of this transaction can be kept.
    """
    if not rows:
        return
    names = tuple(name for name in table.c.keys() if any(name in row for row in rows))  # noqa: SIM118  no mapping
    dialect = db.dialect
    try:
        if dialect.name == "postgresql" and len(rows) < FEW:
            db.execute(insert(table), [{name: row.get(name) for name in names} for row in rows])
            return
        columns = [_stored(table.c[name].type, _column(name, rows), dialect) for name in names]
        if dialect.name == "postgresql":
            copy(db, _copying(dialect, table, names), columns)
        else:
            db.exec_driver_sql(_inserting(dialect, table, names), list(zip(*columns, strict=True)))
    except IntegrityError as problem:
        if not _is_taken(problem.orig):
            raise
        raise CollisionError(CLASH, hint="Do it again.") from problem


def _is_taken(problem: Any) -> bool:
    name = getattr(problem, "sqlite_errorname", "")
    return name in KEY_TAKEN or getattr(problem, "sqlstate", None) == "23505"


def copy(db: Connection, statement: str, columns: Sequence[Collection[Any]]) -> None:
    """Run a COPY from these columns. It goes past the library, which says of it neither when nor what."""
    import psycopg

    if not db.in_transaction():
        db.begin()  # what goes past the library must be committed by it all the same
    driver: Any = db.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copying:
            if statement.endswith(BINARY):
                copying.set_types(["text"] * len(columns))
            for row in zip(*columns, strict=True):
                copying.write_row(row)
    except psycopg.Error as problem:
        lost = db.dialect.is_disconnect(problem, driver, None)  # type: ignore[arg-type]
        raise DBAPIError.instance(
            statement, None, problem, psycopg.Error, connection_invalidated=lost, dialect=db.dialect
        ) from problem


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _stored(kind: TypeEngine[Any], values: list[Any], dialect: Dialect) -> Collection[Any]:
    """The values of one column in the shape that the driver takes."""
    process = None if isinstance(kind, Boolean) else kind.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return values
    if isinstance(kind, JSON):
        return [process(value) for value in values]
    made = {value: process(value) for value in set(values)}  # moments: nearly all are the same
    return [made[value] for value in values]


# A batch says what the batch before it said.
@lru_cache(maxsize=256)
def _inserting(dialect: Dialect, table: Table, names: tuple[str, ...]) -> str:
    return str(insert(table).compile(dialect=dialect, column_keys=list(names)))


@lru_cache(maxsize=256)
def _copying(dialect: Dialect, table: Table, names: tuple[str, ...]) -> str:
    quote = dialect.identifier_preparer
    how = BINARY if all(isinstance(table.c[name].type, Text) for name in names) else ""
    return f"COPY {quote.format_table(table)} ({', '.join(map(quote.quote, names))}) FROM STDIN{how}"
