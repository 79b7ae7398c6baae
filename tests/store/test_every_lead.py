"""Long lists are read a page at a time, and still say how everybody was at one moment."""

from __future__ import annotations

from typing import Any

import pytest

from nurture.adapters.store.unit import SqlStore
from nurture.flow import looking
from tests.builders import a_lead
from tests.fakes import A_TUESDAY
from tests.flow.loop import in_force

RULES = in_force({})


def read(store: SqlStore) -> Any:
    """Who is there, read a page at a time: e-mail address, first name, what is in a field of one's own."""
    found = looking.every(None, store=store, rules=RULES, now=A_TUESDAY)
    return ((one.names["email"], one.names["first_name"], one.names.get("x.city")) for one in found)


def test_a_long_list_is_as_everybody_was_when_it_began(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PAGE", 2)
    people = [a_lead(store, email=f"p{n}@example.com", first_name="Ada") for n in range(7)]
    rows = read(store)
    said = [next(rows)]
    with store.unit() as work:  # the first page is written, the others are not read yet
        work.leads.update_many([{"id": people[n].id, "first_name": "Bo", "email": f"q{n}@example.com"} for n in (0, 5)])
        work.leads.update(people[6].id, {"custom": {"city": "Paris"}})
        work.leads.update(people[3].id, {"merged_into": people[0].id})
        a_lead(work, email="new@example.com")
        work.commit()
    said += list(rows)
    assert said == [(f"p{n}@example.com", "Ada", None) for n in range(7)]
    after = {email: (name, city) for email, name, city in read(store)}
    assert after["q5@example.com"] == ("Bo", None)
    assert after["p6@example.com"] == ("Ada", "Paris")
    assert "new@example.com" in after


@pytest.mark.parametrize("page", [1, 3, 7, 8, 1000])
def test_everybody_is_in_a_long_list_once_whatever_a_page_holds(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(looking, "PAGE", page)
    people = [a_lead(store, email=f"p{n}@example.com") for n in range(7)]
    assert [email for email, _, _ in read(store)] == [one.email for one in people]
