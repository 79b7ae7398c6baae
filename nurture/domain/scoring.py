"""Facts and responses to a score that lists its reasons: fit, engagement with decay, and the stage they give.

Engagement decays by half-life: a line of a rule is worth `points * 2 ** -(age / half_life)`. For each rule one running
number is kept (how many lines its lines are worth at a reference moment), so that a response costs O(1) and time costs
nothing; the lines themselves stay in the ledger for people. Neither holds points: those are the rule's of today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import fsum
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.duration import Duration, Unit
from nurture.domain.lead import Stage
from nurture.domain.response import Grade, Kind, Response

if TYPE_CHECKING:
    from nurture.domain.condition import Condition, History

SECOND: Final = timedelta(seconds=1)
# A lead whose score cannot cross anything need not be looked at; a far bound keeps arithmetic finite.
FAR: Final = timedelta(days=3650)
PATIENCE: Final = 64  # steps toward a crossing that gains and losses together put off
HALF_LIFE: Final = Duration(30, Unit.DAYS)


@dataclass(frozen=True, slots=True)
class FitRule:
    """Points for what a lead is."""

    points: float
    when: Condition
    because: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class EngagementRule:
    """Points for what a lead did. `at_most` caps its decayed sum.

    `key` names the rule in the ledger and stands for what it matches, not for what that gives.
    """

    key: str
    on: Kind
    points: float
    because: str
    half_life: Duration
    where: Condition | None = None
    at_most: float | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class StageRule:
    """When a stage is entered and left; two conditions, so that it does not flap."""

    enter: Condition
    leave: Condition
    line: int = 0


@dataclass(frozen=True, slots=True)
class Scoring:
    """scoring.yaml, read and checked."""

    fit: tuple[FitRule, ...] = ()
    engagement: tuple[EngagementRule, ...] = ()
    half_life: Duration = HALF_LIFE
    cap: float | None = None
    stages: Mapping[Stage, StageRule] = field(default_factory=dict)

    def rule(self, key: str) -> EngagementRule | None:
        """The engagement rule with this key, if it still exists."""
        return next((rule for rule in self.engagement if rule.key == key), None)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger: a rule matched, at a moment. What that gives, and why, the rule says."""

    rule: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Worth:
    """A ledger line as it counts today. `kind` is `fit`, `cap` or a response kind."""

    kind: str
    points: float
    worth: float
    because: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Running:
    """How many lines the lines of one rule are worth at `at`, as they decay with this half-life."""

    lines: float
    at: datetime
    half_life: timedelta


Sums = Mapping[str, Running]


def decayed(points: float, *, since: datetime, now: datetime, half_life: timedelta) -> float:
    """What `points` made at `since` are worth at `now`; points of the future count in full."""
    age = max(timedelta(0), now - since)
    return float(points * 2.0 ** -(age / half_life))


def fit_lines(scoring: Scoring, names: Mapping[str, Any], history: History) -> tuple[Worth, ...]:
    """One line for each fit rule that holds."""
    return tuple(
        Worth("fit", rule.points, rule.points, rule.because, None)
        for rule in scoring.fit
        if rule.when.holds(names, history)
    )


def lines_for(scoring: Scoring, response: Response, names: Mapping[str, Any], history: History) -> tuple[Line, ...]:
    """The ledger lines that this response makes. Only human responses score."""
    if response.grade is not Grade.HUMAN:
        return ()
    seen = {**names, **response_names(response)}
    return tuple(
        Line(rule.key, response.kind, response.at)
        for rule in scoring.engagement
        if rule.on is response.kind and (rule.where is None or rule.where.holds(seen, history))
    )


def response_names(response: Response) -> dict[str, Any]:
    """The response's own names in a scoring rule's `where`."""
    detail = response.detail
    return {
        "intent": detail.get("intent"),
        "page": detail.get("page"),
        "url": detail.get("url"),
        "form": detail.get("form"),
        "outcome": detail.get("outcome"),
        "grade": response.grade.value,
    }


def added(sums: Sums, lines: Iterable[Line], scoring: Scoring) -> dict[str, Running]:
    """The running sums with these lines in them; in any order, the same sums."""
    result = dict(sums)
    for line in lines:
        rule = scoring.rule(line.rule)
        if rule is None:
            continue
        half_life = rule.half_life.span
        old = result.get(line.rule)
        if old is None:
            result[line.rule] = Running(1.0, line.at, half_life)
        elif line.at >= old.at:
            earlier = decayed(old.lines, since=old.at, now=line.at, half_life=half_life)
            result[line.rule] = Running(earlier + 1.0, line.at, half_life)
        else:
            later = decayed(1.0, since=line.at, now=old.at, half_life=half_life)
            result[line.rule] = Running(old.lines + later, old.at, half_life)
    return result


def is_of_today(sums: Sums, scoring: Scoring) -> bool:
    """Whether these sums decay as the rules do. Where not, a half-life was changed: they follow from the lines."""
    return all((rule := scoring.rule(key)) is None or rule.half_life.span == one.half_life for key, one in sums.items())


def engagement(sums: Sums, scoring: Scoring, now: datetime) -> float:
    """The engagement at `now`: each rule's decayed sum, capped, and their total, capped."""
    total = fsum(_by_rule(sums, scoring, now))
    return total if scoring.cap is None else min(total, scoring.cap)


def _by_rule(sums: Sums, scoring: Scoring, now: datetime) -> list[float]:
    """The capped worth of each rule."""
    found = []
    for rule in scoring.engagement:
        running = sums.get(rule.key)
        if running is not None:
            lines = decayed(running.lines, since=running.at, now=now, half_life=rule.half_life.span)
            found.append(_capped(rule.points * lines, rule.at_most))
    return found


def _capped(worth: float, at_most: float | None) -> float:
    if at_most is None:
        return worth
    return min(worth, at_most) if worth >= 0 else max(worth, -at_most)


def ledger(fit: Sequence[Worth], lines: Sequence[Line], scoring: Scoring, now: datetime) -> tuple[Worth, ...]:
    """Every reason and what it is worth at `now`; the sum of `worth` is the score. Caps are lines of their own."""
    result = list(fit)
    by_rule: dict[str, float] = {}
    for line in sorted(lines, key=lambda line: line.at):
        rule = scoring.rule(line.rule)
        if rule is None:
            continue
        worth = decayed(rule.points, since=line.at, now=now, half_life=rule.half_life.span)
        by_rule[line.rule] = by_rule.get(line.rule, 0.0) + worth
        result.append(Worth(line.kind, rule.points, worth, rule.because, line.at))
    total = 0.0
    for key, worth in by_rule.items():
        rule = scoring.rule(key)
        assert rule is not None
        capped = _capped(worth, rule.at_most)
        total += capped
        if capped != worth:
            result.append(Worth("cap", 0.0, capped - worth, f"at most {rule.at_most:g} for: {rule.because}", None))
    if scoring.cap is not None and total > scoring.cap:
        result.append(Worth("cap", 0.0, scoring.cap - total, f"engagement counts at most {scoring.cap:g}", None))
    return tuple(result)


def stage_of(current: Stage, scoring: Scoring, names: Mapping[str, Any], history: History) -> tuple[Stage, str]:
    """The stage that follows from `current`, and the condition that decided it (empty where nothing changes)."""
    near, far = scoring.stages.get(Stage.NEAR_TERM), scoring.stages.get(Stage.LONG_TERM)
    if near is not None:
        if current is Stage.NEAR_TERM and not near.leave.holds(names, history):
            return current, ""
        if current is not Stage.NEAR_TERM and near.enter.holds(names, history):
            return Stage.NEAR_TERM, near.enter.text
    if far is not None:
        if current is Stage.LONG_TERM and not far.leave.holds(names, history):
            return current, ""
        if current is not Stage.LONG_TERM and far.enter.holds(names, history):
            return Stage.LONG_TERM, far.enter.text if current is Stage.UNKNOWN else near.leave.text if near else ""
    left = near if current is Stage.NEAR_TERM else far
    if current is Stage.UNKNOWN:
        return current, ""
    return Stage.UNKNOWN, left.leave.text if left else "no stage is defined"


def thresholds(conditions: Iterable[Condition], fit: float) -> tuple[float, ...] | None:
    """The values of engagement at which one of these conditions can change, given the fit. None: cannot be read."""
    found: set[float] = set()
    for condition in conditions:
        direct, through = condition.bounds("engagement"), condition.bounds("score")
        if direct is None or through is None:
            return None
        found |= direct
        found |= {bound - fit for bound in through}
    return tuple(sorted(found))


def look_at(sums: Sums, scoring: Scoring, bounds: Sequence[float] | None, now: datetime) -> datetime | None:
    """When decay alone next carries the engagement over a bound: at most a second after it does. None: never.

    Where gains and losses go on so close to a bound that it takes too long to find out, a moment before that.
    """
    if bounds is None:
        return now + timedelta(days=1)
    before = _side(engagement(sums, scoring, now), bounds)
    moment = _not_before(sums, scoring, bounds, now)
    for _ in range(PATIENCE):
        if moment is None or moment - now >= FAR:
            return None
        if _side(engagement(sums, scoring, moment), bounds) != before:
            break
        moment = _not_before(sums, scoring, bounds, moment)
    return moment


def _side(value: float, bounds: Sequence[float]) -> int:
    return sum(value >= bound for bound in bounds)


def _not_before(sums: Sums, scoring: Scoring, bounds: Sequence[float], now: datetime) -> datetime | None:
    """A moment that no bound is crossed before. None: none will be.

    Gains only fall and losses only fade. So the engagement stays above what the gains of then and the losses of now
    make, and below what the gains of now and the losses of then make: both bend one way, and are searched by halving.
    Where there are no losses the first of them is the engagement itself.
    """
    gains, losses = _gains_and_losses(sums, scoring, now)
    total = _within_cap(gains - losses, scoring)
    falls_to = max((bound for bound in bounds if bound <= total), default=None)
    rises_to = min((bound for bound in bounds if bound > total), default=None)
    moments = []
    if falls_to is not None and gains > 0:
        bound = falls_to
        moments.append(
            _first(lambda at: _within_cap(_gains_and_losses(sums, scoring, at)[0] - losses, scoring) < bound, now)
        )
    if rises_to is not None and losses > 0:
        above = rises_to
        moments.append(
            _first(lambda at: _within_cap(gains - _gains_and_losses(sums, scoring, at)[1], scoring) >= above, now)
        )
    return min((moment for moment in moments if moment is not None), default=None)


def _gains_and_losses(sums: Sums, scoring: Scoring, now: datetime) -> tuple[float, float]:
    """The worth of the rules that give points, and of those that take them; both positive."""
    worths = _by_rule(sums, scoring, now)
    return fsum(worth for worth in worths if worth > 0), -fsum(worth for worth in worths if worth < 0)


def _within_cap(total: float, scoring: Scoring) -> float:
    return total if scoring.cap is None else min(total, scoring.cap)


def _first(holds: Callable[[datetime], bool], now: datetime) -> datetime | None:
    """The first second after now at which something holds that goes on to hold. None: not for years."""
    before, after = 0, 1
    while not holds(now + after * SECOND):
        if after * SECOND >= FAR:
            return None
        before, after = after, after * 4
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if holds(now + middle * SECOND) else (middle, after)
    return now + after * SECOND
