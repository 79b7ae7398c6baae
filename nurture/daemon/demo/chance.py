"""Chance that repeats: a hash of the seed and of what is decided, so that neither order nor time changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chance:
    """The dice of one demo."""

    seed: int

    def of(self, *about: object) -> float:
        """A number from 0 up to, not with, 1 for whatever is being decided."""
        text = "\x1f".join(map(str, (self.seed, *about)))
        return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56

    def hits(self, share: float, *about: object) -> bool:
        """True in this share of all cases."""
        return self.of(*about) < share

    def between(self, least: float, most: float, *about: object) -> float:
        """A number between two others."""
        return least + (most - least) * self.of(*about)

    def one_of(self, choices: Sequence[T], *about: object) -> T:
        """One of these, all as likely."""
        return choices[int(self.of(*about) * len(choices))]

    def weighted(self, choices: Sequence[tuple[T, float]], *about: object) -> T:
        """One of these, as likely as its weight says."""
        left = self.of(*about) * sum(weight for _, weight in choices)
        for choice, weight in choices:
            left -= weight
            if left < 0:
                return choice
        return choices[-1][0]
