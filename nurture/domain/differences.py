"""Two versions of a cadence compared: steps added, removed, re-timed, moved, and what else is different, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, Literal

from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
    FiscalDay,
    If,
    PersonTask,
    Set,
    Split,
    Step,
    Stop,
    Stream,
    Wait,
    WaitFor,
    WaitUntil,
    Webhook,
    YearDay,
)

Kind = Literal["added", "removed", "retimed", "moved", "text", "sender"]
END: Final = "end"
MONTHS: Final = (
    *("", "January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)

# The waits on each way to a step; a step after a branch can be reached in several ways.
Ways = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class StepChange:
    """One difference. `step` is a step's id, `end`, what a step does (`enroll evergreen`), or empty: the cadence."""

    change: Kind
    step: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """A step where it stands: the waits before it, and the branches that lead to it."""

    name: str
    step: Step | None
    ways: Ways
    path: tuple[str, ...]


def day_words(day: object) -> str:
    """The day that a `wait_until` waits for."""
    match day:
        case YearDay(month=month, day=number):
            return f"{number} {MONTHS[month]}"
        case FiscalDay(before=None):
            return "the start of the fiscal year"
        case FiscalDay(before=before):
            return f"{before} before the fiscal year"
        case _:
            return str(day)


def wait_words(step: Wait | WaitUntil | WaitFor) -> str:
    """A wait, as a person says it."""
    match step:
        case Wait(duration=duration):
            return str(duration)
        case WaitUntil(day=day, if_within=within):
            return f"until {day_words(day)}" + (f" if that is within {within}" if within else "")
        case WaitFor(condition=condition, timeout=timeout):
            return f"until {condition.text}, at most {timeout}"


@dataclass(slots=True)
class _Route:
    """The steps of a cadence in their order, with the waits before each."""

    spots: list[Spot] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def walk(self, steps: Sequence[Step], ways: Ways, path: tuple[str, ...]) -> Ways:
        """Note the steps; the waits that are open behind them. No way leads out where all of them end."""
        for step in steps:
            match step:
                case Wait() | WaitUntil() | WaitFor():
                    ways = tuple((*way, wait_words(step)) for way in ways)
                case If(condition=condition, then=then, otherwise=otherwise):
                    yes = self.walk(then, ways, (*path, f"if {condition.text}"))
                    ways = _joined(yes, self.walk(otherwise, ways, (*path, f"unless {condition.text}")))
                case Split(id=name, arms=arms):
                    self._note(name, step, ways, path)
                    ways = _joined(
                        *(self.walk(arm.steps, ways, (*path, f"arm {at} of {name}")) for at, arm in enumerate(arms, 1))
                    )
                case Set(fields=fields):
                    self._note(f"set {', '.join(fields)}", step, ways, path)
                case Enroll(cadence=into):
                    self._note(f"enroll {into}", step, ways, path)
                    ways = ()
                case Stop(word=word):
                    self._note(f"stop {word}", step, ways, path)
                    ways = ()
                case Email() | PersonTask() | Webhook() | Stream():
                    self._note(step.id, step, ways, path)
                    ways = ((),)
                case _:
                    raise TypeError(f"no words for {type(step).__name__}")
        return ways

    def _note(self, name: str, step: Step, ways: Ways, path: tuple[str, ...]) -> None:
        self.names[name] = number = self.names.get(name, 0) + 1
        self.spots.append(Spot(name if number == 1 else f"{name} ({number})", step, ways, path))


def _joined(*several: Ways) -> Ways:
    return tuple(dict.fromkeys(way for ways in several for way in ways))


def _route(cadence: Cadence) -> dict[str, Spot]:
    route = _Route()
    ways = route.walk(cadence.steps, ((),), ())
    if any(ways):
        route.spots.append(Spot(END, None, ways, ()))
    return {spot.name: spot for spot in route.spots}


def compare(before: Cadence, after: Cadence) -> tuple[StepChange, ...]:
    """What is different, in the order of the new file; removed steps first."""
    old, new = _route(before), _route(after)
    names = {was: now for was, now in after.renamed.items() if was in old and now in new and now not in old}
    old = {names.get(name, name): spot for name, spot in old.items()}
    found = [StepChange("removed", name, _what(spot.step)) for name, spot in old.items() if name not in new]
    moved = _moved(old, new)
    for name, spot in new.items():
        if name not in old:
            found.append(StepChange("added", name, _added(spot)))
            continue
        was = old[name]
        if was.name in names and names[was.name] == name:
            found.append(StepChange("moved", name, f"called {was.name} before"))
        if was.path != spot.path:
            found.append(StepChange("moved", name, f"{_path(was.path)} -> {_path(spot.path)}"))
        elif name in moved:
            found.append(StepChange("moved", name, "stands at another place"))
        elif was.ways != spot.ways:
            found.append(StepChange("retimed", name, _retimed(was.ways, spot.ways)))
        if was.step is not None and spot.step is not None:
            found += _changed(name, was.step, spot.step)
    return (*found, *_settings(before, after))


def _moved(old: Mapping[str, Spot], new: Mapping[str, Spot]) -> set[str]:
    """The steps that do not keep the order in which the others stand."""
    was = [name for name in old if name in new]
    now = [name for name in new if name in old]
    blocks = SequenceMatcher(None, was, now, autojunk=False).get_matching_blocks()
    kept = {name for block in blocks for name in was[block.a : block.a + block.size]}
    return set(now) - kept


def _what(step: Step | None) -> str:
    match step:
        case Email():
            return "e-mail"
        case PersonTask(channel=channel):
            return channel.value
        case Webhook():
            return "webhook"
        case Stream():
            return "stream"
        case Split():
            return "split"
        case None:
            return "wait at the end"
        case _:
            return ""


def _added(spot: Spot) -> str:
    words = [_what(spot.step)] + [_ways(spot.ways)] * any(spot.ways) + [_path(spot.path)] * bool(spot.path)
    return ", ".join(word for word in words if word)


def _ways(ways: Ways) -> str:
    return " or ".join("after " + ", then ".join(way) if way else "at once" for way in ways) or "never reached"


def _path(path: tuple[str, ...]) -> str:
    return ", ".join(path) or "for everyone"


def _retimed(old: Ways, new: Ways) -> str:
    """Which waits: old -> new. What both have in common is left out."""
    gone, come = [way for way in old if way not in new], [way for way in new if way not in old]
    if len(gone) == len(come) == 1 and len(gone[0]) == len(come[0]):
        return "; ".join(f"{was} -> {now}" for was, now in zip(gone[0], come[0], strict=True) if was != now)
    return f"{_ways(tuple(gone) or old)} -> {_ways(tuple(come) or new)}"


def _changed(name: str, was: Step, now: Step) -> Iterable[StepChange]:
    """What is different in the step itself."""
    if type(was) is not type(now):
        yield StepChange("moved", name, f"{_what(was)} -> {_what(now)}")
        return
    match was, now:
        case (Stream(), Stream()):
            if was.every != now.every or was.times != now.times:
                yield StepChange("retimed", name, f"{_rhythm(was)} -> {_rhythm(now)}")
            if was.items != now.items:
                added = [item for item in now.items if item not in was.items]
                gone = [item for item in was.items if item not in now.items]
                words = [f"new items: {', '.join(added)}"] * bool(added) + [f"without: {', '.join(gone)}"] * bool(gone)
                yield StepChange("text", name, "; ".join(words) or "items in another order")
        case (PersonTask(), PersonTask()):
            if was.within != now.within:
                yield StepChange("retimed", name, f"within {was.within} -> within {now.within}")
            if was.channel is not now.channel:
                yield StepChange("moved", name, f"{was.channel} -> {now.channel}")
            for word in ("template", "ask", "assign"):
                yield from _differs(name, word, getattr(was, word), getattr(now, word))
        case (Email(), Email()):
            yield from _differs(name, "template", was.template, now.template)
            yield from _differs(name, "repeat", was.repeat, now.repeat)
        case (Split(), Split()):
            shares = [", ".join(f"{arm.percent:g} %" for arm in one.arms) for one in (was, now)]
            if shares[0] != shares[1]:
                yield StepChange("moved", name, f"shares {shares[0]} -> {shares[1]}")
        case (Set(), Set()):
            yield from _differs(name, "set", dict(was.fields), dict(now.fields))
        case (Webhook(), Webhook()):
            yield from _differs(name, "webhook", was.name, now.name)
        case _:
            pass


def _rhythm(step: Stream) -> str:
    return f"one item each {step.every}" + (f", {step.times} at most" if step.times else "")


def _differs(name: str, word: str, was: object, now: object) -> Iterable[StepChange]:
    if was != now:
        yield StepChange("text", name, f"{word}: {_shown(was)} -> {_shown(now)}")


def _shown(value: object) -> str:
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(sorted(str(one) for one in value)) or "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {one}" for key, one in value.items()) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None or value == "" else str(getattr(value, "text", value))


def _settings(before: Cadence, after: Cadence) -> Iterable[StepChange]:
    """What is different around the steps."""
    if before.sender != after.sender:
        words = [one.sender or "the only sender" for one in (before, after)]
        yield StepChange("sender", "", f"from {words[0]} -> {words[1]}")
    if before.window != after.window:
        yield StepChange("retimed", "", f"window {before.window} -> {after.window}")
    for word in ("goal", "stop_on", "exclusive"):
        was, now = getattr(before, word), getattr(after, word)
        if was != now:
            yield StepChange("moved", "", f"{word}: {_shown(was)} -> {_shown(now)}")
    for word in ("description", "owner", "priority", "holdout"):
        yield from _differs("", word, getattr(before, word), getattr(after, word))
    for word in ("when", "again", "rate", "arrived_within", "otherwise"):
        yield from _differs("", f"enroll.{word}", getattr(before.entry, word), getattr(after.entry, word))
