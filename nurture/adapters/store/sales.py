"""Rows <-> promotions, handoffs and what leaves for sales."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, text, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.rows import add_once, dicts
from nurture.adapters.store.tables import deliveries, promotions
from nurture.adapters.store.tables import handoffs as table
from nurture.domain.handoff import State


@cache
def _handoffs(asked: tuple[str, ...], states: tuple[str, ...] | None, is_limited: bool) -> Select[Any]:
    """Handoffs by id. States stand in the text: an index of one state alone is not used for a value given later."""
    query = select(table).where(table.c.id > bindparam("after")).order_by(table.c.id)
    query = query.where(*(table.c[name] == bindparam(name) for name in asked))
    if states is not None:
        listed = ", ".join(f"'{State(state)}'" for state in states)
        query = query.where(text(f"state IN ({listed})"))
    return query.limit(bindparam("limit")) if is_limited else query


class SalesRows:
    """Promotions, handoffs and deliveries in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def promote(self, lead: int, *, at: datetime, why: str, brief: Mapping[str, Any], value: float) -> int | None:
        """A promotion. None if the lead has one that is open."""
        values = {"lead_id": lead, "at": at, "why": why, "brief": as_json(brief), "open": lead, "value": value}
        added: int | None = add_once(self._db, promotions, values, promotions.c.id)
        return added

    def promotion(self, promotion: int) -> dict[str, Any] | None:
        """A promotion by id."""
        return self._first(select(promotions).where(promotions.c.id == promotion))

    def promotions_of(self, lead: int) -> list[dict[str, Any]]:
        """All promotions of a lead, oldest first."""
        return self._all(select(promotions).where(promotions.c.lead_id == lead).order_by(promotions.c.id))

    def close_promotion(self, promotion: int) -> None:
        """Sales is done with it; the lead may be promoted again."""
        self._db.execute(update(promotions).where(promotions.c.id == promotion).values(open=None))

    def add_handoff(self, values: Mapping[str, Any]) -> int:
        """A new handoff."""
        return int(self._db.execute(plain_insert(table).values(dict(values)).returning(table.c.id)).scalar_one())

    def handoff(self, handoff: int) -> dict[str, Any] | None:
        """A handoff by id."""
        return self._first(select(table).where(table.c.id == handoff))

    def handoffs(
        self,
        *,
        lead: int | None = None,
        rep: str | None = None,
        states: Collection[str] | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Handoffs, by id; at most `limit` of those behind the id `after`."""
        if states is not None and not states:
            return []
        asked = tuple(name for name, value in (("lead_id", lead), ("rep", rep)) if value is not None)
        query = _handoffs(asked, None if states is None else tuple(sorted(states)), limit is not None)
        found = self._db.execute(query, {"after": after, "limit": limit, "lead_id": lead, "rep": rep})
        return dicts(found.all())

    def last_answers(self, count: int) -> list[State]:
        """How the handoffs stand that were answered last, the latest first."""
        answered = [state.value for state in (State.ACCEPTED, State.REJECTED, State.WON, State.LOST)]
        query = select(table.c.state).where(table.c.answered_at.is_not(None), table.c.state.in_(answered))
        latest = query.order_by(table.c.answered_at.desc(), table.c.id.desc()).limit(count)
        return [State(state) for state in self._db.execute(latest).scalars()]

    def save_handoff(self, handoff: int, values: Mapping[str, Any], *, was: str) -> bool:
        """Compare-and-set on (id, state); False if somebody else moved it."""
        moved = update(table).where(table.c.id == handoff, table.c.state == was).values(dict(values))
        return self._db.execute(moved.returning(table.c.id)).first() is not None

    def overdue(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Handoffs whose next deadline has passed, the longest overdue first."""
        query = select(table).where(table.c.due_at <= now).order_by(table.c.due_at, table.c.id).limit(limit)
        return self._all(self._mine(query))

    def deliver(self, *, key: str, kind: str, to: str, payload: Mapping[str, Any], at: datetime) -> bool:
        """Queue something for sales or an operator; False if the key is queued already."""
        values = {"key": key, "kind": kind, "to": to, "payload": as_json(payload), "at": at, "next_at": at}
        return add_once(self._db, deliveries, values, deliveries.c.id) is not None

    def deliveries_due(self, now: datetime, limit: int, *, kind: str | None = None) -> list[dict[str, Any]]:
        """What waits to be delivered, of every kind or of one, the longest waiting first."""
        query = select(deliveries).where(deliveries.c.next_at <= now)
        if kind is not None:
            query = query.where(deliveries.c.kind == kind)
        return self._all(self._mine(query.order_by(deliveries.c.next_at, deliveries.c.id).limit(limit)))

    def lease_deliveries(self, ids: Collection[int], *, until: datetime) -> None:
        """Nobody else takes these before a moment. It is no attempt yet."""
        if ids:
            self._db.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(next_at=until))

    def delivered(self, delivery: int, *, at: datetime, problem: str | None, retry_at: datetime | None) -> None:
        """The outcome of one delivery: done, to be tried again, or (a problem and no `retry_at`) given up."""
        done = {"done_at": at if problem is None else None, "next_at": retry_at if problem is not None else None}
        counted = {"attempts": deliveries.c.attempts + 1, "problem": problem}
        self._db.execute(update(deliveries).where(deliveries.c.id == delivery).values({**done, **counted}))

    def _mine(self, query: Select[Any]) -> Select[Any]:
        """Rows that no other daemon is working on."""
        return query.with_for_update(skip_locked=True) if self._db.dialect.name == "postgresql" else query

    def _first(self, query: Select[Any]) -> dict[str, Any] | None:
        row = self._db.execute(query).first()
        return dict(row._mapping) if row is not None else None

    def _all(self, query: Select[Any]) -> list[dict[str, Any]]:
        return dicts(self._db.execute(query).all())
