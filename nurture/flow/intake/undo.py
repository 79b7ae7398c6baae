"""An import taken back: what is untouched since is removed or set back, the rest is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.domain.lead import LeadId
from nurture.ports import Store, Unit
from nurture.ports.store import Change, Suppression

AT_ONCE: Final = 10_000  # leads that are looked up together


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
                else:
                    restored.append((line, lead))
                    back.append({**before, "id": lead, "changed_at": now})
            _stay_quiet(work, back, held, now=now, by=by)
            _set_back(work, back)
        gone = tuple(lead for _, lead in sorted(removed))
        work.imports.remove_leads(gone)
        work.imports.undone(batch, now)
        work.notes.add([Change("import_undone", f"import {batch} undone", now, by=by)])
        if not dry_run:
            work.commit()
    stays = tuple((lead, reason) for _, lead, reason in sorted(kept))
    return Undone(gone, tuple(lead for _, lead in sorted(restored)), stays)


def _changed_since(
    work: Unit, rows: Sequence[Mapping[str, Any]], held: Mapping[LeadId, Mapping[str, Any]]
) -> dict[LeadId, str]:
    """Why leads stay as they are, of those that do; nobody else changes them before this transaction ends."""
    ids = [row["lead_id"] for row in rows]
    touched, heard = work.touches.of_leads(ids), work.responses.of_leads(ids)
    enrolled = work.enrollments.all_of(ids)
    reasons = {}
    for row in rows:
        lead = row["lead_id"]
        if lead not in held or held[lead]["changed_at"] > row["at"]:
            reasons[lead] = "changed since"
        elif touched.get(lead) or heard.get(lead):
            reasons[lead] = "contacted or heard from since"
        elif enrolled.get(lead):
            reasons[lead] = "enrolled since"
    return reasons


def _stay_quiet(
    work: Unit, back: Sequence[dict[str, Any]], held: Mapping[LeadId, Mapping[str, Any]], *, now: datetime, by: str
) -> None:
    """Who asked under the address that they had since to be left alone did not ask for mail to the one before."""
    moved = {one["id"]: (held[one["id"]]["email"], one["email"]) for one in back if one.get("email")}
    scopes = work.suppressions.scopes({since for since, _ in moved.values() if since})
    wishes = [
        Suppression(email, "all", "new_address", now, lead)
        for lead, (since, email) in moved.items()
        if "all" in scopes.get(since, ())
    ]
    work.arrivals.suppress(wishes, by=by)


def _set_back(work: Unit, back: Sequence[dict[str, Any]]) -> None:
    """Set columns of leads; those with the same names together."""
    alike: dict[frozenset[str], list[dict[str, Any]]] = {}
    for values in back:
        alike.setdefault(frozenset(values), []).append(values)
    for rows in alike.values():
        work.leads.update_many(rows)
