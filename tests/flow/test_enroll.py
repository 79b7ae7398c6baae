"""Enrolling: by conditions, by hand, at a rate, late, again, and never into two exclusive cadences."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.domain.enrollment import State
from nurture.domain.lead import Lead
from nurture.domain.response import Kind
from nurture.flow import enroll
from nurture.flow.plan import upcoming
from nurture.moves.responding import Report
from tests.builders import a_company, a_lead, a_store, an_enrollment
from tests.flow.loop import Loop, a_cadence, a_loop, a_policy, in_force

ALL = "enroll: {when: stage == 'unknown'}\n"


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """A cadence that takes every lead whose stage is unknown."""
    with a_loop(tmp_path, "- email: one", more=ALL) as made:
        yield made


def standing(loop: Loop, lead: Lead) -> list[str]:
    """The cadences that a lead is or was in."""
    with loop.store.unit(write=False) as work:
        return [one.cadence for one in work.enrollments.select(lead=lead.id)]


def look(loop: Loop) -> int:
    """Let every lead be looked at, and enroll."""
    enroll.reconsider(store=loop.store)
    return enroll.run(**loop.common)


def test_leads_that_match_are_enrolled_once(loop: Loop) -> None:
    ada, bob = a_lead(loop.store), a_lead(loop.store, stage="near_term")
    assert look(loop) == 1
    assert (standing(loop, ada), standing(loop, bob)) == (["course"], [])
    loop.tick()
    assert look(loop) == 0  # done, and it takes nobody again


def test_the_night_asks_whom_a_cadence_may_take_now(loop: Loop) -> None:
    returning = "exclusive: false\nenroll: {when: title == 'cfo', again: after 30 days}\n"
    warm = "exclusive: false\nenroll: {when: engagement > 5}\n"
    cadences = {"course": ALL, "beside": returning, "warm": warm}
    loop.rules = in_force({name: a_cadence("- email: one", name=name, more=more) for name, more in cadences.items()})
    store, over = loop.store, {"state": State.DONE, "ended_at": loop.now, "next_at": None}
    fresh, done, near = a_lead(store), a_lead(store), a_lead(store, stage="near_term")
    both, in_it, was_in_it = (a_lead(store, title="cfo", stage="near_term") for _ in range(3))
    decays = a_lead(store, stage="near_term", engagement=9, sums={"a": [1, loop.now.isoformat(), 60.0]})
    a_lead(store, status="accepted")
    an_enrollment(store, lead=done.id, cadence="course", **over)
    an_enrollment(store, lead=both.id, cadence="course")
    an_enrollment(store, lead=in_it.id, cadence="beside", exclusive=False)
    an_enrollment(store, lead=was_in_it.id, cadence="beside", exclusive=False, **over)
    with store.unit() as work:
        for flag in ("enroll_check", "ready_check"):
            work.leads.unflag(flag, work.leads.flagged(flag, 99))
        work.commit()
    enroll.tonight(store=store, rules=loop.rules, now=loop.now)
    with store.unit(write=False) as work:
        assert work.leads.flagged("enroll_check", 9) == [fresh.id, both.id, was_in_it.id, decays.id]
        assert set(work.leads.flagged("ready_check", 9)) == {one.id for one in (near, both, in_it, was_in_it, decays)}


def test_the_few_places_of_a_day_go_to_the_best_of_all_and_not_of_the_first_that_are_looked_at(loop: Loop) -> None:
    more = "enroll: {when: stage == 'unknown', rate: 2 per day}\n"
    loop.rules = in_force({"course": a_cadence("- email: one", more=more)})
    people = [a_lead(loop.store, fit=fit, enroll_check=True) for fit in (1, 5, 2, 9, 3)]
    assert enroll.run(**loop.common, limit=2) == 2
    assert [bool(standing(loop, lead)) for lead in people] == [False, True, False, True, False]


@pytest.mark.timeout(60)
def test_several_daemons_keep_to_one_rate(postgres_url: str) -> None:
    more = "enroll: {when: stage == 'unknown', rate: 7 per day}\n"
    rules = in_force({"course": a_cadence("- email: one", more=more)})
    with a_store(postgres_url) as store:
        with store.unit() as work:
            for _ in range(30):
                a_lead(work, enroll_check=True)
            work.commit()
        loops = [Loop(store, rules, a_policy()) for _ in range(3)]
        with ThreadPoolExecutor(len(loops)) as pool:
            enrolled = sum(pool.map(lambda loop: enroll.run(**loop.common, limit=3), loops))
    assert enrolled == 7


@pytest.mark.parametrize("status", ["offered", "accepted", "won", "lost", "disqualified", "customer"])
def test_who_is_not_ours_is_not_enrolled(loop: Loop, status: str) -> None:
    ada = a_lead(loop.store, status=status)
    assert look(loop) == 0
    assert loop.enroll(ada)[ada.id].code == "status"


def test_a_cadence_whose_condition_names_a_status_takes_it_by_hand_too_and_no_other(loop: Loop) -> None:
    more = "enroll: {when: \"status in ['lost', 'customer'] and fit > 20\"}\n"
    loop.rules = in_force({"course": a_cadence("- email: one", more=more)})
    codes = {}
    for status in ("lost", "customer", "nurturing", "offered"):
        lead = a_lead(loop.store, status=status)  # of which the rest of the condition does not hold
        codes[status] = loop.enroll(lead)[lead.id].code
    assert codes == {"lost": "", "customer": "", "nurturing": "status", "offered": "status"}


def test_a_rate_holds_until_the_next_day_and_the_newest_go_first(loop: Loop) -> None:
    loop.rules = in_force(
        {"course": a_cadence("- email: one", more="enroll: {when: stage == 'unknown', rate: 2 per day}\n")}
    )
    people = [a_lead(loop.store, created_at=loop.now - timedelta(days=n)) for n in range(5)]
    assert look(loop) == 2
    assert [bool(standing(loop, lead)) for lead in people] == [True, True, False, False, False]
    loop.clock.advance(days=1)
    assert look(loop) == 2
    assert loop.enroll(people[-1])[people[-1].id].may_enter  # by hand, never refused for the rate


def test_the_larger_priority_takes_the_exclusive_place(loop: Loop) -> None:
    other = a_cadence("- wait: 1 day", name="better", more=f"{ALL}priority: 90\n")
    loop.rules = in_force({"course": a_cadence("- wait: 1 day", more=ALL), "better": other})
    ada = a_lead(loop.store)
    assert look(loop) == 1
    assert standing(loop, ada) == ["better"]


def test_who_comes_too_late_goes_elsewhere_and_only_once(loop: Loop) -> None:
    late = "enroll: {when: stage == 'unknown', arrived_within: 10 days, otherwise: evergreen}\n"
    loop.rules = in_force(
        {"course": a_cadence("- email: one", more=late), "evergreen": a_cadence("- email: two", name="evergreen")}
    )
    ada = a_lead(loop.store, created_at=loop.now - timedelta(days=100))
    for _ in range(3):
        look(loop)
        loop.tick(days=1)
    assert standing(loop, ada) == ["evergreen"]


def test_a_cadence_takes_a_lead_again_after_its_time(loop: Loop) -> None:
    again = "enroll: {when: stage == 'unknown', again: after 30 days}\n"
    loop.rules = in_force({"course": a_cadence("- set: {x.a: b}", more=again)})
    ada = a_lead(loop.store)
    assert look(loop) == 1
    loop.tick()
    loop.clock.advance(days=29)
    assert look(loop) == 0
    loop.clock.advance(days=2)
    assert look(loop) == 1
    assert standing(loop, ada) == ["course", "course"]


def test_two_exclusive_cadences_never_hold_one_lead(loop: Loop) -> None:
    loop.rules = in_force({"course": a_cadence("- wait: 1 day"), "other": a_cadence("- wait: 1 day", name="other")})
    ada = a_lead(loop.store)
    assert loop.enroll(ada)[ada.id].may_enter
    assert loop.enroll(ada, cadence="other")[ada.id].code == "exclusive"
    enroll.stop([ada.id], cadence=None, store=loop.store, now=loop.now, by="me")
    assert loop.enroll(ada, cadence="other")[ada.id].may_enter


def test_a_dry_run_enrolls_nobody(loop: Loop) -> None:
    ada = a_lead(loop.store)
    answers = enroll.by_hand([ada.id], "course", by="me", dry_run=True, **loop.common)
    assert answers[ada.id].may_enter
    assert standing(loop, ada) == []


def test_who_waits_for_an_answer_is_enrolled_and_gets_nothing_until_the_last_is_given(loop: Loop) -> None:
    asks, other = a_lead(loop.store), a_lead(loop.store)
    for at in (loop.now, loop.now + timedelta(minutes=1)):
        loop.report(Report(Kind.REPLY, at, lead=asks.id, detail={"intent": "question"}))
    assert look(loop) == 2
    loop.tick()
    assert (loop.states(asks), loop.states(other)) == (["reply open", "reply open"], ["one sent"])
    first, last = loop.touches(asks)
    for task, states in ((first, ["reply done", "reply open"]), (last, ["reply done", "reply done", "one sent"])):
        loop.report(Report(Kind.CALL, loop.now, touch=task.id, lead=asks.id, detail={"outcome": "connected"}))
        loop.tick()
        assert loop.states(asks) == states


def test_a_condition_may_ask_how_far_the_colleagues_are(loop: Loop) -> None:
    more = "enroll: {when: \"stage == 'unknown' and colleagues('near_term') == 1\"}\n"
    loop.rules = in_force({"course": a_cadence("- email: one", more=more)})
    company = a_company(loop.store)
    ada, bob = a_lead(loop.store, company=company), a_lead(loop.store)
    a_lead(loop.store, company=company, stage="near_term")
    expected = upcoming(**loop.common, cadence="course")
    assert look(loop) == 1 == expected[0].today
    assert (standing(loop, ada), standing(loop, bob)) == (["course"], [])
