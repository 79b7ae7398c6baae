"""Responses, suppressions, the history, the inbox and promises: what is stored once, and what comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store.tables import responses as response_table
from nurture.adapters.store.unit import SqlStore
from nurture.domain.response import Grade, Intent, Kind, Response
from nurture.domain.scoring import Line
from nurture.ports.store import Change, Suppression
from tests.builders import a_lead, a_sent_touch
from tests.fakes import A_TUESDAY as NOW

HOUR = timedelta(hours=1)


def test_a_response_is_stored_once_and_comes_back_with_its_detail(store: SqlStore) -> None:
    sent = a_sent_touch(store)
    detail = {"url": "https://a.example/ü", "intent": Intent.QUESTION, "n": 1, "at": NOW, "tags": ("x", None)}
    reply = Response(Kind.REPLY, NOW, sent.lead, sent.id, Grade.LIKELY_MACHINE, detail, "quick, but asks")
    with store.unit() as work:
        row = work.responses.add(reply, key="k", recorded_at=NOW + HOUR, by="imap")
        assert work.responses.add(reply, key="k", recorded_at=NOW + HOUR, by="imap") is None
        [back] = work.responses.of_touch(sent.id)
        [stored] = work.responses.stored(lead=sent.lead)
    assert (stored.id, stored.response, stored.recorded_at) == (row, back, NOW + HOUR)
    assert back.detail == {**detail, "at": NOW.isoformat(), "tags": ["x", None], "intent": "question"}
    assert (back.intent, back.grade, back.why) == (Intent.QUESTION, Grade.LIKELY_MACHINE, "quick, but asks")


def test_of_many_responses_the_new_ones_are_stored_and_each_once(store: SqlStore) -> None:
    lead = a_lead(store).id
    with store.unit() as work:
        assert work.responses.add_all([], recorded_at=NOW, by="") == []
        known = work.responses.add(Response(Kind.OPEN, NOW, lead), key="known", recorded_at=NOW, by="")
        keys = [f"new {n}" for n in range(1_200)]
        given = [(Response(Kind.CLICK, NOW, lead), key) for key in ("known", *keys, keys[0])]
        numbers = work.responses.add_all(given, recorded_at=NOW, by="webhook")
        stored = {one.id for one in work.responses.stored(lead=lead)}
    assert (numbers[0], numbers[-1]) == (None, None)
    assert stored == {known, *numbers[1:-1]}
    assert len(stored) == 1_201


def test_responses_of_nobody_are_kept_and_all_are_in_order(store: SqlStore) -> None:
    lead = a_lead(store).id
    with store.unit() as work:
        for key, at, who in (("b", NOW + HOUR, lead), ("a", NOW, lead), ("c", NOW + 2 * HOUR, None)):
            work.responses.add(Response(Kind.VISIT, at, who), key=key, recorded_at=at, by="")
        assert [one.at for one in work.responses.of_leads([lead])[lead]] == [NOW, NOW + HOUR]
        assert len(work.responses.stored()) == 3
        assert [one.response.at for one in work.responses.stored(since=NOW + HOUR)] == [NOW + HOUR, NOW + 2 * HOUR]


def test_the_same_event_delivered_to_many_at_once_is_stored_by_one(store: SqlStore) -> None:
    lead = a_lead(store).id
    together = Barrier(4)

    def deliver(_turn: int) -> bool:
        together.wait()
        with store.unit() as work:
            added = work.responses.add(Response(Kind.OPEN, NOW, lead), key="event-1", recorded_at=NOW, by="webhook")
            work.commit()
            return added is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(deliver, range(4))) == [False, False, False, True]


def test_an_invented_kind_or_grade_is_refused_by_the_database(store: SqlStore) -> None:
    with store.unit() as work:
        work.responses.add(Response(Kind.OPEN, NOW, None), key="k", recorded_at=NOW, by="")
        work.commit()
    for column in ("kind", "grade"):
        with pytest.raises(IntegrityError), store.engine.begin() as db:
            db.execute(response_table.update().values({column: "invented"}))


def test_the_ledger_keeps_each_rule_once_for_a_response(store: SqlStore) -> None:
    lead = a_lead(store).id
    lines = [Line("click", "click", NOW), Line("price", "click", NOW)]
    with store.unit() as work:
        row = work.responses.add(Response(Kind.CLICK, NOW, lead), key="k", recorded_at=NOW, by="")
        assert row is not None
        work.responses.add_lines([(lead, row, one) for one in lines])
        work.responses.add_lines([])
        assert work.responses.lines([lead]) == {lead: lines}
        with pytest.raises(IntegrityError):
            work.responses.add_lines([(lead, row, lines[0])])


def test_a_delivery_is_kept_as_it_came_once_and_processed_in_order(store: SqlStore) -> None:
    with store.unit() as work:
        assert work.responses.keep_raw("sendgrid", "h1", b"\x00[\xff]", NOW)
        assert not work.responses.keep_raw("sendgrid", "h1", b"\x00[\xff]", NOW)
        assert work.responses.keep_raw("eml", "h1", b"mail", NOW)
        first, second = work.responses.raw_new(9)
        assert first[1:] == ("sendgrid", b"\x00[\xff]", NOW)
        assert work.responses.raw_new(1) == [first]
        assert work.responses.raw_new(9, after=first[0]) == [second]
        assert work.responses.raw_new(9, most_bytes=len(first[2])) == [first]
        assert work.responses.raw_new(9, most_bytes=0) == [first]
        assert work.responses.raw_new(9, most_bytes=len(first[2]) + len(second[2])) == [first, second]
        work.responses.raw_done(first[0], NOW, "not JSON")
        assert work.responses.raw_new(9) == [second]
        assert not work.responses.keep_raw("sendgrid", "h1", b"\x00[\xff]", NOW)


def test_an_address_is_suppressed_once_for_each_scope(store: SqlStore) -> None:
    lead = a_lead(store).id
    unsubscribed = Suppression("a@x.example", "email", "unsubscribed", NOW, lead)
    called = Suppression("+14155550123", "phone", "do not call", NOW + HOUR)
    with store.unit() as work:
        assert work.suppressions.add(unsubscribed, by="link")
        assert not work.suppressions.add(unsubscribed, by="link")
        assert work.suppressions.add(Suppression("a@x.example", "all", "forgotten", NOW + 2 * HOUR), by="ann")
        assert work.suppressions.add(called, by="bob")
        assert work.suppressions.scopes(["a@x.example", "+14155550123", "b@x.example"]) == {
            "a@x.example": {"email", "all"},
            "+14155550123": {"phone"},
        }
        assert work.suppressions.all()[:2] == [unsubscribed, called]
        assert work.suppressions.remove("a@x.example") == 2
        assert work.suppressions.remove("a@x.example") == 0
        assert work.suppressions.scopes([]) == {}


def test_more_addresses_than_a_statement_takes_are_asked_about(store: SqlStore) -> None:
    with store.unit() as work:
        work.suppressions.add(Suppression("39999@x.example", "all", "r", NOW), by="")
        assert list(work.suppressions.scopes([f"{n}@x.example" for n in range(40_000)])) == ["39999@x.example"]


def test_the_history_tells_what_changed_oldest_first(store: SqlStore) -> None:
    lead = a_lead(store).id
    later = Change("stage", "long_term -> near_term", NOW + HOUR, "daemon", lead, {"was": "long_term"})
    applied = Change("applied", "3 files", NOW + HOUR, "ann")
    first = Change("stage", "unknown -> long_term", NOW, "daemon", lead)
    with store.unit() as work:
        work.notes.add([later, applied, first])
        work.notes.add([])
        assert work.notes.of_lead(lead) == [first, later]
        assert work.notes.select(what="stage") == [first, later]
        assert work.notes.select(since=NOW + HOUR) == [later, applied]


def test_an_inbox_entry_is_there_once_and_settled_once(store: SqlStore) -> None:
    lead = a_lead(store).id
    entry = {"kind": "reply", "lead_id": lead, "at": NOW, "why": "unclear", "key": "m1", "detail": {"at": NOW}}
    with store.unit() as work:
        assert work.notes.to_inbox(entry)
        assert not work.notes.to_inbox(entry)
        assert work.notes.to_inbox({"kind": "reply", "at": NOW - HOUR, "why": "nobody we know", "key": "m2"})
        second, first = work.notes.inbox()
        assert (first["lead_id"], first["detail"], first["subject"]) == (lead, {"at": NOW.isoformat()}, "")
        assert second["lead_id"] is None
        assert work.notes.settle(first["id"], as_="question", by="ann", at=NOW)
        assert not work.notes.settle(first["id"], as_="refusal", by="bob", at=NOW)
        assert [one["key"] for one in work.notes.inbox()] == ["m2"]
        [settled] = work.notes.inbox(settled=True)
        assert (settled["settled_as"], settled["settled_by"], settled["settled_at"]) == ("question", "ann", NOW)


def test_a_promise_comes_due_and_is_kept_once(store: SqlStore) -> None:
    lead = a_lead(store).id

    def values(**over: Any) -> dict[str, Any]:
        made = {"lead_id": lead, "due_on": NOW.date(), "due_at": NOW, "text": "call back", "source": "call"}
        return {**made, "made_at": NOW, "made_by": "ann", **over}

    with store.unit() as work:
        later = work.notes.promise(values(due_at=NOW + HOUR))
        due = work.notes.promise(values())
        assert [one["id"] for one in work.notes.promises()] == [due, later]
        assert work.notes.promises(lead=lead + 1) == []
        [one] = work.notes.promises_due(NOW, 9)
        assert (one["id"], one["state"], one["due_on"], one["due_at"]) == (due, "open", NOW.date(), NOW)
        assert work.notes.save_promise(due, {"state": "called", "touch_id": "t"}, was="open")
        assert not work.notes.save_promise(due, {"state": "dropped"}, was="open")
        assert work.notes.promises_due(NOW, 9) == []
