"""Every answer of sales and what follows from it; every deadline; every return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nurture.domain.duration import parse_duration
from nurture.domain.enrollment import Pause, State
from nurture.domain.errors import NurtureError, RefusedError, RequestError
from nurture.domain.lead import Lead
from nurture.domain.response import Kind
from nurture.domain.touch import Channel
from nurture.domain.touch import State as Touched
from nurture.flow import enroll, handoff, persons
from nurture.flow.handoff import accept, brief, contacted, deadlines, listed, lost, money, reject, returns, won
from nurture.moves.handing_over import FAST_STEP
from nurture.ports.store import Suppression
from tests.builders import a_company, a_touch, an_enrollment
from tests.fakes import A_TUESDAY
from tests.flow.sales_floor import CAL, KIM, LEE, READINESS, SAM, Floor, a_floor, in_days


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


# Accepted ----------------------------------------------------------------------------------------------------------


def test_accepting_stops_the_enrollments_and_makes_the_rep_the_owner(floor: Floor) -> None:
    lead = floor.a_ready_lead()
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    row = accept(floor.desk, floor.handoffs()[0]["id"]).handoff
    assert (row["state"], row["due_at"]) == ("accepted", A_TUESDAY + timedelta(days=2))
    stored = floor.lead(lead)
    assert (stored["status"], stored["owner"]) == ("accepted", LEE.email)
    assert floor.enrollments(lead)["evergreen"].state is State.STOPPED


def test_the_same_answer_again_changes_nothing_and_an_impossible_one_is_refused(floor: Floor) -> None:
    lead, number = floor.offered()
    assert accept(floor.desk, number).changed
    assert not accept(floor.desk, number).changed
    assert len(floor.changes(lead, "accepted")) == 1
    assert won(floor.desk, number, value="12500 EUR").changed
    assert not won(floor.desk, number, value="12500 EUR").changed
    with pytest.raises(RefusedError):
        reject(floor.desk, number, "no_fit")


def test_a_dry_run_answers_and_changes_nothing(floor: Floor) -> None:
    lead, number = floor.offered()
    assert accept(replace(floor.desk, dry_run=True), number).handoff["state"] == "accepted"
    assert floor.handed(lead) == [("offered", LEE.email)]


@pytest.mark.parametrize(
    ("choice", "state", "status"),
    [
        ("continue", State.ACTIVE, "nurturing"),
        ("pause", State.PAUSED, "nurturing"),
        ("take", State.STOPPED, "accepted"),
    ],
)
def test_the_rep_decides_for_the_colleagues(
    floor: Floor, choice: handoff.Colleagues, state: State, status: str
) -> None:
    company = a_company(floor.store)
    colleague = floor.a_ready_lead(company_id=company.id, stage="long_term")
    an_enrollment(floor.store, lead=colleague)
    _, number = floor.offered(company_id=company.id)
    accept(floor.desk, number, colleagues=choice)
    assert floor.enrollments(colleague)["evergreen"].state is state
    assert floor.lead(colleague)["status"] == status
    # Whatever it was: once sales lets go, the colleague is ours.
    lost(floor.desk, number, reason="to_competitor")
    assert floor.lead(colleague)["status"] == "nurturing"
    assert floor.enrollments(colleague)["evergreen"].state is not State.PAUSED


@pytest.mark.parametrize("how", ["forgotten", "elsewhere", "the colleague left", "with sales"])
def test_a_colleague_is_held_back_no_longer_than_sales_works_on_somebody_beside(floor: Floor, how: str) -> None:
    company, other = a_company(floor.store), a_company(floor.store)
    colleague = floor.a_ready_lead(company_id=company.id, stage="long_term")
    an_enrollment(floor.store, lead=colleague)
    lead, number = floor.offered(company_id=company.id)
    accept(floor.desk, number, colleagues="pause") if how == "with sales" else None
    if how == "forgotten":
        persons.forget(lead.id, store=floor.store, now=floor.clock.now(), by="test")
        assert floor.lead(lead)["status"] == "nurturing"
    elif how != "with sales":
        floor.mark(lead if how == "elsewhere" else colleague, company_id=other.id)
    enroll.tonight(store=floor.store, rules=floor.rules, now=floor.clock.now())
    assert floor.enrollments(colleague)["evergreen"].state is (State.PAUSED if how == "with sales" else State.ACTIVE)


def test_first_contact_is_recorded_once_and_only_of_what_was_accepted(floor: Floor) -> None:
    _, number = floor.offered()
    with pytest.raises(RefusedError, match="offered, not accepted"):
        contacted(floor.desk, number)
    accept(floor.desk, number)
    assert contacted(floor.desk, number).handoff["due_at"] == A_TUESDAY + timedelta(days=180)
    assert not contacted(floor.desk, number).changed


def test_a_win_keeps_its_value_and_a_lead_never_offered_cannot_be_won(floor: Floor) -> None:
    lead, number = floor.offered()
    with pytest.raises(RefusedError, match="is offered: it cannot be won"):
        won(floor.desk, number, value="1 EUR")
    accept(floor.desk, number)
    row = won(floor.desk, number, value="12,500.50 eur").handoff
    assert (row["state"], row["amount"], row["currency"]) == ("won", 12500.5, "EUR")
    assert floor.lead(lead)["status"] == "won"
    with pytest.raises(RequestError, match="No handoff is named '999'"):
        won(floor.desk, 999)


@pytest.mark.parametrize("text", ["12500", "EUR", "-3 EUR", "12,50 EUR", "1e9 EUR", "", "12 EURO"])
def test_a_value_without_a_plain_amount_and_its_currency_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="not an amount with its currency"):
        money(text)


def test_the_list_and_the_brief_have_the_keys_of_the_contract(floor: Floor) -> None:
    lead, number = floor.offered()
    [row] = listed(floor.store)
    assert (row["id"], row["lead"], row["email"]) == (str(number), str(lead.id), lead.email)
    assert {"rep", "state", "offered_at", "due_at", "reason"} <= row.keys()
    assert listed(floor.store, states=["won"]) == []
    found = brief(floor.desk, lead.id)
    assert found.why_now[0] == "ready as agreed: near-term, 30 points for who they are and 0 for what they did lately"
    assert found.as_json()["sections"][1]["statements"][0]["text"] == "20k EUR"
    assert [entry.what for entry in found.history] == ["reply", "promoted", "offered"]
    with pytest.raises(RequestError, match="No lead has the id 999"):
        brief(floor.desk, 999)


# Rejected ----------------------------------------------------------------------------------------------------------


def test_an_unknown_reason_names_the_agreed_ones_and_the_near_match(floor: Floor) -> None:
    _, number = floor.offered()
    with pytest.raises(
        RequestError, match=r"Did you mean 'no_budget_yet'\?.*Agreed in readiness.yaml: .*no_fit"
    ) as caught:
        reject(floor.desk, number, "no budget")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("reason", "days", "into"),
    [("no_budget_yet", 90, "not-now"), ("bad_timing", 90, "not-now"), ("unreachable", 30, "qualification")],
)
def test_a_reason_returns_the_lead_on_its_date(floor: Floor, reason: str, days: int, into: str) -> None:
    lead = floor.a_ready_lead(asked_for_sales=True, do_not_call=True)
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    number = floor.handoffs()[0]["id"]
    row = reject(floor.desk, number, reason).handoff
    stored = floor.lead(lead)
    assert stored["returns_at"].date() == row["return_at"].date() == in_days(days)
    assert (stored["returns_into"], stored["status"], stored["asked_for_sales"]) == (into, "nurturing", False)
    # Until then nothing promotes it, and nothing is sent to it.
    assert floor.promote().promoted == 0
    assert floor.enrollments(lead)["evergreen"].state is State.PAUSED
    assert returns(floor.desk) == 0


def test_on_its_date_the_paused_cadence_gives_way_to_the_one_that_was_agreed(floor: Floor) -> None:
    lead = floor.a_ready_lead()
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    reject(floor.desk, floor.handoffs()[0]["id"], "bad_timing", until=in_days(60))
    assert floor.lead(lead)["returns_at"] == datetime(2026, 5, 2, 7, tzinfo=UTC)  # nine in the morning in Paris
    floor.clock.advance(days=61)
    assert returns(floor.desk) == 1
    enrolled = floor.enrollments(lead)
    assert (enrolled["evergreen"].state, enrolled["not-now"].state) == (State.STOPPED, State.ACTIVE)
    assert floor.lead(lead)["returns_at"] is None
    assert returns(floor.desk) == 0


def test_the_date_that_the_lead_stated_wins_over_the_agreed_time(floor: Floor) -> None:
    _, number = floor.offered(timeline_on=in_days(200))
    assert reject(floor.desk, number, "no_budget_yet").handoff["return_at"].date() == in_days(200)


def test_a_promise_wins_over_the_timeline(floor: Floor) -> None:
    lead, number = floor.offered(timeline_on=in_days(200))
    with floor.store.unit() as work:
        due = {"due_on": in_days(40), "due_at": A_TUESDAY + timedelta(days=40), "made_at": A_TUESDAY}
        work.notes.promise({"lead_id": lead.id, "text": "Call", "source": "reply", "made_by": "Cal", **due})
        work.commit()
    assert reject(floor.desk, number, "bad_timing").handoff["return_at"].date() == in_days(40)


def test_a_date_in_the_past_or_for_a_reason_without_return_is_refused(floor: Floor) -> None:
    lead, number = floor.offered()
    with pytest.raises(RequestError, match="not in the future"):
        reject(floor.desk, number, "bad_timing", until=in_days(0))
    with pytest.raises(RequestError, match="does not return"):
        reject(floor.desk, number, "no_fit", until=in_days(9))
    assert floor.handed(lead) == [("offered", LEE.email)]


def test_missing_facts_go_back_to_qualification_at_once(floor: Floor) -> None:
    lead = floor.a_ready_lead()
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    with floor.store.unit() as work:  # the number that sales was given is nobody's
        work.leads.update(lead.id, {"phone": None})
        work.commit()
    reject(floor.desk, floor.handoffs()[0]["id"], "missing_facts")
    enrolled = floor.enrollments(lead)
    assert enrolled["qualification"].state is State.ACTIVE
    assert set(enrolled["evergreen"].pauses) == {Pause.QUALIFICATION}
    floor.promote()
    assert floor.handed(lead) == [("rejected", LEE.email)]


def test_where_the_cadence_would_end_at_once_a_person_calls(floor: Floor) -> None:
    lead, number = floor.offered()  # all that the qualification asks for is known
    reject(floor.desk, number, "missing_facts", note="whose budget is it?")
    [task] = floor.tasks(lead)
    assert (task.step, task.channel) == ("return", Channel.CALL)
    assert "qualification" not in floor.enrollments(lead)
    assert floor.promote().promoted == 0


@pytest.mark.parametrize(
    ("reason", "status"),
    [("already_working", "accepted"), ("already_customer", "customer"), ("no_fit", "disqualified")],
)
def test_a_reason_gives_the_lead_its_status_and_ends_its_enrollments(floor: Floor, reason: str, status: str) -> None:
    lead = floor.a_ready_lead()
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    reject(floor.desk, floor.handoffs()[0]["id"], reason)
    assert floor.lead(lead)["status"] == status
    assert floor.enrollments(lead)["evergreen"].state is State.STOPPED


def test_the_day_of_a_return_is_said_as_it_is_where_the_lead_is(floor: Floor) -> None:
    lead, number = floor.offered(timezone="Pacific/Auckland")  # whose morning is the evening before in UTC
    answered = reject(floor.desk, number, "bad_timing", until=in_days(60))
    assert f"returns on {in_days(60)} into" in answered.text
    assert floor.lead(lead)["returns_at"].date() < in_days(60)


def test_a_reason_opens_its_task_and_the_lead_goes_on(floor: Floor) -> None:
    lead = floor.a_ready_lead()
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    reject(floor.desk, floor.handoffs()[0]["id"], "wrong_person", note="ask for the plant manager")
    [task] = floor.tasks(lead)
    assert (task.step, task.channel, task.assigned) == ("wrong_person", Channel.OTHER, "caller")
    assert (task.script or "").startswith("Find the right person")
    assert "ask for the plant manager" in (task.script or "")
    assert floor.handoffs(lead)[-1]["note"] == "ask for the plant manager"
    assert floor.enrollments(lead)["evergreen"].state is State.ACTIVE
    assert floor.promote().promoted == 0


def test_a_rejected_lead_goes_to_another_rep_on_new_facts_and_to_the_same_on_new_evidence(floor: Floor) -> None:
    floor.staff(LEE, SAM, CAL)
    lead, number = floor.offered()
    reject(floor.desk, number, "wrong_person")
    floor.clock.advance(days=1)
    floor.learn(lead, "budget", "30k EUR")
    floor.promote()
    assert floor.handed(lead) == [("rejected", LEE.email), ("queued", None)]
    assert floor.handoffs(lead)[-1]["reason"] == "same_rep"
    floor.hear(lead, Kind.REPLY, intent="interested")
    floor.promote()
    assert floor.handed(lead) == [("rejected", LEE.email), ("offered", LEE.email)]


@pytest.mark.parametrize("ended", ["rejected", "lost"])
def test_the_same_rep_is_asked_again_after_90_days_and_not_a_minute_before(floor: Floor, ended: str) -> None:
    floor.staff(LEE, SAM, CAL)
    floor.rule(human_evidence_within=parse_duration("200 days"))
    lead, number = floor.offered()
    if ended == "rejected":
        reject(floor.desk, number, "wrong_person")
    else:
        accept(floor.desk, number)
        lost(floor.desk, number, reason="to_competitor", until=in_days(1))
    at = floor.clock.now()
    floor.clock.advance(days=1)
    returns(floor.desk)
    floor.learn(lead, "budget", "30k EUR")  # news for sales, and nobody there did anything
    for _ in range(2):
        floor.promote()
        assert floor.handed(lead) == [(ended, LEE.email), ("queued", None)]
        assert floor.handoffs(lead)[-1]["reason"] == "same_rep"
        floor.clock.advance(seconds=(at + timedelta(days=90, minutes=-1) - floor.clock.now()).total_seconds())
    floor.clock.advance(minutes=1)
    floor.promote()
    assert floor.handed(lead) == [(ended, LEE.email), ("offered", LEE.email)]


def test_a_lost_lead_returns_when_agreed_and_stays_lost_without_a_reason(floor: Floor) -> None:
    lead, number = floor.offered()
    accept(floor.desk, number)
    lost(floor.desk, number, reason="to_competitor")
    stored = floor.lead(lead)
    assert (stored["status"], stored["returns_at"].date()) == ("nurturing", in_days(275))
    other, number = floor.offered()
    accept(floor.desk, number)
    lost(floor.desk, number)
    assert floor.lead(other)["status"] == "lost"
    with pytest.raises(RequestError, match="needs its reason"):
        lost(floor.desk, number, until=in_days(9))


def test_a_suppressed_lead_does_not_return(floor: Floor) -> None:
    lead, number = floor.offered()
    reject(floor.desk, number, "bad_timing")
    with floor.store.unit() as work:
        work.suppressions.add(Suppression(lead.email or "", "all", "unsubscribe", floor.clock.now()), by="test")
        work.commit()
    floor.clock.advance(days=91)
    assert returns(floor.desk) == 1
    assert floor.enrollments(lead) == {}
    assert floor.changes(lead, "return_dropped")


def test_a_return_into_a_cadence_that_is_gone_becomes_a_task(floor: Floor) -> None:
    lead, number = floor.offered()
    reject(floor.desk, number, "bad_timing")
    with floor.store.unit() as work:
        work.leads.update(lead.id, {"returns_into": "renamed-since"})
        work.commit()
    floor.clock.advance(days=91)
    returns(floor.desk)
    assert [task.step for task in floor.tasks(lead)] == ["return"]


def test_more_than_a_fifth_of_the_last_20_rejected_alarms_the_manager(floor: Floor) -> None:
    floor.rule(capacity=100)
    for place in range(21):
        _, number = floor.offered()
        if place % 5:
            accept(floor.desk, number)
        else:  # the first is not among the last 20 when the last is: four of them are a fifth, five are more
            assert [one for one in floor.deliveries() if one["kind"] == "alert"] == []
            reject(floor.desk, number, "no_fit")
    assert [one for one in floor.deliveries() if one["kind"] == "alert"] == []
    _, number = floor.offered()
    reject(floor.desk, number, "no_fit")
    [told] = [one for one in floor.deliveries() if one["kind"] == "alert"]
    assert told["to"] == SAM.email
    assert "rejected 5 of the last 20" in told["payload"]["text"]


# Deadlines ---------------------------------------------------------------------------------------------------------


def test_an_offer_without_an_answer_goes_to_each_rep_once_then_to_the_manager_and_is_never_lost(floor: Floor) -> None:
    lead, _ = floor.offered()
    for _ in range(3):
        assert floor.lead(lead)["status"] == "offered"
        floor.clock.advance(days=1, minutes=1)
        assert deadlines(floor.desk) == 1
        assert deadlines(floor.desk) == 0
    assert floor.handed(lead) == [("expired", LEE.email), ("expired", KIM.email), ("offered", SAM.email)]
    assert floor.handoffs(lead)[-1]["due_at"] > floor.clock.now()


def test_who_is_accepted_is_called_by_the_rep_and_no_longer_by_a_caller(floor: Floor) -> None:
    lead, number = floor.offered()
    call = {"lead": lead, "enrollment": None, "channel": Channel.CALL, "state": Touched.OPEN, "now": A_TUESDAY}
    asked = a_touch(floor.store, step=FAST_STEP, **call)
    begun = a_touch(floor.store, step=FAST_STEP, claimed_by=CAL.email, **call)
    answer = a_touch(floor.store, step="reply", **call)
    accept(floor.desk, number)
    with floor.store.unit(write=False) as work:
        after = work.touches.get([asked.id, begun.id, answer.id])
    states = [after[one.id].state for one in (asked, begun, answer)]
    assert states == [Touched.CANCELED, Touched.OPEN, Touched.OPEN]


def test_another_amount_corrects_a_win_and_another_reason_is_refused(floor: Floor) -> None:
    _, number = floor.offered()
    accept(floor.desk, number)
    won(floor.desk, number, value="42000 USD")
    assert not won(floor.desk, number, value="42,000 USD").changed
    assert not won(floor.desk, number).changed
    corrected = won(floor.desk, number, value="50000 EUR")
    assert (corrected.changed, corrected.text) == (True, "won: 50,000.00 EUR, not 42,000.00 USD")
    assert (corrected.handoff["amount"], corrected.handoff["currency"]) == (50000.0, "EUR")
    lead, other = floor.offered()
    reject(floor.desk, other, "no_fit")
    assert not reject(floor.desk, other, "no_fit").changed
    with pytest.raises(RefusedError, match="was rejected before: no fit"):
        reject(floor.desk, other, "bad_timing")
    assert floor.handoffs(lead)[-1]["reason"] == "no_fit"


def test_an_expired_offer_cannot_be_accepted(floor: Floor) -> None:
    _, number = floor.offered()
    floor.clock.advance(days=2)
    deadlines(floor.desk)
    with pytest.raises(RefusedError, match="is expired: it cannot be accepted"):
        accept(floor.desk, number)


def test_the_rep_is_asked_for_the_first_contact_and_then_the_manager_for_the_outcome(floor: Floor) -> None:
    _, number = floor.offered()
    accept(floor.desk, number)
    floor.clock.advance(days=3)
    deadlines(floor.desk)
    assert [one["to"] for one in floor.deliveries() if one["kind"] == "alert"] == [LEE.email]
    floor.clock.advance(days=180)
    deadlines(floor.desk)
    assert [one["to"] for one in floor.deliveries() if one["kind"] == "alert"] == [LEE.email, SAM.email]
    assert deadlines(floor.desk) == 0
    assert won(floor.desk, number).changed


# Whatever happens --------------------------------------------------------------------------------------------------

steps = st.one_of(
    st.sampled_from(["accept", "contacted", "won", "lost", "lose_it", "wait", "promote", "evidence", "fact", "ask"]),
    st.sampled_from(sorted(READINESS.reject)).map(lambda reason: f"reject:{reason}"),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=3, max_size=14))
def test_whatever_sales_does_a_lead_is_with_one_rep_at_most_and_never_lost(floor: Floor, history: list[str]) -> None:
    lead = floor.a_ready_lead()
    an_enrollment(floor.store, lead=lead)
    floor.promote()
    for step in history:
        _do(floor, step, [row["id"] for row in floor.handoffs(lead)][-1], lead)
        rows = floor.handoffs(lead)
        with_reps = [row for row in rows if row["state"] in ("queued", "offered", "accepted")]
        assert len(with_reps) <= 1
        assert len({(row["promotion_id"], row["rep"]) for row in rows}) == len(rows)
        with floor.store.unit(write=False) as work:
            promotions = work.sales.promotions_of(lead.id)
            assert sum(one["open"] is not None for one in promotions) == len(with_reps)
            assert lead.id not in work.leads.idle()
        status = floor.lead(lead)["status"]
        if with_reps and with_reps[0]["state"] != "queued":
            assert status == with_reps[0]["state"]
        if status == "nurturing":
            assert not [row for row in with_reps if row["state"] != "queued"]


def _do(floor: Floor, step: str, number: int, lead: Lead) -> None:
    answers = {
        "accept": lambda: accept(floor.desk, number),
        "contacted": lambda: contacted(floor.desk, number),
        "won": lambda: won(floor.desk, number, value="10 EUR"),
        "lost": lambda: lost(floor.desk, number),
        "lose_it": lambda: lost(floor.desk, number, reason="to_competitor"),
    }
    try:
        if step in answers:
            answers[step]()
        elif step.startswith("reject:"):
            reject(floor.desk, number, step.removeprefix("reject:"))
    except NurtureError:
        pass
    if step == "wait":
        floor.clock.advance(days=31)
        returns(floor.desk)
        deadlines(floor.desk)
    elif step == "evidence":
        floor.hear(lead, Kind.REPLY, at=floor.clock.advance(minutes=5), intent="interested")
    elif step == "fact":
        floor.learn(lead, "budget", "50k", at=floor.clock.advance(minutes=5))
    elif step == "ask":
        floor.mark(lead, asked_for_sales=True)
    if step in ("promote", "evidence", "fact", "ask"):
        floor.promote()
