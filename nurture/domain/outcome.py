"""One line of a CRM export: how a deal that we handed over goes, or ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

from nurture.domain import cell
from nurture.domain.row import Refused


class Step(StrEnum):
    """What sales says of a handoff."""

    ACCEPTED = "accepted"
    CONTACTED = "contacted"
    REJECTED = "rejected"
    WON = "won"
    LOST = "lost"


# Headers as exports write them; case, spaces and signs do not matter. The first that is there is read.
HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "handoff": ("handoff", "handoff id", "nurture handoff"),
    "email": ("email", "email address", "lead email", "contact email", "primary contact email", "contact: email"),
    "external_id": ("external id", "lead id", "contact id", "lead: lead id", "contact: contact id", "record id"),
    "step": ("outcome", "state", "stage", "stage name", "deal stage", "opportunity stage", "status"),
    "at": ("at", "date", "close date", "closed date", "closed on", "outcome date"),
    "amount": ("value", "amount", "deal amount", "opportunity amount"),
    "currency": ("currency", "amount currency", "opportunity currency", "currency code", "currency iso code"),
    "reason": ("reason", "loss reason", "lost reason", "closed lost reason", "rejection reason"),
    "note": ("note", "notes", "comment", "comments"),
}
WORDS: Final[dict[str, Step]] = {
    **{one.value: one for one in Step},
    **dict.fromkeys(("closedwon", "win"), Step.WON),
    **dict.fromkeys(("closedlost", "loss"), Step.LOST),
    **dict.fromkeys(("declined", "returned"), Step.REJECTED),
    "taken": Step.ACCEPTED,
}
DATES: Final = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y, %I:%M %p", "%d.%m.%Y", "%d.%m.%Y %H:%M")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one line says. `lead` is an address or external id; `value` an amount with its currency."""

    line: int
    step: Step
    lead: str = ""
    handoff: int | None = None
    at: datetime | None = None
    value: str | None = None
    reason: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class StillOpen:
    """A deal that has not ended; `word` is the stage that the CRM gives it."""

    line: int
    word: str


def places(headers: Sequence[str]) -> dict[str, int]:
    """Where each name stands among these headers."""
    known = {_bare(header): place for place, header in reversed(list(enumerate(headers))) if header}
    found = {}
    for name, spellings in HEADERS.items():
        place = next((known[_bare(one)] for one in spellings if _bare(one) in known), None)
        if place is not None:
            found[name] = place
    return found


def read(
    line: int, cells: Mapping[str, str], *, currency: str = "", zone: tzinfo = UTC
) -> Outcome | StillOpen | Refused:
    """The outcome in these cells, or why it cannot be read. `currency`: of amounts that name none."""
    word = cell.cleaned(cells.get("step", ""))
    if not word:
        return Refused(line, "no outcome is given")
    step = WORDS.get(_bare(word))
    if step is None:
        return StillOpen(line, word)
    problems: list[str] = []
    number, at, value = None, None, None
    handoff, lead = cells.get("handoff", "").strip(), (cells.get("email") or cells.get("external_id") or "").strip()
    if handoff and not (handoff.isascii() and handoff.isdigit() and len(handoff) < 18):
        problems.append(f"{handoff[:40]!r} is no id of a handoff")
    elif handoff:
        number = int(handoff)
    elif not lead:
        problems.append("it names no handoff, no address and no external id")
    if text := cells.get("at", "").strip():
        try:
            at = cell.moment(text, DATES, zone=zone)
        except ValueError as problem:
            problems.append(f"date {text[:40]!r}: {problem}")
    if (text := cells.get("amount", "").strip()) and step is Step.WON:
        try:
            value = _money(text, cells.get("currency", "").strip() or currency)
        except ValueError as problem:
            problems.append(f"value {text[:40]!r}: {problem}")
    if problems:
        return Refused(line, "; ".join(problems))
    reason = re.sub(r"[^a-z0-9]+", "_", cells.get("reason", "").strip().casefold()).strip("_") or None
    return Outcome(line, step, lead, number, at, value, reason, cells.get("note", "").strip()[:2000])


def _money(text: str, currency: str) -> str | None:
    """`12500.00 EUR`. Raises ValueError for an amount without its currency; nothing where nothing was paid."""
    found = re.search(r"\b([A-Z]{3})\b", text.upper())
    amount = cell.amount(text if found is None else text.upper().replace(found[1], " ").strip())
    code = (found[1] if found else currency).upper()
    if not amount:
        return None
    if not re.fullmatch("[A-Z]{3}", code):
        raise ValueError("of which currency? Add a column 'Currency', or --currency EUR")
    return f"{amount:.2f} {code}"


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
