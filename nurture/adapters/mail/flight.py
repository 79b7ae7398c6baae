"""Messages in flight: the caller must have an answer at the deadline, the sender must not begin after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import Again, Maybe, Verdict

# The waits below run on a clock that stands still while the machine sleeps: look at the boot-time clock this often.
_LOOK_SECONDS: Final = 1.0
_TOGETHER: Final = 64

TOO_LATE: Final = Again("not begun: too little time was left before the deadline")


class Flight:
    """One message on its way. Exactly one side wins it: the sender, who begins, or the caller, who gave up waiting."""

    __slots__ = ("_won", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self._won = threading.Lock()

    def begin(self) -> bool:
        """Whether the content may leave now; True once. Called just before its first byte."""
        return self._won.acquire(blocking=False)

    @property
    def is_decided(self) -> bool:
        """Whether one side has won: before the sender began, that can only have been the caller."""
        return self._won.locked()

    def withdraw(self) -> bool:
        """Whether the content has not begun to leave, and now never will."""
        return self._won.acquire(blocking=False)


class Landed:
    """Verdicts on their way to the caller, who is woken for many at once.

    Each waking hands the interpreter from thread to thread and back, which costs about as much as a request.
    """

    def __init__(self, expected: int = 1) -> None:
        self._expected = expected
        self._known: list[tuple[Flight, Verdict]] = []
        self._taken = 0
        self._woken = threading.Event()

    def put(self, flight: Flight, verdict: Verdict) -> None:
        """Let the caller know, from any thread."""
        self._known.append((flight, verdict))
        if len(self._known) % _TOGETHER == 0 or len(self._known) >= self._expected:
            self._woken.set()

    def take(self, seconds: float) -> list[tuple[Flight, Verdict]]:
        """What has become known since the last call; wait so long for more, unless all is known."""
        if seconds > 0:
            self._woken.wait(seconds)
        self._woken.clear()
        new = self._known[self._taken :]
        self._taken += len(new)
        return new


def verdicts(
    flights: Sequence[Flight], landed: Landed, *, deadline: float, boottime: Callable[[], float]
) -> Iterator[tuple[TouchId, Verdict]]:
    """Yield verdicts soon after they are known; at the deadline, settle what is still in the air, whatever holds it."""
    waiting = set(flights)
    left = 1.0
    try:
        while waiting and left > 0:
            left = deadline - boottime()
            for flight, verdict in landed.take(min(left, _LOOK_SECONDS)):
                waiting.discard(flight)
                yield flight.message.touch, verdict
        for flight in flights:
            if flight in waiting:
                waiting.discard(flight)
                withdrawn = flight.withdraw()
                yield flight.message.touch, TOO_LATE if withdrawn else Maybe("no answer by the deadline")
    finally:
        for flight in waiting:  # the caller stopped listening
            flight.withdraw()
