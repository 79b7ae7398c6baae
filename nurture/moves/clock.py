"""A clock that went back, or further ahead than time has passed: nothing runs on it until it is right or accepted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from nurture.ports.store import Change, Switch

if TYPE_CHECKING:
    from nurture.ports import Unit

AHEAD: Final = "clock:ahead"
BACK: Final = "clock:back"
LAST_PASS: Final = "last_pass"
ACCEPTED: Final = "clock_accepted"
# Earlier than the last stored pass by more than this: it would count backwards.
BACKWARDS: Final = timedelta(minutes=1)
# Further on than the boot-time clock says, since the last pass. That one runs on while a machine sleeps and is never
# set; so the date was set, or a virtual machine stood still and was then set right. We cannot tell which of the two
# dates is true, and what goes out too early cannot be taken back.
LEAP: Final = timedelta(minutes=5)
HINT: Final = "Nothing runs until the clock is right. If it is right as it is now, run: nurture send resume"


def check_in(work: Unit, now: datetime, *, by: str, expected: datetime | None = None) -> str:
    """Note that a pass runs; or say what is wrong with the clock, in a sentence, the first time with an alert.

    `expected` is the moment that the last pass and the boot-time clock make, where both are known. A clock that was
    set right again is let go on.
    """
    held = work.control.switches()
    ahead, back = held.get(AHEAD), held.get(BACK)
    if ahead is not None and now >= ahead.since:
        return ahead.reason
    _release(work, AHEAD if ahead is not None else "", now)
    if expected is not None and now > expected + LEAP and not _was_accepted(work, expected, now):
        words = f"The clock says {now:%Y-%m-%d %H:%M}, but by the time that has passed it is {expected:%Y-%m-%d %H:%M}."
        return _hold(work, AHEAD, words, now)
    last = work.control.mark(LAST_PASS)
    if last is not None and now < last[1] - BACKWARDS:
        words = f"The clock says {now:%Y-%m-%d %H:%M}, but a pass ran at {last[1]:%Y-%m-%d %H:%M}."
        return words if back is not None else _hold(work, BACK, words, now)
    _release(work, BACK if back is not None else "", now)
    work.control.set_mark(LAST_PASS, by, max(now, last[1]) if last else now)
    return ""


def accept(work: Unit, now: datetime, *, by: str) -> bool:
    """Take the clock as it is, for every daemon; False where nothing was wrong with it."""
    held = [name for name in (AHEAD, BACK) if work.control.unswitch(name)]
    if held:
        work.control.set_mark(ACCEPTED, by, now)
        work.control.set_mark(LAST_PASS, by, now)
        work.notes.add([Change("clock", f"the clock was accepted as it is: {now:%Y-%m-%d %H:%M}", now, by=by)])
    return bool(held)


def _was_accepted(work: Unit, expected: datetime, now: datetime) -> bool:
    """Whether a person has said since the jump that the date is right, perhaps to another daemon."""
    accepted = work.control.mark(ACCEPTED)
    return accepted is not None and expected < accepted[1] <= now


def _hold(work: Unit, name: str, words: str, now: datetime) -> str:
    work.control.switch(Switch(name, words, now, None, by="daemon"))
    work.notes.add([Change("clock", words, now, by="daemon")])
    payload = {"subject": "Nothing runs: the clock is wrong", "text": f"{words}\n\n{HINT}"}
    work.sales.deliver(key=f"{name}:{now.isoformat()}", kind="alert", to="", payload=payload, at=now)
    return words


def _release(work: Unit, name: str, now: datetime) -> None:
    if name and work.control.unswitch(name):
        work.notes.add([Change("clock", "the clock is right again", now, by="daemon")])
