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

STRENGTHS: Final = (0.01, 0.1, 1.0)  # of the logistic regression: smaller is more cautious
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the weights of evidence in the mixture
CLEARLY: Final = 0.02  # AUC by which another manner must be better than the usual one
FOLDS: Final = 4
USUAL: Final = Manner(within=True, strength=0.1, share=0.5)
MANNERS: Final = tuple(
    Manner(within, strength, share) for within in (True, False) for strength in STRENGTHS for share in SHARES
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
    """The manner that did best on what came next, in the past; near ties the usual one."""
    edges = np.linspace(0, len(examples), FOLDS + 2).astype(int)[1:]
    results: dict[Manner, list[float]] = {manner: [] for manner in MANNERS}
    for begin, end in pairwise(edges):
        past, later = good[:begin], [bool(one) for one in good[begin:end]]
        if not 0 < past.sum() < len(past):
            continue
        features = cut(examples[:begin])
        ahead = [replace(one, cells=cells_of(one.lines, _of(examples[begin:end], one.name))) for one in features]
        for manner, weights in by_manner(features, past, MANNERS).items():
            judged = ranking.auc(total(ahead, weights, len(later)).tolist(), later)
            if judged is not None:
                results[manner].append(judged)
    if not results[USUAL]:
        return USUAL
    means = {manner: float(np.mean(values)) for manner, values in results.items()}
    best = max(means, key=lambda manner: means[manner])
    return best if means[best] > means[USUAL] + CLEARLY else USUAL


def _of(examples: Sequence[Example], name: str) -> list[Value]:
    return [one.values.get(name) for one in examples]
