"""Answered handoffs, or a file of outcomes -> proposed points. Puts nothing in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nurture.domain.calibration.leakage import leaking, without
from nurture.domain.calibration.proposal import scoring_yaml
from nurture.domain.calibration.ranking import auc
from nurture.domain.calibration.table import Example, Table
from nurture.domain.errors import RefusedError
from nurture.moves.past import example, handed
from nurture.ports import InForce, Store

Learn = Callable[[Sequence[Example]], Table]
ENOUGH: Final = 30  # outcomes; and of each kind at least a few
FEW: Final = 5


@dataclass(frozen=True, slots=True)
class Proposal:
    """The table, the file that it makes, and the features that must not be used with the reason for each."""

    table: Table
    leaks: Mapping[str, str]
    ahead: float | None  # AUC on the last fifth, learned on what came before
    text: str


def fit(
    *,
    learn: Learn,
    store: Store,
    rules: InForce,
    outcomes: Sequence[Example] | None = None,
    until: datetime | None = None,
) -> Proposal:
    """Learn from these outcomes, oldest first; without any, from the handoffs that sales answered.

    `until`: only from what came before it, so that the rest can judge the points.

    Raises RefusedError where there are too few outcomes to learn from.
    """
    changed: Counter[str] = Counter()
    if outcomes is None:
        with store.unit(write=False) as work:
            past = handed(work)
        outcomes = [example(one, rules.workspace.readiness) for one in past]
        changed.update(name for one in past for name in one.changed_after)
    if until is not None:
        outcomes = [one for one in outcomes if one.at is not None and one.at < until]
    dates = [one.at for one in outcomes if one.at is not None]
    good = sum(one.good for one in outcomes)
    if len(outcomes) < ENOUGH or min(good, len(outcomes) - good) < FEW:
        raise RefusedError(
            f"Too few outcomes: {good} good ones of {len(outcomes)}; it takes {ENOUGH}, and {FEW} of each kind.",
            hint="Name a file with past outcomes: --outcomes FILE",
        )
    leaks = leaking(outcomes, changed_after=changed)
    clean = without(outcomes, leaks.keys())
    table, ahead = learn(clean), _ahead(learn, clean)
    text = scoring_yaml(table, rules.workspace.scoring, leaks=leaks, ahead=ahead, until=max(dates, default=None))
    return Proposal(table, leaks, ahead, text)


def _ahead(learn: Learn, outcomes: Sequence[Example]) -> float | None:
    """How well points learned on the first four fifths order the last one: 0.5 is by chance, 1 without a fault."""
    cut = len(outcomes) * 4 // 5
    before, later = learn(outcomes[:cut]), outcomes[cut:]
    return auc([before.points(one.values) for one in later], [one.good for one in later])
