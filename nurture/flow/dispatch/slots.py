"""Slots, handed out under the locks of their queues; and how many places are left when mails are about to go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from nurture.domain import pacing
from nurture.domain.pacing import Wait
from nurture.domain.touch import Touch
from nurture.domain.wave import Wave
from nurture.flow.dispatch.decide import Decision
from nurture.moves.pressure import Line, Pressure, Waiting, lines_of
from nurture.ports import Store, Unit
from nurture.ports.pacing import Slot


def hand_out(store: Store, decisions: Sequence[Decision], pressure: Pressure) -> None:
    """Store the slots of those who were put off, in a transaction of its own; later ones where others did so meanwhile.

    Nothing is locked here but queues, and for a moment: whoever sends takes leads and companies first, then queues.
    """
    waiting, left = pressure.waiting, pressure.left
    pressure.waiting, pressure.left = {}, set()
    if not waiting and not left:
        return
    with store.unit() as work:
        rates = {name for one in waiting.values() for name in one.queues}
        companies = {one.slot.company for one in waiting.values() if one.slot.company is not None}
        stands = work.pacing.lock(rates | {f"company {company}" for company in companies})
        work.pacing.let_go(left - waiting.keys())
        moved = {name for name in rates if name in stands and stands[name].fence != pressure.fences[name]}
        if moved or _others_in(work, companies, pressure):
            pressure.anything_held = True
            _again(work, moved, waiting, decisions, pressure)
        for name in rates:
            pressure.fences[name] = stands[name].fence + 1
        begun = {name: pressure.rates[name].began for name in rates if stands[name].began is None}
        work.pacing.begin({name: at for name, at in begun.items() if at is not None})
        work.pacing.hold([one.slot for one in waiting.values()])
        work.commit()
    pressure.anything_held = True


def _others_in(work: Unit, companies: Collection[int], pressure: Pressure) -> bool:
    """Take in the slots that others handed out to people of these companies; whether there are any."""
    found = False
    for company, slots in work.pacing.slots_in(companies).items():
        queue = pressure.people[company]
        known = set(queue.given)
        for slot in slots:
            if (slot.at, slot.lead) not in known and slot.at > queue.now and slot.touch not in pressure.left:
                queue.take(slot.at, slot.lead)
                found = True
    return found


def _again(
    work: Unit,
    moved: Collection[str],
    waiting: dict[str, Waiting],
    decisions: Sequence[Decision],
    pressure: Pressure,
) -> None:
    """Look for these slots once more, beside those that others handed out meanwhile. The queues are locked."""
    by_touch = {one.after.touch: one for one in decisions}
    for one in waiting.values():
        _take_back(one.slot, one.queues, pressure)
    pressure.paths.known.clear()
    for name in moved:
        pressure.fill(work, pressure.lines[name], pressure.rates[name])
    for touch, one in waiting.items():
        pace = pacing.earliest(one.asking, one.slot.at, paths=pressure.paths)
        at = pace.until if isinstance(pace, Wait) else one.slot.at
        one.slot = replace(one.slot, at=at)
        for name in one.queues:
            pressure.rates[name].take(at)
        if one.slot.company is not None:
            pressure.people[one.slot.company].take(at, one.slot.lead)
        decision = by_touch[touch]
        decision.after = replace(decision.after, next_at=at)


def _take_back(slot: Slot, queues: Sequence[str], pressure: Pressure) -> None:
    for name in queues:
        pressure.rates[name].give_back(slot.at)
    if slot.company is not None:
        pressure.people[slot.company].give_back(slot.at, slot.lead)


@dataclass(slots=True)
class Room:
    """How many more mails each rate and each first wave takes now, counted under locks. `at` is the pass's moment."""

    pressure: Pressure
    at: datetime
    left: dict[str, int] = field(default_factory=dict)
    waves: dict[str, Wave] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def takes(self, touch: Touch) -> bool:
        """Whether this mail may go. Where somebody else was quicker, the next look sees what is stored."""
        if any(self.left[line.name] < 1 for line in lines_of(touch, self.pressure.policy)):
            self.pressure.stale = True
            return False
        wave = self.waves.get(touch.template)
        if wave is None or touch.id in wave.mails:
            return True
        return not wave.held and len(wave.mails) < self.pressure.policy.first_wave

    def take(self, touch: Touch) -> None:
        """It goes."""
        for line in lines_of(touch, self.pressure.policy):
            self.left[line.name] -= 1
        wave = self.waves.get(touch.template)
        if wave is not None and touch.id not in wave.mails:
            self.waves[touch.template] = replace(wave, mails=(*wave.mails, touch.id))
            self.changed.add(touch.template)

    def close(self, work: Unit) -> None:
        """Store how far the first waves are. The watch begins when the last of them goes."""
        policy = self.pressure.policy
        for name in self.changed:
            wave = self.waves[name]
            if len(wave.mails) >= policy.first_wave and wave.watch_until is None:
                self.waves[name] = replace(wave, watch_until=self.at + policy.first_wave_watch)
            self.pressure.waves[name] = self.waves[name]
        work.pacing.put_waves([self.waves[name] for name in sorted(self.changed)])


def room(work: Unit, touches: Sequence[Touch], pressure: Pressure, at: datetime) -> Room:
    """Lock the queues and first waves of these mails, after leads and companies, and count."""
    found = Room(pressure, at)
    lines = {line.name: line for touch in touches for line in lines_of(touch, pressure.policy)}
    if lines:
        stands = work.pacing.lock(lines)
        work.pacing.begin({name: at for name in lines if (began := stands[name].began) is None or began > at})
        for name, line in lines.items():
            found.left[name] = _left(work, line, stands[name].began or at, at)
            if pressure.fences.get(name) == stands[name].fence:
                pressure.fences[name] += 1
            else:
                pressure.stale = True
    templates = {touch.template for touch in touches} & pressure.waves.keys()
    if templates:
        found.waves = work.pacing.waves(templates=templates, lock=True)
        for name in templates:
            if name in found.waves:
                pressure.waves[name] = found.waves[name]
                pressure.first_out[name] |= set(found.waves[name].mails)
            else:
                del pressure.waves[name]
    return found


def _left(work: Unit, line: Line, began: datetime, at: datetime) -> int:
    """How many more mails a queue lets through at this moment."""
    used = work.pacing.used(line.counted, at - line.span)
    return min(
        ceiling.at(at, began) - sum(many for when, many in used if when > at - ceiling.span)
        for ceiling in line.ceilings
    )
