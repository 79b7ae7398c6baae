"""The first wave of a new or changed e-mail: a few go out and are watched before the rest follow, or are held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nurture.domain.touch import TouchId

MOST_BOUNCED: Final = 0.05
HINT: Final = "Apply a corrected text, or say that it was right: nurture cadence resume NAME"
MOST_UNSUBSCRIBED: Final = 0.02


@dataclass(frozen=True, slots=True)
class Wave:
    """How far the first wave of an e-mail is. `held` says why the rest does not follow; empty: nothing is wrong yet."""

    template: str
    since: datetime
    mails: tuple[TouchId, ...] = ()
    watch_until: datetime | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back for the mails of a first wave, each mail counted once in each."""

    mails: int
    complaints: int = 0
    hard_bounces: int = 0
    unsubscribes: int = 0


def verdict(answers: Answers) -> str:
    """Why the rest must not follow; empty when it may. Without a complaint, more than 5 % hard bounces, or more than
    2 % unsubscribes it goes on by itself."""
    found = []
    if answers.complaints:
        found.append(_many(answers.complaints, "complaint"))
    if answers.hard_bounces > MOST_BOUNCED * answers.mails:
        found.append(_many(answers.hard_bounces, "hard bounce"))
    if answers.unsubscribes > MOST_UNSUBSCRIBED * answers.mails:
        found.append(_many(answers.unsubscribes, "unsubscribe"))
    return f"{' and '.join(found)} among the first {answers.mails} mails" if found else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def emails_among(paths: Sequence[str], every: Sequence[str]) -> list[str]:
    """The e-mails, as template paths, that are new or changed with these files; with a layout, all of them change."""
    known = {_email(path) for path in every} - {""}
    if any(path.startswith("templates/layouts/") for path in paths):
        return sorted(known)
    return sorted({_email(path) for path in paths} & known)


def _email(path: str) -> str:
    """The template path of a file of an e-mail; empty for any other file."""
    inside = path.removeprefix("templates/")
    if inside == path or inside.startswith("layouts/") or not inside.endswith((".html", ".txt")):
        return ""
    return inside.rpartition(".")[0]
