"""Scores: the ledger's sum, in any order, in any number of steps; and when time alone must be looked at again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isclose

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nurture.domain.condition import parse
from nurture.domain.duration import Duration, Unit
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Stage
from nurture.domain.response import Grade, Kind, Response
from nurture.domain.scoring import (
    EngagementRule,
    FitRule,
    Line,
    Running,
    Scoring,
    StageRule,
    added,
    decayed,
    engagement,
    fit_lines,
    ledger,
    lines_for,
    look_at,
    stage_of,
    thresholds,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOTHING = LeadHistory(NOW)
CLICK = EngagementRule("click", Kind.CLICK, 4, "read further", Duration(30, Unit.DAYS), at_most=12)
REPLY = EngagementRule("reply", Kind.REPLY, 25, "answered", Duration(90, Unit.DAYS))
NO = EngagementRule("no", Kind.COMPLAINT, -30, "said no", Duration(180, Unit.DAYS))
UP = Scoring(engagement=(CLICK, REPLY), cap=60)
BOTH = Scoring(engagement=(CLICK, REPLY, NO), cap=60)

hours_ago = st.integers(0, 200 * 24)


def lines_of(rules: tuple[EngagementRule, ...]) -> st.SearchStrategy[list[Line]]:
    """Ledger lines of these rules, of any age."""
    line = st.builds(
        lambda rule, ago: Line(rule.key, rule.on, NOW - timedelta(hours=ago)),
        st.sampled_from(rules),
        hours_ago,
    )
    return st.lists(line, max_size=15)


def running(lines: list[Line], scoring: Scoring) -> Mapping[str, Running]:
    """Their sums."""
    return added({}, lines, scoring)


@given(lines_of(BOTH.engagement), st.randoms(use_true_random=False))
def test_the_order_in_which_responses_arrive_does_not_matter(lines: list[Line], dice: object) -> None:
    other = list(lines)
    getattr(dice, "shuffle")(other)  # noqa: B009  (a random.Random, whose module is not for tests to know)
    one, two = engagement(running(lines, BOTH), BOTH, NOW), engagement(running(other, BOTH), BOTH, NOW)
    assert isclose(one, two, abs_tol=1e-9)


@given(lines_of(BOTH.engagement), st.integers(0, 60), st.floats(-50, 50))
def test_the_sum_of_the_ledger_is_the_score(lines: list[Line], later: int, fit: float) -> None:
    scoring = Scoring(fit=(FitRule(fit, parse("employees > 10"), "large"),), engagement=BOTH.engagement, cap=BOTH.cap)
    now = NOW + timedelta(days=later)
    fits = fit_lines(scoring, {"employees": 50}, NOTHING)
    total = sum(line.worth for line in ledger(fits, lines, scoring, now))
    assert isclose(total, fit + engagement(running(lines, scoring), scoring, now), abs_tol=1e-9)


@given(st.floats(-100, 100), st.lists(st.integers(1, 10_000), min_size=1, max_size=40))
def test_decay_in_many_small_steps_is_decay_in_one(points: float, minutes: list[int]) -> None:
    half_life, worth, at = timedelta(days=30), points, NOW
    for span in minutes:
        then = at + timedelta(minutes=span)
        worth, at = decayed(worth, since=at, now=then, half_life=half_life), then
    assert isclose(worth, decayed(points, since=NOW, now=at, half_life=half_life), rel_tol=1e-9, abs_tol=1e-12)


def crossing(sums: Mapping[str, Running], scoring: Scoring, bounds: list[float]) -> datetime | None:
    """When the engagement has crossed a bound, by looking every three hours."""
    before = engagement(sums, scoring, NOW)
    for hour in range(3, 90 * 24, 3):
        now = NOW + timedelta(hours=hour)
        value = engagement(sums, scoring, now)
        if any((before >= bound) != (value >= bound) for bound in bounds):
            return now
    return None


@settings(max_examples=40, deadline=None)
@given(lines_of(BOTH.engagement), st.lists(st.sampled_from([0.0, 2.0, 5.0, 12.0, 22.0, 25.0, 30.0, 60.0]), max_size=3))
def test_nobody_is_looked_at_later_than_the_crossing(lines: list[Line], bounds: list[float]) -> None:
    sums = running(lines, BOTH)
    crossed = crossing(sums, BOTH, bounds)
    if crossed is None:
        return
    now: datetime = NOW
    value = engagement(sums, BOTH, now)
    for _ in range(500):
        look = look_at(sums, BOTH, bounds, now)
        assert look is not None
        assert look > now
        now = look
        seen = engagement(sums, BOTH, now)
        if now > crossed or any((value >= bound) != (seen >= bound) for bound in bounds):
            break
    assert now <= crossed + timedelta(seconds=2)


@settings(max_examples=100, deadline=None)
@given(lines_of(UP.engagement), st.sampled_from([2.0, 5.0, 12.0, 22.0, 25.0, 30.0, 60.0]))
def test_where_all_points_are_gains_a_few_looks_find_the_crossing(lines: list[Line], bound: float) -> None:
    sums = running(lines, UP)
    assume(engagement(sums, UP, NOW) >= bound)
    now: datetime | None = NOW
    for _ in range(3):
        assert now is not None
        now = look_at(sums, UP, [bound], now)
        assert now is not None
        if engagement(sums, UP, now) < bound:
            break
    else:
        pytest.fail("looked at again and again, with nothing to see")
    assert look_at(sums, UP, [bound], now) is None  # it only falls from here


@settings(max_examples=40, deadline=None)
@given(lines_of(BOTH.engagement), st.sampled_from([0.0, 2.0, 5.0, 12.0, 22.0, 30.0]))
def test_with_losses_too_nobody_is_looked_at_many_times_for_nothing(lines: list[Line], bound: float) -> None:
    sums = running(lines, BOTH)
    now: datetime | None = NOW
    crossed = looks = 0
    while now is not None and (look := look_at(sums, BOTH, [bound], now)) is not None and looks < 50:
        sides = [engagement(sums, BOTH, at) >= bound for at in (now, look)]
        crossed, looks, now = crossed + (sides[0] != sides[1]), looks + 1, look
    assert looks <= 3 * crossed + 3


def test_a_score_that_cannot_be_read_is_looked_at_every_day() -> None:
    assert look_at({}, UP, None, NOW) == NOW + timedelta(days=1)
    assert look_at({}, UP, [5.0], NOW) is None


@pytest.mark.parametrize("grade", [Grade.MACHINE, Grade.LIKELY_MACHINE])
def test_only_people_score(grade: Grade) -> None:
    assert lines_for(UP, Response(Kind.CLICK, NOW, 1, grade=grade), {}, NOTHING) == ()
    assert len(lines_for(UP, Response(Kind.CLICK, NOW, 1), {}, NOTHING)) == 1


STAGES = Scoring(
    stages={
        Stage.NEAR_TERM: StageRule(parse("engagement >= 30"), parse("engagement < 22")),
        Stage.LONG_TERM: StageRule(parse("engagement >= 5"), parse("engagement < 2")),
    }
)


@pytest.mark.parametrize(
    ("stage", "value", "after", "why"),
    [
        (Stage.UNKNOWN, 4, Stage.UNKNOWN, ""),
        (Stage.UNKNOWN, 5, Stage.LONG_TERM, "engagement >= 5"),
        (Stage.UNKNOWN, 30, Stage.NEAR_TERM, "engagement >= 30"),
        (Stage.LONG_TERM, 29, Stage.LONG_TERM, ""),
        (Stage.LONG_TERM, 30, Stage.NEAR_TERM, "engagement >= 30"),
        (Stage.NEAR_TERM, 22, Stage.NEAR_TERM, ""),
        (Stage.NEAR_TERM, 21, Stage.LONG_TERM, "engagement < 22"),
        (Stage.NEAR_TERM, 1, Stage.UNKNOWN, "engagement < 22"),
        (Stage.LONG_TERM, 2, Stage.LONG_TERM, ""),
        (Stage.LONG_TERM, 1, Stage.UNKNOWN, "engagement < 2"),
    ],
)
def test_a_stage_is_entered_and_left_at_different_points_and_says_why(
    stage: Stage, value: float, after: Stage, why: str
) -> None:
    assert stage_of(stage, STAGES, {"engagement": value}, NOTHING) == (after, why)


def test_the_bounds_of_a_score_follow_from_the_fit() -> None:
    conditions = [parse("engagement >= 30"), parse("score > 50"), parse("industry == 'health'")]
    assert thresholds(conditions, 20.0) == (30.0,)
    assert thresholds(conditions, 10.0) == (30.0, 40.0)
