"""Many rows go in as they are given, also where all of them say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store import bulk, tables
from nurture.adapters.store.among import among
from nurture.adapters.store.people import COMPANIES_IN_FULL
from nurture.adapters.store.rows import fetch, make_room, reserved
from nurture.adapters.store.unit import SqlStore

MOMENTS = ("created_at", "arrived_at", "changed_at")
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
ODD = {
    "first_name": "it's",
    "last_name": "? and :this and %s",
    "title": "''",
    "phone": "\\",
    "country": "",
    "language": "J\u00f6rg",
    "notes": "two\nlines",
}


@pytest.mark.parametrize("many", [3, bulk.FEW + 1])
def test_what_all_rows_say_alike_is_stored_as_it_is(store: SqlStore, many: int) -> None:
    rows: dict[str, list[Any]] = {
        "id": list(range(1, many + 1)),
        **{name: [said] * many for name, said in ODD.items()},
        "source": [None] * many,
        "owner": ["Kim", *[None] * (many - 1)],
        "status": ["nurturing"] * many,
        "stage": ["unknown"] * many,
        "fit": [2.5] * many,
        "do_not_call": [True] * many,
        "custom": [{"tier": "it's"}] * many,
        "created_at": [NOW] * many,
        "arrived_at": [NOW] * many,
        "changed_at": [NOW] * many,
    }
    with store.engine.begin() as db:
        bulk.load(db, tables.leads, rows)
    with store.engine.connect() as db:
        found = db.execute(select(*(tables.leads.c[name] for name in rows)).order_by(tables.leads.c.id)).all()
        rest = db.execute(select(tables.leads.c.engagement, tables.leads.c.ready_check, tables.leads.c.sums)).all()
    assert [tuple(row) for row in found] == list(zip(*rows.values(), strict=True))
    assert {tuple(row) for row in rest} == {(0.0, False, None)}  # what nobody gives has its default


@pytest.mark.parametrize("many", [3, bulk.FEW + 1])
def test_a_column_of_different_values_is_stored_as_it_is(store: SqlStore, many: int) -> None:
    odd = ["plain", None, "\\N", "a\\tb", "a\tb", "two\nlines", "\r\n", "", "J\u00f6rg", "it's", '"{,}']
    texts = [odd[number % len(odd)] for number in range(many)]
    rows: dict[str, list[Any]] = {
        "id": list(range(1, many + 1)),
        "first_name": texts,
        "last_name": [None if text is None else text.replace("\\", "/") for text in texts],
        "status": ["nurturing"] * many,
        "stage": ["unknown", *["long_term"] * (many - 1)],
        "fit": [1 / 3, *[-2e-7] * (many - 1)],
        "do_not_call": [number % 2 == 0 for number in range(many)],
        "timeline_on": [None, *[NOW.date()] * (many - 1)],
        "custom": [{"tier": text} for text in texts],
        **{name: [NOW + timedelta(microseconds=number) for number in range(many)] for name in MOMENTS},
    }
    with store.engine.begin() as db:
        bulk.load(db, tables.leads, rows)
    with store.engine.connect() as db:
        found = db.execute(select(*(tables.leads.c[name] for name in rows)).order_by(tables.leads.c.id)).all()
    assert [tuple(row) for row in found] == list(zip(*rows.values(), strict=True))


def test_values_are_looked_for_as_they_are(store: SqlStore) -> None:
    odd = ["", "plain", "NULL", "a,b", "{a}", 'say "so"', "\\", '\\"', "it's", "%s :ids ?", "J\u00f6rg", "two\nlines"]
    rows: dict[str, list[Any]] = {
        "id": list(range(1, len(odd) + 1)),
        "name": odd,
        "name_key": odd,
        "created_at": [NOW] * len(odd),
    }
    table = tables.companies
    with store.engine.begin() as db:
        bulk.load(db, table, rows)
        for name in odd:
            assert list(fetch(db, select(table.c.name).where(among(table.c.name)), [name])) == [(name,)]
        assert len(list(fetch(db, select(table.c.id).where(among(table.c.name)), [*odd, "nobody's"]))) == len(odd)
        assert list(fetch(db, select(table.c.id).where(among(table.c.id)), {3, 99})) == [(3,)]


def test_numbers_that_are_reserved_are_nobodys(store: SqlStore) -> None:
    with store.engine.begin() as db:
        first = reserved(db, tables.leads, 3)
        assert len(set(first)) == 3
        if db.dialect.name == "postgresql":
            assert set(first).isdisjoint(reserved(db, tables.leads, 2))
        assert not reserved(db, tables.leads, 0)


def test_a_companys_first_domain_is_not_looked_for_among_all(postgres_store: SqlStore) -> None:
    many = "FROM generate_series(1, 20000) AS n"
    with postgres_store.engine.connect() as db:  # in one transaction that is undone: nobody gathers statistics of it
        db.exec_driver_sql(f"INSERT INTO companies (id, name, name_key, created_at) SELECT n, n, n, now() {many}")
        db.exec_driver_sql(f"INSERT INTO company_domains (domain, company_id) SELECT n || '.example', n {many}")
        said = COMPANIES_IN_FULL.compile(db, compile_kwargs={"literal_binds": True})
        plan = "\n".join(db.exec_driver_sql(f"EXPLAIN {said}").scalars())
    assert "ix_company_domains_company_id" in plan
    assert "pk_company_domains" not in plan


@pytest.mark.parametrize("wrong", [{"status": "gone"}, {"stage": None}, {"stage": "gone"}])
def test_many_rows_are_held_to_what_their_columns_allow(store: SqlStore, wrong: dict[str, Any]) -> None:
    many = bulk.FEW + 1
    rows: dict[str, list[Any]] = {"status": ["nurturing"] * many, "stage": ["unknown", *["long_term"] * (many - 1)]}
    rows |= {name: [NOW] * many for name in MOMENTS}
    with store.engine.connect() as db:
        bulk.load(db, tables.leads, rows)
        db.rollback()
        for name, value in wrong.items():
            with pytest.raises(IntegrityError):
                bulk.load(db, tables.leads, rows | {name: [*rows[name][:-1], value]})
        db.rollback()
        alone = {name: values[0] for name, values in rows.items()}
        with pytest.raises(IntegrityError):  # and so is who comes alone, afterwards
            db.execute(insert(tables.leads), alone | wrong)


def test_a_connection_keeps_many_pages_at_hand_until_it_is_given_back(store: SqlStore) -> None:
    if store.engine.dialect.name != "sqlite":
        return
    with store.engine.connect() as db:
        usual = db.exec_driver_sql("PRAGMA cache_size").scalar_one()
        make_room(db)
        assert db.exec_driver_sql("PRAGMA cache_size").scalar_one() < usual < 0
    with store.engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA cache_size").scalar_one() == usual
        make_room(db, stays=True)
    with store.engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA cache_size").scalar_one() < usual
