"""Reports say what became of leads, and only what the counts allow. The counting itself: tests/store/test_reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from nurture.domain import enrollment
from nurture.domain.handoff import State as Handed
from nurture.domain.lead import Lead
from nurture.domain.response import Grade, Kind, Response
from nurture.domain.source import Source
from nurture.domain.touch import Reason, State
from nurture.flow import cadence_results, handoff, held_back, persons, reports, sources
from nurture.ports.store import Change
from tests.builders import a_lead, a_sent_touch, a_store, a_touch, an_enrollment
from tests.fakes import A_TUESDAY
from tests.flow.sales_floor import LEE, Floor, in_force

FAIR = Source("fair", "show", Decimal(4000), "EUR")
EMPTY = Source("empty", "web", Decimal(100), "USD")
LONG_AGO = A_TUESDAY - timedelta(days=400)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as store:
        yield Floor(store, in_force(sources={one.name: one for one in (FAIR, EMPTY)}))


def by_source(floor: Floor) -> dict[str, dict[str, Any]]:
    found = sources.sources(store=floor.store, rules=floor.rules, now=floor.clock.now())
    return {row["source"]: row for row in found}


def said(floor: Floor, lead: Lead, what: str, *, days: float = 0, **detail: Any) -> None:
    """Something in the history of a lead."""
    with floor.store.unit() as work:
        work.notes.add([Change(what, what, A_TUESDAY + timedelta(days=days), by="test", lead=lead.id, detail=detail)])
        work.commit()


# Sources -----------------------------------------------------------------------------------------------------------


def test_a_source_is_judged_by_all_that_ever_became_of_its_leads(floor: Floor) -> None:
    lead, number = floor.offered(source="fair")
    handoff.accept(floor.desk, number)
    handoff.reject(floor.desk, number, "no_fit")
    a_sent_touch(floor.store, lead=lead)
    a_lead(floor.store, source="fair")
    row = by_source(floor)["fair"]
    steps = ("leads", "contacted", "near_term", "offered", "accepted", "rejected", "won")
    assert {step: row[step] for step in steps} == dict(zip(steps, (2, 1, 1, 1, 1, 1, 0), strict=True))
    assert (row["cost"], row["cost_per_lead"], row["cost_per_accepted"], row["cost_per_won"]) == (
        4000,
        2000,
        4000,
        None,
    )
    assert (row["low"], row["high"], row["verdict"]) == (0.0945, 0.9055, "too few")


def test_no_lead_and_no_source_is_left_out(floor: Floor) -> None:
    for source in ("fair", "not in the file", None, ""):
        a_lead(floor.store, source=source)
    rows = by_source(floor)
    assert {name: row["leads"] for name, row in rows.items()} == {
        "empty": 0,
        "fair": 1,
        "not in the file": 1,
        "unknown": 2,
    }
    assert list(rows)[-1] == "unknown"
    assert (rows["empty"]["low"], rows["empty"]["cost_per_lead"], rows["empty"]["verdict"]) == (None, None, "no leads")


def test_what_was_earned_in_another_currency_is_shown_and_not_added_up(floor: Floor) -> None:
    for value in ("12,000 EUR", "500 USD", None):
        _, number = floor.offered(source="fair")
        handoff.accept(floor.desk, number)
        handoff.won(floor.desk, number, value=value)
    row = by_source(floor)["fair"]
    assert (row["won"], row["values"]) == (3, {"EUR": 12000.0, "USD": 500.0})
    assert (row["value"], row["currency"], row["return"]) == (None, "EUR", None)


def test_a_return_is_what_was_earned_for_what_was_spent(floor: Floor) -> None:
    _, number = floor.offered(source="fair")
    handoff.accept(floor.desk, number)
    handoff.won(floor.desk, number, value="10000 EUR")
    row = by_source(floor)["fair"]
    assert (row["value"], row["return"], row["cost_per_won"]) == (10000.0, 2.5, 4000.0)


def test_two_leads_made_one_count_once_and_a_forgotten_one_still_counts(floor: Floor) -> None:
    one, other, gone = (a_lead(floor.store, source="fair") for _ in range(3))
    a_sent_touch(floor.store, lead=one)
    a_sent_touch(floor.store, lead=gone)
    common: dict[str, Any] = {"store": floor.store, "now": floor.clock.now(), "by": "test"}
    persons.merge(one.id, other.id, rules=floor.rules, policy=floor.policy, **common)
    persons.forget(gone.id, **common)
    row = by_source(floor)["fair"]
    assert (row["leads"], row["contacted"]) == (2, 2)


def test_a_verdict_waits_until_the_leads_had_their_time(floor: Floor) -> None:
    with floor.store.unit() as work:
        for at, source in ((LONG_AGO, "fair"), (A_TUESDAY, "young"), (LONG_AGO, "good")):
            for number in range(40):
                lead = a_lead(work, source=source, created_at=at, consent=False)
                if source == "good" and number % 2:
                    work.notes.add([Change("accepted", "by Lee", A_TUESDAY, by="test", lead=lead.id)])
        work.commit()
    verdicts = {name: row["verdict"] for name, row in by_source(floor).items()}
    assert verdicts == {
        "empty": "no leads",
        "fair": "worse than the others",
        "good": "better than the others",
        "young": "too young",
    }


def test_the_cost_of_a_report_in_statements_does_not_grow_with_the_leads(floor: Floor) -> None:
    statements: list[str] = []

    @event.listens_for(floor.store.engine, "before_cursor_execute")
    def count(_db: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    def asked() -> int:
        statements.clear()
        by_source(floor)
        sources.funnel(store=floor.store)
        cadence_results.cadences(store=floor.store, rules=floor.rules)
        held_back.limits(store=floor.store, now=floor.clock.now())
        return sum(statement.lstrip().upper().startswith("SELECT") for statement in statements)

    before = asked()
    for number in range(5):
        a_sent_touch(floor.store, lead=a_lead(floor.store, source=f"source {number}"))
    assert asked() == before


def test_a_young_source_is_told_what_to_expect_and_a_small_one_is_pulled_toward_all(floor: Floor) -> None:
    with floor.store.unit() as work:
        for source, count, every in (("old", 60, 3), ("young", 40, 8), ("small", 2, 1)):
            arrived = A_TUESDAY - timedelta(days=300 if source != "young" else 30)
            for number in range(count):
                lead = a_lead(work, source=source, created_at=arrived, consent=False)
                if number % every == 0:
                    work.notes.add([Change("accepted", "", arrived + timedelta(days=20), by="test", lead=lead.id)])
        work.commit()
    rows = by_source(floor)
    assert (rows["old"]["expected"], rows["old"]["expected_days"]) == (0.3333, 180)
    assert (rows["young"]["expected"], rows["young"]["expected_days"]) == (0.125, 30)
    assert rows["old"]["days_to_accepted"] == 20
    assert rows["small"]["accepted"] == rows["small"]["leads"] == 2
    assert rows["old"]["accepted"] / 60 < rows["small"]["likely"] < 1
    assert rows["small"]["expected"] is None


# Funnel ------------------------------------------------------------------------------------------------------------


def test_a_funnel_of_nobody_is_empty_and_divides_by_nothing(floor: Floor) -> None:
    rows = sources.funnel(store=floor.store)
    assert {(row["leads"], row["of_all"], row["of_previous"]) for row in rows} == {(0, None, None)}


def test_a_lead_stays_in_the_funnel_as_far_as_it_came(floor: Floor) -> None:
    cooled = a_lead(floor.store, stage="long_term")
    said(floor, cooled, "stage", to="near_term")
    said(floor, a_lead(floor.store), "stage", to="long_term")
    _, number = floor.offered()
    handoff.accept(floor.desk, number)
    for _ in range(2):
        floor.hear(cooled, Kind.CLICK, url="https://acme.example")
        floor.clock.advance(hours=1)
    rows = {row["step"]: (row["leads"], row["of_all"], row["of_previous"]) for row in sources.funnel(store=floor.store)}
    assert rows["leads"] == (3, 1.0, None)
    assert rows["responded"] == (2, 0.6667, None)
    assert rows["near_term"] == (2, 0.6667, 1.0)
    assert rows["accepted"] == (1, 0.3333, 1.0)


# Cadences ----------------------------------------------------------------------------------------------------------


def test_a_cadence_shows_its_lift_over_those_held_out_of_it(floor: Floor) -> None:
    with floor.store.unit() as work:
        for number in range(120):
            lead = a_lead(work, consent=False)
            an_enrollment(work, lead=lead, cadence="evergreen", held_out=number >= 80, exclusive=False)
            # Of those who got it 40 of 80 reached near-term, of the others 4 of 40.
            if number < 40 or (number >= 80 and number % 10 == 0):
                to = {"to": "near_term"}
                work.notes.add([Change("stage", "", A_TUESDAY + timedelta(days=9), "test", lead=lead.id, detail=to)])
            # Sales accepted 20 of 80, and 4 of 40.
            if number < 20 or (number >= 80 and number % 10 == 0):
                work.notes.add([Change("accepted", "", A_TUESDAY + timedelta(days=10), "test", lead=lead.id)])
        work.commit()
    row = next(one for one in results(floor) if one["cadence"] == "evergreen")
    assert (row["enrolled"], row["near_term"], row["held_out"], row["held_out_near_term"]) == (80, 40, 40, 4)
    assert (row["lift"], row["low"], row["high"], row["verdict"]) == (0.4, 0.2312, 0.5229, "it helps")
    assert (row["accepted"], row["held_out_accepted"], row["accepted_lift"]) == (20, 4, 0.15)


def results(floor: Floor) -> list[dict[str, Any]]:
    return cadence_results.cadences(store=floor.store, rules=floor.rules)


def test_what_happened_before_a_lead_was_enrolled_is_not_the_work_of_the_cadence(floor: Floor) -> None:
    lead = a_lead(floor.store)
    said(floor, lead, "stage", days=-1, to="near_term")
    said(floor, lead, "accepted", days=-1)
    an_enrollment(floor.store, lead=lead)
    [row] = [one for one in results(floor) if one["cadence"] == "evergreen"]
    assert (row["enrolled"], row["near_term"], row["accepted"], row["verdict"]) == (1, 0, 0, "nobody held out")


def test_a_lead_that_was_twice_in_a_cadence_is_one_person_from_the_first_time_on(floor: Floor) -> None:
    lead = a_lead(floor.store)
    over = {"state": enrollment.State.DONE, "next_at": None, "ended_at": A_TUESDAY, "exclusive": False}
    an_enrollment(floor.store, lead=lead, **over)
    said(floor, lead, "stage", days=1, to="near_term")
    an_enrollment(floor.store, lead=lead, now=A_TUESDAY + timedelta(days=2))
    [row] = [one for one in results(floor) if one["cadence"] == "evergreen"]
    assert (row["enrolled"], row["near_term"], row["done"], row["active"]) == (1, 1, 1, 1)


def test_a_cadence_shows_what_it_sent_and_how_many_people_answered(floor: Floor) -> None:
    mine = an_enrollment(floor.store)
    sent = a_sent_touch(floor.store, enrollment=mine)
    a_touch(floor.store, enrollment=mine, step="skipped", state=State.SKIPPED, reason=Reason.ALREADY_HAD)
    with floor.store.unit() as work:
        clicks = [Response(Kind.CLICK, A_TUESDAY + timedelta(hours=n), mine.lead, sent.id) for n in range(3)]
        scanner = Response(Kind.REPLY, A_TUESDAY, mine.lead, sent.id, grade=Grade.MACHINE)
        for number, one in enumerate([*clicks, scanner]):
            work.responses.add(one, key=str(number), recorded_at=A_TUESDAY, by="test")
        work.commit()
    [row] = [one for one in results(floor) if one["cadence"] == "evergreen"]
    assert (row["sent"], row["skipped"], row["clicked"], row["replied"]) == (1, 1, 1, 0)


def test_a_cadence_that_is_in_force_no_more_is_still_shown(floor: Floor) -> None:
    an_enrollment(floor.store, cadence="of-old")
    assert [(one["cadence"], one["version"]) for one in results(floor) if one["enrolled"]] == [("of-old", None)]


# Limits and handoffs -----------------------------------------------------------------------------------------------


def test_what_waits_for_a_limit_is_shown_with_the_moment_until_which_it_waits(floor: Floor) -> None:
    for days in (1, 5):
        waits = an_enrollment(floor.store, next_at=A_TUESDAY + timedelta(days=days))
        a_touch(floor.store, enrollment=waits, reason=Reason.LIMIT_COMPANY)
    gone = an_enrollment(floor.store, next_at=A_TUESDAY + timedelta(days=9))
    a_touch(floor.store, enrollment=gone, state=State.SKIPPED, reason=Reason.ALREADY_HAD)
    a_touch(floor.store)  # waits for nothing
    waiting, skipped = held_back.limits(store=floor.store, now=A_TUESDAY + timedelta(days=2, hours=1))
    assert (waiting["reason"], waiting["state"], waiting["touches"], waiting["leads"]) == (
        "limit_company",
        "planned",
        2,
        2,
    )
    assert (waiting["oldest_due_at"], waiting["late_days"]) == (A_TUESDAY, 2)
    assert (waiting["next_at"], waiting["until"]) == (A_TUESDAY + timedelta(days=1), A_TUESDAY + timedelta(days=5))
    assert skipped == {
        "reason": "already_had",
        "state": "skipped",
        "touches": 1,
        "leads": 1,
        **dict.fromkeys(("oldest_due_at", "late_days", "next_at", "until")),
    }


def test_each_rep_is_shown_with_what_they_answered_and_how_soon(floor: Floor) -> None:
    for reason in ("no_fit", None):
        _, number = floor.offered()
        floor.clock.advance(hours=2)
        if reason:
            handoff.reject(floor.desk, number, reason)
        else:
            handoff.accept(floor.desk, number)
    rows = {row["rep"]: row for row in reports.handoffs(store=floor.store, rules=floor.rules)}
    mine = [rows[rep] for rep in rows]
    assert sum(row["handed"] for row in mine) == 2
    assert {state.value: sum(row[state.value] for row in mine) for state in (Handed.ACCEPTED, Handed.REJECTED)} == {
        "accepted": 1,
        "rejected": 1,
    }
    assert {row["answer_hours"] for row in mine} == {2.0}
    assert [row["reasons"] for row in mine if row["rejected"]] == [{"no_fit": 1}]
    assert LEE.email in rows
