"""The queue of a person: what is open for them, best first, found without loading a lead."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final

from nurture.domain import calendar
from nurture.domain.calendar import Window
from nurture.domain.person import Role
from nurture.domain.scoring import engagement
from nurture.domain.touch import BY_PHONE
from nurture.moves import promises
from nurture.moves.calls import calls_left
from nurture.moves.handing_over import FAST_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from nurture.domain.person import Person
    from nurture.domain.policy import Policy
    from nurture.domain.touch import Touch
    from nurture.ports import InForce, Store, Unit
    from nurture.ports.rows import Waiting

# A task that is no step of a cadence is called in these hours of the lead.
HOURS: Final = Window()
AGREED: Final = timedelta(hours=1)  # so long after the moment that was agreed it is still that moment
AT_ONCE: Final = frozenset({promises.STEP, FAST_STEP})
FEW, MANY = 8, 256  # leads that are looked at together
ROUNDED: Final = 0.01  # by so much a stored engagement may be less than it was


def waiting_for(
    work: Unit, person: Person, *, rules: InForce, policy: Policy, now: datetime
) -> dict[float, list[Waiting]]:
    """By priority, the largest first, what this person may do now: theirs or their role's, of leads whom nobody is
    busy with, in the lead's open hours, and within their calls of the day. Who said no is still to be asked of each.
    """
    names = {person.email, person.name, *(role.value for role in person.roles)}
    left = calls_left(work, person, policy, now)
    is_open: dict[tuple[str, str], bool] = {}
    found: dict[float, list[Waiting]] = {}
    lowering = [rule.key for rule in rules.workspace.scoring.engagement if rule.points < 0]
    for one in work.touches.waiting(names, for_anybody=Role.CALLER in person.roles, lowering=lowering):
        if one.channel in BY_PHONE:
            if left <= 0 or one.do_not_call or not one.phone:
                continue
            place = (one.cadence, one.timezone or policy.timezone)
            if place not in is_open:
                is_open[place] = _window(one.cadence, rules).is_open(now, calendar.zone(place[1]))
            if not is_open[place] and not is_agreed(one, now):
                continue
        found.setdefault(_priority(one, rules), []).append(one)
    return dict(sorted(found.items(), reverse=True))


def best_first(store: Store, tasks: Sequence[Waiting], *, rules: InForce, now: datetime) -> Iterator[Waiting]:
    """Tasks of one priority: the better score of today first, then the longer due.

    What was stored decays, so it is the most that an engagement can be today, but where a loss fades. So the scores
    of those who come first are calculated and no others.
    """
    scoring = rules.workspace.scoring

    def most(one: Waiting) -> float:
        return one.fit + (inf if one.may_rise else one.engagement)

    rest = sorted(tasks, key=most)  # the best last
    known: list[tuple[float, datetime, str, Waiting]] = []
    size = FEW
    while rest or known:
        batch = [rest.pop() for _ in range(min(size, len(rest)))]
        while rest and most(rest[-1]) == inf:
            batch.append(rest.pop())
        with store.unit(write=False) as work:
            sums = work.leads.sums({one.lead for one in batch}, scoring)
        for one in batch:
            score = one.fit + engagement(sums.get(one.lead, {}), scoring, now)
            heappush(known, (-score, one.due_at, one.id, one))
        bound = most(rest[-1]) + ROUNDED if rest else -inf
        while known and -known[0][0] > bound:
            yield heappop(known)[-1]
        size = min(2 * size, MANY)


def in_batches(tasks: Iterator[Waiting]) -> Iterator[list[Waiting]]:
    """First a few, of whom one is likely to do, then more and more."""
    size = FEW
    while batch := list(islice(tasks, size)):
        yield batch
        size = min(2 * size, MANY)


def is_agreed(one: Touch | Waiting, now: datetime) -> bool:
    """Whether it is the moment that they named."""
    return one.step == promises.STEP and one.due_at <= now < one.due_at + AGREED


def in_hours(one: Touch, zone: ZoneInfo, rules: InForce, now: datetime) -> bool:
    """Whether it is the time of day for it where the lead is, or the moment agreed."""
    return is_agreed(one, now) or _window(one.cadence, rules).is_open(now, zone)


def _window(cadence: str, rules: InForce) -> Window:
    known = rules.workspace.cadences.get(cadence)
    return known.window if known is not None else HOURS


def _priority(one: Waiting, rules: InForce) -> float:
    cadence = rules.workspace.cadences.get(one.cadence)
    # What is in no cadence answers a person and outranks every cadence; a promise and a hand-raiser cannot wait.
    return cadence.priority if cadence is not None else 102 if one.step in AT_ONCE else 101
