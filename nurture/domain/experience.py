"""How people answered so far, as counts, and the rates that follow: few observations lean on what is usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

# So many observations weigh as much as the expectation does: of all mails, of one cadence's, of one template's.
WEIGHTS: Final = (400, 150, 60)
# Fewer answers than this say nothing about how long people take.
ENOUGH_DELAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Counted:
    """So many mails were sent; so many of them had an answer of each kind."""

    sent: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experience:
    """What the history says. Delays are in seconds, sorted; rejections and losses are `rejected:REASON`, `lost:REASON`.

    `told`: for each fact, how many conversations taught it, of `conversations` in all.
    """

    mails: Mapping[tuple[str, str], Counted] = field(default_factory=dict)  # (cadence, template)
    delays: Mapping[str, Sequence[float]] = field(default_factory=dict)  # by kind of response; `task` for work
    outcomes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # channel -> outcome; `expired` among them
    intents: Mapping[str, int] = field(default_factory=dict)
    offers: Mapping[str, int] = field(default_factory=dict)  # accepted, rejected:REASON, expired
    endings: Mapping[str, int] = field(default_factory=dict)  # won, lost:REASON
    after_click: Mapping[str, int] = field(default_factory=dict)  # visit:PAGE, download:, form:INTENT
    clicks: int = 0
    told: Mapping[str, int] = field(default_factory=dict)
    conversations: int = 0

    def rate(self, kind: str, cadence: str, template: str, usual: float) -> float:
        """The share of this template's mails that get an answer of this kind.

        What is usual bends to all mails, that to the cadence's, and that to the template's own.
        """
        mine = self.mails.get((cadence, template), Counted())
        own = [one for (name, _), one in self.mails.items() if name == cadence]
        for group, weight in zip((list(self.mails.values()), own, [mine]), WEIGHTS, strict=True):
            happened = sum(one.answers.get(kind, 0) for one in group)
            usual = leaning(happened, sum(one.sent for one in group), usual, weight)
        return usual

    @property
    def sent(self) -> int:
        """How many mails it rests on."""
        return sum(one.sent for one in self.mails.values())


def leaning(happened: int, of: int, usual: float, weight: float) -> float:
    """A share that leans on what is usual as if that had been seen `weight` times."""
    return (happened + weight * usual) / (of + weight)


def blended(seen: Mapping[str, int], usual: Mapping[str, float], weight: float = 40) -> dict[str, float]:
    """Shares of outcomes that add up to 1; `usual` are shares, too."""
    whole = sum(seen.values())
    names = sorted({*seen, *usual})
    return {name: leaning(seen.get(name, 0), whole, usual.get(name, 0.0), weight) for name in names}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the sorted values lies, read between two neighbors."""
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def drawn(shares: Mapping[str, float], mark: float) -> str:
    """The outcome on which a mark in [0, 1) falls, in the order of the names."""
    whole = sum(shares.values())
    left = mark * whole
    name = ""
    for name, share in sorted(shares.items()):
        left -= share
        if left < 0:
            return name
    return name
