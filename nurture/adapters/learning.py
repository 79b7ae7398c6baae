"""Examples in the order of time -> a points table. Needs the extra `calibrate`; nothing but `scoring fit` imports it.

Each feature is cut into cells, and each cell gets log-odds in two ways that are then mixed. (1) Weights of evidence,
one feature at a time (I. J. Good, Weight of evidence: a brief survey, Bayesian Statistics 2 (1985), 249-270), smoothed
toward even odds, so that what was hardly seen is neither praised nor damned. (2) A logistic regression of all features
together, which shares the credit among those that say the same. Both compare leads with others of their own time (they
are fitted within periods), or a feature that only tells the date would get the credit for the years going up or down.
How much of each is decided by the past alone: learned on its beginning, judged on what came next.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from nurture.domain.calibration import ranking
from nurture.domain.calibration.table import (
    POINTS_PER_LOG_ODD,
    YES,
    Band,
    Example,
    Kind,
    Table,
    Value,
    is_numeric,
    is_sayable,
    number_of,
)

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Cells = np.ndarray[Any, np.dtype[np.int64]]

FINEST: Final = 10  # cells of a number
BEYOND: Final = 0.25  # of the range that was seen: a number so far outside of it was never seen
RARE: Final = 5  # texts of fewer leads share a cell
MANY: Final = 40  # a feature with more frequent texts than this is a name, not a property
SMOOTHING: Final = 1.0  # leads of each outcome that are added to each cell
PERIOD: Final = 100  # leads
PERIODS: Final = 20  # at most
STRENGTH: Final = 0.1  # of the logistic regression: smaller is more cautious
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the weights of evidence in the mixture
USUAL: Final = 0.5
CLEARLY: Final = 0.02  # AUC by which another mixture must be better than the usual one
FOLDS: Final = 4
SAME: Final = 6  # points: cells that differ by less share a line
LINES: Final = 80
LARGEST: Final = 50  # points of a line


@dataclass(frozen=True, slots=True)
class _Feature:
    """A feature cut into cells: each a line without points yet, and the cell of each example (-1: of none)."""

    name: str
    lines: tuple[Band, ...]
    cells: Cells


def learn(examples: Sequence[Example]) -> Table:
    """A table for these examples, oldest first. Without both outcomes, or without features, it is empty."""
    good = np.array([one.good for one in examples], dtype=np.float64)
    if len(examples) < 2 or not 0 < good.sum() < len(good):
        return Table((), len(examples), int(good.sum()))
    share = _best_share(examples, good)
    features = _cut(examples)
    weights = _mixed(features, good, share)
    bands = _readable(features, weights, good)
    return Table(tuple(bands), len(examples), int(good.sum()))


# Cells -------------------------------------------------------------------------------------------------------------


def _cut(examples: Sequence[Example]) -> list[_Feature]:
    names = dict.fromkeys(name for one in examples for name in one.values)
    found = []
    for name in names:
        values = [one.values.get(name) for one in examples]
        lines = _numbers(name, values) if is_numeric(values) else _texts(name, values)
        cells = _cells(lines, values)
        if len(np.unique(cells)) > 1:
            found.append(_Feature(name, lines, cells))
    return found


def _cells(lines: Sequence[Band], values: Sequence[Value]) -> Cells:
    known: dict[Value, int] = {}
    for value in dict.fromkeys(values):
        known[value] = next((place for place, line in enumerate(lines) if line.holds(value)), -1)
    return np.array([known[value] for value in values], dtype=np.int64)


def _numbers(name: str, values: Sequence[Value]) -> tuple[Band, ...]:
    """Cells with about as many leads in each, one far below and one far above all that was seen, one for nothing."""
    there = np.array([number for value in values if value != "" and (number := number_of(value)) is not None])
    distinct = np.unique(there)
    ends: Numbers = distinct
    if len(distinct) > FINEST:
        ends = np.unique(np.quantile(there, np.linspace(0, 1, FINEST + 1)[1:], method="inverted_cdf"))
    # A little past the least and the most is like them; far past is new ground.
    margin = BEYOND * float(distinct[-1] - distinct[0])
    inner = [float(distinct[0]) - margin, *map(float, ends[:-1]), float(distinct[-1]) + margin]
    bounds = [round(bound, 9) for bound in inner]
    lines = [
        Band(name, Kind.BETWEEN, 0, 0, 0, above=above, up_to=up_to)
        for above, up_to in zip([None, *bounds], [*bounds, None], strict=True)
    ]
    return (*lines, *_nothing(name, values))


def _texts(name: str, values: Sequence[Value]) -> tuple[Band, ...]:
    """A cell for each frequent text, one for the rare ones together, one for what was never seen."""
    counts = Counter(str(value) for value in values if value not in (None, "") and is_sayable(str(value)))
    frequent = sorted(text for text, count in counts.items() if count >= RARE)
    rare = tuple(sorted(counts.keys() - set(frequent)))
    if not frequent or len(frequent) > MANY or len(rare) > MANY:
        return ()
    lines = [Band(name, Kind.AMONG, 0, 0, 0, texts=(text,)) for text in frequent]
    if rare:
        lines.append(Band(name, Kind.AMONG, 0, 0, 0, texts=rare))
    if set(counts) != {YES}:  # a truth value knows no third
        lines.append(Band(name, Kind.UNSEEN, 0, 0, 0, texts=tuple(sorted(counts))))
    return (*lines, *_nothing(name, values))


def _nothing(name: str, values: Sequence[Value]) -> tuple[Band, ...]:
    if all(value not in (None, "") for value in values):
        return ()
    truth = {value for value in values if value not in (None, "")} == {YES}
    return (Band(name, Kind.MISSING, 0, 0, 0, texts=(YES,) if truth else ()),)


# Weights -----------------------------------------------------------------------------------------------------------


def _periods(count: int) -> Cells:
    """The period of each example: equal parts in the order of time."""
    parts = min(PERIODS, max(1, round(count / PERIOD)))
    return (np.arange(count) * parts) // count


def _evidence(features: Sequence[_Feature], good: Numbers) -> list[Numbers]:
    """Weights of evidence: the good leads of a cell beside those expected of leads of the same periods."""
    periods = _periods(len(good))
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


def _together(features: Sequence[_Feature], good: Numbers) -> list[Numbers]:
    """Log-odds of all cells in one logistic regression, beside an intercept for each period."""
    periods = _periods(len(good))
    blocks = [np.eye(len(one.lines) + 1)[one.cells][:, : len(one.lines)] for one in features]
    # Periods are scaled up, so that the penalty on them hardly counts.
    every = np.hstack([*blocks, 3 * np.eye(int(periods.max()) + 1)[periods]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=STRENGTH, max_iter=300).fit(every, good)
    weights, found, start = fitted.coef_[0], [], 0
    for one in features:
        found.append(np.asarray(weights[start : start + len(one.lines)], dtype=np.float64))
        start += len(one.lines)
    return found


def _sum(features: Sequence[_Feature], weights: Sequence[Numbers], count: int) -> Numbers:
    total = np.zeros(count)
    for one, weight in zip(features, weights, strict=True):
        total += np.append(weight, 0.0)[one.cells]
    return total


def _both(features: Sequence[_Feature], good: Numbers) -> tuple[list[Numbers], list[Numbers]]:
    """Both kinds of weights, each scaled to a spread of one over the examples."""
    found = []
    for weights in (_evidence(features, good), _together(features, good)):
        spread = float(_sum(features, weights, len(good)).std()) or 1.0
        found.append([weight / spread for weight in weights])
    return found[0], found[1]


def _mix(pair: tuple[list[Numbers], list[Numbers]], share: float) -> list[Numbers]:
    return [share * mine + (1 - share) * other for mine, other in zip(*pair, strict=True)]


def _mixed(features: Sequence[_Feature], good: Numbers, share: float) -> list[Numbers]:
    """The mixture in log-odds: scaled by how fast the outcome rises with it, within the periods."""
    if not features:
        return []
    mixed = _mix(_both(features, good), share)
    periods = _periods(len(good))
    total = _sum(features, mixed, len(good))
    beside = np.column_stack([total, 3 * np.eye(int(periods.max()) + 1)[periods]])
    slope = float(LogisticRegression(C=1.0, max_iter=300).fit(beside, good).coef_[0][0])
    return [max(slope, 0.05) * weight for weight in mixed]


def _best_share(examples: Sequence[Example], good: Numbers) -> float:
    """The share of the first kind of weights that did best on what came next, in the past; near ties the usual one."""
    edges = np.linspace(0, len(examples), FOLDS + 2).astype(int)[1:]
    results: dict[float, list[float]] = {share: [] for share in SHARES}
    for begin, end in pairwise(edges):
        past, later = good[:begin], good[begin:end]
        if not 0 < past.sum() < len(past):
            continue
        features = _cut(examples[:begin])
        pair = _both(features, past)
        ahead = [replace(one, cells=_cells(one.lines, _of(examples[begin:end], one.name))) for one in features]
        for share in SHARES:
            judged = ranking.auc(_sum(ahead, _mix(pair, share), end - begin).tolist(), [bool(one) for one in later])
            if judged is not None:
                results[share].append(judged)
    if not results[USUAL]:
        return USUAL
    means = {share: float(np.mean(values)) for share, values in results.items()}
    best = max(means, key=lambda share: means[share])
    return best if means[best] > means[USUAL] + CLEARLY else USUAL


def _of(examples: Sequence[Example], name: str) -> list[Value]:
    return [one.values.get(name) for one in examples]


# Lines -------------------------------------------------------------------------------------------------------------


def _readable(features: Sequence[_Feature], weights: Sequence[Numbers], good: Numbers) -> list[Band]:
    """Few lines: cells that hardly differ share one, the most usual one is worth nothing and has none."""
    found: list[tuple[float, list[Band]]] = []
    for one, weight in zip(features, weights, strict=True):
        lines = _merged(one, np.clip(weight * POINTS_PER_LOG_ODD, -LARGEST, LARGEST), good)
        usual = max(lines, key=lambda line: line.leads).points
        lines = [replace(line, points=line.points - usual) for line in lines if line.points != usual]
        found.append((float(sum(abs(line.points) * max(line.leads, 1) for line in lines)), lines))
    found.sort(key=lambda pair: -pair[0])
    chosen: list[Band] = []
    for _, lines in found:
        if len(chosen) + len(lines) <= LINES:
            chosen += lines
    return chosen


def _merged(one: _Feature, points: Numbers, good: Numbers) -> list[Band]:
    """Lines with points and counts: a number joins its neighbor, a text any other, where they hardly differ."""
    size, inside = len(one.lines), one.cells >= 0
    leads = np.bincount(one.cells[inside], minlength=size)
    hits = np.bincount(one.cells[inside], good[inside], size)
    kinds = [line.kind for line in one.lines]
    places = sorted(range(size), key=lambda place: points[place] if kinds[place] is Kind.AMONG else np.inf)
    groups: list[list[int]] = []
    for place in places:
        last = groups[-1] if groups else []
        joins = last and kinds[place] in (Kind.AMONG, Kind.BETWEEN) and kinds[place] is kinds[last[-1]]
        if joins and np.ptp(points[[*last, place]]) < SAME:
            last.append(place)
        else:
            groups.append([place])
    lines = []
    for group in groups:
        worth = round(float(np.average(points[group], weights=leads[group] + 1e-6)))
        first, final = one.lines[group[0]], one.lines[group[-1]]
        texts = tuple(sorted({text for place in group for text in one.lines[place].texts}))
        counts = int(leads[group].sum()), int(hits[group].sum())
        lines.append(replace(first, points=worth, leads=counts[0], good=counts[1], texts=texts, up_to=final.up_to))
    return lines
