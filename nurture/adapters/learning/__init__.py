"""Examples in the order of time -> a points table. Needs the extra `calibrate`; nothing but `scoring fit` imports it.

Each feature is cut into cells, and each cell gets log-odds in two ways that are then mixed. (1) Weights of evidence,
one feature at a time (I. J. Good, Weight of evidence: a brief survey, Bayesian Statistics 2 (1985), 249-270), smoothed
toward even odds, so that what was hardly seen is neither praised nor damned. (2) A logistic regression of all features
together, which shares the credit among those that say the same. Both usually compare leads with others of their own
time (they are fitted within periods), or a feature that only tells the date would get the credit for the years going up
or down. How much of each, how cautiously, and whether within periods, is decided by the past alone: learned on its
beginning, judged on what came next. Then cells that hardly differ share a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from nurture.adapters.learning.cells import Numbers, cells_of, cut
from nurture.adapters.learning.lines import readable
from nurture.adapters.learning.weights import Manner, by_manner, in_log_odds, total
from nurture.domain.calibration import ranking
from nurture.domain.calibration.table import Example, Table, Value

# Of the logistic regression: how cautious (smaller is more so), and what a trend counts.
REGRESSIONS: Final = ((0.1, 0.0), (0.1, 3.0), (1.0, 3.0), (0.01, 3.0))
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the weights of evidence in the mixture
CLEARLY: Final = 0.02  # AUC by which another manner must be better than the usual one
FOLDS: Final = 4
USUAL: Final = Manner(within=True, strength=0.1, trend=0.0, share=0.5)
MANNERS: Final = tuple(
    Manner(within, *regression, share) for within in (True, False) for regression in REGRESSIONS for share in SHARES
)


def learn(examples: Sequence[Example]) -> Table:
    """A table for these examples, oldest first. Without both outcomes, or without features, it is empty."""
    good = np.array([one.good for one in examples], dtype=np.float64)
    if len(examples) < 2 or not 0 < good.sum() < len(good):
        return Table((), len(examples), int(good.sum()))
    with threadpool_limits(1):  # small data: threads would only wait for each other
        manner = _best_manner(examples, good)
        features = cut(examples)
        weights = in_log_odds(features, good, manner)
    bands = readable(features, weights, good)
    return Table(tuple(bands), len(examples), int(good.sum()))


def _best_manner(examples: Sequence[Example], good: Numbers) -> Manner:
    """The manner that did best on what came next, in the past; near ties the usual one.

    To compare over all times, which gives credit to what tells only the date, must be better than chance alone would
    make it: the one-standard-error rule (L. Breiman and others, Classification and Regression Trees, 1984, 3.4.3), with
    the error of an AUC that tells nothing (Hanley and McNeil 1982).
    """
    edges = np.linspace(0, len(examples), FOLDS + 2).astype(int)[1:]
    results: dict[Manner, list[float]] = {manner: [] for manner in MANNERS}
    variance = 0.0
    for begin, end in pairwise(edges):
        past, later = good[:begin], [bool(one) for one in good[begin:end]]
        pairs = sum(later) * (len(later) - sum(later))
        if not (0 < past.sum() < len(past) and pairs):
            continue
        variance += (len(later) + 1) / (12 * pairs)
        features = cut(examples[:begin])
        ahead = [replace(one, cells=cells_of(one.lines, _of(examples[begin:end], one.name))) for one in features]
        for manner, weights in by_manner(features, past, MANNERS).items():
            results[manner].append(ranking.auc(total(ahead, weights, len(later)).tolist(), later) or 0.0)
    if not results[USUAL]:
        return USUAL
    means = {manner: float(np.mean(values)) for manner, values in results.items()}
    error = variance**0.5 / len(results[USUAL])
    ahead_by = {
        manner: mean - means[USUAL] - (CLEARLY if manner.within else max(CLEARLY, error))
        for manner, mean in means.items()
    }
    best = max(ahead_by, key=lambda manner: ahead_by[manner])
    return best if ahead_by[best] > 0 else USUAL


def _of(examples: Sequence[Example], name: str) -> list[Value]:
    return [one.values.get(name) for one in examples]
