"""The leads in flight in a cadence that gets a new version: what is ahead of them, and when, by the old and the new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain.cadence import Email, PersonTask, Stream, Webhook
from nurture.domain.enrollment import Enrollment, Place, State
from nurture.domain.relocation import Lost, relocated
from nurture.domain.touch import FINAL, Touch
from nurture.domain.walk import Program, Sleep, after_touch, walk
from nurture.moves.scene import Scene, load

if TYPE_CHECKING:
    from nurture.domain.policy import Policy
    from nurture.ports import InForce, Store

# Dates are counted for so many leads of a cadence, those that are due first: theirs are the earliest.
DATED = 2_000
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """One enrollment in flight. `ahead`: ids of the steps before it, in both versions; `to`: None where not counted."""

    enrollment: Enrollment
    ahead: frozenset[str]
    to: Place | Lost | None = None
    new_due: datetime | None = None


def standings(
    open_ones: Sequence[Enrollment], new: Program, *, store: Store, rules: InForce, policy: Policy, now: datetime
) -> list[Standing]:
    """Where each enrollment stands, and where it would with `new`. `rules` know the new version and the old ones."""
    order = sorted(open_ones, key=lambda one: (one.next_at is None, one.next_at or now, one.id))
    found = []
    for start in range(0, min(len(order), DATED), CHUNK):
        batch = order[start : min(start + CHUNK, DATED)]
        with store.unit(write=False) as work:
            scene = load(work, {one.lead for one in batch}, rules=rules, policy=policy, now=now)
        found += [_standing(one, new, scene) for one in batch]
    for one in order[DATED:]:
        found.append(Standing(one, _ahead(rules.program(one.cadence, one.version), one.place.pc, new)))
    return found


def placed(
    one: Enrollment, old: Program, new: Program, touches: Iterable[Touch], now: datetime
) -> tuple[Place | Lost, Touch | None]:
    """Where an enrollment stands in the new version, and its open touch."""
    mine = [touch for touch in touches if touch.enrollment == one.id]
    latest = next((touch for touch in mine if touch.id == one.touch), None)
    opened = latest if latest is not None and latest.state not in FINAL else None
    here = one.place
    if latest is not None and opened is None:
        here = after_touch(old, here, latest, now)  # it is over, and no pass has gone on from it yet
    made = sorted((touch for touch in mine if touch is not opened), key=lambda touch: touch.created_at)
    place = relocated(old, new, here, made=made, open_touch=opened is not None, started_at=one.started_at)
    return place, opened


def _standing(one: Enrollment, new: Program, scene: Scene) -> Standing:
    old = scene.rules.program(one.cadence, one.version)
    lead = scene.leads[one.lead]
    to, opened = placed(one, old, new, scene.touches.get(one.lead, ()), scene.now)
    ahead = _ahead(old, one.place.pc, new)
    if isinstance(to, Lost):
        return Standing(one, ahead | {to.step}, to)
    ahead |= _ids(new, to.pc)
    if one.state is not State.ACTIVE:
        return Standing(one, ahead, to)
    if opened is not None:
        return Standing(one, ahead, to, one.next_at)
    outcome = walk(new, to, scene.surroundings(lead, one, new.cadence), scene.now).outcome
    due = outcome.until if isinstance(outcome, Sleep) else min(one.next_at or scene.now, scene.now)
    return Standing(one, ahead, to, due)


def _ahead(old: Program, pc: int, new: Program) -> frozenset[str]:
    """The steps from a position of the old version on, called as in the new one."""
    renamed = new.cadence.renamed
    return frozenset(step if step in new.contacts else renamed.get(step, step) for step in _ids(old, pc))


def _ids(program: Program, pc: int) -> frozenset[str]:
    return frozenset(op.id for op in program.ops[pc:] if isinstance(op, Email | PersonTask | Webhook | Stream))
