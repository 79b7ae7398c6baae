"""Rows <-> import batches: what each did to each lead, so that it can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, null, select, union, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store import bulk, tables
from nurture.adapters.store.among import among
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.rows import dicts, fetch, insert
from nurture.adapters.store.tables import import_refusals, import_rows, leads, suppressions
from nurture.adapters.store.tables import imports as table
from nurture.domain.errors import RefusedError
from nurture.domain.lead import own_name

# What an import itself writes about a lead, and what it never does.
OWN = (tables.lead_aliases, tables.consents, tables.facts, tables.import_rows, tables.changes)
LIFE = (
    *(tables.enrollments, tables.touches, tables.responses, tables.score_lines),
    *(tables.promotions, tables.handoffs, tables.promises, tables.inbox, tables.archived_responses),
)
PART = 10_000  # leads that are removed together
_HAPPENED: Any = union(*(select(life.c.lead_id).where(among(life.c.lead_id)) for life in LIFE))
_BEFORE = select(import_rows.c.lead_id, import_rows.c.before).where(
    import_rows.c.import_id == bindparam("batch"), among(import_rows.c.lead_id)
)
_MERGED_INTO = select(leads.c.merged_into).where(leads.c.merged_into.is_not(None)).distinct()
_REMOVED = (*(delete(own).where(among(own.c.lead_id)) for own in OWN), delete(leads).where(among(leads.c.id)))
# The number of a lead may be given again, and what that one asked was asked by another.
_NO_MORE = delete(suppressions).where(among(suppressions.c.address))
_REFUSED = (
    select(import_refusals)
    .where(among(import_refusals.c.import_id))
    .order_by(import_refusals.c.import_id, import_refusals.c.line, import_refusals.c.id)
)


class ImportRows:
    """Import batches in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def begin(self, *, file: str, source: str | None, at: datetime, by: str, content: str | None = None) -> int:
        """A new batch; one with `content` can be gone on with."""
        values: dict[str, Any] = {"file": file, "source": source, "at": at, "by": by, "content": content}
        values |= {"created": 0, "updated": 0, "unchanged": 0, "line": 0}
        return int(self._db.execute(plain_insert(table).values(values).returning(table.c.id)).scalar_one())

    def unfinished(self, content: str) -> dict[str, Any] | None:
        """The latest batch of the same content that was not finished, nor undone."""
        same = (table.c.content == content, table.c.finished_at.is_(None), table.c.content.is_not(None))
        query = select(table).where(*same, table.c.undone_at.is_(None)).order_by(table.c.id.desc()).limit(1)
        row = self._db.execute(query).first()
        return dict(row._mapping) if row is not None else None

    def advance(
        self,
        batch: int,
        *,
        was: int,
        line: int,
        created: int,
        updated: int,
        unchanged: int,
        refused: Sequence[tuple[int, str]],
        finished_at: datetime | None,
    ) -> bool:
        """The rows from line `was` to `line` are stored, with these counts in all; False if somebody else did them."""
        counts = {"created": created, "updated": updated, "unchanged": unchanged}
        moved = update(table).where(table.c.id == batch, table.c.line == was, table.c.finished_at.is_(None))
        moved = moved.values({**counts, "line": line, "finished_at": finished_at}).returning(table.c.id)
        if self._db.execute(moved).first() is None:
            return False
        lines, reasons = [at for at, _ in refused], [why for _, why in refused]
        bulk.load(self._db, import_refusals, {"line": lines, "import_id": [batch] * len(lines), "reason": reasons})
        return True

    def refused(self, batch: int) -> list[tuple[int, str]]:
        """(line, reason) of the rows that were not taken, by line."""
        return self._refused([batch]).get(batch, [])

    def add_rows(
        self,
        batch: int,
        *,
        made: tuple[Sequence[int], Sequence[int]],
        changed: Sequence[tuple[int, int, Mapping[str, Any]]],
        at: datetime,
    ) -> None:
        """What the batch did: leads that it made and the lines of each; those it changed, the line, what was before.

        Of a lead that stands on several lines the first is kept, and of each column what was before the first change.
        """
        new, lines = made
        alike: dict[str, Sequence[Any]] = {"import_id": [batch] * len(new), "at": [at] * len(new)}
        bulk.load(self._db, import_rows, {"lead_id": new, "line": lines, **alike})
        if changed:
            once = insert(self._db, import_rows)
            made_here = import_rows.c.before.is_(None)
            values = {"at": once.excluded["at"], "before": case((made_here, null()), else_=once.excluded["before"])}
            once = once.on_conflict_do_update(index_elements=["import_id", "lead_id"], set_=values)
            earlier = self._before(batch, [lead for lead, _, _ in changed])
            rows = [
                {"lead_id": lead, "line": line, "before": as_json({**before, **(earlier.get(lead) or {})})}
                for lead, line, before in changed
            ]
            self._db.execute(once, [{"import_id": batch, "at": at, **row} for row in rows])

    def _before(self, batch: int, leads_: Collection[int]) -> dict[int, dict[str, Any] | None]:
        """What the batch has changed so far of these leads."""
        return {row.lead_id: row.before for row in fetch(self._db, _BEFORE, leads_, batch=batch)}

    def select(self) -> list[dict[str, Any]]:
        """Batches, latest first."""
        return self._with_refused(dicts(self._db.execute(select(table).order_by(table.c.id.desc())).all()))

    def get(self, batch: int) -> dict[str, Any] | None:
        """One batch."""
        found = self._with_refused(dicts(self._db.execute(select(table).where(table.c.id == batch)).all()))
        return found[0] if found else None

    def rows(self, batch: int, *, after: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """What a batch did to so many leads behind one, by lead."""
        query = select(import_rows).where(import_rows.c.import_id == batch, import_rows.c.lead_id > after)
        return dicts(self._db.execute(query.order_by(import_rows.c.lead_id).limit(limit)).all())

    def undone(self, batch: int, at: datetime) -> None:
        """Mark a batch as undone."""
        self._db.execute(update(table).where(table.c.id == batch).values(undone_at=at))

    def remove_leads(self, ids: Sequence[int]) -> None:
        """Delete leads that nothing has happened to since their import. Raises RefusedError if something has."""
        others = set(self._db.execute(_MERGED_INTO).scalars()) if ids else set()
        for start in range(0, len(ids), PART):
            part = ids[start : start + PART]
            busy = others.intersection(part).union(*fetch(self._db, _HAPPENED, part))
            if lead := next((one for one in part if one in busy), None):
                hint = f"To erase a person: nurture lead forget {lead}"
                raise RefusedError(f"Lead {lead} has a history and is not removed.", hint=hint)
            for removed in _REMOVED:
                self._db.execute(removed, {"ids": part})
            self._db.execute(_NO_MORE, {"ids": [own_name(one) for one in part]})

    def _refused(self, batches: Collection[int]) -> dict[int, list[tuple[int, str]]]:
        found: dict[int, list[tuple[int, str]]] = {}
        for row in fetch(self._db, _REFUSED, batches):
            found.setdefault(row.import_id, []).append((row.line, row.reason))
        return found

    def _with_refused(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = self._refused([row["id"] for row in rows])
        return [{**row, "refused": [*(row["refused"] or ()), *found.get(row["id"], ())]} for row in rows]
