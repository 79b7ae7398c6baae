"""Promotions, handoffs and deliveries: one open promotion, one offer, one delivery for each key."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store.unit import SqlStore
from nurture.ports.store import Unit
from tests.builders import a_lead
from tests.fakes import A_TUESDAY as NOW

HOUR = timedelta(hours=1)


def promoted(work: Unit, lead: int) -> int:
    made = work.sales.promote(lead, at=NOW, why="score 40", brief={}, value=1.5)
    assert made is not None
    return made


def at_once(store: SqlStore, act: Callable[[Unit, int], bool]) -> list[bool]:
    """What four that act at the same moment are told."""
    together = Barrier(4)

    def one(turn: int) -> bool:
        together.wait()
        with store.unit() as work:
            done = act(work, turn)
            work.commit()
            return done

    with ThreadPoolExecutor(4) as pool:
        return sorted(pool.map(one, range(4)))


def test_a_promotion_keeps_its_brief_as_it_was(store: SqlStore) -> None:
    lead = a_lead(store).id
    brief = {"why_now": [{"text": "ü", "on": date(2026, 3, 1), "at": NOW}], "price": Decimal("19.90"), "none": None}
    with store.unit() as work:
        made = work.sales.promote(lead, at=NOW, why="score 40", brief=brief, value=2.5)
        assert made is not None
        row = work.sales.promotion(made)
        assert row is not None
        assert row["brief"]["why_now"] == [{"text": "ü", "on": "2026-03-01", "at": NOW.isoformat()}]
        assert (row["brief"]["price"], row["brief"]["none"]) == ("19.90", None)
        assert (row["lead_id"], row["at"], row["value"], row["open"]) == (lead, NOW, 2.5, lead)
        assert work.sales.promotion(made + 1) is None


def test_a_lead_is_promoted_again_only_when_sales_is_done_with_it(store: SqlStore) -> None:
    lead = a_lead(store).id
    with store.unit() as work:
        first = promoted(work, lead)
        assert work.sales.promote(lead, at=NOW, why="", brief={}, value=1) is None
        work.sales.close_promotion(first)
        second = promoted(work, lead)
        assert [row["id"] for row in work.sales.promotions_of(lead)] == [first, second]


def test_of_many_that_promote_a_lead_at_once_one_does(store: SqlStore) -> None:
    lead = a_lead(store).id

    def promote(work: Unit, _turn: int) -> bool:
        return work.sales.promote(lead, at=NOW, why="", brief={}, value=1) is not None

    assert at_once(store, promote) == [False, False, False, True]


def test_a_handoff_moves_by_compare_and_set(store: SqlStore) -> None:
    lead = a_lead(store).id
    with store.unit() as work:
        values = {"lead_id": lead, "promotion_id": promoted(work, lead), "state": "offered", "created_at": NOW}
        made = work.sales.add_handoff({**values, "rep": "ann@x.example", "due_at": NOW + HOUR})
        work.commit()

    def accept(work: Unit, _turn: int) -> bool:
        return work.sales.save_handoff(made, {"state": "accepted", "answered_at": NOW}, was="offered")

    assert at_once(store, accept) == [False, False, False, True]
    with store.unit() as work:
        row = work.sales.handoff(made)
        assert row is not None
        assert (row["state"], row["answered_at"]) == ("accepted", NOW)
        assert work.sales.handoff(made + 1) is None


def test_a_lead_is_offered_to_one_rep_at_a_time_and_to_each_once(store: SqlStore) -> None:
    lead = a_lead(store).id
    with store.unit() as work:
        values = {"lead_id": lead, "promotion_id": promoted(work, lead), "created_at": NOW}
        work.sales.add_handoff({**values, "state": "offered", "rep": "ann@x.example"})
        work.sales.add_handoff({**values, "state": "queued"})
        work.commit()
    for again in ({"state": "offered", "rep": "bob@x.example"}, {"state": "queued", "rep": "ann@x.example"}):
        with pytest.raises(IntegrityError), store.unit() as work:
            work.sales.add_handoff({**values, **again})
    with pytest.raises(IntegrityError), store.unit() as work:
        work.sales.add_handoff({**values, "state": "invented"})


def test_handoffs_are_selected_and_the_longest_overdue_comes_first(store: SqlStore) -> None:
    with store.unit() as work:
        made = []
        for hours, state in ((1, "offered"), (-2, "accepted"), (-1, "offered"), (0, "queued")):
            lead = a_lead(work).id
            values = {"lead_id": lead, "promotion_id": promoted(work, lead), "state": state, "created_at": NOW}
            made.append(work.sales.add_handoff({**values, "rep": "ann@x.example", "due_at": NOW + hours * HOUR}))
        assert [row["id"] for row in work.sales.overdue(NOW, 9)] == [made[1], made[2], made[3]]
        assert [row["id"] for row in work.sales.overdue(NOW, 1)] == [made[1]]
        assert [row["id"] for row in work.sales.handoffs(states={"offered"})] == [made[0], made[2]]
        assert [row["id"] for row in work.sales.handoffs(lead=lead, rep="ann@x.example")] == [made[3]]
        assert work.sales.handoffs(rep="bob@x.example") == []
        assert work.sales.handoffs(states=[]) == []


def test_a_delivery_is_queued_once_tried_again_and_done(store: SqlStore) -> None:
    with store.unit() as work:

        def queue(key: str) -> bool:
            return work.sales.deliver(key=key, kind="brief", to="ann@x.example", payload={"at": NOW}, at=NOW)

        assert queue("b1")
        assert not queue("b1")
        assert work.sales.deliveries_due(NOW - HOUR, 9) == []
        [due] = work.sales.deliveries_due(NOW, 9)
        assert (due["key"], due["to"], due["payload"]) == ("b1", "ann@x.example", {"at": NOW.isoformat()})
        work.sales.delivered(due["id"], at=NOW, problem="no answer", retry_at=NOW + HOUR)
        assert work.sales.deliveries_due(NOW, 9) == []
        [due] = work.sales.deliveries_due(NOW + HOUR, 9)
        assert (due["attempts"], due["problem"], due["done_at"]) == (1, "no answer", None)
        work.sales.delivered(due["id"], at=NOW + HOUR, problem=None, retry_at=None)
        assert work.sales.deliveries_due(NOW + 9 * HOUR, 9) == []
        assert not queue("b1")
        assert queue("b2")
        [given_up] = work.sales.deliveries_due(NOW, 9)
        work.sales.delivered(given_up["id"], at=NOW, problem="no such address", retry_at=None)
        assert work.sales.deliveries_due(NOW + 9 * HOUR, 9) == []
