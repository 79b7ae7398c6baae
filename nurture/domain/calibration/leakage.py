"""Features that were filled in after the hand-off: they know the answer, and no lead of tomorrow will have them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from nurture.domain.calibration import ranking
from nurture.domain.calibration.table import Example, Value, is_numeric, number_of

# What somebody writes down once sales has the lead, whatever system it comes from.
_AFTERWARDS: Final = frozenset(
    (
        *("duration", "outcome", "result", "closed", "close", "won", "lost", "amount", "value", "currency", "reason"),
        *("answered", "contacted", "accepted", "rejected", "disposition", "deal", "opportunity", "signed", "invoice"),
    )
)
FILLED: Final = 0.5  # by how much the share that is filled in may differ between good and bad leads
DECIDES: Final = 0.95  # AUC that nothing known beforehand reaches alone
ENOUGH: Final = 30  # examples; with fewer, chance fills columns unevenly


def leaking(examples: Sequence[Example], *, changed_after: Mapping[str, int]) -> dict[str, str]:
    """Feature -> why it must not be used. `changed_after`: feature -> leads for which it was changed after the day."""
    found = {}
    for name in dict.fromkeys(name for one in examples for name in one.values):
        values = [one.values.get(name) for one in examples]
        why = _why(name, values, [one.good for one in examples], changed_after.get(name, 0))
        if why:
            found[name] = why
    return found


def without(examples: Sequence[Example], names: Collection[str]) -> list[Example]:
    """The examples without these features."""
    return [
        Example({name: value for name, value in one.values.items() if name not in names}, one.good, one.at)
        for one in examples
    ]


def _why(name: str, values: Sequence[Value], good: Sequence[bool], changed: int) -> str:
    if changed:
        return f"changed after the hand-off for {changed} lead{'s' * (changed != 1)}"
    words = set(re.split(r"[\W_]+", name.removeprefix("x.").casefold()))
    if words & _AFTERWARDS:
        return f"by its name ({', '.join(sorted(words & _AFTERWARDS))}) it is known only after the hand-off"
    hits = sum(good)
    if len(values) < ENOUGH or not hits or hits == len(good):
        return ""
    filled = [value not in (None, "") for value in values]
    of_good = sum(there for there, one in zip(filled, good, strict=True) if one) / hits
    of_bad = sum(there for there, one in zip(filled, good, strict=True) if not one) / (len(good) - hits)
    if abs(of_good - of_bad) > FILLED and min(of_good, of_bad) < 0.1:
        return (
            f"filled in for {100 * of_good:.0f} % of those that turned out well and {100 * of_bad:.0f} % of the others"
        )
    if is_numeric(values):
        alone = ranking.auc([number_of(value) or 0.0 for value in values], good) or 0.5
        if max(alone, 1 - alone) >= DECIDES:
            return f"alone it orders {100 * max(alone, 1 - alone):.0f} % of all pairs as the outcome does"
    return ""
