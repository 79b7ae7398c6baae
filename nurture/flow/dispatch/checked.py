"""What must hold of every mail and of every group, checked while it goes: a broken row is parked, a broken total stops.

The invariants of the send protocol hold by construction; here is where it would show that they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from nurture.domain.errors import RefusedError
from nurture.domain.message import Message, ascii_address, message_id_for
from nurture.domain.touch import State, Touch
from nurture.ports import Unit
from nurture.ports.store import Change, Switch

BROKEN: Final = "invariant"


class BrokenRowError(RefusedError):
    """A mail that is not the one of its touch. It is parked, and no other."""


def check_row(planned: Touch, message: Message) -> None:
    """Raise BrokenRowError: one touch is one mail to its one recipient, under one Message-ID on every attempt."""
    found = [
        words
        for broken, words in (
            (planned.state is not State.PLANNED, f"its touch is {planned.state}, not planned"),
            (message.touch != planned.id, "it carries the id of another touch"),
            (message.to != (ascii_address(planned.address or "") or planned.address), "it goes to another address"),
            (message.message_id != _its_own(planned, message), "its Message-ID is not the one of its touch"),
            (planned.message_id not in (None, message.message_id), "an earlier attempt had another Message-ID"),
        )
        if broken
    ]
    if found:
        raise BrokenRowError(f"The mail cannot be the one of its touch: {', '.join(found)}.", hint="This is a bug.")


def _its_own(planned: Touch, message: Message) -> str:
    return message_id_for(planned.id, message.message_id.rpartition("@")[2].rstrip(">"))


def stop(work: Unit, broken: Sequence[str], now: datetime) -> None:
    """Nothing more is sent until a person lets it: the count of what was handed over does not add up."""
    words = "; ".join(broken)[:500]
    work.control.switch(Switch("send", f"{BROKEN}: {words}", now, None, BROKEN))
    work.notes.add([Change(BROKEN, f"all sending is paused: {words}", now, by=BROKEN)])
