"""A cadence told in plain words: who enters, and what happens when, step by step, branches indented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
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
)
from nurture.domain.differences import day_words
from nurture.domain.touch import Channel

_TASKS = {
    Channel.CALL: "call",
    Channel.VOICEMAIL: "voicemail",
    Channel.LINKEDIN: "LinkedIn",
    Channel.LETTER: "letter",
    Channel.SMS: "SMS",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `depth` counts the branches around it."""

    depth: int
    text: str


def introduction(cadence: Cadence) -> Iterator[str]:
    """Who enters, in which hours they are contacted, and how it ends."""
    entry = cadence.entry
    if cadence.description:
        yield cadence.description
    if entry.when is None:
        yield "Who enters: whoever is enrolled by hand, or handed over by another cadence."
    else:
        yield f"Who enters: {entry.when.text}" + (f", at most {entry.rate:,} a day" if entry.rate else "") + "."
    if entry.arrived_within is not None:
        late = f"; who comes later goes to {entry.otherwise}" if entry.otherwise else ""
        yield f"Only within {entry.arrived_within} of their arrival{late}."
    yield f"Again: {'never' if entry.again is None else f'after {entry.again}'}."
    if cadence.holdout:
        yield f"{cadence.holdout:g} % are held out: they go through it and are not contacted."
    hours = "at any hour" if cadence.window.always else str(cadence.window)
    yield f"Contact hours: {hours}, in the lead's own time."
    if cadence.goal is not None:
        yield f"Goal, which ends it: {cadence.goal.text}."
    words = sorted({"reply", "unsubscribe", "complaint"} | {kind.value.replace("_", " ") for kind in cadence.stop_on})
    yield f"Stops on: {', '.join(words)}."


def told(cadence: Cadence) -> list[Line]:
    """The steps, line by line."""
    lines = list(_steps(cadence.steps, 0, "Day 0, first open window"))
    return lines or [Line(0, "Nothing happens.")]


def _steps(steps: Sequence[Step], depth: int, first: str) -> Iterator[Line]:
    """`first` says when what comes first happens, where no wait says so."""
    waits: list[str] = []
    for at, step in enumerate(steps):
        if isinstance(step, Wait | WaitUntil | WaitFor):
            waits.append(waiting(step))
            if at + 1 < len(steps):
                continue
            yield Line(depth, _when(waits, first) + ": nothing more.")
            return
        when = _when(waits, first)
        first, waits = "Then", []
        match step:
            case If(condition=condition, then=then, otherwise=otherwise):
                yield Line(depth, f"{when}, if {condition.text}:")
                yield from _inside(then, depth)
                if otherwise:
                    yield Line(depth, "Otherwise:")
                    yield from _inside(otherwise, depth)
            case Split(arms=arms, id=name):
                yield Line(depth, f"{when}, by chance ({name}):")
                for arm in arms:
                    yield Line(depth + 1, f"{arm.percent:g} % of the leads:")
                    yield from _inside(arm.steps, depth + 1)
            case _:
                yield Line(depth, f"{when}: {spoken(step)}.")


def _inside(steps: Sequence[Step], depth: int) -> Iterator[Line]:
    if not steps:
        yield Line(depth + 1, "Nothing.")
    yield from _steps(steps, depth + 1, "At once")


def _when(waits: Sequence[str], first: str) -> str:
    if not waits:
        return first
    text = ", then ".join(waits)
    return text[0].upper() + text[1:]


def waiting(step: Wait | WaitUntil | WaitFor) -> str:
    """When what follows a wait happens."""
    match step:
        case Wait(duration=duration):
            return f"{duration} later"
        case WaitUntil(day=day, if_within=within):
            return f"on {day_words(day)}" + (f" (at once if that is farther away than {within})" if within else "")
        case WaitFor(condition=condition, timeout=timeout):
            return f"as soon as {condition.text}, at the latest after {timeout}"


def spoken(step: Step) -> str:
    """What a step does."""
    match step:
        case Email(template=template, repeat=repeat):
            return f"e-mail {template}" + (", also to those who had it" if repeat else "")
        case PersonTask(channel=channel, template=template, within=within, ask=ask, assign=assign):
            asked = f", to ask for {', '.join(word.replace('_', ' ') for word in ask)}" if ask else ""
            by = f" by {assign}" if assign != "caller" else ""
            return f"{_TASKS.get(channel, 'task')} {template}{by}, within {within}{asked}"
        case Webhook(name=name):
            return f"tell {name} (webhook)"
        case Stream(every=every, items=items, times=times):
            most = f", {times} at most" if times else ""
            rhythm = str(every).removeprefix("1 ")
            return f"one e-mail every {rhythm}{most}, the next they have not had: {', '.join(items)}"
        case Set(fields=fields):
            return "set " + ", ".join(f"{name} to {value}" for name, value in fields.items())
        case Enroll(cadence=into):
            return f"on to the cadence {into}"
        case Stop(word=word):
            return f"the end ({word})"
        case _:
            raise TypeError(f"no words for {type(step).__name__}")
