"""The list of those who must not be contacted, as a whole: taken in from a file, or lifted for one address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nurture.domain.address import normalise_email, normalise_phone
from nurture.domain.lead import OWN, own_name
from nurture.moves.again import again
from nurture.moves.ending import end_calls, end_contact
from nurture.ports import Store
from nurture.ports.store import Change, Suppression

SCOPES: Final = frozenset({"all", "email", "phone"})
SEALED: Final = "sha256:"
ADDRESS: Final = ("address", "email", "e-mail", "email address", "phone number")  # what the column is called in lists


@dataclass(slots=True)
class Taken:
    """What a file of suppressions did."""

    added: int = 0
    known: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def normalised(text: str) -> str:
    """An address or number in the form in which it is suppressed. Raises ValueError with the reason."""
    return normalise_email(text) if "@" in text else normalise_phone(text)


@again
def take(
    rows: Sequence[Sequence[str]], *, reason: str, store: Store, now: datetime, by: str, dry_run: bool = False
) -> Taken:
    """Suppress every address: `address[, scope[, reason]]` a row; with a header, in any order. All of it or nothing.

    A row may hold several addresses, as where a list was pasted. Leads of ours that have one of the addresses are left
    alone from now on.
    """
    result = Taken()
    with store.unit() as work:
        for line, text, scope, why in _entries(rows, reason):
            if text.startswith(SEALED):
                address = text
            else:
                try:
                    address = normalised(text)
                except ValueError as problem:
                    result.refused.append((line, f"{text!r}: {problem}"))
                    continue
            lead = work.leads.find(address)
            number = lead.id if lead is not None else None
            is_new = work.suppressions.add(Suppression(address, scope, why, now, number), by=by)
            if lead is not None and lead.email and scope == "all":  # the list may know an old address
                is_new = work.suppressions.add(Suppression(lead.email, scope, why, now, number), by=by) or is_new
            if not is_new:
                result.known += 1
                continue
            result.added += 1
            if number is not None:
                work.notes.add([Change("suppressed", f"suppressed ({scope}): {why}", now, by=by, lead=number)])
                if scope == "all":
                    end_contact(work, number, "suppressed", now=now, by=by)
                elif scope == "phone":
                    end_calls(work, number, now=now)
        if not dry_run:
            work.commit()
    return result


def _entries(rows: Sequence[Sequence[str]], reason: str) -> Iterator[tuple[int, str, str, str]]:
    """Line, address, scope and reason of each address of a list."""
    columns, first = _columns(rows)
    named = len(rows[0]) if first else 1  # what stands behind the columns with a name may be more addresses
    for line, row in enumerate(rows[first:], first + 1):
        more = [one for cell in row[named:] for one in _pieces(cell) if _is_address(one)]
        given = [row[at].strip() if at is not None and at < len(row) else "" for at in columns]
        scope = given[1] if given[1] in SCOPES else "all"
        why = given[2] if given[2] not in more else ""
        pasted = [one for one in _pieces(given[0]) if "@" in one]
        for text in filter(None, [*(pasted if len(pasted) > 1 else given[:1]), *more]):
            yield line, text, scope, why or reason


def _pieces(cell: str) -> list[str]:
    return [one.strip() for one in cell.split(";")]


def _is_address(cell: str) -> bool:
    """Whether it is one e-mail address and nothing else, but for a name."""
    try:
        normalise_email(cell)
    except ValueError:
        return False
    return True


def _columns(rows: Sequence[Sequence[str]]) -> tuple[tuple[int | None, int | None, int | None], int]:
    """Where address, scope and reason stand, and how many rows of head there are. Providers put the address last."""
    names = [cell.strip().casefold() for cell in rows[0]] if rows else []
    is_head = not any("@" in name or any(mark.isdigit() for mark in name) for name in names)
    where = next((names.index(name) for name in ADDRESS if name in names), None) if is_head else None
    if where is None:
        return (0, 1, 2), 0
    scope, reason = (names.index(name) if name in names else None for name in ("scope", "reason"))
    return (where, scope, reason), 1


@again
def lift(address: str, *, store: Store, now: datetime, by: str, dry_run: bool = False) -> int:
    """Lift the suppressions of an address; how many there were."""
    try:
        known_as = normalised(address)
    except ValueError:
        known_as = address
    with store.unit() as work:
        lead = work.leads.find(known_as.removeprefix(OWN))
        # Who may be contacted again is also free of what was asked before there was an address.
        names = {known_as} | ({own_name(lead.id)} if lead is not None else set())
        lifted = sum(work.suppressions.remove(name) for name in sorted(names))
        if lifted:
            number = lead.id if lead is not None else None
            work.notes.add([Change("suppression_lifted", "may be contacted again", now, by=by, lead=number)])
            if number is not None:
                work.leads.update(number, {"enroll_check": True, "ready_check": True})
        if not dry_run:
            work.commit()
    return lifted
