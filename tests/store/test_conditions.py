"""Conditions mean the same in SQL as in Python: missing values, accents, every case, and numbers that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
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
    cast,
    column,
    create_engine,
    event,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from nurture.adapters.store.conditions import where
from nurture.adapters.store.tables import Moment
from nurture.adapters.store.texts import postgresql_functions, prepare_sqlite
from nurture.domain.condition import fold, parse
from tests.domain.conditions import CONDITIONS, CUSTOM, LEADS, PASTS, Past
from tests.postgres import Server

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


@contextmanager
def on_sqlite() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _: prepare_sqlite(connection))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def on_postgresql(server: Server) -> Iterator[Connection]:
    with server.database() as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            for statement in postgresql_functions():
                connection.exec_driver_sql(statement)
            yield connection
        engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection to each database, with the functions of conditions and an empty table of people."""
    opened = on_sqlite() if request.param == "sqlite" else on_postgresql(request.getfixturevalue("postgres_server"))
    with opened as connection:
        people.metadata.create_all(connection)
        yield connection


def found(database: Connection, text: str, leads: Sequence[dict[str, Any]], past: Past) -> set[int]:
    """Which of these leads the database finds by this condition."""
    put(database, leads)
    return asked(database, text, past)


def put(database: Connection, leads: Sequence[dict[str, Any]]) -> None:
    """Have these leads in the database and no others; each is called by its position."""
    database.execute(people.delete())
    rows = []
    for position, lead in enumerate(leads):
        flat = {name: lead.get(name) for name in people.c.keys() if name not in {"id", "custom"}}  # noqa: SIM118
        custom = {name.removeprefix("x."): value for name, value in lead.items() if name.startswith("x.")}
        rows.append({"id": position, "custom": custom, **flat})
    database.execute(people.insert(), rows)


def asked(database: Connection, text: str, past: Past) -> set[int]:
    """Which of the leads in the database it finds by this condition."""
    calls: dict[str, Callable[..., ColumnElement[Any]]] = {
        "clicked": lambda template: literal(past.happened),
        "outcome": lambda step: literal(past.ended, Text()),
        "touches": lambda channel, within: literal(past.count),
        "days_since": lambda kind: literal(past.days, Float()),
    }
    holds = where(parse(text), columns=dict(people.c), custom=people.c.custom, calls=calls)
    return set(database.scalars(select(people.c.id).where(holds)))


def expected(text: str, leads: Sequence[dict[str, Any]], past: Past) -> set[int]:
    condition = parse(text)
    return {position for position, lead in enumerate(leads) if condition.holds(lead, past)}


@given(CONDITIONS, st.lists(LEADS, min_size=1, max_size=20), PASTS)
@example("fit in [1, 0.25]", [{"fit": 0}, {"fit": 0.25}, {"fit": 1}], Past())
def test_sql_finds_the_leads_for_which_python_says_yes(
    database: Connection, text: str, leads: list[dict[str, Any]], past: Past
) -> None:
    assert found(database, text, leads, past) == expected(text, leads, past)


@pytest.mark.parametrize("op", ["==", "!=", "<", ">="])
@pytest.mark.parametrize("name", ["title", "x.a"])
def test_every_text_compares_with_every_text_as_in_python(database: Connection, name: str, op: str) -> None:
    leads = [{name: value} for value in (*CUSTOM, None)]
    put(database, leads)
    for value in CUSTOM:
        text = f"{name} {op} '{value}'"
        assert asked(database, text, Past()) == expected(text, leads, Past()), text


@pytest.mark.parametrize(
    "text",
    [
        "x.a > -9", "not x.a > -9", "x.a == 12", "x.a + 1 != 13", "x.a", "not x.a", "x.a == false", "x.a == true",
        "x.a == '1e-07'",
        "x.a == '12'", "x.a != 'true'", "contains(x.a, '1')", "1 / x.a > 0", "1 / (x.a - 12) != 0", "x.a in [12, 3.5]",
    ],
)  # fmt: skip
def test_a_custom_field_of_any_json_type_means_the_same(database: Connection, text: str) -> None:
    values = (*CUSTOM, None, 12, 12.0, 12.5, -3, 0, 0.0, True, False, 1e-7, 1e12, 10**15, 10**16, [1], {"b": 1})
    leads = [{"x.a": value} for value in values]
    assert found(database, text, leads, Past()) == expected(text, leads, Past())


def test_postgresql_folds_every_character_as_python_does(postgres_server: Server) -> None:
    every = [chr(point) for point in range(1, 0x110000) if not 0xD800 <= point < 0xE000]
    telling = [c for c in every if ord(c) < 0x600 or fold(c) != c]
    texts = [text for c in telling for text in (f"A{c}z", f"É{c}", f"e\u0301{c}")]
    with on_postgresql(postgres_server) as connection:
        folded = select(func.nurture_fold(column("t"))).select_from(func.unnest(cast(texts, ARRAY(Text))).alias("t"))
        assert list(connection.scalars(folded)) == [fold(text) for text in texts]
