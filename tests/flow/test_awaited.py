"""Goals and what is waited for: seen as soon as they hold, whoever or whatever made them hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from nurture.domain.enrollment import State
from nurture.domain.fact import Confidence
from nurture.domain.lead import Lead, Stage
from nurture.domain.policy import Limits
from nurture.domain.response import Kind
from nurture.flow import companies, crossings, enroll, leads, persons, rescoring
from nurture.flow.respond import Report
from nurture.ports import InForce
from tests.builders import a_company, a_lead
from tests.flow.loop import Loop, a_cadence, a_loop, a_policy, in_force

SCORING: Final = """
fit:
  - {points: 7, when: country == 'NO', because: we sell there}
engagement:
  half_life: 10 days
  rules:
    - {on: click, points: 8, because: read further}
stages:
  near_term: {enter: timeline_months <= 6, leave: not timeline_months <= 6}
  long_term: {enter: engagement >= 5, leave: engagement < 2}
"""


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- email: one") as made:
        yield made


def waiting(loop: Loop, condition: str, *, scoring: str = SCORING) -> InForce:
    """Two cadences: one whose goal it is, one that waits for it."""
    goal = a_cadence("- wait: 300 days\n- stop: late", name="goal", more=f"exclusive: false\ngoal: {condition}\n")
    wait = a_cadence(
        f"- wait_for: {condition}\n  timeout: 300 days\n- stop: seen", name="wait", more="exclusive: false\n"
    )
    mail = a_cadence("- email: one", name="mail", more="exclusive: false\n")
    loop.rules = in_force({"goal": goal, "wait": wait, "mail": mail}, {"scoring.yaml": scoring})
    return loop.rules


def in_both(loop: Loop, **lead: Any) -> Lead:
    person = a_lead(loop.store, **lead)
    for name in ("goal", "wait"):
        loop.enroll(person, cadence=name)
    a_pass(loop)
    return person


def a_pass(loop: Loop, **later: float) -> None:
    """As the daemon does it."""
    loop.clock.advance(**later)
    crossings.run(**loop.common)
    loop.tick()


def seen(loop: Loop, lead: Lead) -> tuple[State, State]:
    return loop.enrollment(lead, "goal").state, loop.enrollment(lead, "wait").state


def a_night(loop: Loop) -> None:
    enroll.tonight(store=loop.store, rules=loop.rules, now=loop.now)


BEFORE, AFTER = (State.ACTIVE, State.ACTIVE), (State.GOAL_MET, State.DONE)


def set_title(loop: Loop, lead: Lead) -> None:
    leads.set_values(lead.id, {"title": "CFO"}, by="me", **loop.common)


def learn(name: str, value: str) -> Callable[[Loop, Lead], object]:
    return lambda loop, lead: leads.learn(
        lead.id, {name: value}, source="by hand", confidence=Confidence.STATED, by="me", **loop.common
    )


def set_company(loop: Loop, lead: Lead) -> None:
    assert lead.company is not None
    companies.set_values(lead.company.name, {"employees": "500"}, by="me", **loop.common)


def merge_company(loop: Loop, lead: Lead) -> None:
    assert lead.company is not None
    other = a_company(loop.store, name="Big", employees=500)
    companies.merge(lead.company.name, other.name, by="me", **loop.common)


def alias(loop: Loop, lead: Lead) -> None:
    assert lead.company is not None
    companies.alias(lead.company.name, "a.example", by="me", **loop.common)


def colleague(loop: Loop, lead: Lead) -> None:
    assert lead.company is not None
    other = a_lead(loop.store, company=lead.company)
    learn("timeline", f"{loop.now + timedelta(days=90):%Y-%m}")(loop, other)
    a_night(loop)


def merge_lead(loop: Loop, lead: Lead) -> None:
    persons.merge(a_lead(loop.store, title="CFO").id, lead.id, by="me", **loop.common)


BY_SOMEBODY: Final = [
    ("title == 'cfo'", set_title),
    ("budget", learn("budget", "90,000")),
    ("timeline_months <= 6", learn("timeline", "2026-06")),
    ("stage == 'near_term'", learn("timeline", "2026-06")),
    ("employees == 500", set_company),
    ("employees >= 500", merge_company),
    ("domain == 'a.example'", alias),
    ("colleagues('near_term') > 0", colleague),
    ("title == 'CFO'", merge_lead),
]


@pytest.mark.parametrize(("condition", "act"), BY_SOMEBODY, ids=[condition for condition, _ in BY_SOMEBODY])
def test_it_holds_because_of_somebody(loop: Loop, condition: str, act: Callable[[Loop, Lead], object]) -> None:
    waiting(loop, condition)
    ada = in_both(loop, title=None, company=a_company(loop.store, employees=3))
    assert seen(loop, ada) == BEFORE
    act(loop, ada)
    a_pass(loop, minutes=1)
    assert seen(loop, ada) == AFTER


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("days_since('click') > 5", 5),
        ("days_since('click') >= 2 * 3", 6),
        ("touches('email', '5 days') == 0", 5),
        ("engagement < 4", 10),
        ("stage == 'unknown'", 20),
        ("timeline_months < 10", 43),
    ],
)
def test_it_holds_because_time_went_by(loop: Loop, condition: str, days: int) -> None:
    waiting(loop, condition)
    ada = a_lead(loop.store)
    loop.enroll(ada, cadence="mail")
    a_pass(loop)
    loop.report(Report(Kind.CLICK, loop.now, ada.id, loop.touches(ada)[0].id))
    learn("timeline", f"{loop.now + timedelta(days=347):%Y-%m-%d}")(loop, ada)
    for name in ("goal", "wait"):
        loop.enroll(ada, cadence=name)
    a_pass(loop, minutes=1)
    for _ in range(11):
        a_pass(loop, days=days / 12)
        assert seen(loop, ada) == BEFORE
    loop.clock.advance(days=days / 12, hours=1)
    a_night(loop)
    a_pass(loop)
    assert seen(loop, ada) == AFTER


def test_new_points_may_be_what_is_waited_for(loop: Loop) -> None:
    waiting(loop, "stage == 'long_term'")
    ada = in_both(loop, country="NO")
    points = SCORING.replace("enter: engagement >= 5", "enter: fit >= 7")
    rescoring.everybody(store=loop.store, rules=waiting(loop, "stage == 'long_term'", scoring=points), now=loop.now)
    loop.tick(minutes=1)
    assert seen(loop, ada) == AFTER


def test_a_goal_that_is_reached_meanwhile_ends_the_wait_for_the_next_item_and_for_a_free_day(loop: Loop) -> None:
    goal = "exclusive: false\ngoal: title == 'cfo'\n"
    items = a_cadence("- stream: {every: 1 month, items: [one, two]}", name="items", more=goal)
    later = a_cadence("- email: three", name="later", more=goal)
    loop.rules = in_force({"items": items, "later": later})
    loop.policy = a_policy(limits=Limits(1, None, None, None, None))
    ada = a_lead(loop.store, title=None)
    loop.enroll(ada, cadence="items")
    loop.tick()
    loop.enroll(ada, cadence="later")
    loop.tick()
    assert sorted(loop.states(ada)) == ["one sent", "three planned"]
    set_title(loop, ada)
    loop.tick(minutes=1)
    assert {loop.enrollment(ada, name).state for name in ("items", "later")} == {State.GOAL_MET}
    assert sorted(loop.states(ada)) == ["one sent", "three skipped"]


def test_what_a_company_is_counts_for_its_people_at_once(loop: Loop) -> None:
    waiting(loop, "title == 'nobody'")
    company = a_company(loop.store, country="DE")
    ada = a_lead(loop.store, country=None, company=company)
    other = a_company(loop.store, country="NO", name="Northern")

    def fit() -> float:
        with loop.store.unit(write=False) as work:
            return work.leads.get([ada.id])[ada.id].fit

    companies.set_values(company.name, {"country": "NO"}, by="me", **loop.common)
    assert fit() == 7
    companies.set_values(company.name, {"country": "DE"}, by="me", **loop.common)
    assert fit() == 0
    companies.merge(company.name, other.name, by="me", **loop.common)
    assert fit() == 7


BY_TIME: Final = """
fit:
  - {points: 40, when: "days_since('click') < 10", because: lately}
  - {points: 3, when: "touches('email', '4 days') > 0", because: just written to}
stages:
  near_term: {enter: "days_since('click') < 5", leave: "days_since('click') >= 20"}
  long_term: {enter: "days_since('click') >= 20", leave: "days_since('click') >= 40"}
"""


def test_stage_and_fit_follow_the_clock(loop: Loop) -> None:
    waiting(loop, "title == 'nobody'", scoring=BY_TIME)
    ada = a_lead(loop.store)
    loop.enroll(ada, cadence="mail")
    a_pass(loop)
    loop.report(Report(Kind.CLICK, loop.now, ada.id, loop.touches(ada)[0].id))
    found: dict[tuple[float, Stage], int] = {}
    for day in range(45):
        a_night(loop)
        crossings.run(**loop.common)
        with loop.store.unit(write=False) as work:
            person = work.leads.get([ada.id])[ada.id]
        found.setdefault((person.fit, person.stage), day)
        loop.clock.advance(days=1)
    near, far, unknown = Stage.NEAR_TERM, Stage.LONG_TERM, Stage.UNKNOWN
    assert found == {(43, near): 0, (40, near): 4, (0, near): 10, (0, far): 20, (0, unknown): 40}
