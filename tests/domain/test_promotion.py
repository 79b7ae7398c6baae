"""When a lead goes to sales, and what is missing when it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.condition import parse
from nurture.domain.fact import Fact, FactName
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Lead, Stage
from nurture.domain.names import names_of
from nurture.domain.promotion import CallNow, Code, Judgement, Keep, Promote, judge, lacking_of, latest_evidence
from nurture.domain.readiness import Readiness
from nurture.domain.response import Grade, Kind, Response

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
READINESS = Readiness(
    promote_when=parse("stage == 'near_term' and fit >= 20"),
    require=("budget", "phone"),
    fast_when=parse("asked_for_sales"),
    fast_require=("phone",),
)
READY = Lead(1, "ada@example.com", stage=Stage.NEAR_TERM, fit=30, phone="+33123456789")
BUDGET = Fact(FactName.BUDGET, "20k EUR", "call", NOW - timedelta(days=5))


def days_ago(days: float, kind: Kind = Kind.REPLY, grade: Grade = Grade.HUMAN, **detail: Any) -> Response:
    return Response(kind, NOW - timedelta(days=days), 1, grade=grade, detail=detail)


def judged(
    lead: Lead = READY,
    *,
    facts: tuple[Fact, ...] = (BUDGET,),
    responses: tuple[Response, ...] = (days_ago(2, intent="interested"),),
    **more: Any,
) -> Judgement:
    names = names_of(lead, known=[fact.name for fact in facts], now=NOW)
    return judge(lead, names, LeadHistory(NOW), facts, responses, READINESS, NOW, **more)


def codes(found: Judgement) -> list[Code]:
    assert isinstance(found, Keep), found
    return [one.code for one in found.missing]


def changed(**over: Any) -> Lead:
    return replace(READY, **over)


def test_a_lead_that_has_everything_is_promoted_with_its_reasons() -> None:
    found = judged()
    assert isinstance(found, Promote)
    assert any("replied (interested) on 1 March 2026" in reason for reason in found.why)


@pytest.mark.parametrize(
    ("lead", "code"),
    [(changed(stage=Stage.LONG_TERM), Code.STAGE), (changed(fit=5.0), Code.FIT)],
)
def test_each_part_of_the_condition_has_its_code(lead: Lead, code: Code) -> None:
    assert codes(judged(lead)) == [code]


def test_what_is_missing_says_the_rule_and_the_value() -> None:
    found = judged(changed(fit=5.0))
    assert isinstance(found, Keep)
    assert found.missing[0].text == "It needs fit >= 20; fit is 5."


def test_everything_that_is_missing_is_named_at_once() -> None:
    found = judged(changed(stage=Stage.UNKNOWN, fit=0.0, phone=None), facts=(), responses=())
    assert codes(found) == [Code.STAGE, Code.FIT, Code.NO_HUMAN_EVIDENCE, Code.MISSING_FACTS]
    assert isinstance(found, Keep)
    assert found.missing[-1].names == ("budget", "phone")


@pytest.mark.parametrize(
    "responses",
    [
        (),
        (days_ago(31),),
        (days_ago(1, Kind.CLICK, Grade.LIKELY_MACHINE),),
        (days_ago(1, Kind.OPEN),),
        (days_ago(1, intent="refusal"),),
        (days_ago(3, intent="interested"), days_ago(1, Kind.UNSUBSCRIBE)),
        (days_ago(3, intent="interested"), days_ago(1, Kind.CALL, outcome="not_interested")),
        (days_ago(1, Kind.CALL, outcome="voicemail"),),
    ],
    ids=["nothing", "long ago", "machine", "open", "refusal", "unsubscribed after", "said no after", "voicemail"],
)
def test_without_recent_human_evidence_nothing_is_promoted(responses: tuple[Response, ...]) -> None:
    assert codes(judged(responses=responses)) == [Code.NO_HUMAN_EVIDENCE]


def test_interest_after_a_refusal_counts() -> None:
    assert isinstance(judged(responses=(days_ago(9, intent="refusal"), days_ago(1, intent="interested"))), Promote)


def test_a_fact_that_has_grown_old_is_missing() -> None:
    found = judged(facts=(Fact(FactName.BUDGET, "20k", "call", NOW - timedelta(days=181)),))
    assert isinstance(found, Keep)
    assert found.only_facts
    assert found.missing[0].names == ("budget",)


def test_a_timeline_whose_date_has_passed_is_missing() -> None:
    readiness = replace(READINESS, require=("timeline",))
    for value, is_known in (("in 1 month", False), ("in 9 months", True)):
        said = Fact(FactName.TIMELINE, value, "call", NOW - timedelta(days=100))
        lacking = lacking_of(readiness.require, {}, (said,), readiness, NOW)
        assert lacking == (() if is_known else ("timeline",))


def test_a_returning_lead_waits_for_its_date_unless_it_asks() -> None:
    away = NOW + timedelta(days=10)
    found = judged(changed(returns_at=away))
    assert codes(found) == [Code.RETURNING]
    assert isinstance(found, Keep)
    assert found.missing[0].clears_at == away
    assert isinstance(judged(changed(returns_at=away, asked_for_sales=True)), CallNow)


def test_a_hand_raiser_is_called_first_and_then_judged_like_any_other() -> None:
    asked = changed(asked_for_sales=True)
    request = days_ago(1, intent="request")
    assert isinstance(judged(asked, responses=(request,)), CallNow)
    assert isinstance(judged(asked, responses=(request,), called_at=NOW), Promote)
    assert isinstance(judged(asked, responses=(request,), called_at=NOW - timedelta(days=2)), CallNow)


def test_a_hand_raiser_without_a_number_is_not_called() -> None:
    assert codes(judged(changed(asked_for_sales=True, phone=None))) == [Code.MISSING_FACTS]


def test_what_sales_rejected_needs_something_new() -> None:
    rejected = NOW - timedelta(days=1)
    assert codes(judged(rejected_at=rejected)) == [Code.NO_HUMAN_EVIDENCE]
    assert isinstance(judged(rejected_at=rejected, responses=(days_ago(0.5),)), Promote)
    news = Fact(FactName.BUDGET, "30k", "form", NOW)
    assert isinstance(judged(rejected_at=rejected, facts=(BUDGET, news)), Promote)


def test_who_asked_not_to_be_contacted_is_not_promoted() -> None:
    assert codes(judged(suppressed=True)) == [Code.NO_HUMAN_EVIDENCE]


responses_of = st.builds(
    days_ago,
    st.floats(0, 60),
    st.sampled_from(list(Kind)),
    st.sampled_from(list(Grade)),
    intent=st.sampled_from(["interested", "refusal", "request", "other"]),
    outcome=st.sampled_from(["connected", "voicemail", "not_interested"]),
)


@given(st.lists(responses_of, max_size=8))
def test_promotion_is_never_without_human_evidence_that_no_refusal_followed(found: list[Response]) -> None:
    if isinstance(judged(responses=tuple(found)), Promote):
        last = latest_evidence(found)
        assert last is not None
        assert last.grade is Grade.HUMAN
        assert not any(one.kind is Kind.UNSUBSCRIBE and one.at > last.at and one.grade is Grade.HUMAN for one in found)


@given(st.lists(responses_of, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_responses_does_not_matter(found: list[Response], dice: Any) -> None:
    at_once = sorted(found, key=lambda one: (one.at, one.kind, one.grade, str(one.detail)))
    if len({one.at for one in found}) == len(found):
        mixed = list(at_once)
        dice.shuffle(mixed)
        assert judged(responses=tuple(mixed)) == judged(responses=tuple(at_once))
