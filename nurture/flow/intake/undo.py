"""An import taken back: what is untouched since is removed or set back, the rest is listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.domain.lead import LeadId
from nurture.ports import Store
from nurture.ports.store import Change


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing an import did: leads removed, leads set back, and (lead, reason) for those left as they are."""

    removed: tuple[LeadId, ...]
    restored: tuple[LeadId, ...]
    kept: tuple[tuple[LeadId, str], ...]


def undo(batch: int, *, store: Store, now: datetime, by: str, dry_run: bool = False) -> Undone:
    """Undo an import: what is untouched since is removed or set back, the rest is listed.

    Raises UnknownNameError for an unknown batch, RefusedError for one that was undone.
    """
    removed: list[LeadId] = []
    restored: list[LeadId] = []
    kept: list[tuple[LeadId, str]] = []
    with store.unit() as work:
        found = work.imports.get(batch)
        if found is None:
            raise UnknownNameError("import", str(batch), (), otherwise="Run: nurture lead imports")
        if found["undone_at"] is not None:
            raise RefusedError(f"Import {batch} was undone on {found['undone_at']:%Y-%m-%d}.", hint="Nothing to do.")
        rows = work.imports.rows(batch)
        ids = [row["lead_id"] for row in rows]
        touched = work.touches.of_leads(ids)
        heard = work.responses.of_leads(ids)
        enrolled = work.enrollments.all_of(ids)
        for row in rows:
            lead = row["lead_id"]
            stored = work.leads.columns(lead)
            reason = ""
            if stored.get("changed_at") is None or stored["changed_at"] > row["at"]:
                reason = "changed since"
            elif touched.get(lead) or heard.get(lead):
                reason = "contacted or heard from since"
            elif enrolled.get(lead):
                reason = "enrolled since"
            if reason:
                kept.append((lead, reason))
            elif row["before"] is None:
                work.imports.remove_lead(lead)
                removed.append(lead)
            else:
                work.leads.update(lead, {**row["before"], "changed_at": now})
                restored.append(lead)
        work.imports.undone(batch, now)
        work.notes.add([Change("import_undone", f"import {batch} undone", now, by=by)])
        if not dry_run:
            work.commit()
    return Undone(tuple(removed), tuple(restored), tuple(kept))
