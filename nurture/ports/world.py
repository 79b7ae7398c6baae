"""The clock, the dice, the mail provider and the links of a mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import Verdict


class Clock(Protocol):
    """The only clock and the only dice."""

    def now(self) -> datetime:
        """The present moment, aware and UTC."""

    def boottime(self) -> float:
        """Seconds of a clock that runs on while the machine sleeps and is never set."""

    def new_id(self) -> TouchId:
        """A new random, opaque id: letters and digits, no personal data."""


class Mailer(Protocol):
    """Hands messages to a provider, many at once."""

    @property
    def name(self) -> str:
        """`outbox`, `smtp` or `sendgrid`."""

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """A verdict for every message, in the order in which they become known.

        `deadline` is a boot time by which the whole call is over. Never raises for one message: one without an answer
        at the deadline is Maybe, one not yet begun is Again.
        """

    def close(self) -> None:
        """Give up connections."""


class Links(Protocol):
    """The addresses in a mail that lead back to us. Tokens are signed and bound to one purpose."""

    def tracked(self, touch: TouchId, link: str) -> str:
        """The address of a tracked link; `link` is its id."""

    def unsubscribe(self, touch: TouchId) -> str:
        """The one-click unsubscribe address."""

    def preferences(self, touch: TouchId) -> str:
        """The page on which a person chooses less often, a pause, or stop."""

    def reply_to(self, touch: TouchId, domain: str) -> str:
        """The address to which an answer to this touch goes."""
