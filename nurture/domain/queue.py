"""Slots of those who wait for one limit: the earliest moment at which one more fits beside all that are given out.

A company, a mail domain and a sender each have a queue. It knows the moments that are used and those that were handed
out, so that everybody who waits gets a moment of its own, is looked at then, and not before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, Protocol

from nurture.domain.rate import ENDLESS, Ceiling

if TYPE_CHECKING:
    from nurture.domain.touch import Reason


class Queue(Protocol):
    """What the earliest legal moment of a touch looks at."""

    @property
    def reason(self) -> Reason: ...

    def free_at(self, moment: datetime, lead: int, *, in_turn: bool = False) -> datetime:
        """The earliest moment, not before the given one, that one more touch of this lead may have.

        `in_turn`: it has come at its own slot, and others whose slot has come are not before it.
        """


@dataclass(slots=True)
class _Blocked:
    """Spans in which nothing is free, as found so far: what was full stays full while slots are only given out."""

    starts: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)

    def end_of(self, moment: datetime) -> datetime:
        """The end of the span that the moment lies in; the moment itself outside of all."""
        at = bisect_right(self.starts, moment) - 1
        return self.ends[at] if at >= 0 and moment < self.ends[at] else moment

    def add(self, start: datetime, end: datetime) -> None:
        """One more, merged with those that it meets."""
        first, last = bisect_left(self.ends, start), bisect_right(self.starts, end)
        if first < last:
            start, end = min(start, self.starts[first]), max(end, self.ends[last - 1])
        self.starts[first:last], self.ends[first:last] = [start], [end]

    def clear(self) -> None:
        """Something was given back: nothing is known."""
        self.starts.clear()
        self.ends.clear()


@dataclass(slots=True)
class RateQueue:
    """The queue of a mail domain or a sender: in no span that a ceiling names are there more than it allows.

    `waiting` are those whose slot has come and who were not looked at yet; places at `now` are kept for them.
    """

    reason: Reason
    ceilings: tuple[Ceiling, ...]
    now: datetime
    began: datetime | None = None  # of a warm-up: the first slot or mail
    given: list[datetime] = field(default_factory=list)  # used and handed out, sorted
    waiting: int = 0
    _blocked: _Blocked = field(default_factory=_Blocked)

    def free_at(self, moment: datetime, lead: int, *, in_turn: bool = False) -> datetime:
        """The earliest moment, not before the given one, at which one more fits."""
        if in_turn and self._later(moment, before_me=0) is None:
            return moment
        start = found = self._blocked.end_of(moment)
        while (later := self._later(found, before_me=self.waiting)) is not None:
            found = self._blocked.end_of(later)
        if found > start:
            self._blocked.add(start, found)
        return found

    def fill(self, moments: Iterable[tuple[datetime, int]]) -> None:
        """What is used and handed out, anew: moments with how many stand at each, sorted."""
        self.given = list(chain.from_iterable(repeat(at, many) for at, many in moments))
        self.waiting = 0
        self._blocked.clear()

    def expect(self, count: int) -> None:
        """So many have come at their slots: they are looked at in this pass."""
        for _ in range(count):
            self.take(self.now)
        self.waiting += count

    def arrived(self) -> None:
        """One of those is looked at now: what it does is decided, and its place is free until then."""
        self.waiting -= 1
        self.give_back(self.now)

    def take(self, moment: datetime) -> None:
        """A slot is handed out, or a place is used."""
        if self.began is None or (not self.given and moment < self.began):
            self.began = moment
        insort(self.given, moment)

    def give_back(self, moment: datetime) -> None:
        """A slot is not wanted any more."""
        at = bisect_left(self.given, moment)
        if at < len(self.given) and self.given[at] == moment:
            del self.given[at]
            self._blocked.clear()

    def _later(self, moment: datetime, *, before_me: int) -> datetime | None:
        """A later moment before which nothing is free; None if this one is. `before_me`: how many wait ahead."""
        for ceiling in self.ceilings:
            began = self.began if self.began is not None else moment
            most = ceiling.at(moment, began)
            if most >= ENDLESS:
                continue
            if self._inside(moment, ceiling.span, before_me) >= most:
                room = self.given[bisect_right(self.given, moment) - most] + ceiling.span
                grown = ceiling.grows_after(moment, began)
                return min(room, grown) if grown is not None else room
            # Those given out for later look back too, and must find no more than they were promised.
            for at in range(bisect_right(self.given, moment), len(self.given)):
                later = self.given[at]
                if later - moment >= ceiling.span:
                    break
                if at + 1 < len(self.given) and self.given[at + 1] == later:
                    continue  # the last of those at one moment sees the most
                if self._inside(later, ceiling.span, before_me) >= ceiling.at(later, began):
                    return later
        return None

    def _inside(self, moment: datetime, span: timedelta, before_me: int) -> int:
        """How many lie in the span that ends at the moment; its very beginning is outside."""
        since = moment - span
        count = bisect_right(self.given, moment) - bisect_right(self.given, since)
        return count - (self.waiting - before_me) if since < self.now <= moment else count


@dataclass(slots=True)
class PeopleQueue:
    """The queue of a company: so many people in a span. One who was contacted within it may be again."""

    reason: Reason
    most: int
    span: timedelta
    now: datetime
    last: Mapping[int, datetime]  # when each person was last contacted
    given: list[tuple[datetime, int]] = field(default_factory=list)  # slots handed out, with whose they are
    waiting: set[int] = field(default_factory=set)
    _blocked: _Blocked = field(default_factory=_Blocked)

    def free_at(self, moment: datetime, lead: int, *, in_turn: bool = False) -> datetime:
        """The earliest moment, not before the given one, at which this person may be contacted beside the others."""
        if len(self.last) + len(self.given) < self.most:
            return moment
        own = self.last.get(lead)
        if own is not None and moment - own < self.span:
            return moment
        if in_turn and self._later(moment, lead, frozenset(self.waiting)) is None:
            return moment
        start = found = self._blocked.end_of(moment)
        while (later := self._later(found, lead, frozenset())) is not None:
            found = self._blocked.end_of(later)
        if found > start and own is None:
            self._blocked.add(start, found)
        return found

    def expect(self, leads: Iterable[int]) -> None:
        """These have come at their slots: they are looked at in this pass."""
        for lead in leads:
            self.waiting.add(lead)
            self.take(self.now, lead)

    def arrived(self, lead: int) -> None:
        """One of those is looked at now: what it does is decided, and its place is free until then."""
        if lead in self.waiting:
            self.waiting.discard(lead)
            self.give_back(self.now, lead)

    def take(self, moment: datetime, lead: int) -> None:
        """A slot is handed out."""
        insort(self.given, (moment, lead))

    def give_back(self, moment: datetime, lead: int) -> None:
        """A slot is not wanted any more."""
        at = bisect_left(self.given, (moment, lead))
        if at < len(self.given) and self.given[at] == (moment, lead):
            del self.given[at]
            self._blocked.clear()

    def _later(self, moment: datetime, lead: int, behind: frozenset[int]) -> datetime | None:
        inside = self._inside(moment, behind)
        inside.pop(lead, None)
        if len(inside) >= self.most:
            return sorted(inside.values())[-self.most] + self.span
        for at in range(bisect_right(self.given, (moment, 2**63)), len(self.given)):
            later, _ = self.given[at]
            if later - moment >= self.span:
                break
            if len(self._inside(later, behind).keys() | {lead}) > self.most:
                return later
        return None

    def _inside(self, moment: datetime, behind: frozenset[int]) -> dict[int, datetime]:
        """Whose contacts lie in the span that ends at the moment, each with the latest. Not those who are `behind`."""
        since = moment - self.span
        found = {who: at for who, at in self.last.items() if since < at <= moment}
        for at in range(bisect_right(self.given, (since, 2**63)), bisect_right(self.given, (moment, 2**63))):
            when, who = self.given[at]
            if not (who in behind and when == self.now):
                found[who] = max(when, found.get(who, when))
        return found
