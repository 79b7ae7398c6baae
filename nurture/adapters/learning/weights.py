"""Log-odds of cells, one feature at a time and all of them together, within periods or over all times."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from nurture.adapters.learning.cells import Cells, Feature, Numbers
from nurture.domain.calibration.table import Kind

SMOOTHING: Final = 1.0  # leads of each outcome that are added to each cell
PERIOD: Final = 100  # leads
PERIODS: Final = 20  # at most
NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Manner:
    """How weights are found.

    Compared within periods or over all times; how cautious the regression is, and how many times as much as a cell of
    its own counts there what rises or falls with a number; the share of the weights of evidence.
    """

    within: bool
    strength: float
    trend: float
    share: float


def _periods(count: int, *, within: bool) -> Cells:
    """The period of each example: equal parts in the order of time, or one for all."""
    parts = min(PERIODS, max(1, round(count / PERIOD))) if within else 1
    return (np.arange(count) * parts) // count


def _evidence(features: Sequence[Feature], good: Numbers, periods: Cells) -> list[Numbers]:
    """Weights of evidence: the good leads of a cell beside those expected of leads of the same periods."""
    parts = int(periods.max()) + 1
    rates = (np.bincount(periods, good, parts) + 0.5) / (np.bincount(periods, minlength=parts) + 1)
    expected, rate = rates[periods], float(good.mean())
    found = []
    for one in features:
        size, inside = len(one.lines), one.cells >= 0
        hits = np.bincount(one.cells[inside], good[inside], size)
        leads = np.bincount(one.cells[inside], minlength=size)
        fair = np.bincount(one.cells[inside], expected[inside], size)
        for_ = (hits + SMOOTHING) / (fair + 2 * SMOOTHING * rate)
        against = (leads - hits + SMOOTHING) / (leads - fair + 2 * SMOOTHING * (1 - rate))
        found.append(np.log(for_) - np.log(against))
    return found


def _trend(one: Feature) -> Numbers:
    """Where the cells of a number lie, as normal scores of their ranks; 0 for all that is not a number.

    B. L. van der Waerden, Order tests for the two-sample problem, Indagationes Mathematicae 14 (1952), 453-458.
    """
    places = [place for place, line in enumerate(one.lines) if line.kind is Kind.BETWEEN]
    found = np.zeros(len(one.lines))
    leads = np.bincount(one.cells[one.cells >= 0], minlength=len(one.lines))[places]
    if leads.sum():
        ranks = (np.cumsum(leads) - leads / 2) / leads.sum()
        ranks[leads == 0] = 0.5  # beyond all that was seen it does not go on
        found[places] = [NORMAL.inv_cdf(float(rank)) for rank in np.clip(ranks, 0.001, 0.999)]
    return found


def _together(features: Sequence[Feature], good: Numbers, periods: Cells, manner: Manner) -> list[Numbers]:
    """Log-odds of all cells in one logistic regression, beside an intercept for each period.

    A number has a column for its trend too: it takes less to believe that than ten unrelated cells.
    """
    trends = [manner.trend * _trend(one) for one in features]
    blocks = [
        np.column_stack([np.eye(len(trend) + 1)[:, :-1], np.append(trend, 0.0)])[one.cells]
        for one, trend in zip(features, trends, strict=True)
    ]
    # Periods are scaled up, so that the penalty on them hardly counts.
    every = np.hstack([*blocks, 3 * np.eye(int(periods.max()) + 1)[periods]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=manner.strength, max_iter=300).fit(every, good)
    weights, found, start = fitted.coef_[0], [], 0
    for one, trend in zip(features, trends, strict=True):
        end = start + len(one.lines)
        found.append(np.asarray(weights[start:end] + weights[end] * trend, dtype=np.float64))
        start = end + 1
    return found


def total(features: Sequence[Feature], weights: Sequence[Numbers], count: int) -> Numbers:
    """The sum over the features for each of so many examples."""
    found = np.zeros(count)
    for one, weight in zip(features, weights, strict=True):
        found += np.append(weight, 0.0)[one.cells]
    return found


def _scaled(features: Sequence[Feature], weights: list[Numbers], count: int) -> list[Numbers]:
    """With a spread of one over the examples."""
    spread = float(total(features, weights, count).std()) or 1.0
    return [weight / spread for weight in weights]


def by_manner(features: Sequence[Feature], good: Numbers, manners: Sequence[Manner]) -> dict[Manner, list[Numbers]]:
    """The weights by each of these manners, with a spread of one."""
    found: dict[Manner, list[Numbers]] = {}
    for within in dict.fromkeys(manner.within for manner in manners):
        mine = [manner for manner in manners if manner.within is within]
        periods = _periods(len(good), within=within)
        alone = _scaled(features, _evidence(features, good, periods), len(good))
        for regression in dict.fromkeys((manner.strength, manner.trend) for manner in mine):
            same = [manner for manner in mine if (manner.strength, manner.trend) == regression]
            together = _scaled(features, _together(features, good, periods, same[0]), len(good))
            found |= {manner: _mix(alone, together, manner.share) for manner in same}
    return found


def _mix(alone: list[Numbers], together: list[Numbers], share: float) -> list[Numbers]:
    return [share * mine + (1 - share) * other for mine, other in zip(alone, together, strict=True)]


def in_log_odds(features: Sequence[Feature], good: Numbers, manner: Manner) -> list[Numbers]:
    """The mixture in log-odds: scaled by how fast the outcome rises with it, within the periods."""
    if not features:
        return []
    periods = _periods(len(good), within=manner.within)
    mixed = by_manner(features, good, [manner])[manner]
    beside = np.column_stack([total(features, mixed, len(good)), 3 * np.eye(int(periods.max()) + 1)[periods]])
    slope = float(LogisticRegression(C=1.0, max_iter=300).fit(beside, good).coef_[0][0])
    return [max(slope, 0.05) * weight for weight in mixed]
