"""An import taken back: what is untouched since is removed or set back, the rest is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.domain.lead import LeadId, own_name
from nurture.ports import Store, Unit
from nurture.ports.store import Change, Suppression

AT_ONCE: Final = 10_000  # leads that are looked up together
UNIQUE: Final = {"email": "address", "external_id": "external id"}  # what one lead has, no other can

Stored = Mapping[str, Any]  # the columns of a lead


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing an import did: leads removed, leads set back, and (lead, reason) for those left as they are."""

    removed: tuple[LeadId, ...]
    restored: tuple[LeadId, ...]
    kept: tuple[tuple[LeadId, str], ...]


def undo(batch: int, *, store: Store, now: datetime, by: str, dry_run: bool = False) -> Undone:
    """Undo an import: what is untouched since is removed or set back, the rest is listed, each by its line.

    All of it is one transaction. Raises UnknownNameError for an unknown batch, RefusedError for one that was undone.
    """
    removed: list[tuple[int, LeadId]] = []
    restored: list[tuple[int, LeadId]] = []
    kept: list[tuple[int, LeadId, str]] = []
    named: dict[LeadId, _Named] = {}
    readdressed: dict[LeadId, tuple[str, str]] = {}
    with store.unit() as work:
        found = work.imports.get(batch)
        if found is None:
            raise UnknownNameError("import", str(batch), (), otherwise="Run: nurture lead imports")
        if found["undone_at"] is not None:
            raise RefusedError(f"Import {batch} was undone on {found['undone_at']:%Y-%m-%d}.", hint="Nothing to do.")
        after = 0
        while rows := work.imports.rows(batch, after=after, limit=AT_ONCE):
            after = rows[-1]["lead_id"]
            held = work.arrivals.hold([row["lead_id"] for row in rows])
            changed = _changed_since(work, rows, held)
            back = []
            for row in rows:
                lead, line, before = row["lead_id"], row["line"], row["before"]
                if lead in changed:
                    kept.append((line, lead, changed[lead]))
                elif before is None:
                    removed.append((line, lead))
                elif any(before.get(column) for column in UNIQUE):
                    named[lead] = _Named(line, before, held[lead])
                else:
                    restored.append((line, lead))
                    back.append({**before, "id": lead, "changed_at": now})
                if before is not None and lead not in changed and "email" in before:
                    readdressed[lead] = held[lead]["email"] or own_name(lead), before["email"] or own_name(lead)
            _set_back(work, back)
        gone = tuple(lead for _, lead in sorted(removed))
        work.imports.remove_leads(gone)
        # Last, when all that gave up a name of theirs have: it may have gone from one to the other.
        taken = _taken(work, named)
        kept += [(one.line, lead, taken[lead]) for lead, one in named.items() if lead in taken]
        named = {lead: one for lead, one in named.items() if lead not in taken}
        restored += [(one.line, lead) for lead, one in named.items()]
        moved = {lead: both for lead, both in readdressed.items() if lead not in taken}
        _stay_quiet(work, moved, now=now, by=by)
        _set_back(work, [{"id": lead} | dict.fromkeys(UNIQUE & one.before.keys()) for lead, one in named.items()])
        _set_back(work, [{**one.before, "id": lead, "changed_at": now} for lead, one in named.items()])
        work.imports.undone(batch, now)
        work.notes.add([Change("import_undone", f"import {batch} undone", now, by=by)])
        if not dry_run:
            work.commit()
    stays = tuple((lead, reason) for _, lead, reason in sorted(kept))
    return Undone(gone, tuple(lead for _, lead in sorted(restored)), stays)


@dataclass(frozen=True, slots=True)
class _Named:
    """A lead that had another address or external id: its line, what it was before, what it is now."""

    line: int
    before: Stored
    now: Stored


def _changed_since(work: Unit, rows: Sequence[Stored], held: Mapping[LeadId, Stored]) -> dict[LeadId, str]:
    """Why leads stay as they are, of those that do; nobody else changes them before this transaction ends."""
    ids = [row["lead_id"] for row in rows]
    touched, heard = work.touches.of_leads(ids), work.responses.of_leads(ids)
    enrolled = work.enrollments.all_of(ids)
    alone = {own_name(lead): lead for lead, stored in held.items() if not stored["email"]}
    wishes = {alone[name] for name, scopes in work.suppressions.scopes(alone).items() if "all" in scopes}
    reasons = {}
    for row in rows:
        lead = row["lead_id"]
        if lead not in held or held[lead]["changed_at"] > row["at"]:
            reasons[lead] = "changed since"
        elif touched.get(lead) or heard.get(lead):
            reasons[lead] = "contacted or heard from since"
        elif enrolled.get(lead):
            reasons[lead] = "enrolled since"
        elif lead in wishes and row["before"] is None:
            reasons[lead] = "asked to be left alone, and has no address by which that would be known"
    return reasons


def _taken(work: Unit, named: Mapping[LeadId, _Named]) -> dict[LeadId, str]:
    """Why leads do not get their address or external id back: somebody has it since, who keeps it."""
    wanted = {column: {one.before[column] for one in named.values() if one.before.get(column)} for column in UNIQUE}
    emails, externals = work.arrivals.by_identity(wanted["email"], wanted["external_id"])
    has = {"email": emails, "external_id": externals}
    found: dict[LeadId, str] = {}

    def reason(lead: LeadId) -> str | None:
        for column, word in UNIQUE.items():
            name = named[lead].before.get(column)
            other = has[column].get(name, lead) if name else lead
            gives = named.get(other) if other not in found else None
            if other != lead and not (gives and gives.now[column] == name and column in gives.before):
                return f"its {word} is that of lead {other} now"
        return None

    while more := {lead: why for lead in named.keys() - found.keys() if (why := reason(lead))}:
        found |= more  # and what they keep is not there for others
    return found


def _stay_quiet(work: Unit, moved: Mapping[LeadId, tuple[str, str]], *, now: datetime, by: str) -> None:
    """Who asked under the address that they had since to be left alone did not ask for mail to the one before."""
    scopes = work.suppressions.scopes({since for since, _ in moved.values()})
    wishes = [
        Suppression(before, "all", "new_address", now, lead)
        for lead, (since, before) in moved.items()
        if "all" in scopes.get(since, ())
    ]
    work.arrivals.suppress(wishes, by=by)


def _set_back(work: Unit, back: Sequence[Mapping[str, Any]]) -> None:
    """Set columns of leads; those with the same names together."""
    alike: dict[frozenset[str], list[Mapping[str, Any]]] = {}
    for values in back:
        alike.setdefault(frozenset(values), []).append(values)
    for rows in alike.values():
        work.leads.update_many(rows)
