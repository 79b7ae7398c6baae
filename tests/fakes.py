"""Working stand-ins for the outside world: a clock that moves when told, a mailer that keeps, plain links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from nurture.domain.draft import Draft, Rendered
from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import Maybe, Verdict, Yes
from nurture.moves.rendering import AtOnce, Here
from nurture.ports import Templates
from nurture.ports.world import Clock, Links, Mailer

# A Tuesday, 10:00 in Paris: inside every usual contact window of Europe.
A_TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


class FixedClock:
    """A clock that moves only by `advance`. Its boot time moves along; its ids count up."""

    def __init__(self, at: datetime = A_TUESDAY) -> None:
        self._start = at
        self._now = at
        self._ids = count(1)

    def now(self) -> datetime:
        """The moment at which it stands."""
        return self._now

    def advance(
        self, *, weeks: float = 0, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> datetime:
        """Move on; the new moment."""
        self._now += timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        return self._now

    def boottime(self) -> float:
        """Seconds since it began."""
        return (self._now - self._start).total_seconds()

    def new_id(self) -> TouchId:
        """t00001, t00002, ..."""
        return f"t{next(self._ids):05d}"


def taken(message: Message) -> Verdict:
    """The answer of a provider that takes everything."""
    return Yes(f"provider-{message.touch}")


@dataclass
class OutboxFake:
    """A mailer that keeps what it was given; `answers` decides the verdict of each message."""

    answers: Callable[[Message], Verdict] = taken
    name: str = "outbox"
    sent: list[Message] = field(default_factory=list)
    asked: list[Message] = field(default_factory=list)  # also those that were not taken
    closed: bool = False

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """A verdict for every message. A Maybe is kept as sent: it may have been."""
        for message in messages:
            self.asked.append(message)
            verdict = self.answers(message)
            if isinstance(verdict, Yes | Maybe):
                self.sent.append(message)
            yield message.touch, verdict

    def finish(self) -> None:
        """Nothing takes long here."""

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


@dataclass(frozen=True, slots=True)
class FakeLinks:
    """Addresses that can be read, and are signed by nobody."""

    base: str = "https://go.example.com"

    def tracked(self, touch: TouchId, link: str) -> str:
        """The address of a tracked link."""
        return f"{self.base}/c/{touch}/{link}"

    def unsubscribe(self, touch: TouchId) -> str:
        """The one-click unsubscribe address."""
        return f"{self.base}/u/{touch}"

    def preferences(self, touch: TouchId) -> str:
        """The page with the choices."""
        return f"{self.base}/p/{touch}"

    def reply_to(self, touch: TouchId, domain: str) -> str:
        """The address to which an answer goes."""
        return f"r+{touch}@{domain}"


# The type checker sees here that the stand-ins fit.
_CLOCK: type[Clock] = FixedClock
_MAILER: type[Mailer] = OutboxFake
_LINKS: type[Links] = FakeLinks


@dataclass
class RendererFake:
    """Renders here, and lets a test see each mail before it goes on, or put another in its place."""

    each: Callable[[Draft, Rendered], Rendered]

    def begin(self, drafts: Sequence[Draft], templates: Templates) -> AtOnce:
        """The mails of drafts, in their order."""
        pairs = zip(drafts, Here(FakeLinks()).begin(drafts, templates), strict=True)
        return AtOnce(self.each(draft, mail) if isinstance(mail, Rendered) else mail for draft, mail in pairs)

    def close(self) -> None:
        """Nothing was started."""
