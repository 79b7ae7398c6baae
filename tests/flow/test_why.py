"""why: every code that the contract lists, with its sentence, the rule's place and version, and when it clears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from nurture.domain.enrollment import Pause, State
from nurture.domain.lead import Lead
from nurture.domain.person import Person, Role
from nurture.domain.policy import Limits
from nurture.domain.promotion import Code
from nurture.domain.touch import SENTENCES, Channel, Reason
from nurture.domain.touch import State as TouchState
from nurture.domain.verdict import ChannelDown, Maybe, Never
from nurture.flow import enroll, handoff
from nurture.flow.dispatch import run as dispatch
from nurture.flow.why import Because, why
from nurture.moves import enrolling
from nurture.ports.store import Suppression, Switch
from tests.builders import a_company, a_lead, a_touch
from tests.flow.loop import Loop, a_cadence, a_loop, in_force
from tests.flow.sales_floor import CAL, LEE, SAM, Floor, a_floor

FREE: Final = Limits(None, None, None, None, None)
# With the head of `a_cadence`, the steps begin on line 5.
TWO: Final = "- email: one\n- email: two"


def about(loop: Loop | Floor, lead: Lead, what: str) -> list[Because]:
    """The answers about one thing, now."""
    now = loop.clock.now()
    found = why(lead.id, store=loop.store, rules=loop.rules, policy=loop.policy, now=now)
    assert all(one.text and not one.text.endswith("None.") for one in found)
    return [one for one in found if one.about == what]


# Touches ---------------------------------------------------------------------------------------------------------


def last(loop: Loop, lead: Lead) -> Because:
    """The answer about the last touch that was planned."""
    return about(loop, lead, "touch")[-1]


def sent_once(folder: Path, limits: Limits, **lead: Any) -> Iterator[tuple[Loop, Lead]]:
    with a_loop(folder, TWO, limits=limits) as loop:
        one = a_lead(loop.store, **lead)
        loop.enroll(one)
        loop.tick()
        loop.tick(minutes=1)
        yield loop, one


def limit_lead(folder: Path) -> Because:
    with contextmanager(sent_once)(folder, replace(FREE, lead_per_7_days=1)) as (loop, one):
        found = last(loop, one)
        assert found.clears_at is not None
        assert timedelta(days=6) < found.clears_at - loop.now <= timedelta(days=7)
        return found


def limit_company(folder: Path) -> Because:
    with a_loop(folder, "- email: one", limits=replace(FREE, company_per_7_days=1)) as loop:
        company = a_company(loop.store)
        first, second = a_lead(loop.store, company=company), a_lead(loop.store, company=company)
        loop.enroll(first)
        loop.tick()
        loop.enroll(second)
        loop.tick(minutes=1)
        found = last(loop, second)
        assert found.clears_at is not None
        return found


def limit_domain(folder: Path) -> Because:
    with a_loop(folder, "- email: one", limits=replace(FREE, domain_per_hour=1)) as loop:
        first, second = a_lead(loop.store), a_lead(loop.store)
        loop.enroll(first)
        loop.tick()
        loop.enroll(second)
        loop.tick(minutes=1)
        return last(loop, second)


def window(folder: Path) -> Because:
    with a_loop(folder, "- email: one") as loop:
        text = a_cadence("- email: one").replace("00:00-24:00", "12:00-13:00")
        loop.rules = in_force({"course": text})
        one = a_lead(loop.store)
        loop.enroll(one)
        loop.tick()
        found = last(loop, one)
        assert found.place == "cadences/course.yaml:3"
        assert found.clears_at is not None
        assert found.clears_at.hour == 11
        return found


def enrolled(folder: Path, steps: str = "- email: one", **over: Any) -> Iterator[tuple[Loop, Lead]]:
    more = over.pop("more", "")
    with a_loop(folder, steps, more=more) as loop:
        one = a_lead(loop.store, **over)
        loop.enroll(one)
        yield loop, one


an_enrolled = contextmanager(enrolled)


def suppressed(folder: Path) -> Because:
    with an_enrolled(folder) as (loop, one):
        with loop.store.unit() as work:
            work.suppressions.add(Suppression(str(one.email), "email", "test", loop.now), by="me")
            work.commit()
        loop.tick()
        return last(loop, one)


def no_consent(folder: Path) -> Because:
    with an_enrolled(folder, consent=False) as (loop, one):
        loop.tick()
        return last(loop, one)


def paused(folder: Path) -> Because:
    with an_enrolled(folder) as (loop, one):
        with loop.store.unit() as work:
            work.control.switch(Switch("send", "test", loop.now, loop.now + timedelta(days=2), "otto"))
            work.commit()
        loop.tick()
        found = last(loop, one)
        assert found.clears_at == loop.now + timedelta(days=2)
        return found


def stopped(folder: Path) -> Because:
    with an_enrolled(folder, consent=False) as (loop, one):
        loop.tick()
        enroll.stop([one.id], cadence=None, store=loop.store, now=loop.now, by="otto")
        return last(loop, one)


def already_had(folder: Path) -> Because:
    with an_enrolled(folder, "- email: one\n- email: one\n  id: again") as (loop, one):
        loop.tick()
        loop.tick(minutes=1)
        return last(loop, one)


def holdout(folder: Path) -> Because:
    with an_enrolled(folder, more="holdout: 100%\n") as (loop, one):
        loop.tick()
        found = last(loop, one)
        assert found.place == "cadences/course.yaml:4"
        return found


def no_address(folder: Path) -> Because:
    with an_enrolled(folder, "- call: ring", phone=None) as (loop, one):
        loop.tick()
        return last(loop, one)


def render(folder: Path) -> Because:
    text = "---\nsubject: s\n---\n{{ first_name / 2 }}\n{{ unsubscribe_url }}\n{{ postal_address }}\n"
    files = {"templates/course/one.html": text}
    with a_loop(folder, "- email: one", files=files) as loop:
        one = a_lead(loop.store)
        loop.enroll(one)
        loop.tick()
        found = last(loop, one)
        assert "templates/course/one.html:4" in found.text
        return found


def answered(folder: Path, verdict: Any) -> Because:
    with an_enrolled(folder) as (loop, one):
        loop.mailer.answers = lambda _: verdict
        loop.tick()
        return last(loop, one)


def provider_refused(folder: Path) -> Because:
    return answered(folder, Never("550 no such user"))


def mailer_paused(folder: Path) -> Because:
    return answered(folder, ChannelDown("401 wrong key"))


def breaker(folder: Path) -> Because:
    with a_loop(folder, "- email: one", group=1) as loop:
        loop.mailer.answers = lambda _: Maybe("no answer")
        leads = [a_lead(loop.store) for _ in range(7)]
        desk = loop.desk
        loop.enroll(*leads)
        dispatch.run(desk)
        return next(found for one in leads if (found := last(loop, one)).code == "breaker")


@pytest.mark.parametrize(("in_doubt", "clears"), [("settle", True), ("hold", False)])
def test_a_mail_in_doubt_says_how_it_is_settled_and_when_it_is_by_itself(
    tmp_path: Path, *, in_doubt: str, clears: bool
) -> None:
    with a_loop(tmp_path, TWO, in_doubt=in_doubt) as loop:
        loop.mailer.answers = lambda _: Maybe("the server hung up")
        one = a_lead(loop.store)
        loop.enroll(one)
        loop.tick()
        found = last(loop, one)
    assert f"the server hung up. Whoever knows settles it: nurture touch resolve {found.touch} --sent" in found.text
    assert (found.clears_at is not None) is clears


def colleague_offered(folder: Path) -> Because:
    with an_enrolled(folder, consent=False) as (loop, one):
        loop.tick()
        assert last(loop, one).code == "no_consent"
        until = loop.now + timedelta(days=5)
        with loop.store.unit() as work:
            enrolling.pause(work, [one.id], Pause.COLLEAGUE_OFFERED, until=until, now=loop.now, by="daemon")
            work.commit()
        (of_enrollment,) = [each for each in about(loop, one, "enrollment") if each.version == 1]
        assert (of_enrollment.code, of_enrollment.clears_at) == ("colleague_offered", until)
        found = last(loop, one)
        assert found.clears_at == until
        return found


def calls_per_day(folder: Path) -> Because:
    with an_enrolled(folder, "- call: ring", phone="+33123456789") as (loop, one):
        person = Person("Cal", "cal@acme.example", frozenset({Role.CALLER}), calls_per_day=1)
        loop.rules = replace(loop.rules, workspace=replace(loop.rules.workspace, people={person.email: person}))
        loop.tick()
        assert last(loop, one).code == "open"
        done = {"state": TouchState.DONE, "channel": Channel.CALL, "claimed_by": person.email, "sent_at": loop.now}
        a_touch(loop.store, **done, enrollment=None)
        found = last(loop, one)
        assert found.clears_at == datetime.fromisoformat("2026-03-03T23:00Z")  # midnight in Paris
        return found


def attempts_used(folder: Path) -> Because:
    with an_enrolled(folder, "- email: one\n- email: two\n- email: three") as (loop, one):
        readiness = replace(loop.rules.workspace.readiness, if_missing="course")
        loop.rules = replace(loop.rules, workspace=replace(loop.rules.workspace, readiness=readiness))
        loop.policy = replace(loop.policy, attempts=2)
        loop.ticks(timedelta(hours=1), every=timedelta(minutes=10))
        assert loop.states(one) == ["one sent", "two sent", "three skipped"]
        return last(loop, one)


def stored(reason: Reason) -> Callable[[Path], Because]:
    """A touch that waits with this reason."""

    def scene(folder: Path) -> Because:
        with an_enrolled(folder, consent=False) as (loop, one):
            loop.tick()
            (made,) = loop.touches(one)
            with loop.store.unit() as work:
                waits = replace(made, reason=reason, because=SENTENCES[reason])
                work.touches.save([waits], was={made.id: (made.attempt, made.state)})
                work.commit()
            return last(loop, one)

    return scene


SCENES: Final[dict[Reason, Callable[[Path], Because]]] = {
    Reason.LIMIT_LEAD: limit_lead,
    Reason.LIMIT_COMPANY: limit_company,
    Reason.LIMIT_DOMAIN: limit_domain,
    Reason.LIMIT_SENDER: stored(Reason.LIMIT_SENDER),
    Reason.WINDOW: window,
    Reason.FIRST_WAVE: stored(Reason.FIRST_WAVE),
    Reason.SUPPRESSED: suppressed,
    Reason.NO_CONSENT: no_consent,
    Reason.PAUSED: paused,
    Reason.STOPPED: stopped,
    Reason.ALREADY_HAD: already_had,
    Reason.HOLDOUT: holdout,
    Reason.NO_ADDRESS: no_address,
    Reason.RENDER: render,
    Reason.PROVIDER_REFUSED: provider_refused,
    Reason.MAILER_PAUSED: mailer_paused,
    Reason.BREAKER: breaker,
    Reason.DOWNTIME: stored(Reason.DOWNTIME),
    Reason.COLLEAGUE_OFFERED: colleague_offered,
    Reason.CALLS_PER_DAY: calls_per_day,
    Reason.ATTEMPTS_USED: attempts_used,
}


@pytest.mark.parametrize("reason", SCENES)
def test_a_touch_says_why_with_the_rule_and_its_version(tmp_path: Path, reason: Reason) -> None:
    found = SCENES[reason](tmp_path)
    assert (found.about, found.code) == ("touch", reason.value)
    assert (found.cadence, found.version) == ("course", 1)
    file, _, line = str(found.place).partition(":")
    assert file == "cadences/course.yaml"
    assert int(line) > 1


def test_a_touch_that_was_made_or_is_to_come_says_when(tmp_path: Path) -> None:
    with an_enrolled(tmp_path, "- email: one\n- wait: 3 days\n- email: two") as (loop, one):
        loop.tick()
        (found,) = about(loop, one, "touch")
        assert (found.code, found.text, found.place) == (
            "sent",
            "email one: sent on 2026-03-03",
            "cadences/course.yaml:5",
        )
        (standing,) = [each for each in about(loop, one, "enrollment") if each.version == 1]
        assert (standing.code, standing.place, standing.step) == ("active", "cadences/course.yaml:6", "two")
        assert standing.clears_at == loop.now + timedelta(days=3)
        assert standing.text.startswith("course is waiting 3 days until 2026-03-06 09:00 UTC; then two")


def test_a_wait_that_begins_with_the_next_pass_clears_when_its_text_says(tmp_path: Path) -> None:
    with an_enrolled(tmp_path, "- wait: 3 days\n- email: two") as (loop, one):
        (standing,) = [each for each in about(loop, one, "enrollment") if each.version == 1]
        assert standing.clears_at is not None
        assert f"waiting 3 days until {standing.clears_at:%Y-%m-%d %H:%M} UTC" in standing.text


ASKED: Final = """- email: one
- wait_for: clicked('one')
  timeout: 5 days
- if: clicked('one')
  then:
    - wait: 1 day
  else:
    - email: two
- email: three"""


def test_what_comes_next_is_named_only_where_no_condition_decides(tmp_path: Path) -> None:
    with an_enrolled(tmp_path, ASKED) as (loop, one):
        loop.tick()
        (standing,) = [each for each in about(loop, one, "enrollment") if each.version == 1]
        assert standing.text == "course is waiting for clicked('one'), at the latest until 2026-03-08 09:00 UTC."


def test_what_comes_next_is_never_a_step_of_the_other_way(tmp_path: Path) -> None:
    steps = "- if: first_name == 'Ada'\n  then:\n    - wait: 1 day\n  else:\n    - email: two\n- email: three"
    with an_enrolled(tmp_path, steps, first_name="Ada") as (loop, one):
        loop.tick()
        (standing,) = [each for each in about(loop, one, "enrollment") if each.version == 1]
        assert standing.step == "three"
        assert standing.text.endswith("; then three.")


# Enrollments -----------------------------------------------------------------------------------------------------

ENTRIES: Final = {
    "a": "enroll:\n  when: title == 'CEO' and industry == 'food'\n  again: after 180 days\n  rate: 1 per day\n"
    "  arrived_within: 30 days\n",
}


@contextmanager
def an_entry(folder: Path, **lead: Any) -> Iterator[tuple[Loop, Lead]]:
    """A cadence that asks for everything, and a lead that fits."""
    with a_loop(folder, "- email: one\n- wait: 3 days\n- email: two", more=ENTRIES["a"]) as loop:
        fits = {"title": "CEO", "company": a_company(loop.store, industry="food"), "enroll_check": True, **lead}
        yield loop, a_lead(loop.store, **fits)


def of_course(loop: Loop, lead: Lead) -> Because:
    """The last answer about the cadence."""
    return [one for one in about(loop, lead, "enrollment") if one.cadence == "course"][-1]


def pass_of(loop: Loop) -> None:
    """One pass of enrolling."""
    enroll.run(**loop.common)


def test_a_condition_that_does_not_hold_says_which_part(tmp_path: Path) -> None:
    with an_entry(tmp_path, title="Student") as (loop, one):
        found = of_course(loop, one)
        assert (found.code, found.missing, found.place) == (
            "not_matching",
            ("title == 'CEO'",),
            "cadences/course.yaml:5",
        )
        assert found.version == 1


def test_a_status_that_is_not_ours_to_nurture_says_so(tmp_path: Path) -> None:
    with an_entry(tmp_path, status="customer") as (loop, one):
        assert of_course(loop, one).code == "status"
        assert "customer" in of_course(loop, one).text


def test_an_exclusive_place_that_is_taken_names_the_cadence(tmp_path: Path) -> None:
    with an_entry(tmp_path) as (loop, one):
        other = a_cadence("- email: one\n- wait: 9 days\n- email: two", name="other")
        loop.rules = in_force({"course": a_cadence("- email: one", more=ENTRIES["a"]), "other": other})
        loop.enroll(one, cadence="other")
        found = of_course(loop, one)
        assert (found.code, "in other" in found.text) == ("exclusive", True)


def test_again_says_from_when(tmp_path: Path) -> None:
    with an_entry(tmp_path) as (loop, one):
        pass_of(loop)
        enroll.stop([one.id], cadence=None, store=loop.store, now=loop.now, by="otto")
        found = of_course(loop, one)
        assert (found.code, found.place) == ("again", "cadences/course.yaml:6")
        assert found.clears_at is not None
        assert (found.clears_at - loop.now).days in (179, 180)


def test_a_rate_that_is_used_up_says_tomorrow(tmp_path: Path) -> None:
    with an_entry(tmp_path, fit=1.0) as (loop, one):
        better = a_lead(loop.store, title="CEO", company=a_company(loop.store, industry="food"), fit=9.0)
        loop.enroll(better)
        pass_of(loop)
        found = of_course(loop, one)
        assert (found.code, found.place) == ("rate", "cadences/course.yaml:7")
        assert found.clears_at == datetime.fromisoformat("2026-03-03T23:00Z")


def test_who_came_too_late_is_told(tmp_path: Path) -> None:
    with an_entry(tmp_path) as (loop, _):
        company = a_company(loop.store, industry="food")
        late = a_lead(loop.store, title="CEO", company=company, created_at=loop.now - timedelta(days=31))
        found = of_course(loop, late)
        assert (found.code, found.place) == ("arrived_late", "cadences/course.yaml:8")


def test_who_is_held_out_is_told_and_where_it_says_so(tmp_path: Path) -> None:
    with an_enrolled(tmp_path, "- email: one\n- wait: 3 days\n- email: two", more="holdout: 100%\n") as (loop, one):
        loop.tick()
        found = of_course(loop, one)
        assert (found.code, found.place, found.version) == ("held_out", "cadences/course.yaml:4", 1)


def test_who_may_enter_is_told_too(tmp_path: Path) -> None:
    with an_entry(tmp_path) as (loop, one):
        assert of_course(loop, one).code == "may_enter"


def test_an_enrollment_that_ended_says_how_and_the_goal_where_it_stands(tmp_path: Path) -> None:
    with an_enrolled(tmp_path, more="goal: title == 'CEO'\n", title="CEO") as (loop, one):
        loop.tick()
        found = next(each for each in about(loop, one, "enrollment") if each.code == "goal_met")
        assert (found.place, found.version) == ("cadences/course.yaml:4", 1)
        assert loop.enrollment(one).state is State.GOAL_MET


def test_a_qualification_that_is_used_up_says_when_it_is_tried_again(tmp_path: Path) -> None:
    with a_floor(tmp_path) as floor:
        lead = floor.a_ready_lead()
        back = floor.clock.now() + timedelta(days=30)
        floor.mark(lead, returns_at=back, returns_into="qualification", returns_because="qualification_used_up")
        (found,) = [one for one in about(floor, lead, "enrollment") if one.cadence == "qualification"]
        assert (found.code, found.clears_at, found.place) == ("attempts_used", back, "readiness.yaml:4")


# Promotion -------------------------------------------------------------------------------------------------------


def stage(floor: Floor) -> Lead:
    return floor.a_ready_lead(stage="unknown")


def fit(floor: Floor) -> Lead:
    return floor.a_ready_lead(fit=1.0)


def no_human_evidence(floor: Floor) -> Lead:
    lead = a_lead(floor.store, stage="near_term", fit=30.0, phone="+33123456789")
    floor.learn(lead, "budget", "20k EUR")
    return lead


def missing_facts(floor: Floor) -> Lead:
    return floor.a_ready_lead(phone=None)


def no_rep(floor: Floor) -> Lead:
    floor.staff(CAL)
    lead = floor.a_ready_lead()
    floor.promote()
    return lead


def capacity(floor: Floor) -> Lead:
    floor.rule(capacity=0, capacity_line=9)
    lead = floor.a_ready_lead()
    floor.promote()
    return lead


def returning(floor: Floor) -> Lead:
    back = floor.clock.now() + timedelta(days=90)
    lead = floor.a_ready_lead()
    floor.mark(lead, returns_at=back, returns_into="not-now", returns_because="no_budget_yet")
    return lead


def same_rep(floor: Floor) -> Lead:
    floor.staff(LEE, SAM, CAL)
    lead, offered = floor.offered()
    handoff.reject(floor.desk, offered, "wrong_person")
    floor.clock.advance(days=1)
    floor.learn(lead, "budget", "30k EUR")
    floor.promote()
    return lead


PROMOTIONS: Final[dict[Code, Callable[[Floor], Lead]]] = {
    Code.STAGE: stage,
    Code.FIT: fit,
    Code.NO_HUMAN_EVIDENCE: no_human_evidence,
    Code.MISSING_FACTS: missing_facts,
    Code.NO_REP: no_rep,
    Code.CAPACITY: capacity,
    Code.RETURNING: returning,
    Code.SAME_REP: same_rep,
}
PLACES: Final = {Code.NO_REP: "people.yaml:1", Code.SAME_REP: "people.yaml:1", Code.CAPACITY: "readiness.yaml:9"}


@pytest.mark.parametrize("code", PROMOTIONS)
def test_a_promotion_says_what_is_missing_and_where_that_is_asked_for(tmp_path: Path, code: Code) -> None:
    with a_floor(tmp_path) as floor:
        lead = PROMOTIONS[code](floor)
        found = next(one for one in about(floor, lead, "promotion") if one.code == code.value)
        assert found.place == PLACES.get(code, "readiness.yaml:1" if code is Code.RETURNING else "readiness.yaml:4")
        if code is Code.MISSING_FACTS:
            assert found.missing == ("phone",)
        if code in (Code.RETURNING, Code.SAME_REP):
            assert found.clears_at is not None
            assert found.clears_at > floor.clock.now()


def test_every_code_of_the_contract_has_a_test() -> None:
    assert set(SCENES) == set(Reason)
    assert set(PROMOTIONS) == set(Code)
