"""The clock, the dice, the mail provider, the links of a mail, and what carries things to sales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from nurture.domain.message import Message
    from nurture.domain.touch import TouchId
    from nurture.domain.verdict import Verdict

# What goes to people of ours travels under this and its number, where a touch has its id. No touch begins so.
DELIVERY: Final = "delivery-"
PREVIEW: Final = "preview"  # begins the touch id of a mail that was sent as a test


class Clock(Protocol):
    """The only clock and the only dice."""

    def now(self) -> datetime:
        """The present moment, aware and UTC."""

    def boottime(self) -> float:
        """Seconds of a clock that runs on while the machine sleeps and is never set."""

    def new_id(self) -> TouchId:
        """A new random, opaque id: letters and digits, no personal data."""


class SetClock(Clock, Protocol):
    """A clock that moves only when told: for `demo` and `simulate`."""

    def set(self, moment: datetime) -> None:
        """Jump forward; never back."""


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

    def finish(self) -> None:
        """Begin nothing more, from any thread: what has not begun is Again, what is in the air comes to its end."""

    def close(self) -> None:
        """Give up connections."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A mail of which nobody knows whether it was taken, and between which moments that must have been."""

    touch: TouchId
    address: str
    since: datetime
    until: datetime


class SendLog(Protocol):
    """The mail provider's own log of what it took."""

    def took(self, asked: Sequence[Asked]) -> Mapping[TouchId, bool | None]:
        """True is proof, False a log that is readable, complete and without it; else None. Never raises."""


class Hints(Protocol):
    """How those who store work tell waiting daemons. Nothing depends on it."""

    def give(self) -> None:
        """Tell every daemon that there may be work. Never raises."""

    def wait(self, seconds: float) -> bool:
        """Whether a hint came within so many seconds. Raises UnreachableError."""

    def close(self) -> None:
        """Hear no more."""


class HighWater(Protocol):
    """How far this daemon has come, kept outside the database."""

    @property
    def mark(self) -> tuple[str, int]:
        """The name of our mark, and how far it has come."""

    def rise(self, at: datetime) -> int:
        """The next mark, to be committed with what it counts. Raises UnreachableError where it cannot be kept."""

    def keep(self, at: datetime) -> None:
        """Write ours down, after the commit. Raises UnreachableError where that cannot be."""

    def read(self, *, since: datetime | None = None) -> Mapping[str, int]:
        """The marks of every daemon that worked here, those kept after a moment."""

    def tidy(self, now: datetime) -> None:
        """Remove marks of others that are old."""

    def forget(self) -> None:
        """Remove every mark: a person has accepted the database as it is."""


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


class MailNames(Protocol):
    """The DNS, as far as mail asks it. Both raise UnreachableError where it does not answer."""

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name; none where there is no such name."""

    def mail_hosts(self, domain: str) -> list[str]:
        """Where mail to a domain goes, the preferred first."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to hand over. `key` is the same on every attempt, so that a receiver knows a second copy.

    `kind`: brief and alert (`to` is an address or empty), webhook (`to` is a name of the settings), crm (`to` is
    empty). `made_at` is when it was queued, `at` the moment of this attempt.
    """

    id: int
    key: str
    kind: str
    to: str
    payload: Mapping[str, Any]
    made_at: datetime
    at: datetime
    attempt: int = 1


class Courier(Protocol):
    """Hands over one delivery at a time: a mail to a person of ours, a signed call of somebody's address."""

    def deliver(self, delivery: Delivery) -> Verdict:
        """Yes, or why not. Never raises; answers within the lease of a mail.

        Maybe and Again are repeated by the caller: at least once, under the same key. Never is not.
        """
