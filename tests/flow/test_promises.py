"""Promises: kept by their call or by the return they dated, dropped with the rest, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.domain.lead import Lead
from nurture.domain.response import CallOutcome, Kind
from nurture.flow import promises, respond, tasks
from nurture.flow.handoff import accept, reject, returns
from nurture.moves.promises import STEP
from tests.builders import a_company, an_enrollment
from tests.flow.sales_floor import LEE, SAM, Floor, a_floor


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


def common(floor: Floor) -> dict[str, Any]:
    return {"store": floor.store, "rules": floor.rules, "policy": floor.policy, "now": floor.clock.now()}


def promised(floor: Floor, lead: Lead, days: int) -> None:
    on = floor.clock.now() + timedelta(days=days)
    promises.add(lead.id, on=on, text="Call again", by="Cal", **common(floor))


def day_comes(floor: Floor, days: float) -> None:
    floor.clock.advance(days=days)
    promises.run(**common(floor), new_id=floor.clock.new_id)


def call(floor: Floor, lead: Lead) -> None:
    (task,) = [one for one in floor.tasks(lead) if one.step == STEP]
    tasks.done(task.id, CallOutcome.NO_ANSWER, **common(floor), new_id=floor.clock.new_id, by="Cal")


def states(floor: Floor, lead: Lead) -> list[str]:
    with floor.store.unit(write=False) as work:
        return [one["state"] for one in work.notes.promises(lead=lead.id)]


def test_a_promise_is_kept_by_its_call_in_time_or_late_and_the_share_is_counted(floor: Floor) -> None:
    first, second, third = (floor.a_ready_lead() for _ in range(3))
    for lead in (first, second, third):
        promised(floor, lead, 10)
    assert promises.share(store=floor.store, now=floor.clock.now()).share is None
    day_comes(floor, 10)
    call(floor, first)
    found = promises.share(store=floor.store, now=floor.clock.now())
    assert (found.kept, found.late, found.waiting, found.share) == (1, 0, 2, 1.0)
    floor.clock.advance(days=8)
    call(floor, second)
    assert [states(floor, lead) for lead in (first, second, third)] == [["kept"], ["late"], ["called"]]
    found = promises.share(store=floor.store, now=floor.clock.now())
    assert (found.kept, found.late, found.waiting) == (1, 2, 0)  # the third ran out of its time
    assert found.low is not None
    assert found.low < 1 / 3


def test_a_promise_that_dates_a_return_is_kept_by_it(floor: Floor) -> None:
    lead, number = floor.offered()
    an_enrollment(floor.store, lead=lead)
    promised(floor, lead, 40)
    reject(floor.desk, number, "bad_timing")
    floor.clock.advance(days=41)
    assert returns(floor.desk) == 1
    day_comes(floor, 0)
    assert states(floor, lead) == ["kept"]
    assert [one.step for one in floor.tasks(lead)] == []  # the cadence makes the contact, and nobody calls beside it
    assert floor.enrollments(lead)["not-now"].state == "active"


def test_who_unsubscribes_is_promised_nothing_any_more(floor: Floor) -> None:
    lead = floor.a_ready_lead()
    for days in (5, 50):
        promised(floor, lead, days)
    day_comes(floor, 6)
    report = respond.Report(Kind.UNSUBSCRIBE, floor.clock.now(), lead.id)
    respond.record([report], **common(floor), new_id=floor.clock.new_id, by="test")
    assert states(floor, lead) == ["dropped", "dropped"]


def test_whom_a_rep_has_by_then_nobody_else_calls(floor: Floor) -> None:
    lead, number = floor.offered()
    promised(floor, lead, 5)
    accept(floor.desk, number)
    day_comes(floor, 6)
    assert (states(floor, lead), floor.tasks(lead)) == (["dropped"], [])


def test_what_a_colleague_said_about_the_company_counts_for_what_is_required(floor: Floor) -> None:
    company = a_company(floor.store)
    lead = floor.a_ready_lead(company=company)
    colleague = floor.a_ready_lead(company=company)
    with floor.store.unit() as work:  # of the first, nobody knows the budget
        work.leads.update(colleague.id, {"stage": "unknown"})
        work.commit()
    floor.rule(require=("budget", "timeline", "phone"))
    floor.promote()
    assert floor.handed(lead) == []
    floor.learn(colleague, "timeline", "Q3")
    floor.promote()
    assert [state for state, _ in floor.handed(lead)] == ["offered"]


@pytest.mark.parametrize(
    ("owner", "assigned"), [("LEE@acme.example", LEE.email), ("Lee", LEE.email), ("Gone Away", "caller")]
)
def test_work_for_an_owner_who_is_none_of_our_people_goes_to_the_callers(
    floor: Floor, owner: str, assigned: str
) -> None:
    lead = floor.a_ready_lead(owner=owner)
    promised(floor, lead, 2)
    day_comes(floor, 2)
    report = respond.Report(Kind.REPLY, floor.clock.now(), lead.id, detail={"intent": "question"})
    respond.record([report], **common(floor), new_id=floor.clock.new_id, by="test")
    assert [one.assigned for one in floor.tasks(lead)] == [assigned, assigned]


def test_where_there_are_no_callers_the_reps_do_their_work(floor: Floor) -> None:
    floor.staff(LEE, SAM)
    lead = floor.a_ready_lead()
    promised(floor, lead, 2)
    day_comes(floor, 2)
    assert [one.assigned for one in floor.tasks(lead)] == ["rep"]
