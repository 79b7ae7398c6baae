"""Rows <-> import batches: what each did to each lead, so that it can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, or_, select, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store import tables
from nurture.adapters.store.among import among
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.rows import dicts, fetch, insert
from nurture.adapters.store.tables import import_rows, lead_aliases, leads
from nurture.adapters.store.tables import imports as table
from nurture.domain.errors import RefusedError

# What an import itself writes about a lead, and what it never does.
OWN = (tables.lead_aliases, tables.consents, tables.facts, tables.import_rows, tables.changes)
LIFE = (
    *(tables.enrollments, tables.touches, tables.responses, tables.score_lines),
    *(tables.promotions, tables.handoffs, tables.promises, tables.inbox, tables.archived_responses),
)


class ImportRows:
    """Import batches in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def begin(self, *, file: str, source: str | None, at: datetime, by: str) -> int:
        """A new batch."""
        values = {"file": file, "source": source, "at": at, "by": by, "created": 0, "updated": 0, "unchanged": 0}
        return int(self._db.execute(plain_insert(table).values(values).returning(table.c.id)).scalar_one())

    def finish(self, batch: int, *, created: int, updated: int, unchanged: int, refused: Sequence[Any]) -> None:
        """The counts of a batch."""
        counts = {"created": created, "updated": updated, "unchanged": unchanged, "refused": as_json(refused)}
        self._db.execute(update(table).where(table.c.id == batch).values(counts))

    def add_rows(self, batch: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """What the batch did to each lead: lead_id, line, before (None: created), at.

        Of a lead that stands on several lines the first is kept: it says how the lead was before.
        """
        if rows:
            new = [
                {
                    "import_id": batch,
                    "lead_id": row["lead_id"],
                    "line": row["line"],
                    "before": as_json(row["before"]),
                    "at": row["at"],
                }
                for row in rows
            ]
            self._db.execute(insert(self._db, import_rows).on_conflict_do_nothing(), new)

    def select(self) -> list[dict[str, Any]]:
        """Batches, latest first."""
        return dicts(self._db.execute(select(table).order_by(table.c.id.desc())).all())

    def get(self, batch: int) -> dict[str, Any] | None:
        """One batch."""
        row = self._db.execute(select(table).where(table.c.id == batch)).first()
        return dict(row._mapping) if row is not None else None

    def rows(self, batch: int) -> list[dict[str, Any]]:
        """What a batch did, by line."""
        query = select(import_rows).where(import_rows.c.import_id == batch)
        return dicts(self._db.execute(query.order_by(import_rows.c.line, import_rows.c.lead_id)).all())

    def undone(self, batch: int, at: datetime) -> None:
        """Mark a batch as undone."""
        self._db.execute(update(table).where(table.c.id == batch).values(undone_at=at))

    def remove_lead(self, lead: int) -> None:
        """Delete a lead that nothing has happened to since its import. Raises RefusedError if something has."""
        happened = or_(
            *(exists().where(life.c.lead_id == lead) for life in LIFE), exists().where(leads.c.merged_into == lead)
        )
        if self._db.execute(select(happened)).scalar_one():
            raise RefusedError(
                f"Lead {lead} has a history and is not removed.", hint=f"To erase a person: nurture lead forget {lead}"
            )
        for own in OWN:
            self._db.execute(delete(own).where(own.c.lead_id == lead))
        self._db.execute(delete(leads).where(leads.c.id == lead))

    def by_identity(
        self, emails: Collection[str], external_ids: Collection[str]
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Known leads: address (or alias) -> lead, external id -> lead. A merged lead is followed to where it went."""
        by_email = self._leads_by(lead_aliases.c.email, lead_aliases.c.lead_id, emails)
        by_email |= self._leads_by(leads.c.email, leads.c.id, emails)
        by_external = self._leads_by(leads.c.external_id, leads.c.id, external_ids)
        went = self._merged({*by_email.values(), *by_external.values()})
        return (
            {email: went.get(lead, lead) for email, lead in by_email.items()},
            {external: went.get(lead, lead) for external, lead in by_external.items()},
        )

    def _leads_by(self, name: Any, lead: Any, values: Collection[str]) -> dict[str, int]:
        query = select(name.label("name"), lead.label("lead")).where(among(name))
        return {row.name: row.lead for row in fetch(self._db, query, values)}

    def _merged(self, ids: Collection[int]) -> dict[int, int]:
        """Merged lead -> the lead that it is now part of."""
        went: dict[int, int] = {}
        step = ids
        while step:
            query = select(leads.c.id, leads.c.merged_into).where(leads.c.merged_into.is_not(None))
            found = {row.id: row.merged_into for row in fetch(self._db, query.where(among(leads.c.id)), step)}
            step = set(found.values()) - went.keys()
            went |= found
        return {lead: _end(lead, went) for lead in went}


def _end(lead: int, went: Mapping[int, int]) -> int:
    seen = {lead}
    while lead in went and went[lead] not in seen:
        lead = went[lead]
        seen.add(lead)
    return lead
