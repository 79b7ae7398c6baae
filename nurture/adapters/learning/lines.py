"""Weights of cells -> the few lines that a person reads: cells that hardly differ share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nurture.adapters.learning.cells import Feature, Numbers
from nurture.adapters.learning.weights import total
from nurture.domain.calibration.table import POINTS_PER_LOG_ODD, Band, Kind

SAME: Final = 6  # points: where nothing was seen a cell that differs by less joins its neighbor
BLURRED: Final = 0.005  # of the variance of the points may be lost where cells share a line
LINES: Final = 80
UNSEEN: Final = 1e-6  # leads that a cell without any counts for
LARGEST: Final = 50  # points of a line


@dataclass(slots=True)
class _Group:
    """Cells that share a line."""

    places: list[int]
    kind: Kind
    leads: int
    points: float

    def loss(self, other: _Group, *, crowded: bool) -> float:
        """What the points of all leads together differ, squared, if the two share a line: Ward's criterion.

        J. H. Ward, Hierarchical grouping to optimize an objective function, Journal of the American Statistical
        Association 58 (1963), 236-244. Where nothing was seen there is no loss: small differences alone do not count,
        and large ones (new ground) only where the lines are too many (`crowded`).
        """
        if self.kind is not other.kind or self.kind not in (Kind.AMONG, Kind.BETWEEN):
            return float("inf")
        apart = self.points - other.points
        if not ((self.leads and other.leads) or crowded or abs(apart) < SAME):
            return float("inf")
        mine, theirs = max(self.leads, UNSEEN), max(other.leads, UNSEEN)
        return mine * theirs / (mine + theirs) * apart**2

    def joined(self, other: _Group) -> _Group:
        """Both; worth what they are worth on average."""
        leads = self.leads + other.leads
        points = (self.leads * self.points + other.leads * other.points) / leads if leads else self.points
        return _Group([*self.places, *other.places], self.kind, leads, points)


def readable(features: Sequence[Feature], weights: Sequence[Numbers], good: Numbers) -> list[Band]:
    """Few lines: cells that hardly differ share one, the most usual one is worth nothing and has none."""
    points = [np.clip(weight * POINTS_PER_LOG_ODD, -LARGEST, LARGEST) for weight in weights]
    rows = [_groups(one, worth) for one, worth in zip(features, points, strict=True)]
    left = BLURRED * float(total(features, points, len(good)).var()) * len(good)
    loss, row, at = _cheapest(rows, crowded=False)
    while loss <= left:
        left -= loss
        row[at : at + 2] = [row[at].joined(row[at + 1])]
        loss, row, at = _cheapest(rows, crowded=False)
    while sum(len(row) - 1 for row in rows) > LINES and (cheapest := _cheapest(rows, crowded=True))[0] < float("inf"):
        _, row, at = cheapest
        row[at : at + 2] = [row[at].joined(row[at + 1])]
    found: list[tuple[float, list[Band]]] = []
    for one, row in zip(features, rows, strict=True):
        lines = _lines(one, row, good)
        usual = max(lines, key=lambda line: line.leads).points
        lines = [replace(line, points=line.points - usual) for line in lines if line.points != usual]
        found.append((float(sum(abs(line.points) * max(line.leads, 1) for line in lines)), lines))
    found.sort(key=lambda pair: -pair[0])
    chosen: list[Band] = []
    for _, lines in found:
        if len(chosen) + len(lines) <= LINES:
            chosen += lines
    return chosen


def _cheapest(rows: Sequence[list[_Group]], *, crowded: bool) -> tuple[float, list[_Group], int]:
    """The two neighbors that lose least where they share a line: how much, their row, the place of the first."""
    pairs = ((row[at].loss(row[at + 1], crowded=crowded), row, at) for row in rows for at in range(len(row) - 1))
    return min(pairs, key=lambda pair: pair[0], default=(float("inf"), [], 0))


def _groups(one: Feature, points: Numbers) -> list[_Group]:
    """Each cell alone, beside those that it may join: numbers in their order, texts by their points."""
    leads = np.bincount(one.cells[one.cells >= 0], minlength=len(one.lines))
    kinds = [line.kind for line in one.lines]
    places = sorted(range(len(kinds)), key=lambda place: points[place] if kinds[place] is Kind.AMONG else np.inf)
    return [_Group([place], kinds[place], int(leads[place]), float(points[place])) for place in places]


def _lines(one: Feature, groups: Sequence[_Group], good: Numbers) -> list[Band]:
    """The groups as lines with points and counts."""
    inside = one.cells >= 0
    hits = np.bincount(one.cells[inside], good[inside], len(one.lines))
    lines = []
    for group in groups:
        first, final = one.lines[group.places[0]], one.lines[group.places[-1]]
        texts = tuple(sorted({text for place in group.places for text in one.lines[place].texts}))
        whole = replace(first, texts=texts, up_to=final.up_to, points=round(group.points))
        lines.append(replace(whole, leads=group.leads, good=int(hits[group.places].sum())))
    return lines
