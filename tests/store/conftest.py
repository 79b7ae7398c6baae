"""One store for each test, once on SQLite and once on PostgreSQL: they must not differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nurture.adapters.store.tables import metadata
from nurture.adapters.store.unit import SqlStore
from tests.builders import a_store
from tests.postgres import Server


@pytest.fixture(scope="session")
def postgres_store(postgres_server: Server) -> Iterator[SqlStore]:
    """A PostgreSQL store that all tests of this process share, one after the other."""
    with postgres_server.database() as url, a_store(url) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A store with all tables and nothing in them."""
    if request.param == "postgresql":
        shared: SqlStore = request.getfixturevalue("postgres_store")
        with shared.engine.begin() as db:
            for table in reversed(metadata.sorted_tables):
                db.execute(table.delete())
        yield shared
        return
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as made:
        yield made
