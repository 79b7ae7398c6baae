"""What happened since the last digest, and what needs a person -> the daily mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

# Changes that are counted, in the order in which they are told, with their words.
CHANGES: Final[Mapping[str, str]] = {
    "enrolled": "enrolled",
    "near_term": "leads that became near-term",
    "promoted": "promoted",
    "offered": "offered to a rep",
    "accepted": "accepted by sales",
    "rejected": "rejected by sales",
    "won": "won",
    "lost": "lost",
    "suppressed": "suppressed",
}
RESPONSES: Final[Mapping[str, str]] = {
    "reply": "replies",
    "click": "clicks by people",
    "form": "forms",
    "visit": "visits",
    "download": "downloads",
    "call": "calls answered for",
    "meeting": "meetings",
    "unsubscribe": "unsubscribes",
    "bounce": "bounces",
    "complaint": "complaints",
}
NOTHING: Final = "Nothing."


@dataclass(frozen=True, slots=True)
class Happened:
    """Counts of a span of time: mails that went out, work that people did, what leads did, what changed."""

    mails: int = 0
    tasks: int = 0
    responses: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Digest:
    """A mail to whoever operates this."""

    subject: str
    text: str


def digest(happened: Happened, needs: Sequence[str], *, since: datetime, now: datetime, zone: ZoneInfo) -> Digest:
    """The mail. `needs`: what waits for a person, one sentence each."""
    span = f"{since.astimezone(zone):%Y-%m-%d %H:%M} to {now.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
    lines = [
        *_counted((("mails sent", happened.mails), ("tasks done", happened.tasks))),
        *_counted((words, happened.responses.get(name, 0)) for name, words in RESPONSES.items()),
        *_counted((words, happened.changes.get(name, 0)) for name, words in CHANGES.items()),
    ]
    asked = [f"- {one}" for one in needs]
    parts = [f"What happened, {span}:", "\n".join(lines) or NOTHING, "What needs a person:"]
    parts += ["\n".join(asked) or NOTHING]
    waits = f"{len(needs)} things need a person" if len(needs) > 1 else "one thing needs a person"
    local = now.astimezone(zone)
    subject = f"nurture on {local:%A} {local.day} {local:%B}: {waits if needs else 'nothing needs a person'}"
    return Digest(subject, "\n\n".join(parts))


def _counted(pairs: Iterable[tuple[str, int]]) -> list[str]:
    return [f"- {words}: {count:,}" for words, count in pairs if count]
