"""How the last mails were received: when so many bounce or are called spam that all mail must wait for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LAST: Final = 1_000  # mails that are looked at
# One complaint among a few mails is no rate yet, nor are a few dead addresses: the first wave of each e-mail sees to
# those.
COMPLAINTS: Final = 2
BOUNCES: Final = 10


@dataclass(frozen=True, slots=True)
class Reception:
    """Of the last mails, how many bounced hard and how many brought a complaint; each mail counts once."""

    mails: int
    bounced: int
    complained: int


def too_bad(seen: Reception, *, complaints: float, bounces: float) -> str:
    """Why mail must be paused, in words; empty where it need not. The limits are shares of the mails; 0 lifts one.

    Mail services ask for less than 0.1 % complaints, and see a sender who goes on above 3 % hard bounces as one who
    bought a list.
    """
    if not seen.mails:
        return ""
    enough = 1 if seen.mails >= LAST else COMPLAINTS
    if complaints and seen.complained >= enough and seen.complained / seen.mails >= complaints:
        return _words(seen.complained, "complaint", seen.mails, complaints)
    if bounces and seen.bounced >= BOUNCES and seen.bounced / seen.mails >= bounces:
        return _words(seen.bounced, "hard bounce", seen.mails, bounces)
    return ""


def _words(count: int, what: str, mails: int, limit: float) -> str:
    many = f"{count} {what}{'s' * (count != 1)} among the last {mails:,} mails"
    return f"{many} ({count / mails:.1%}); the limit is {limit:.1%}"
