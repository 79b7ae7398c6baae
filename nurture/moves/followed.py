"""Links that were followed, by network address: where many people's mails are followed from one, a machine does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from nurture.domain.machines import MANY_RECIPIENTS, Hit

if TYPE_CHECKING:
    from nurture.domain.touch import TouchId

SHARED_WITHIN: Final = timedelta(minutes=10)
_Event = tuple[datetime, "TouchId"]


class Followed:
    """Hits with the mails whose links they are; opens, and hits without an address, say nothing here."""

    def __init__(self, hits: Iterable[tuple[Hit, TouchId]]) -> None:
        self._from: dict[str, list[_Event]] = {}
        for hit, touch in hits:
            if hit.ip and hit.url:
                self._from.setdefault(hit.ip, []).append((hit.at, touch))
        self._people: dict[str, dict[datetime, int]] = {}

    def people_behind(self, hit: Hit) -> int:
        """How many mails were followed from the address of one of these hits, within ten minutes of it."""
        if not (hit.ip and hit.url):
            return 1
        if hit.ip not in self._people:
            self._people[hit.ip] = _mails_around(self._from.get(hit.ip, ()))
        return self._people[hit.ip].get(hit.at, 1)

    def swayed_by(self, mails: Collection[TouchId]) -> set[TouchId]:
        """Other mails of which a hit is one of many because of these: without them too few were behind its address."""
        swayed = set()
        for events in self._from.values():
            others = [one for one in events if one[1] not in mails]
            if others and len(others) < len(events):
                all_of_them, without = _mails_around(events), _mails_around(others)
                swayed |= {mail for at, mail in others if without[at] < MANY_RECIPIENTS <= all_of_them[at]}
        return swayed


def _mails_around(events: Sequence[_Event]) -> dict[datetime, int]:
    """For the moment of each event, to how many mails the events within ten minutes of it belong."""
    found: dict[datetime, int] = {}
    around: Counter[TouchId] = Counter()
    ordered = sorted(events)
    first = last = 0  # those between are around
    for at, _ in ordered:
        while last < len(ordered) and ordered[last][0] <= at + SHARED_WITHIN:
            around[ordered[last][1]] += 1
            last += 1
        while ordered[first][0] < at - SHARED_WITHIN:
            mail = ordered[first][1]
            around[mail] -= 1
            if not around[mail]:
                del around[mail]
            first += 1
        found[at] = len(around)
    return found
