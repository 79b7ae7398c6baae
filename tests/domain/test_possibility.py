"""A condition that some lead fulfills can hold; one that none can is found out."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.condition import Condition, History, parse
from nurture.domain.duration import Duration, Unit
from nurture.domain.possibility import can_both_hold, can_hold, ranges_of, told_apart
from nurture.domain.response import Kind
from nurture.domain.scoring import EngagementRule, FitRule, Scoring

NO_HISTORY = cast("History", None)  # these conditions ask nothing of it
RANGES = {"fit": (-40.0, 25.0), "engagement": (0.0, 60.0)}

numbers = st.sampled_from(["fit", "engagement", "revenue"])
texts = st.sampled_from(["country", "stage", "x.plant"])
atoms = st.one_of(
    st.builds("{} {} {}".format, numbers, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), st.integers(-50, 70)),
    st.builds("{} {} {}".format, numbers, st.sampled_from(["<", "==", ">"]), numbers),
    st.builds("{} {} [{}]".format, numbers, st.sampled_from(["in", "not in"]), st.integers(-50, 70)),
    st.builds("{} {} 'unknown'".format, texts, st.sampled_from(["==", "!="])),
    st.builds("{} {} ['near_term', 'unknown']".format, texts, st.sampled_from(["in", "not in"])),
    st.builds("fit + engagement {} {}".format, st.sampled_from(["<", ">"]), st.integers(-50, 70)),
    st.sampled_from(["asked_for_sales", "title", "budget", "x.plant", "contains(title, 'a')"]),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)
leads = st.fixed_dictionaries(
    {
        "fit": st.none() | st.floats(-40, 25) | st.integers(-40, 25),
        "engagement": st.none() | st.floats(0, 60) | st.integers(0, 60),
        "revenue": st.none() | st.floats(-100, 100),
        "country": st.sampled_from([None, "", "unknown", "US"]),
        "stage": st.sampled_from(["unknown", "near_term", "long_term"]),
        "x.plant": st.sampled_from([None, "unknown", "near_term", "5"]),
        "title": st.sampled_from([None, "", "a", "b"]),
        "asked_for_sales": st.booleans(),
        "budget": st.booleans(),
    }
)


@given(conditions, leads)
def test_what_holds_for_some_lead_can_hold(text: str, lead: dict[str, Any]) -> None:
    condition = parse(text)
    if condition.holds(lead, NO_HISTORY):
        assert can_hold(condition, RANGES)
        assert can_hold(condition)


@given(conditions, conditions, leads)
def test_two_that_hold_for_one_lead_can_both_hold(one: str, other: str, lead: dict[str, Any]) -> None:
    first, second = parse(one), parse(other)
    if first.holds(lead, NO_HISTORY) and second.holds(lead, NO_HISTORY):
        assert not told_apart(first, second)
        assert can_both_hold(first, second, RANGES)


@pytest.mark.parametrize(
    "text",
    [
        "fit >= 30",
        "fit > 3 and fit < 2",
        "not fit > 3 and fit > 5",
        "fit in [1, 2] and fit not in [1, 2]",
        "engagement >= 100 and replied()",
        "stage == 'near_term' and stage == 'long_term'",
        "stage not in ['unknown', 'long_term', 'near_term']",
        "country == 'US' and country == 'CA'",
        "budget and not budget",
        "false",
    ],
)
def test_what_no_lead_fulfills_cannot_hold(text: str) -> None:
    assert not can_hold(parse(text), RANGES)


@pytest.mark.parametrize(
    "text",
    [
        "fit > 3 and fit <= 3.5",
        "engagement >= 100 or replied()",
        "fit + engagement > 200",
        "not fit > 3 and not fit <= 3",
        "employees > 100 and employees < revenue",
        " and ".join(f"x.a{n} == 'a' and not x.a{n} == 'b'" for n in range(12)),
    ],
)
def test_in_doubt_a_condition_can_hold(text: str) -> None:
    assert can_hold(parse(text), RANGES)


def a_rule(points: float, **more: Any) -> EngagementRule:
    return EngagementRule("key", Kind.CLICK, points, "because", Duration(30, Unit.DAYS), **more)


def always() -> Condition:
    return parse("true")


def test_the_points_that_can_be_reached_are_the_sums_of_the_rules() -> None:
    fit = tuple(FitRule(points, always(), "because") for points in (15, 10, -40))
    found = ranges_of(Scoring(fit=fit, engagement=(a_rule(4, at_most=12), a_rule(8, at_most=20)), cap=60))
    assert (found["fit"], found["engagement"], found["score"]) == ((-40, 25), (0, 32), (-40, 57))
    assert ranges_of(Scoring(engagement=(a_rule(4), a_rule(-1)), cap=60))["engagement"] == (-float("inf"), 60)


def test_without_rules_nothing_is_said_about_points() -> None:
    assert not {"fit", "engagement", "score"} & ranges_of(Scoring(half_life=Duration(1, Unit.DAYS))).keys()
