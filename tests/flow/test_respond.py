"""What follows from a response: one transaction for the score, the stage, consent and every enrollment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.domain.enrollment import State
from nurture.domain.errors import RefusedError, RequestError
from nurture.domain.lead import Stage
from nurture.domain.response import Grade, Kind
from nurture.domain.walk import Program
from nurture.flow.respond import Report
from tests.builders import a_lead
from tests.flow.loop import Loop, a_loop

SCORING = """
engagement:
  half_life: 30 days
  rules:
    - {on: reply, where: "intent == 'interested'", points: 30, because: asked}
    - {on: click, points: 4, because: read further}
stages:
  near_term: {enter: engagement >= 30, leave: engagement < 20}
  long_term: {enter: engagement >= 4, leave: engagement < 2}
"""
STEPS = """
- email: hello
- wait_for: clicked('hello')
  timeout: 30 days
- email: more
"""


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, STEPS, files={"scoring.yaml": SCORING}) as made:
        yield made


def sent_to_one(loop: Loop) -> tuple[int, str]:
    """A lead that got the first mail: its id, and the touch."""
    lead = a_lead(loop.store)
    loop.enroll(lead)
    loop.tick()
    [touch] = loop.touches(lead)
    return lead.id, touch.id


def stored(loop: Loop, lead: int) -> tuple[float, Stage]:
    """Engagement and stage, as stored."""
    with loop.store.unit(write=False) as work:
        found = work.leads.get([lead])[lead]
    return found.engagement, found.stage


def test_a_response_that_is_reported_twice_counts_once(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)
    click = Report(Kind.CLICK, loop.now, touch=touch, detail={"url": "https://acme.example/hello"})
    first, second = loop.report(click, click)
    assert first.response is not None
    assert second.response is None
    assert stored(loop, lead) == (4.0, Stage.LONG_TERM)


def test_a_click_wakes_the_enrollment_that_waits_for_it(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)
    loop.clock.advance(days=2)
    loop.report(Report(Kind.CLICK, loop.now, touch=touch, detail={"url": "https://acme.example/hello"}))
    loop.tick()
    with loop.store.unit(write=False) as work:
        assert [one.step for one in work.touches.select(lead=lead)] == ["hello", "more"]


def test_a_machines_click_is_kept_and_changes_nothing(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)
    loop.report(Report(Kind.CLICK, loop.now, touch=touch, grade=Grade.MACHINE, detail={"url": "https://acme.example"}))
    loop.tick(days=1)
    assert stored(loop, lead) == (0.0, Stage.UNKNOWN)
    with loop.store.unit(write=False) as work:
        assert [one.step for one in work.touches.select(lead=lead)] == ["hello"]
        assert len(work.responses.of_leads([lead])[lead]) == 1


def test_a_reply_stops_its_enrollment_and_opens_a_task_due_in_four_business_hours(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)
    loop.report(Report(Kind.REPLY, loop.now, touch=touch, detail={"intent": "interested", "text": "Tell me more"}))
    with loop.store.unit(write=False) as work:
        [one] = work.enrollments.select(lead=lead)
        task = next(made for made in work.touches.select(lead=lead) if made.step == "reply")
    assert (one.state, one.reason) == (State.STOPPED, "reply")
    assert task.state == "open"
    assert timedelta(hours=4) <= task.due_at - loop.now <= timedelta(days=4)
    assert stored(loop, lead) == (30.0, Stage.NEAR_TERM)


def test_an_unsubscribe_stops_everything_and_suppresses_the_address(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)
    loop.report(Report(Kind.UNSUBSCRIBE, loop.now, touch=touch))
    with loop.store.unit(write=False) as work:
        [one] = work.enrollments.select(lead=lead)
        address = work.leads.get([lead])[lead].email or ""
        assert work.suppressions.scopes([address]) == {address: frozenset({"all"})}
    assert one.state is State.STOPPED


def test_a_hard_bounce_ends_mail_only_and_a_full_box_ends_nothing(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)
    loop.report(Report(Kind.BOUNCE, loop.now, touch=touch, grade=Grade.MACHINE, detail={"bounce": "full"}))
    with loop.store.unit(write=False) as work:
        assert work.suppressions.all() == []
    loop.clock.advance(minutes=1)
    hard = {"bounce": "hard", "address": ""}
    loop.report(Report(Kind.BOUNCE, loop.now, touch=touch, grade=Grade.LIKELY_MACHINE, detail=hard))
    with loop.store.unit(write=False) as work:
        assert [one.scope for one in work.suppressions.all()] == ["email"]
        assert work.enrollments.select(lead=lead)[0].state is State.ACTIVE


def test_out_of_office_pauses_and_what_was_left_of_the_wait_is_kept(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)
    loop.clock.advance(days=10)
    loop.report(Report(Kind.AUTO_REPLY, loop.now, touch=touch, grade=Grade.MACHINE))
    with loop.store.unit(write=False) as work:
        before = work.enrollments.select(lead=lead)[0]
    if before.state is State.ACTIVE:  # a machine's grade has no effect: the classifier grades these human or likely
        loop.clock.advance(minutes=1)
        loop.report(Report(Kind.AUTO_REPLY, loop.now, touch=touch))
    loop.tick(days=15)
    with loop.store.unit(write=False) as work:
        after = work.enrollments.select(lead=lead)[0]
    assert after.state is State.ACTIVE
    assert after.next_at is not None
    assert timedelta(days=18) < after.next_at - loop.now <= timedelta(days=20)


def test_a_callback_without_its_moment_is_refused_and_nothing_is_stored(loop: Loop) -> None:
    lead, _ = sent_to_one(loop)
    with pytest.raises(RequestError, match="--at"):
        loop.report(Report(Kind.CALL, loop.now, lead=lead, detail={"outcome": "callback"}))
    with loop.store.unit(write=False) as work:
        assert work.responses.of_leads([lead]) == {}


def test_a_click_counts_although_the_version_of_its_cadence_is_not_stored(loop: Loop) -> None:
    lead, touch = sent_to_one(loop)

    def gone(name: str, version: int) -> Program:
        raise RefusedError(f"{name} has no version {version}.", hint="")

    loop.rules = replace(loop.rules, program=gone)
    [recorded] = loop.report(Report(Kind.CLICK, loop.now, touch=touch, detail={"url": "https://acme.example/hello"}))
    assert recorded.response is not None
    with loop.store.unit(write=False) as work:
        assert work.leads.get([lead])[lead].engagement == 4


@pytest.mark.parametrize(
    ("kind", "said", "page"),
    [
        (Kind.VISIT, {"page": "https://www.acme.example/pricing?plan=2#top"}, "/pricing?plan=2"),
        (Kind.VISIT, {"page": "/pricing"}, "/pricing"),
        (Kind.VISIT, {"url": "HTTPS://acme.example"}, "/"),
        (Kind.FORM, {"page": "https://acme.example?a=b"}, "/?a=b"),
        (Kind.DOWNLOAD, {"url": "https://acme.example/guide.pdf"}, "/guide.pdf"),
        (Kind.CLICK, {"url": "https://acme.example/pricing"}, None),
    ],
)
def test_a_page_is_its_path_on_the_site_though_the_whole_address_is_told(
    loop: Loop, kind: Kind, said: dict[str, str], page: str | None
) -> None:
    lead = a_lead(loop.store)
    loop.report(Report(kind, loop.now, lead.id, detail=said))
    with loop.store.unit(write=False) as work:
        (response,) = work.responses.of_lead(lead.id)
    assert response.detail.get("page") == page
    assert {*said.values()} <= {*response.detail.values()}
