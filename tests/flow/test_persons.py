"""A person who is forgotten is forgotten everywhere; all that is held is given out; two leads become one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.forgotten_book import ForgottenFile
from nurture.adapters.store.persons import OF_A_LEAD
from nurture.adapters.store.tables import metadata
from nurture.domain.errors import UnreachableError
from nurture.domain.lead import Lead
from nurture.domain.response import Kind
from nurture.flow import enroll, leads, persons, preferences, suppressing
from nurture.flow.respond import Report
from nurture.ports.store import Suppression
from tests.builders import a_lead, a_sent_touch
from tests.flow.loop import Loop, a_loop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- wait: 30 days\n- email: hello") as made:
        yield made


def known(loop: Loop, *addresses: str) -> dict[str, frozenset[str]]:
    """The scopes in which addresses are suppressed."""
    with loop.store.unit(write=False) as work:
        return work.suppressions.scopes(addresses)


def merged(loop: Loop) -> Lead:
    """Ada, who was two leads, and wrote a mail that matched nobody."""
    kept = a_lead(loop.store, email="ada@example.com", phone="+33155550100", first_name="Ada")
    old = a_lead(loop.store, email="a.byron@old.example", last_name="Byron", title="Countess")
    persons.merge(old.id, kept.id, by="test", **loop.common)
    with loop.store.unit() as work:
        inbox: dict[str, Any] = {"kind": "reply", "why": "nobody", "key": "1", "at": loop.now}
        work.notes.to_inbox({**inbox, "sender": "A.Byron@old.example", "text": "who are you?"})
        work.responses.keep_raw("eml", "1", b"From: Ada <ADA@example.com>\r\n\r\nhello", loop.now)
        work.commit()
    return kept


def test_every_table_that_knows_a_lead_is_in_the_list_of_what_is_held_about_one() -> None:
    of_a_lead = {table.name for table in metadata.sorted_tables if "lead_id" in table.c}
    assert of_a_lead == {table.name for table in OF_A_LEAD}


def test_all_that_is_held_includes_what_carries_no_lead_id(loop: Loop) -> None:
    ada = merged(loop)
    suppressing.take([["a.byron@old.example", "email"]], reason="list", store=loop.store, now=loop.now, by="test")
    held = persons.everything(ada.id, store=loop.store)
    assert [row["last_name"] for row in held["leads"]][1] == "Byron"
    assert [row["text"] for row in held["inbox"]] == ["who are you?"]
    assert "hello" in held["raw_events"][0]["body"]
    assert [row["address"] for row in held["suppressions"]] == ["a.byron@old.example"]


def test_who_was_two_leads_is_forgotten_as_both(loop: Loop) -> None:
    ada, other = merged(loop), a_lead(loop.store, email="bob@example.com", phone="+33155550100")
    done = persons.forget(ada.id, store=loop.store, now=loop.now, by="test")
    assert done.sealed == 3
    held = persons.everything(ada.id, store=loop.store)
    assert {row[name] for row in held["leads"] for name in ("email", "last_name", "title", "phone")} == {None}
    assert (held["inbox"], held["raw_events"], held["lead_aliases"]) == ([], [], [])
    found = known(loop, "ada@example.com", "a.byron@old.example", "+33155550100", "bob@example.com")
    assert found == {
        "ada@example.com": {"all"},
        "a.byron@old.example": {"all"},
        "+33155550100": {"phone"},  # a colleague's too: nobody calls it, and Bob still gets mail
    }
    assert other.id != ada.id


@pytest.mark.parametrize("how", ["the night", "other rules", "an event that comes late"])
def test_who_was_forgotten_is_enrolled_no_more_whatever_looks_at_them(tmp_path: Path, how: str) -> None:
    with a_loop(tmp_path, "- email: hello", more="enroll: {when: engagement >= 0}\n") as loop:
        lead = a_lead(loop.store, email="ada@example.com")
        persons.forget(lead.id, store=loop.store, now=loop.now, by="test")
        match how:
            case "the night":
                enroll.tonight(store=loop.store, rules=loop.rules, now=loop.now)
            case "other rules":
                enroll.reconsider(store=loop.store)
            case _:
                loop.report(Report(Kind.CLICK, loop.now, lead.id))
        assert enroll.run(**loop.common) == 0


def test_the_book_is_written_before_the_database_and_survives_a_crash_between_them(loop: Loop, tmp_path: Path) -> None:
    book, ada = ForgottenFile(tmp_path / "state" / "forgotten"), a_lead(loop.store, email="ada@example.com")

    class CrashError(Exception): ...

    class Crashing(ForgottenFile):
        def add(self, sealed: Any) -> None:
            super().add(sealed)
            raise CrashError

    with pytest.raises(CrashError):
        persons.forget(ada.id, store=loop.store, now=loop.now, by="test", book=Crashing(book.path))
    assert known(loop, "ada@example.com") == {}
    assert persons.keep_forgotten(book, store=loop.store, now=loop.now, by="test") == 1
    assert known(loop, "ada@example.com") == {"ada@example.com": {"all"}}
    assert persons.keep_forgotten(book, store=loop.store, now=loop.now, by="test") == 0
    assert book.path.stat().st_mode & 0o777 == 0o600


def test_a_book_that_cannot_be_written_forgets_nobody(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    ada = a_lead(loop.store, email="ada@example.com")
    with pytest.raises(UnreachableError):
        persons.forget(
            ada.id, store=loop.store, now=loop.now, by="test", book=ForgottenFile(tmp_path / "state" / "forgotten")
        )
    assert persons.everything(ada.id, store=loop.store)["leads"][0]["email"] == "ada@example.com"


def test_another_machine_learns_of_those_forgotten_here_and_a_torn_line_harms_nobody(
    loop: Loop, tmp_path: Path
) -> None:
    persons.forget(a_lead(loop.store).id, store=loop.store, now=loop.now, by="test")
    book = ForgottenFile(tmp_path / "forgotten")
    book.path.write_text("sha256:0123")
    assert persons.keep_forgotten(book, store=loop.store, now=loop.now, by="test") == 0
    with loop.store.unit(write=False) as work:
        assert book.read() == work.suppressions.sealed()
    assert len(book.read()) == 1


def test_a_suppression_follows_a_lead_to_its_new_address(loop: Loop) -> None:
    ada = a_lead(loop.store, email="ada@example.com")
    with loop.store.unit() as work:
        work.suppressions.add(Suppression("ada@example.com", "all", "unsubscribe", loop.now, ada.id), by="test")
        work.commit()
    leads.set_values(ada.id, {"email": "ada@new.example"}, by="test", **loop.common)
    assert known(loop, "ada@new.example") == {"ada@new.example": {"all"}}


def test_the_wishes_of_both_hold_for_the_one_that_they_become(loop: Loop) -> None:
    old, kept = a_lead(loop.store), a_lead(loop.store)
    a_sent_touch(loop.store, lead=kept)
    until = preferences.pause(old.id, months=3, store=loop.store, policy=loop.policy, now=loop.now, by="web")
    preferences.less_often(old.id, store=loop.store, now=loop.now, by="web")
    persons.merge(old.id, kept.id, by="test", **loop.common)
    with loop.store.unit(write=False) as work:
        stored = work.leads.columns(kept.id)
        (one, *_) = work.enrollments.open_of([kept.id])[kept.id]
    assert (stored["paused_until"], stored["light_until"]) == (until, loop.now + timedelta(days=365))
    assert one.pauses == {"preference": until.isoformat()}
