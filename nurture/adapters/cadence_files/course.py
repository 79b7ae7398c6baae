"""Where a cadence's course leads: what is never reached, how it ends, and to whom it hands over at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from nurture.adapters.cadence_files.report import Place, Report
from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
    If,
    PersonTask,
    Split,
    Step,
    Stop,
    Stream,
    Wait,
    WaitFor,
    WaitUntil,
    Webhook,
)


def course_problems(cadence: Cadence, report: Report) -> None:
    """Report steps that are never reached, waits with nothing after them, no contact, and no way out."""
    _unreached(cadence.steps, report)
    everything = list(walked(cadence.steps))
    top = place_of(cadence.steps[0], report)
    if not any(isinstance(step, Email | PersonTask | Webhook | Stream) for step in everything):
        report.warn(top, "steps: no step contacts the lead")
    if cadence.goal is None:
        for wait in _last(cadence.steps):
            if isinstance(wait, Wait | WaitUntil | WaitFor):
                report.warn(place_of(wait, report), "steps: nothing comes after this wait")
        if not any(isinstance(step, Enroll | Stop) for step in everything):
            hint = "add a 'goal:', or end with 'enroll: CADENCE' or 'stop: WORD'"
            report.warn(top, f"steps: this cadence has no exit, so at its end a lead has no next thing; {hint}")


def place_of(step: Step, report: Report) -> Place:
    """Where a step begins in the file that was read with this report."""
    places = (mention for mention in report.mentions if mention.what == "begins" and mention.line == step.line)
    return Place(step.line, next((mention.column for mention in places), 1))


def walked(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps, those inside branches and arms included, in the order of the file."""
    for step in steps:
        yield step
        for branch in branches(step):
            yield from walked(branch)


def branches(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The lists of steps inside this one."""
    match step:
        case If():
            return (step.then, step.otherwise)
        case Split():
            return tuple(arm.steps for arm in step.arms)
        case _:
            return ()


def _ends(steps: Sequence[Step]) -> bool:
    """Whether no lead comes out at the other end."""
    return any(
        isinstance(step, Enroll | Stop) or (bool(branches(step)) and all(_ends(branch) for branch in branches(step)))
        for step in steps
    )


def _unreached(steps: Sequence[Step], report: Report) -> None:
    for step, following in pairwise(steps):
        if _ends([step]):
            report.error(
                place_of(following, report), f"steps: never reached, because line {step.line} ends the cadence"
            )
            break
    for step in steps:
        for branch in branches(step):
            _unreached(branch, report)


def _last(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps after which nothing comes."""
    if steps:
        inside = branches(steps[-1])
        if not inside:
            yield steps[-1]
        for branch in inside:
            yield from _last(branch)


def at_once(cadence: Cadence) -> dict[str, int]:
    """The cadences to which a lead can be handed over without any time passing, each with the line that does it."""
    found: dict[str, int] = {}
    _hurry(cadence.steps, found)
    if cadence.entry.otherwise is not None:
        found.setdefault(cadence.entry.otherwise, cadence.entry.line)
    return found


def _hurry(steps: Sequence[Step], found: dict[str, int]) -> bool:
    """Note hand-overs on paths without a pause; returns whether such a path goes on after these steps.

    Only a wait and a person's task surely take time: an e-mail already had is skipped at once, `wait_for` may hold
    already, and the day of `wait_until` may be today.
    """
    for step in steps:
        match step:
            case Wait() | PersonTask() | Stop():
                return False
            case Enroll():
                found.setdefault(step.cadence, step.line)
                return False
            case If() | Split():
                goes_on = [_hurry(branch, found) for branch in branches(step)]  # each is looked at
                if not any(goes_on):
                    return False
            case _:
                pass
    return True
