"""What a provider's answer means for one touch, and when to try again: the verdict tables of the send protocol.

"Refused" (certainly not taken) is kept apart from "no answer" (nobody knows): only the first may be repeated by a
machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class Yes:
    """The provider has it. `provider_id` is its own name for the mail, where it gave one."""

    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """Certainly not taken; may be tried again, not before the given moment (UTC) where the provider named one."""

    because: str
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """Certainly not taken, and this message never will be."""

    because: str


@dataclass(frozen=True, slots=True)
class ChannelDown:
    """Certainly not taken, and no lead is at fault: pause the channel and alert."""

    because: str


@dataclass(frozen=True, slots=True)
class Maybe:
    """Nobody knows. A second copy would be a guess."""

    because: str


Verdict = Yes | Again | Never | ChannelDown | Maybe

ACCEPTED: Final = 202
TOO_MANY: Final = 429
REFUSED_FOR_GOOD: Final = frozenset({400, 404, 405, 413, 415})
CHANNEL_PROBLEM: Final = frozenset({401, 403})


def of_http(status: int, *, provider_id: str = "", not_before: datetime | None = None, because: str = "") -> Verdict:
    """The verdict on an HTTP answer; `not_before` is what the provider's reset header says.

    Every status that the table does not name is a maybe: a gateway may answer for a provider that took the mail.
    """
    said = f"HTTP {status}: {because}" if because else f"HTTP {status}"
    if status == ACCEPTED:
        return Yes(provider_id)
    if status == TOO_MANY:
        return Again(said, not_before)
    if status in REFUSED_FOR_GOOD:
        return Never(said)
    if status in CHANNEL_PROBLEM:
        return ChannelDown(said)
    return Maybe(said)


class Phase(IntEnum):
    """How far a conversation with an SMTP server came, in order. An answer belongs to the phase it answers."""

    CONNECT = 0
    BANNER = 1
    EHLO = 2
    STARTTLS = 3
    AUTH = 4
    MAIL = 5
    RCPT = 6
    DATA = 7  # the command; none of the content is written
    CONTENT = 8  # some of the content is written, the final dot certainly is not
    DOT = 9  # the final dot may be written


def of_smtp(phase: Phase, code: int | None, *, provider_id: str = "", because: str = "") -> Verdict:
    """The verdict on an SMTP answer, or on its absence (`code` None), in the phase that failed or ended.

    A 5xx to the DATA command counts as one to RCPT: it refuses this transaction, and the connection was good enough
    for its sender. An answer that the protocol does not know is as good as none.
    """
    answer = "no answer" if code is None else str(code)
    said = f"{phase.name}: {answer}: {because}" if because else f"{phase.name}: {answer}"
    if code == 250 and phase is Phase.DOT:
        return Yes(provider_id)
    if code is not None and 400 <= code < 500:
        return Again(said)
    if code is not None and 500 <= code < 600:
        return Never(said) if phase >= Phase.RCPT else ChannelDown(said)
    return Maybe(said) if phase is Phase.DOT else Again(said)


FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=1)
_DOUBLINGS: Final = 12  # beyond that the cap decides; keeps a huge attempt number from overflowing


def backoff(attempt: int, fraction: float) -> timedelta:
    """How long to wait after `attempt` (from 1) failed: 30 s, doubled each time, at most an hour.

    `fraction`, in [0, 1), spreads touches that failed together over the second half of the wait.
    """
    full = min(FIRST_WAIT * (1 << min(max(attempt - 1, 0), _DOUBLINGS)), LONGEST_WAIT)
    return full / 2 + full / 2 * fraction
