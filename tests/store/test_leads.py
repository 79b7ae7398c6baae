"""Leads in the database: identity, companies, facts, scores, and who is forgotten by everybody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store.unit import SqlStore
from nurture.domain import enrollment, touch
from nurture.domain.fact import Confidence, Fact, FactName
from nurture.domain.lead import Stage, Status
from nurture.domain.scoring import Running, Scoring
from nurture.domain.touch import Channel
from nurture.ports.store import Consent, Suppression
from tests.builders import a_company, a_lead, a_sent_touch, a_touch, an_enrollment
from tests.fakes import A_TUESDAY as NOW

DAY = timedelta(days=1)


def test_a_lead_comes_back_as_it_was_stored(store: SqlStore) -> None:
    company = a_company(store, name="Acme", domain="acme.com", revenue=1.5e9, fiscal_year_start="07-01")
    lead = a_lead(
        store,
        company=company,
        email="ada@acme.com",
        external_id="0Q1",
        timeline_on=date(2026, 12, 31),
        asked_for_sales=True,
        fit=12.5,
        custom={"Größe": "ü", "n": 3, "since": NOW},
    )
    assert lead.company == company
    assert (company.domain, company.revenue, company.fiscal_year_start) == ("acme.com", 1.5e9, "07-01")
    assert (lead.timeline_on, lead.asked_for_sales, lead.do_not_call) == (date(2026, 12, 31), True, False)
    assert lead.custom == {"Größe": "ü", "n": 3, "since": "2026-03-03T09:00:00+00:00"}
    assert lead.created_at == NOW


def test_a_moment_comes_back_the_same_in_utc_from_whichever_zone_it_was_given(store: SqlStore) -> None:
    given = datetime(2026, 7, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    lead = a_lead(store, returns_at=given)
    assert lead.returns_at == given
    assert lead.returns_at is not None
    assert lead.returns_at.tzinfo is UTC
    with store.unit() as work:
        assert work.leads.returning(given, 5) == [lead.id]
        assert work.leads.returning(given - timedelta(microseconds=1), 5) == []


def test_a_moment_without_a_zone_is_refused(store: SqlStore) -> None:
    with pytest.raises(Exception, match="without a zone"):
        a_lead(store, returns_at=NOW.replace(tzinfo=None))


def test_a_lead_is_found_by_address_alias_id_and_external_id(store: SqlStore) -> None:
    lead = a_lead(store, email="ada@acme.com", external_id="0Q1")
    with store.unit() as work:
        work.leads.add_alias(lead.id, "old@acme.com")
        for text in ("ada@acme.com", " Ada@ACME.com ", "Ada <ada@acme.com>", "old@acme.com", "0Q1", str(lead.id)):
            assert work.leads.find(text) == lead, text


def test_what_names_nobody_finds_nobody(store: SqlStore) -> None:
    a_lead(store)
    with store.unit() as work:
        for text in ("", "nobody@acme.com", "999999", "9" * 40, "²", "a b@c", "@", "0Q1"):
            assert work.leads.find(text) is None, text


def test_digits_that_are_no_id_are_an_external_id(store: SqlStore) -> None:
    lead = a_lead(store, external_id="004200")
    with store.unit() as work:
        assert work.leads.find("004200") == lead


def test_a_merged_lead_is_followed_to_where_it_went(store: SqlStore) -> None:
    last = a_lead(store)
    middle = a_lead(store, merged_into=last.id)
    first = a_lead(store, email="first@example.com", external_id="X", merged_into=middle.id)
    with store.unit() as work:
        assert work.leads.find("first@example.com") == last
        assert work.leads.find(str(first.id)) == last
        assert work.arrivals.by_identity(["first@example.com", "new@example.com"], ["X"]) == (
            {"first@example.com": last.id},
            {"X": last.id},
        )
        assert work.leads.search(None, now=NOW) == [last]


def test_two_leads_cannot_have_one_address(store: SqlStore) -> None:
    a_lead(store, email="ada@acme.com")
    with pytest.raises(IntegrityError):
        a_lead(store, email="ada@acme.com")


@pytest.mark.parametrize(("column", "value"), [("status", "sleeping"), ("stage", "hot")])
def test_an_invented_state_is_refused_by_the_database(store: SqlStore, column: str, value: str) -> None:
    with pytest.raises(IntegrityError):
        a_lead(store, **{column: value})


def test_any_column_can_be_set_for_one_and_for_many(store: SqlStore) -> None:
    first, second = a_lead(store), a_lead(store)
    with store.unit() as work:
        work.leads.update(first.id, {"stage": Stage.NEAR_TERM, "by_person": {"title"}, "title": "CTO"})
        work.leads.update_many(
            [{"id": first.id, "fit": 1.0, "sums": {"a": [1.0, NOW, 60]}}, {"id": second.id, "fit": 2.0, "sums": None}]
        )
        work.leads.update_many([])
        work.commit()
        columns = work.leads.columns(first.id)
        found = work.leads.get([first.id, second.id])
    assert (columns["stage"], columns["by_person"], columns["title"]) == ("near_term", ["title"], "CTO")
    assert [lead.fit for lead in found.values()] == [1.0, 2.0]
    with store.unit() as work:
        assert work.leads.sums([first.id], Scoring())[first.id] == {"a": Running(1.0, NOW, timedelta(minutes=1))}
        assert work.leads.sums([second.id], Scoring())[second.id] == {}
        assert work.leads.columns(999_999) == {}


def test_marks_are_found_and_taken_away(store: SqlStore) -> None:
    leads = [a_lead(store, enroll_check=True).id for _ in range(3)]
    with store.unit() as work:
        assert work.leads.flagged("enroll_check", 2) == leads[:2]
        assert work.leads.flagged("ready_check", 2) == []
        work.leads.unflag("enroll_check", leads[:2])
        assert work.leads.flagged("enroll_check", 9) == leads[2:]
        with pytest.raises(KeyError):
            work.leads.flagged("asked_for_sales", 9)


def test_a_lead_is_looked_at_when_time_may_have_moved_it(store: SqlStore) -> None:
    soon, late = a_lead(store, look_at=NOW).id, a_lead(store, look_at=NOW + DAY).id
    a_lead(store)
    with store.unit() as work:
        assert work.leads.to_look_at(NOW, 9) == [soon]
        assert work.leads.to_look_at(NOW + DAY, 9) == [soon, late]
        assert work.leads.to_look_at(NOW + DAY, 1) == [soon]


def test_facts_and_consents_are_kept_all_oldest_first(store: SqlStore) -> None:
    lead = a_lead(store, consent=False).id
    facts = [
        Fact(FactName.BUDGET, "none yet", "call", NOW, Confidence.STATED, "ann"),
        Fact(FactName.BUDGET, "20k", "reply", NOW + DAY, Confidence.INFERRED),
    ]
    consent = Consent("opt-in", NOW, NOW + 365 * DAY, "form", "Yes, write to me")
    with store.unit() as work:
        for fact in reversed(facts):
            work.leads.add_fact(lead, fact)
        work.leads.add_consent(lead, consent)
        assert work.leads.facts([lead]) == {lead: facts}
        assert work.leads.consents([lead]) == {lead: [consent]}


def test_a_company_is_found_by_domain_then_by_name_and_only_blanks_are_filled(store: SqlStore) -> None:
    with store.unit() as work:

        def place(name: str | None, domain: str | None, **values: Any) -> int:
            return work.leads.company_for(name=name, domain=domain, values=values, now=NOW)

        first = place("Acme Ltd", "acme.com", employees=10)
        assert place("Acme International", "acme.com", employees=99, country="US") == first
        assert place(" ACME   ltd", None) == first
        assert place("acme LTD", "acme.de") == first
        assert place(None, "acme.de") == first
        other = place("Other", None)
        unnamed = place(None, "third.example")
        assert place("Third Inc", "third.example") == unnamed
        found = work.leads.companies([first, other, unnamed])
        assert (found[first].name, found[first].employees, found[first].country) == ("Acme Ltd", 10, "US")
        assert found[first].domain == "acme.com"
        assert found[other].domain is None
        assert found[unnamed].name == "Third Inc"
        with pytest.raises(ValueError, match="name or a domain"):
            place(" ", None)
        with pytest.raises(KeyError):
            place("Acme", None, colour="red")


def test_the_people_of_a_company_and_when_each_was_last_contacted(store: SqlStore) -> None:
    company = a_company(store)
    ann, bob = a_lead(store, company=company), a_lead(store, company=company)
    a_lead(store, company=company, forgotten_at=NOW)
    for lead, at in ((ann, NOW - 9 * DAY), (ann, NOW - 3 * DAY), (ann, NOW - 4 * DAY), (bob, NOW - 8 * DAY)):
        a_sent_touch(store, lead=lead, company=company.id, now=at)
    a_touch(store, lead=bob, company=company.id)
    with store.unit() as work:
        assert work.leads.of_company(company.id) == [ann.id, bob.id]
        assert work.leads.company_last_touched([company.id], NOW - 7 * DAY) == {company.id: {ann.id: NOW - 3 * DAY}}
        assert work.leads.company_last_touched([], NOW) == {}


def test_a_lead_is_idle_when_nothing_is_planned_and_nobody_has_anything_to_do(store: SqlStore) -> None:
    """Each of these leads has exactly one thing; only those whose thing is over are idle."""
    inbox = {"kind": "reply", "at": NOW, "why": "unclear"}
    promise = {"due_on": NOW.date(), "due_at": NOW, "text": "call", "source": "call", "made_at": NOW, "made_by": "x"}
    idle: list[int] = []
    with store.unit() as work:

        def lead(**over: Any) -> int:
            return a_lead(work, **over).id

        lead(returns_at=NOW)
        lead(status=Status.OFFERED)
        lead(merged_into=1)
        lead(forgotten_at=NOW)
        for state in enrollment.State:
            an_enrollment(work, lead=(mine := lead()), state=state)
            idle += [mine] if state not in enrollment.OPEN else []
        for task in (touch.State.OPEN, touch.State.DONE, touch.State.EXPIRED):
            a_touch(work, lead=(mine := lead()), enrollment=None, state=task, channel=Channel.CALL)
            idle += [mine] if task is not touch.State.OPEN else []
        work.leads.add_alias(mine := lead(), "x@example.com")
        idle.append(mine)
        work.sales.promote(lead(), at=NOW, why="", brief={}, value=1)
        for state_ in ("queued", "offered", "rejected"):
            promoted = work.sales.promote(mine := lead(), at=NOW, why="", brief={}, value=1)
            assert promoted is not None
            work.sales.close_promotion(promoted)
            work.sales.add_handoff({"lead_id": mine, "promotion_id": promoted, "state": state_, "created_at": NOW})
            idle += [mine] if state_ == "rejected" else []
        for state_ in ("open", "kept"):
            work.notes.promise({**promise, "lead_id": (mine := lead()), "state": state_})
            idle += [mine] if state_ == "kept" else []
        for settled in (False, True):
            work.notes.to_inbox({**inbox, "lead_id": (mine := lead()), "key": str(mine)})
            if settled:
                entry = next(one for one in work.notes.inbox() if one["lead_id"] == mine)
                work.notes.settle(entry["id"], as_="other", by="x", at=NOW)
                idle.append(mine)
        assert work.leads.idle() == idle


def test_other_rules_ask_every_lead_of_ours_again_in_one_statement(store: SqlStore) -> None:
    first, second = (a_lead(store).id for _ in range(2))
    a_lead(store, status="accepted")
    a_lead(store, merged_into=first)
    ran: list[str] = []
    with store.unit() as work:
        for flag in ("enroll_check", "ready_check"):
            work.leads.unflag(flag, [first, second])
        work.leads.unflag("enroll_check", work.leads.flagged("enroll_check", 9))

        def listen(*told: Any) -> None:
            ran.append(told[2])

        event.listen(store.engine, "before_cursor_execute", listen)
        work.leads.flag_everyone()
        event.remove(store.engine, "before_cursor_execute", listen)
        assert len(ran) == 1
        assert work.leads.flagged("enroll_check", 9) == [first, second]
        assert {first, second} <= set(work.leads.flagged("ready_check", 9))


def test_who_must_not_be_contacted_is_not_idle(store: SqlStore) -> None:
    left, stopped = a_lead(store), a_lead(store)
    with store.unit() as work:
        work.suppressions.add(Suppression(stopped.email or "", "all", "unsubscribe", NOW, stopped.id), by="test")
        assert work.leads.idle() == [left.id]


def test_the_leads_to_look_at_are_one_range_of_an_index_and_never_all_of_them(store: SqlStore) -> None:
    sqlite = store.engine.dialect.name == "sqlite"
    with store.engine.begin() as db:
        numbers = (
            "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000) SELECT n FROM c)"
            if sqlite
            else "generate_series(1, 3000) AS n"
        )
        db.exec_driver_sql(
            "INSERT INTO leads (status, stage, created_at, arrived_at, changed_at, look_at)"
            " SELECT 'nurturing', 'unknown',"
            " '2026-01-01 09:00:00.000000', '2026-01-01 09:00:00.000000', '2026-01-01 09:00:00.000000',"
            f" CASE WHEN n > 2990 THEN '2026-01-02 09:00:00.000000' ELSE '2030-01-02 09:00:00.000000' END"
            f"{'' if sqlite else '::timestamptz'} FROM {numbers}"
        )
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("ANALYZE leads")
    plans: list[str] = []

    def explain(_db: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT leads.id"):
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{statement}", parameters)
            plans.extend(str(row[-1]) for row in cursor.fetchall())

    event.listen(store.engine, "before_cursor_execute", explain)
    try:
        with store.unit(write=False) as work:
            assert len(work.leads.to_look_at(NOW, 1_000)) == 10
    finally:
        event.remove(store.engine, "before_cursor_execute", explain)
    plan = "; ".join(plans)
    assert "ix_leads_look_at" in plan
    assert ("SCAN" if sqlite else "Seq Scan") not in plan


def test_the_names_of_custom_fields_are_known_without_reading_everybody(store: SqlStore) -> None:
    a_lead(store, custom={"tier": "a", "Größe": "9"})
    a_lead(store, custom={"tier": "b"})
    a_lead(store, custom=None)
    with store.unit() as work:
        assert work.leads.custom_names() == ["Größe", "tier"]
