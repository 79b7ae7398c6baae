"""How well points order leads: AUC, the share of good ones among the best, and lift and recall at a capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil


@dataclass(frozen=True, slots=True)
class AtCapacity:
    """What a team that takes the `taken` best of `leads` gets. Ties share their places, so no order is luck."""

    leads: int
    good: int
    taken: int
    hits: float  # good leads among those taken; a fraction where a tie is cut

    @property
    def precision(self) -> float:
        """The share of good leads among those taken."""
        return self.hits / self.taken if self.taken else 0.0

    @property
    def recall(self) -> float:
        """The share of all good leads that were taken."""
        return self.hits / self.good if self.good else 0.0

    @property
    def lift(self) -> float | None:
        """How many times as many good leads as by chance; None where there are none at all."""
        return self.precision * self.leads / self.good if self.good and self.taken else None


def at_capacity(scores: Sequence[float], good: Sequence[bool], capacity: int) -> AtCapacity:
    """The best `capacity` leads by score. Of leads with the same score each is taken with the same chance."""
    pairs = sorted(zip(scores, good, strict=True), key=lambda pair: -pair[0])
    room, hits = min(capacity, len(pairs)), 0.0
    left = room
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        tied = [one for _, one in group]
        part = min(left, len(tied))
        hits += sum(tied) * part / len(tied)
        left -= part
        if not left:
            break
    return AtCapacity(len(pairs), sum(good), room, hits)


def top_share(scores: Sequence[float], good: Sequence[bool], share: float) -> AtCapacity:
    """The best so many per cent, at least one lead."""
    return at_capacity(scores, good, max(1, ceil(share * len(scores) - 1e-9)))


def auc(scores: Sequence[float], good: Sequence[bool]) -> float | None:
    """The chance that a good lead scores above a bad one, a tie counting half. None without both kinds.

    The Mann-Whitney statistic: J. A. Hanley and B. J. McNeil, The meaning and use of the area under a receiver
    operating characteristic (ROC) curve, Radiology 143 (1982), 29-36.
    """
    hits = sum(good)
    misses = len(good) - hits
    if not hits or not misses:
        return None
    below, wins = 0, 0.0
    pairs = sorted(zip(scores, good, strict=True), key=lambda pair: pair[0])
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        tied = [one for _, one in group]
        won = sum(tied)
        lost = len(tied) - won
        wins += won * (below + lost / 2)
        below += lost
    return wins / (hits * misses)
