"""Rows <-> the history, the inbox and the promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, select, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store import bulk
from nurture.adapters.store.among import among
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.rows import add_once, dicts
from nurture.adapters.store.tables import changes, promises, touches
from nurture.adapters.store.tables import inbox as inbox_table
from nurture.ports.store import Change

_DROP = update(promises).where(among(promises.c.lead_id), promises.c.state.in_(["open", "called"]))


class NoteRows:
    """The history, the inbox and the promises in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def add(self, changes_: Sequence[Change]) -> None:
        """Write to the history."""
        columns: dict[str, list[Any]] = {
            "lead_id": [one.lead for one in changes_],
            "at": [one.at for one in changes_],
            "by": [one.by for one in changes_],
            "what": [one.what for one in changes_],
            "text": [one.text for one in changes_],
            "detail": [as_json(one.detail) if one.detail else None for one in changes_],
        }
        bulk.load(self._db, changes, columns)

    def add_alike(self, what: str, leads: Sequence[int], texts: Sequence[str], *, at: datetime, by: str) -> None:
        """Write to the history of many leads what happened to all of them, each in its own words."""
        alike = {name: [value] * len(texts) for name, value in (("at", at), ("by", by), ("what", what))}
        bulk.load(self._db, changes, {"lead_id": leads, "text": texts, **alike})

    def of_lead(self, lead: int) -> list[Change]:
        """The changes of a lead, oldest first."""
        return self._changes(select(changes).where(changes.c.lead_id == lead))

    def select(self, *, what: str | None = None, since: datetime | None = None) -> list[Change]:
        """Changes of one kind, oldest first."""
        query = select(changes)
        if what is not None:
            query = query.where(changes.c.what == what)
        if since is not None:
            query = query.where(changes.c.at >= since)
        return self._changes(query)

    def to_inbox(self, values: Mapping[str, Any]) -> bool:
        """Something a person must look at; False if it is there already (`key`)."""
        return add_once(self._db, inbox_table, _with_detail(values), inbox_table.c.id) is not None

    def inbox(self, *, settled: bool = False) -> list[dict[str, Any]]:
        """The inbox, oldest first: what is open, or with `settled` what was settled."""
        at = inbox_table.c.settled_at
        query = select(inbox_table).where(at.is_not(None) if settled else at.is_(None))
        return dicts(self._db.execute(query.order_by(inbox_table.c.at, inbox_table.c.id)).all())

    def inbox_entry(self, number: int) -> dict[str, Any] | None:
        """One entry, open or settled; None where there is none."""
        row = self._db.execute(select(inbox_table).where(inbox_table.c.id == number)).first()
        return dicts([row])[0] if row is not None else None

    def settle(self, entry: int, *, as_: str, by: str, at: datetime) -> bool:
        """Settle an entry; False if it was."""
        settled = update(inbox_table).where(inbox_table.c.id == entry, inbox_table.c.settled_at.is_(None))
        settled = settled.values(settled_as=as_, settled_by=by, settled_at=at)
        return self._db.execute(settled.returning(inbox_table.c.id)).first() is not None

    def promise(self, values: Mapping[str, Any]) -> int:
        """A new promise; open, unless the values say otherwise."""
        row = {"state": "open", **values}
        return int(self._db.execute(plain_insert(promises).values(row).returning(promises.c.id)).scalar_one())

    def promises(self, *, lead: int | None = None) -> list[dict[str, Any]]:
        """Promises, by date."""
        query = select(promises).order_by(promises.c.due_at, promises.c.id)
        if lead is not None:
            query = query.where(promises.c.lead_id == lead)
        return dicts(self._db.execute(query).all())

    def promises_due(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Open promises whose moment has come."""
        query = select(promises).where(promises.c.state == "open", promises.c.due_at <= now)
        query = query.order_by(promises.c.due_at, promises.c.id).limit(limit)
        if self._db.dialect.name == "postgresql":
            query = query.with_for_update(skip_locked=True)
        return dicts(self._db.execute(query).all())

    def promise_counts(self, now: datetime) -> dict[str, int]:
        """How many promises stand in each state; `overdue` are those called whose task ran out of time."""
        overdue = (promises.c.state == "called") & (touches.c.expires_at <= now)
        state = case((overdue, "overdue"), else_=promises.c.state)
        query = select(state, func.count()).outerjoin(touches, touches.c.id == promises.c.touch_id)
        return {row[0]: row[1] for row in self._db.execute(query.select_from(promises).group_by(state))}

    def drop_promises(self, leads: Collection[int]) -> None:
        """Let the open and called promises of leads be dropped."""
        if leads:
            self._db.execute(_DROP.values(state="dropped"), {"ids": leads})

    def save_promise(self, promise: int, values: Mapping[str, Any], *, was: str) -> bool:
        """Compare-and-set on (id, state)."""
        moved = update(promises).where(promises.c.id == promise, promises.c.state == was).values(dict(values))
        return self._db.execute(moved.returning(promises.c.id)).first() is not None

    def _changes(self, query: Select[Any]) -> list[Change]:
        rows = self._db.execute(query.order_by(changes.c.at, changes.c.id))
        return [Change(row.what, row.text, row.at, row.by, row.lead_id, row.detail or {}) for row in rows]


def _with_detail(values: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(values)
    if "detail" in row:
        row["detail"] = as_json(row["detail"]) or None
    return row
