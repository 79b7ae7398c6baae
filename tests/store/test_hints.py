"""Hints through PostgreSQL: heard by everybody who waits, many as one, and again after the database was away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import text

from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.hints import PostgresHints
from nurture.domain.errors import UnreachableError

A_MOMENT = 0.02  # seconds
LONG = 10.0


@pytest.fixture
def hints(postgres_url: str) -> Iterator[PostgresHints]:
    engine = open_engine(postgres_url)
    yield PostgresHints(engine)
    engine.dispose()


def test_everybody_hears_a_hint_and_many_are_one(hints: PostgresHints, postgres_url: str) -> None:
    elsewhere = open_engine(postgres_url)
    with closing(hints), closing(PostgresHints(elsewhere)) as other:
        assert not hints.wait(A_MOMENT)
        assert not other.wait(A_MOMENT)
        for _ in range(20):
            hints.give()
        assert [one.wait(LONG) for one in (hints, other)] == [True, True]
        while hints.wait(A_MOMENT):
            pass
        assert not hints.wait(A_MOMENT)
    elsewhere.dispose()


def test_who_was_cut_off_listens_again(hints: PostgresHints) -> None:
    with closing(hints):
        hints.wait(A_MOMENT)
        with hints._engine.connect() as db:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            db.execute(text(f"{cut} WHERE pid <> pg_backend_pid() AND datname = current_database()"))
        with pytest.raises(UnreachableError, match="No hints"):
            hints.wait(LONG)
        assert not hints.wait(A_MOMENT)
        hints.give()
        assert hints.wait(LONG)
