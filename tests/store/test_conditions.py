"""Conditions mean the same in SQL as in Python: missing values, accents, every case, and numbers that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    literal,
    select,
)

from nurture.adapters.store.conditions import prepare_sqlite, where
from nurture.adapters.store.tables import Moment
from nurture.domain.condition import parse
from tests.domain.conditions import CONDITIONS, LEADS, PASTS, Past

people = Table(
    "people",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("title", Text),
    Column("company", Text),
    Column("employees", BigInteger),
    Column("fit", Float),
    Column("engagement", Float),
    Column("budget", Boolean),
    Column("asked_for_sales", Boolean),
    Column("created_at", Moment),
    Column("custom", JSON(none_as_null=True)),
)


@pytest.fixture(scope="module")
def database() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _: prepare_sqlite(connection))
    with engine.connect() as connection:
        people.metadata.create_all(connection)
        yield connection
    engine.dispose()


def found(database: Connection, text: str, lead: dict[str, Any], past: Past) -> bool:
    """Whether the database finds this lead by this condition."""
    flat = {name: value for name, value in lead.items() if not name.startswith("x.")}
    custom = {name.removeprefix("x."): value for name, value in lead.items() if name.startswith("x.")}
    database.execute(people.delete())
    database.execute(people.insert().values(id=1, custom=custom, **flat))
    calls: dict[str, Callable[..., ColumnElement[Any]]] = {
        "clicked": lambda template: literal(past.happened),
        "outcome": lambda step: literal(past.ended, Text()),
        "touches": lambda channel, within: literal(past.count),
        "days_since": lambda kind: literal(past.days, Float()),
    }
    rows = select(people.c.id).where(where(parse(text), columns=dict(people.c), custom=people.c.custom, calls=calls))
    return database.execute(rows).first() is not None


@given(CONDITIONS, LEADS, PASTS)
def test_sql_finds_the_leads_for_which_python_says_yes(
    database: Connection, text: str, lead: dict[str, Any], past: Past
) -> None:
    assert found(database, text, lead, past) is parse(text).holds(lead, past)
