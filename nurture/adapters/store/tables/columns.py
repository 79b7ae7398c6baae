"""What all tables share: names of constraints, moments, states held by a CHECK, indexes of some rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    event,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ONLY: Final = "only"
_ONE_OF: Final = "one_of"

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment on both databases. SQLite has no zones: there it is stored as text without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    # A row has many moments: on SQLite each is one call, to the same text that the library would write and read.

    def bind_processor(self, dialect: Dialect) -> Any:
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _as_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError("a moment without a zone")
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[:-6]


@lru_cache(maxsize=4096)  # the same moment stands in many rows
def _from_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "+00:00")


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that holds a column to the values of an enum; `held` reads what it says."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known", info={_ONE_OF: (column, values)})


def held(table: Table) -> dict[str, frozenset[str]]:
    """What the CHECKs of a table hold its columns to. All of them are made by `one_of`: KeyError for another."""
    checks = [one for one in table.constraints if isinstance(one, CheckConstraint)]
    return {column: frozenset(map(str, values)) for column, values in (one.info[_ONE_OF] for one in checks)}


def only(rows: str) -> dict[str, Any]:
    """What makes an index one of some rows; its condition waits there for `complete`."""
    return {"info": {_ONLY: rows}}


def complete(tables: MetaData, dialects: Iterable[str] = ("sqlite", "postgresql")) -> None:
    """Give the indexes of some rows their condition, before tables are made or compared.

    Said at once it would load these dialects, with all that they have for their drivers, at each start.
    """
    for table in tables.tables.values():
        for index in table.indexes:
            if rows := index.info.get(_ONLY):
                index.dialect_kwargs.update({f"{dialect}_where": text(rows) for dialect in dialects})


@event.listens_for(metadata, "before_create")
def _complete(tables_made: MetaData, bind: Connection, **_: Any) -> None:
    complete(tables_made, [bind.dialect.name])


def row_id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def lead_id(*, nullable: bool = False) -> Column[int]:
    return Column("lead_id", Id, ForeignKey("leads.id"), nullable=nullable)


def json_column() -> Any:
    return JSON(none_as_null=True)
