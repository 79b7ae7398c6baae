"""Many rows go in as they are given, also where all of them say the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from nurture.adapters.store import bulk, tables
from nurture.adapters.store.unit import SqlStore

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
