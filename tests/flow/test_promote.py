"""Ready leads become one handoff each, on both databases; what is missing gets asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nurture.domain.condition import parse
from nurture.domain.enrollment import Event, Pause, State, ended
from nurture.domain.response import Kind
from nurture.domain.touch import Channel
from nurture.ports.store import Suppression
from tests.builders import a_company, an_enrollment
from tests.flow.sales_floor import KIM, LEE, SAM, Floor, a_floor


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


@pytest.fixture
def on_both(database_url: str) -> Iterator[Floor]:
    """A floor on each database: for what a unique key or a lock decides."""
    with a_floor(database_url) as made:
        yield made


def test_a_ready_lead_is_offered_with_its_brief(floor: Floor) -> None:
    lead = floor.a_ready_lead()
    running = an_enrollment(floor.store, lead=lead)
    tally = floor.promote()
    assert (tally.promoted, tally.offered) == (1, 1)
    assert floor.handed(lead) == [("offered", LEE.email)]
    assert floor.lead(lead)["status"] == "offered"
    after = floor.enrollments(lead)["evergreen"]
    assert (after.id, after.state, set(after.pauses)) == (running.id, State.PAUSED, {Pause.OFFERED})
    [delivery] = floor.deliveries()
    assert (delivery["kind"], delivery["to"]) == ("brief", LEE.email)
    assert delivery["payload"]["handoff"] == floor.handoffs()[0]["id"]
    assert delivery["payload"]["brief"]["lead"] == str(lead.id)


def test_a_second_pass_promotes_nothing_again(floor: Floor) -> None:
    lead = floor.a_ready_lead()
    floor.promote()
    floor.mark(lead)
    assert floor.promote().promoted == 0
    assert len(floor.handoffs()) == 1
    assert len(floor.deliveries()) == 1


def test_many_daemons_at_once_promote_and_offer_each_lead_once_and_fill_no_desk_too_full(on_both: Floor) -> None:
    leads = [on_both.a_ready_lead(fit=30.0 + number) for number in range(12)]
    start, problems = threading.Barrier(3), []

    def daemon() -> None:
        try:
            start.wait()
            for _ in range(3):
                on_both.promote()
        except Exception as problem:  # noqa: BLE001  what a thread raises is lost otherwise
            problems.append(problem)

    threads = [threading.Thread(target=daemon) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    rows = on_both.handoffs()
    assert sorted(row["lead_id"] for row in rows) == sorted(lead.id for lead in leads)
    assert sorted(row["rep"] for row in rows if row["rep"]) == [KIM.email] * 2 + [LEE.email] * 2
    briefs = [one for one in on_both.deliveries() if one["kind"] == "brief"]
    assert len(briefs) == 4


def test_the_best_leads_go_first_and_the_others_queue_and_stay_ours(floor: Floor) -> None:
    leads = [floor.a_ready_lead(fit=float(fit)) for fit in (21, 50, 40, 30, 25)]
    floor.promote()
    assert [floor.handed(lead)[0][0] for lead in leads] == ["queued", "offered", "offered", "offered", "offered"]
    assert floor.lead(leads[0])["status"] == "nurturing"
    assert floor.handoffs(leads[0])[0]["reason"] == "capacity"
    with floor.store.unit() as work:
        assert work.leads.idle() == []


def test_a_queued_lead_that_cools_is_withdrawn_and_can_be_promoted_later(floor: Floor) -> None:
    floor.rule(capacity=0)
    lead = floor.a_ready_lead()
    floor.promote()
    floor.mark(lead, stage="long_term")
    assert floor.promote().withdrawn == 1
    row = floor.handoffs(lead)[0]
    assert (row["state"], row["reason"]) == ("withdrawn", "stage")
    floor.mark(lead, stage="near_term")
    floor.rule(capacity=2)
    assert floor.promote().offered == 1


def test_a_lead_that_unsubscribes_is_withdrawn_even_from_a_desk(floor: Floor) -> None:
    lead, _ = floor.offered()
    with floor.store.unit() as work:
        work.suppressions.add(Suppression(lead.email or "", "all", "unsubscribe", floor.clock.now()), by="test")
        work.commit()
    floor.mark(lead)
    floor.promote()
    assert floor.handed(lead) == [("withdrawn", LEE.email)]
    assert [one["to"] for one in floor.deliveries() if one["kind"] == "alert"] == [LEE.email]  # or they would call
    assert floor.lead(lead)["status"] == "nurturing"


def test_what_is_missing_is_asked_beside_the_paused_cadence_and_then_the_lead_is_promoted(on_both: Floor) -> None:
    lead = on_both.a_ready_lead(phone=None)
    an_enrollment(on_both.store, lead=lead)
    assert on_both.promote().qualifying == 1
    enrolled = on_both.enrollments(lead)
    assert enrolled["qualification"].state is State.ACTIVE
    assert not enrolled["qualification"].exclusive
    assert set(enrolled["evergreen"].pauses) == {Pause.QUALIFICATION}
    on_both.mark(lead)
    assert on_both.promote().qualifying == 0
    on_both.mark(lead, phone="+33123456789")
    assert on_both.promote().offered == 1
    enrolled = on_both.enrollments(lead)
    assert enrolled["qualification"].state is State.STOPPED
    assert set(enrolled["evergreen"].pauses) == {Pause.OFFERED}


def test_a_qualification_that_used_all_its_contacts_comes_back_30_days_after_its_end(floor: Floor) -> None:
    lead = floor.a_ready_lead(phone=None)
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    end = floor.clock.advance(days=20)
    with floor.store.unit() as work:
        one = floor.enrollments(lead)["qualification"]
        work.enrollments.save([ended(one, Event.FINISH, reason="contacts-used", now=end)], fenced=False)
        work.commit()
    floor.clock.advance(days=1)
    floor.hear(lead, Kind.VISIT, page="/pricing")
    assert floor.promote().qualifying == 0
    stored = floor.lead(lead)
    assert (stored["returns_at"], stored["returns_into"]) == (end + timedelta(days=30), "qualification")
    assert floor.enrollments(lead)["evergreen"].state is State.ACTIVE
    # The number turns up meanwhile: nothing is held back by that date.
    floor.mark(lead, phone="+33123456789")
    assert floor.promote().offered == 1


def test_a_lead_that_cools_during_qualification_goes_on_where_it_was_once_that_is_over(floor: Floor) -> None:
    lead = floor.a_ready_lead(phone=None)
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    floor.mark(lead, stage="long_term")
    floor.promote()
    assert floor.enrollments(lead)["evergreen"].state is State.PAUSED
    with floor.store.unit() as work:
        one = floor.enrollments(lead)["qualification"]
        work.enrollments.save([ended(one, Event.FINISH, reason="talked", now=floor.clock.now())], fenced=False)
        work.commit()
    floor.mark(lead)
    floor.promote()
    assert floor.enrollments(lead)["evergreen"].state is State.ACTIVE


def test_a_hand_raiser_gets_a_call_within_the_hour_and_one_only(floor: Floor) -> None:
    lead = floor.a_ready_lead(asked_for_sales=True)
    assert floor.promote().called == 1
    [task] = floor.tasks(lead)
    assert (task.channel, task.assigned, task.ask) == (Channel.CALL, "caller", ())
    assert task.due_at == floor.clock.now() + timedelta(hours=1)
    floor.mark(lead)
    floor.promote()
    assert len(floor.tasks(lead)) == 1


def test_a_hand_raiser_of_whom_all_is_known_is_offered_in_the_same_pass(floor: Floor) -> None:
    lead = floor.a_ready_lead(asked_for_sales=True)
    done = floor.promote()
    assert (done.called, done.promoted) == (1, 1)
    assert floor.handed(lead) == [("offered", LEE.email)]


def test_who_asks_after_the_moment_of_the_pass_that_sees_it_is_called_once(floor: Floor) -> None:
    lead = floor.a_ready_lead(asked_for_sales=True)
    floor.hear(lead, Kind.REPLY, at=floor.clock.now() + timedelta(seconds=17), intent="request")
    assert floor.promote().called == 1  # a pass runs at a point of the grid of ticks, up to a tick before now
    floor.clock.advance(minutes=1)
    floor.hear(lead, Kind.OPEN)
    assert floor.promote().called == 0
    assert len(floor.tasks(lead)) == 1


def test_the_call_of_a_hand_raiser_is_due_in_business_hours(floor: Floor) -> None:
    floor.clock.advance(days=3, hours=7.75)  # Friday, 16:45
    lead = floor.a_ready_lead(asked_for_sales=True)
    floor.promote()
    assert floor.tasks(lead)[0].due_at == datetime(2026, 3, 9, 9, 45, tzinfo=UTC)


def test_who_must_not_be_called_is_not_put_in_the_fast_lane(floor: Floor) -> None:
    lead = floor.a_ready_lead(asked_for_sales=True, do_not_call=True)
    assert floor.promote().called == 0
    assert floor.handed(lead) == [("offered", LEE.email)]


def test_a_territory_nobody_takes_leaves_the_lead_queued_and_tells_the_manager_once(floor: Floor) -> None:
    floor.staff(replace(LEE, takes=parse("country == 'US'")), SAM)
    lead = floor.a_ready_lead()
    floor.promote()
    floor.promote()
    assert floor.handed(lead) == [("queued", None)]
    assert floor.handoffs(lead)[0]["reason"] == "no_rep"
    assert [(one["kind"], one["to"]) for one in floor.deliveries()] == [("alert", SAM.email)]


def test_colleagues_pause_while_an_offer_is_open(floor: Floor) -> None:
    company = a_company(floor.store)
    colleague = floor.a_ready_lead(company_id=company.id, stage="long_term")
    an_enrollment(floor.store, lead=colleague)
    floor.offered(company_id=company.id)
    assert set(floor.enrollments(colleague)["evergreen"].pauses) == {Pause.COLLEAGUE_OFFERED}


def test_a_merged_or_forgotten_lead_is_left_alone(floor: Floor) -> None:
    other = floor.a_ready_lead(ready_check=False)
    lead = floor.a_ready_lead()
    floor.mark(lead, merged_into=other.id)
    gone = floor.a_ready_lead()
    floor.mark(gone, forgotten_at=floor.clock.now())
    floor.promote()
    assert floor.handoffs(lead) == floor.handoffs(gone) == []


def test_a_crm_is_told_once_under_a_stable_id(floor: Floor) -> None:
    floor.crm = True
    _, number = floor.offered()
    told = [one for one in floor.deliveries() if one["kind"] == "crm"]
    assert [one["key"] for one in told] == [f"crm:offered:{number}"]
    assert told[0]["payload"]["id"] == f"crm:offered:{number}"
