"""Opens and clicks that have arrived and wait to be judged, as far as this process has read them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nurture.domain.machines import Hit
from nurture.domain.touch import TouchId


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What is known of one that has been read."""

    arrived: datetime
    hits: Sequence[tuple[TouchId, Hit]]


class WaitingHits:
    """A delivery whose hits wait is read when it came and when they are judged, and in no pass between the two.

    Whoever starts anew reads it once more, which changes nothing.
    """

    def __init__(self) -> None:
        self._read: dict[int, _Delivery] = {}

    @property
    def deliveries(self) -> Collection[int]:
        """Those that have been read and wait."""
        return self._read.keys()

    def keep(self, delivery: int, arrived: datetime, hits: Sequence[tuple[TouchId, Hit]]) -> None:
        """It has been read, and all but its hits is recorded."""
        self._read[delivery] = _Delivery(arrived, hits)

    def let_go(self, until: datetime) -> None:
        """Those that arrived by then are judged now."""
        for delivery in [name for name, one in self._read.items() if one.arrived <= until]:
            del self._read[delivery]

    def beside(self, hits: Mapping[TouchId, Sequence[Hit]]) -> dict[TouchId, list[Hit]]:
        """What waits and bears on these: hits of the same mails, and links followed from the same network addresses."""
        addresses = {hit.ip for many in hits.values() for hit in many if hit.ip and hit.url}
        found: dict[TouchId, list[Hit]] = {}
        for one in self._read.values():
            for touch, hit in one.hits:
                if touch in hits or (hit.url and hit.ip in addresses):
                    found.setdefault(touch, []).append(hit)
        return found
