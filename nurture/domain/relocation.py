"""Where a lead in flight stands in another version of its cadence: by step id, after contact X, waiting since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nurture.domain.cadence import Email, PersonTask, Set, Stream, Wait, WaitFor, WaitUntil, Webhook
from nurture.domain.enrollment import DAY, Place
from nurture.domain.streams import closest
from nurture.domain.touch import State, Touch
from nurture.domain.walk import Branch, Fork, Jump, Op, Program


@dataclass(frozen=True, slots=True)
class Lost:
    """The step on which a lead stands is not in the other version."""

    step: str


def relocated(
    old: Program, new: Program, place: Place, *, made: Sequence[Touch], open_touch: bool, started_at: datetime
) -> Place | Lost:
    """The same place in `new`. `made`: the enrollment's finished touches, oldest first.

    Before an open contact it is that contact. Else it is the point after the latest contact; where the steps since
    then are the same in both versions the lead stands at the same one of them, and where they differ its waits are
    counted again from that contact.
    """
    streams = _streams(old, new)
    memory = {
        _id(new.ops[there]): place.memory[_id(old.ops[at])]
        for at, there in streams.items()
        if there is not None and _id(old.ops[at]) in place.memory
    }
    op = old.ops[place.pc] if place.pc < len(old.ops) else None
    if isinstance(op, Email | PersonTask | Webhook) and open_touch:
        target = new.contacts.get(_name(op.id, new))
        return Lost(op.id) if target is None else Place(target, place.anchor, memory)
    if isinstance(op, Stream) and (open_touch or place.memory.get(op.id)):
        target = streams.get(place.pc)
        return Lost(op.id) if target is None else Place(target, place.anchor, memory)
    last = _last(old, place, made)
    if last is None:
        start, begin, since = 0, 0, started_at
    else:
        start, since = last[0] + 1, last[1]
        passed = old.ops[last[0]]
        found = streams.get(last[0]) if isinstance(passed, Stream) else new.contacts.get(_name(_id(passed), new))
        if found is None:
            return Lost(_id(passed))
        begin = found + 1
    if _same(old, start, new, begin, place.pc - start, streams):
        at = begin + place.pc - start
        if DAY in place.memory and at < len(new.ops) and _same(old, place.pc, new, at, 1, streams):
            memory[DAY] = place.memory[DAY]
        return Place(at, place.anchor, memory)
    waited = any(isinstance(one, Wait | WaitUntil | WaitFor | Stream) for one in old.ops[start : place.pc])
    return Place(begin, since if waited else place.anchor, memory)


def _name(step: str, new: Program) -> str:
    """The id of a step in the new version."""
    return step if step in new.contacts else new.cadence.renamed.get(step, step)


def _id(op: Op) -> str:
    return getattr(op, "id", "")


def _streams(old: Program, new: Program) -> dict[int, int | None]:
    """Position of each stream -> that of the same stream in the other version."""
    there = {op.id: at for at, op in enumerate(new.ops) if isinstance(op, Stream)}
    streams = [op for op in new.ops if isinstance(op, Stream)]
    found: dict[int, int | None] = {}
    for at, op in enumerate(old.ops):
        if isinstance(op, Stream):
            same = closest(op, streams)
            found[at] = there[same.id] if same is not None else None
    return found


def _last(old: Program, place: Place, made: Sequence[Touch]) -> tuple[int, datetime] | None:
    """(position of the latest contact before the place, when it really happened)."""
    items = {
        item.rpartition("/")[2]: at for at, op in enumerate(old.ops) if isinstance(op, Stream) for item in op.items
    }
    for touch in reversed(made):
        at = old.contacts.get(touch.step, items.get(touch.step))
        if at is not None and at < place.pc:
            counted = touch.counted_at is not None or touch.state is State.EXPIRED
            happened = touch.expires_at if touch.state is State.EXPIRED else touch.sent_at or touch.intent_at
            # A contact that was skipped leaves the waits where they were: it was due when they began.
            return at, happened if counted and happened is not None else touch.due_at
    return None


def _same(old: Program, start: int, new: Program, begin: int, length: int, streams: Mapping[int, int | None]) -> bool:
    """Whether so many operations from both positions on are the same."""
    if length < 0 or begin + length > len(new.ops):
        return False
    return all(
        _shape(old.ops[start + step], step, length, start, old, new, streams)
        == _shape(new.ops[begin + step], step, length, begin, new, new, None)
        for step in range(length)
    )


def _shape(
    op: Op, step: int, length: int, start: int, program: Program, new: Program, streams: Mapping[int, int | None] | None
) -> tuple[object, ...]:
    """What an operation does, with its jumps counted from the start; one that leads past the end only passes it."""

    def jump(to: int) -> int:
        return min(to - start, length + 1)

    match op:
        case Branch(condition=condition, otherwise=otherwise):
            return ("if", condition.text, jump(otherwise))
        case Fork(id=name, arms=arms):
            return ("split", name, tuple((upto, jump(to)) for upto, to in arms))
        case Jump(to=to):
            return ("jump", jump(to))
        case Wait(duration=duration):
            return ("wait", duration)
        case WaitUntil(day=day, if_within=within):
            return ("until", day, within)
        case WaitFor(condition=condition, timeout=timeout):
            return ("for", condition.text, timeout)
        case Stream():
            return ("stream", start + step if streams is None else streams.get(start + step))
        case Set(fields=fields):
            return ("set", tuple(sorted((key, str(value)) for key, value in fields.items())))
        case Email(id=name) | PersonTask(id=name) | Webhook(id=name):
            return ("contact", name if program is new else _name(name, new))
        case _:
            return (type(op).__name__,)
