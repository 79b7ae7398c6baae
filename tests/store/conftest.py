"""One store for each test, once on SQLite and once on PostgreSQL: they must not differ."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nurture.adapters.store.unit import SqlStore
from tests.builders import a_store


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    """An empty database with all tables."""
    with a_store(database_url) as made:
        yield made
