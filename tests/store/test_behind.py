"""What is written behind whoever goes on is there for the next statement, or fails there, and goes with its unit."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store import bulk, tables
from nurture.adapters.store.behind import BEHIND, write_behind
from nurture.adapters.store.unit import SqlStore
from nurture.domain.errors import CollisionError

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
MANY = 2 * bulk.FEW


@pytest.fixture
def store(postgres_store: SqlStore) -> SqlStore:
    """Nothing in it."""
    with postgres_store.engine.begin() as db:
        for table in reversed(tables.metadata.sorted_tables):
            db.execute(table.delete())
    return postgres_store


def companies(first: int, **more: Any) -> dict[str, list[Any]]:
    """So many rows, by their columns."""
    names = [f"C{number}" for number in range(first, first + MANY)]
    ids: list[Any] = list(range(first, first + MANY))
    return {"id": ids, "name": names, "name_key": names, "created_at": [NOW] * MANY} | more


def count(db: Any) -> int:
    """How many companies a connection sees."""
    return int(db.execute(select(func.count()).select_from(tables.companies)).scalar_one())


def test_the_next_statement_and_the_commit_see_all_that_was_written_before(store: SqlStore) -> None:
    with store.engine.connect() as db:
        write_behind(db)
        bulk.load(db, tables.companies, companies(1))
        bulk.load(db, tables.companies, companies(1_001))
        assert count(db) == 2 * MANY
        bulk.load(db, tables.companies, companies(2_001))
        db.commit()
        assert BEHIND not in db.info  # what comes now is written at once
        bulk.load(db, tables.companies, companies(3_001))
    with store.engine.connect() as db:
        assert count(db) == 3 * MANY
        assert BEHIND not in db.info


@pytest.mark.parametrize("is_committed", [False, True])
def test_what_fails_is_raised_by_the_next_statement_or_the_commit(store: SqlStore, is_committed: bool) -> None:
    with store.engine.connect() as db:
        write_behind(db)
        bulk.load(db, tables.companies, companies(1))
        bulk.load(db, tables.companies, companies(2))
        bulk.load(db, tables.companies, companies(1_001))
        with pytest.raises(CollisionError):
            db.commit() if is_committed else count(db)
    with store.engine.connect() as db:
        assert count(db) == 0


def test_what_is_wrong_is_told_as_the_database_tells_it(store: SqlStore) -> None:
    with store.engine.connect() as db:
        write_behind(db)
        bulk.load(db, tables.companies, companies(1, name=["C", *[None] * (MANY - 1)]))
        with pytest.raises(IntegrityError, match="null value"):
            count(db)


def test_a_transaction_that_is_given_up_leaves_nothing_and_nobody(store: SqlStore) -> None:
    with pytest.raises(ZeroDivisionError), store.engine.connect() as db:  # noqa: PT012
        write_behind(db)
        for first in range(1, 20 * MANY, MANY):
            bulk.load(db, tables.companies, companies(first))
        raise ZeroDivisionError
    assert not [one for one in threading.enumerate() if one.name.startswith("behind")]
    with store.engine.connect() as db:
        assert count(db) == 0
        assert BEHIND not in db.info
