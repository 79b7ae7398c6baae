"""A workspace with its web, for each test of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.house import House, a_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An empty workspace and a client of its web."""
    with a_house(tmp_path / "workspace") as made:
        yield made
