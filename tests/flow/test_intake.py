"""Intake: one lead for one person, however often the file comes; what a person said stays; opt-outs hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nurture.domain.errors import RefusedError
from nurture.domain.lead import Lead
from nurture.domain.row import GivenConsent, Refused, Row
from nurture.flow import intake, leads
from nurture.flow.intake import Intake
from tests.builders import a_lead
from tests.flow.loop import Loop, a_loop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """A workspace with nobody in it."""
    with a_loop(tmp_path, "- email: one") as made:
        yield made


def taken(loop: Loop, *rows: Row | Refused, **more: Any) -> Intake:
    """Rows of one file."""
    return intake.take(rows, file="people.csv", source=None, by="tester", **loop.common, **more)


def found(loop: Loop, text: str) -> Lead:
    """The lead of an address."""
    with loop.store.unit(write=False) as work:
        lead = work.leads.find(text)
    assert lead is not None
    return lead


def row(line: int = 2, **values: Any) -> Row:
    """A row of a file."""
    return Row(line, {"email": "ada@acme.example", **values})


def test_the_same_file_twice_changes_nothing(loop: Loop) -> None:
    rows = [row(first_name="Ada", company="Acme", employees=50), Row(3, {"email": "bob@acme.example"})]
    first, second = taken(loop, *rows), taken(loop, *rows)
    assert (first.created, first.updated, first.unchanged) == (2, 0, 0)
    assert (second.created, second.updated, second.unchanged) == (0, 0, 2)


def test_who_has_only_a_number_is_known_by_number_and_name(loop: Loop) -> None:
    ann = {"phone": "+43153404000", "first_name": "Ann", "last_name": "Lee"}
    rows = [Row(2, ann), Row(3, {**ann, "first_name": "Bob"}), Row(4, {**ann, "first_name": "ANN", "title": "Buyer"})]
    first, second = taken(loop, *rows), taken(loop, *rows)
    assert (first.created, first.updated) == (2, 1)
    assert (second.created, second.refused) == (0, [])
    assert taken(loop, row(phone="+43153404000", first_name="Ann", last_name="Lee")).created == 1  # it has an address


def test_one_person_twice_in_a_file_is_one_lead(loop: Loop) -> None:
    result = taken(loop, row(2, first_name="Ada"), row(3, last_name="Lovelace"))
    assert (result.created, result.updated) == (1, 1)
    ada = found(loop, "ada@acme.example")
    assert ada.name == "Ada Lovelace"


def test_a_refused_row_is_listed_and_the_others_go_in(loop: Loop) -> None:
    result = taken(loop, row(2), Refused(3, "no address"), Row(4, {"email": "bob@acme.example"}))
    assert result.refused == [(3, "no address")]
    assert result.created == 2


def test_a_new_address_of_a_known_person_keeps_the_old_one_as_an_alias(loop: Loop) -> None:
    taken(loop, row(external_id="C1"))
    taken(loop, row(email="ada@new.example", external_id="C1"))
    ada = found(loop, "ada@new.example")
    assert found(loop, "ada@acme.example").id == ada.id


def test_two_leads_that_a_row_would_mix_are_refused(loop: Loop) -> None:
    taken(loop, row(2, external_id="C1"), Row(3, {"email": "bob@acme.example", "external_id": "C2"}))
    result = taken(loop, row(7, external_id="C2"))
    assert result.created == result.updated == 0
    assert result.refused[0][0] == 7
    assert "merge" in result.refused[0][1]


def test_a_dry_run_counts_and_stores_nothing(loop: Loop) -> None:
    result = taken(loop, row(), Refused(3, "no address"), dry_run=True)
    assert (result.created, len(result.refused)) == (1, 1)
    with loop.store.unit(write=False) as work:
        assert work.leads.search(None, now=loop.now) == []


def test_who_opted_out_in_a_file_gets_no_mail_and_no_later_file_brings_them_back(loop: Loop) -> None:
    yes = GivenConsent("opt_in", loop.now)
    taken(loop, Row(2, {"email": "ada@acme.example"}, consent=yes, opted_out=True))
    taken(loop, Row(2, {"email": "ada@acme.example"}, consent=yes))
    ada = found(loop, "ada@acme.example")
    loop.enroll(ada)
    loop.tick()
    assert loop.states(ada) == ["one skipped"]
    assert loop.mailer.asked == []


def test_people_of_a_freemail_domain_share_no_company(loop: Loop) -> None:
    taken(loop, Row(2, {"email": "a@gmail.com", "industry": "health"}), Row(3, {"email": "b@gmail.com"}))
    assert [found(loop, f"{who}@gmail.com").company for who in "ab"] == [None, None]


def test_an_import_can_be_undone_where_nothing_happened_since(loop: Loop) -> None:
    old = a_lead(loop.store, email="old@acme.example", first_name="Old")
    batch = taken(loop, row(2), Row(3, {"email": "old@acme.example", "first_name": "New"})).batch
    loop.enroll(found(loop, "ada@acme.example"))
    loop.clock.advance(minutes=1)
    undone = intake.undo(batch, store=loop.store, now=loop.now, by="tester")
    assert undone.restored == (old.id,)
    assert [reason for _, reason in undone.kept] == ["enrolled since"]
    assert found(loop, "old@acme.example").first_name == "Old"
    with pytest.raises(RefusedError, match="undone"):
        intake.undo(batch, store=loop.store, now=loop.now, by="tester")


def undone(loop: Loop, batch: int) -> intake.Undone:
    """An import taken back, a minute later."""
    loop.clock.advance(minutes=1)
    return intake.undo(batch, store=loop.store, now=loop.now, by="tester")


def test_what_an_import_moved_from_one_lead_to_another_goes_back_when_it_is_undone(loop: Loop) -> None:
    taken(loop, row(external_id="C1"), Row(3, {"email": "bob@acme.example", "external_id": "C2"}))
    loop.clock.advance(minutes=1)
    bob, new = Row(3, {"email": "bob@acme.example", "external_id": "C1"}), Row(4, {"email": "n@x.example"})
    batch = taken(loop, row(external_id="C3"), bob, new._replace(values={**new.values, "external_id": "C2"})).batch
    assert len(undone(loop, batch).restored) == 2
    assert [found(loop, name).email for name in ("C1", "C2")] == ["ada@acme.example", "bob@acme.example"]


def test_an_import_is_undone_but_for_the_addresses_that_others_have_since(loop: Loop) -> None:
    taken(loop, row(external_id="C1", first_name="Ada"))
    cy = a_lead(loop.store, email="cy@acme.example", first_name="Cy")
    loop.clock.advance(minutes=1)
    rows = row(email="ada@new.example", external_id="C1"), Row(3, {"email": "cy@acme.example", "first_name": "Cyril"})
    batch = taken(loop, *rows).batch
    bob = a_lead(loop.store)
    leads.set_values(bob.id, {"email": "ada@acme.example"}, by="tester", **loop.common)
    done = undone(loop, batch)
    ada = found(loop, "C1")
    assert done.kept == ((ada.id, f"its address is that of lead {bob.id} now"),)
    assert (done.restored, ada.email) == ((cy.id,), "ada@new.example")


def test_an_import_of_several_batches_is_undone_in_all_that_each_of_them_changed(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["nurture.flow.intake.take"], "BATCH", 1)
    taken(loop, row(first_name="Ada", title="Countess"))
    loop.clock.advance(minutes=1)
    changes: list[dict[str, Any]] = [{"first_name": "A."}, {"title": "Chief", "phone": "+33155550100"}]
    batch = taken(loop, *(row(line, **more) for line, more in enumerate([*changes, {"first_name": "B."}], 2))).batch
    undone(loop, batch)
    ada = found(loop, "ada@acme.example")
    assert (ada.first_name, ada.title, ada.phone) == ("Ada", "Countess", None)
