"""Many rows into a table at once: COPY on PostgreSQL, one prepared statement on SQLite."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import repeat
from types import NoneType
from typing import Any, Final

from sqlalchemy import Column, Connection, Dialect, Table, insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.types import JSON, Boolean, Text, TypeEngine

from nurture.adapters.store.behind import BEHIND
from nurture.adapters.store.tables.columns import held
from nurture.domain.errors import CollisionError

FEW: Final = 50  # rows that are not worth the turns that a COPY takes
SHORT: Final = 100  # characters that a statement for many rows may repeat
KEY_TAKEN: Final = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
OVERTAKEN: Final = ("23505", "23503")  # a key is taken, or what is referred to is gone
BINARY: Final = " (FORMAT BINARY)"  # for texts alone: as they are, where otherwise each of their letters is looked at
_ESCAPED: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_TEXTS: Final = frozenset({str, NoneType})
Columns = Mapping[str, Sequence[Any]]  # of rows; each has one value for each of them
CLASH: Final = "Somebody else stored the same lead or company at the same moment."


def load(db: Connection, table: Table, columns: Columns) -> None:
    """Insert rows, given by their columns. A column that is not given has its default.

    Raises CollisionError where a unique key is taken: then nothing of this transaction can be kept.
    Where it writes behind (`behind.py`), whatever waits for these rows raises it.
    """
    given = {name: values for name, values in columns.items() if not _is_left_out(table.c[name], values)}
    many = max(map(len, given.values()), default=0)
    if not many:
        return
    is_postgresql = db.dialect.name == "postgresql"
    if is_postgresql and many >= FEW:
        _copy(db, table, given)
        return
    with _colliding():
        if is_postgresql:
            db.execute(insert(table), [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)])
        else:
            insert_each(db, table, given, literally=many >= FEW)


@contextmanager
def _colliding() -> Iterator[None]:
    """A unique key that is taken is a CollisionError."""
    try:
        yield
    except IntegrityError as problem:
        if not _is_taken(problem.orig):
            raise
        raise CollisionError(CLASH, hint="Do it again.") from problem


def _is_left_out(column: Column[Any], values: Sequence[Any]) -> bool:
    """Whether the rows are the same without it: to bind NULL costs as much as to bind what is stored."""
    return column.server_default is None and (not values or (values[0] is None and are_alike(values)))


def are_alike(values: Sequence[Any]) -> bool:
    return values[0] == values[-1] and values.count(values[0]) == len(values)


def insert_each(db: Connection, table: Table, given: Columns, *, literally: bool) -> None:
    """Into SQLite; `literally`: what is the same in all rows stands in the statement, and is not bound for each."""
    dialect = db.dialect
    places: list[str] = []
    bound: list[Sequence[Any]] = []
    for name, values in given.items():
        kind = table.c[name].type
        is_alike = literally and bound and not isinstance(kind, JSON) and are_alike(values)
        said = _literal(stored(kind, values[:1], dialect)[0]) if is_alike else None
        places.append(said or "?")
        if said is None:
            bound.append(stored(kind, values, dialect))
    names = ", ".join(map(dialect.identifier_preparer.quote, given))
    statement = f"INSERT INTO {dialect.identifier_preparer.format_table(table)} ({names}) VALUES ({', '.join(places)})"
    with unchecked(db, table, given):
        db.exec_driver_sql(statement, list(zip(*bound, strict=True)))


@contextmanager
def unchecked(db: Connection, table: Table, given: Columns) -> Iterator[None]:
    """While many rows are written that are within the CHECKs of their table, let SQLite not look at these.

    It makes a table of what one allows for each row, which takes a third of the time.
    """
    limits = {name: allowed for name, allowed in held(table).items() if name in given}
    many = db.dialect.name == "sqlite" and len(next(iter(given.values()))) >= FEW
    if not many or not limits or not all(allowed.issuperset(given[name]) for name, allowed in limits.items()):
        yield
        return
    with within_checks(db):
        yield


@contextmanager
def within_checks(db: Connection) -> Iterator[None]:
    """SQLite does not look at CHECKs meanwhile: for many rows that are known to be within them."""
    if db.dialect.name != "sqlite":
        yield
        return
    db.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
    try:
        yield
    finally:
        db.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")


def _literal(value: Any) -> str | None:
    """The value as it is written in a statement for SQLite, or None for what is rather bound."""
    if isinstance(value, int):
        return str(int(value))
    if not isinstance(value, str) or len(value) > SHORT or "\0" in value:
        return None
    return "'" + value.replace("'", "''") + "'"


def _is_taken(problem: Any) -> bool:
    name = getattr(problem, "sqlite_errorname", "")
    return name in KEY_TAKEN or getattr(problem, "sqlstate", None) in OVERTAKEN


def _copy(db: Connection, table: Table, given: Columns) -> None:
    statement = _copying(db.dialect, table, tuple(given))
    columns = [stored(table.c[name].type, values, db.dialect) for name, values in given.items()]
    if statement.endswith(BINARY):
        copy(db, statement, lambda copying: _write_texts(copying, columns))
        return
    written = "\n".join(map("\t".join, zip(*map(_written, columns), strict=True)))
    copy(db, statement, lambda copying: copying.write(f"{written}\n"))


def _write_texts(copying: Any, columns: Sequence[Collection[str | None]]) -> None:
    copying.set_types(["text"] * len(columns))
    for row in zip(*columns, strict=True):
        copying.write_row(row)


def _written(values: Sequence[Any]) -> Iterable[str]:
    """The values of a column as COPY reads them.

    https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
    """
    if are_alike(values):
        return repeat(_cell(values[0]), len(values))
    if _TEXTS.issuperset(map(type, values)) and not _is_special("".join(filter(None, values))):
        return [r"\N" if value is None else value for value in values]
    return map(_cell, values)


def _cell(value: Any) -> str:
    if value is None:
        return r"\N"
    written = str(value)
    return written.translate(_ESCAPED) if _is_special(written) else written


def _is_special(written: str) -> bool:
    return "\\" in written or "\n" in written or "\t" in written or "\r" in written


def copy(db: Connection, statement: str, write: Callable[[Any], None]) -> None:
    """Run a COPY and write its rows. It goes past the library, which says of it neither when nor what.

    Raises CollisionError; where this transaction writes behind, whatever waits for the COPY raises it.
    """
    if not db.in_transaction():
        db.begin()  # what goes past the library must be committed by it all the same
    run = partial(_copied, db.connection.driver_connection, db.dialect, statement, write)
    behind = db.info.get(BEHIND)
    if behind is not None:
        behind.give(run)
    else:
        run()


def _copied(driver: Any, dialect: Dialect, statement: str, write: Callable[[Any], None]) -> None:
    import psycopg

    with _colliding():
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copying:
                write(copying)
        except psycopg.Error as problem:
            lost = dialect.is_disconnect(problem, driver, None)  # type: ignore[arg-type]
            raise DBAPIError.instance(
                statement, None, problem, psycopg.Error, connection_invalidated=lost, dialect=dialect
            ) from problem


def stored(kind: TypeEngine[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
    """The values of one column in the shape that the driver takes."""
    if isinstance(kind, JSON):
        return [None if value is None else json.dumps(value) for value in values]
    process = None if isinstance(kind, Boolean) else kind.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return values
    made = {value: process(value) for value in set(values)}  # moments: nearly all are the same
    return [made[value] for value in values]


# A batch says what the batch before it said.
@lru_cache(maxsize=256)
def _copying(dialect: Dialect, table: Table, names: tuple[str, ...]) -> str:
    quote = dialect.identifier_preparer
    how = BINARY if all(isinstance(table.c[name].type, Text) for name in names) else ""
    return f"COPY {quote.format_table(table)} ({', '.join(map(quote.quote, names))}) FROM STDIN{how}"
