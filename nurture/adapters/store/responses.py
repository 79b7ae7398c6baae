"""Rows <-> responses, their ledger lines, and deliveries as they came."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, literal_column, select, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store.among import among, these
from nurture.adapters.store.archive import EVERYWHERE, ArchiveRows, archived_bodies, archived_keys
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.rows import add_new, fetch
from nurture.adapters.store.tables import raw_events, score_lines
from nurture.adapters.store.tables import responses as table
from nurture.domain.response import Grade, Kind, Response
from nurture.domain.scoring import Line
from nurture.ports.store import StoredResponse

_OF_LEADS = select(table).where(among(table.c.lead_id)).order_by(table.c.at, table.c.id)
_OF_TOUCHES = select(EVERYWHERE).where(among(EVERYWHERE.c.touch_id)).order_by(EVERYWHERE.c.at, EVERYWHERE.c.id)
_CLICKS = (
    select(EVERYWHERE)
    .where(EVERYWHERE.c.kind == literal_column(f"'{Kind.CLICK.value}'"))  # in the text, as in the index of clicks alone
    .where(EVERYWHERE.c.at >= bindparam("since"), EVERYWHERE.c.at <= bindparam("until"))
    .order_by(EVERYWHERE.c.at, EVERYWHERE.c.id)
)
_LINES = select(score_lines).where(among(score_lines.c.lead_id)).order_by(score_lines.c.at, score_lines.c.id)
_BODIES = select(raw_events).where(among(raw_events.c.id)).order_by(raw_events.c.id)
_NEW_LINES = plain_insert(score_lines)


class ResponseRows:
    """Responses in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def add(self, response: Response, *, key: str, recorded_at: datetime, by: str) -> int | None:
        """Store a response. None if we have it already."""
        return self.add_all([(response, key)], recorded_at=recorded_at, by=by)[0]

    def add_all(self, responses: Sequence[tuple[Response, str]], *, recorded_at: datetime, by: str) -> list[int | None]:
        """Store responses, each with its key, in one statement; their ids in this order, None for those we have."""
        values = [
            {
                "lead_id": response.lead,
                "touch_id": response.touch,
                "kind": response.kind.value,
                "grade": response.grade.value,
                "at": response.at,
                "recorded_at": recorded_at,
                "by": by,
                "key": key,
                "why": response.why,
                "detail": as_json(response.detail) or None,
            }
            for response, key in responses
        ]
        stored = add_new(self._db, table, values, table.c.id, table.c.key)
        return [stored.pop(key, None) for _, key in responses]  # a key that is there twice is stored once

    def of_leads(self, leads: Collection[int]) -> dict[int, list[Response]]:
        """The responses of leads that may prove something, oldest first."""
        found: dict[int, list[Response]] = {}
        for row in fetch(self._db, _OF_LEADS, leads):
            found.setdefault(row.lead_id, []).append(_response(row))
        return found

    def of_lead(self, lead: int) -> list[Response]:
        """Every response of a lead, those in the archive among them, oldest first."""
        return [one.response for one in self.stored(lead=lead)]

    def stored(self, *, since: datetime | None = None, lead: int | None = None) -> list[StoredResponse]:
        """Responses with their ids, by moment; `since` bounds the moment of the response."""
        query = select(EVERYWHERE).order_by(EVERYWHERE.c.at, EVERYWHERE.c.id)
        if since is not None:
            query = query.where(EVERYWHERE.c.at >= since)
        if lead is not None:
            query = query.where(EVERYWHERE.c.lead_id == lead)
        return [StoredResponse(row.id, _response(row), row.recorded_at) for row in self._db.execute(query)]

    def page(self, *, lead: int | None, since: datetime | None, after: int, limit: int) -> list[StoredResponse]:
        """At most so many responses, by id, behind the id `after`; `since` bounds when they were recorded."""
        query = select(EVERYWHERE).where(EVERYWHERE.c.id > after).order_by(EVERYWHERE.c.id).limit(limit)
        if lead is not None:
            query = query.where(EVERYWHERE.c.lead_id == lead)
        if since is not None:
            query = query.where(EVERYWHERE.c.recorded_at >= since)
        return [StoredResponse(row.id, _response(row), row.recorded_at) for row in self._db.execute(query)]

    def of_touch(self, touch: str) -> list[Response]:
        """The responses to one touch, oldest first."""
        query = select(EVERYWHERE).where(EVERYWHERE.c.touch_id == touch)
        query = query.order_by(EVERYWHERE.c.at, EVERYWHERE.c.id)
        return [_response(row) for row in self._db.execute(query)]

    def of_touches(self, touches: Collection[str]) -> dict[str, list[StoredResponse]]:
        """The responses to touches with their ids, oldest first; touches without any are left out."""
        found: dict[str, list[StoredResponse]] = {}
        for row in fetch(self._db, _OF_TOUCHES, touches):
            found.setdefault(row.touch_id, []).append(StoredResponse(row.id, _response(row), row.recorded_at))
        return found

    def clicks(self, since: datetime, until: datetime) -> list[Response]:
        """Every click from one moment to another, both included."""
        span = {"since": since, "until": until}
        return [_response(row) for row in self._db.execute(_CLICKS, span)]

    def judge(self, response: int, values: Mapping[str, Any]) -> None:
        """Another verdict on a stored response: `kind`, `grade`, `why`, `detail`."""
        row = {name: as_json(value) or None if name == "detail" else value for name, value in values.items()}
        judged = update(table).where(table.c.id == response).values(row).returning(table.c.id)
        if self._db.execute(judged).first() is None:
            ArchiveRows(self._db).judge(response, row)

    def raw(self, keys: Collection[str]) -> dict[str, bytes]:
        """Mails as they came, by their keys; those that are no longer kept are left out."""
        query = select(raw_events.c.key, raw_events.c.body).where(among(raw_events.c.key))
        found = {row.key: bytes(row.body) for row in self._db.execute(query, {"ids": keys})}
        return found | archived_bodies(self._db, set(keys) - found.keys())

    def add_lines(self, lines: Sequence[tuple[int, int, Line]]) -> None:
        """Ledger lines, each with its lead and its response."""
        rows = [
            {"lead_id": lead, "response_id": response, "rule": line.rule, "kind": line.kind, "at": line.at}
            for lead, response, line in lines
        ]
        if rows:
            self._db.execute(_NEW_LINES, rows)

    def replace_lines(self, lines: Mapping[int, Sequence[tuple[int, Line]]]) -> None:
        """The whole ledger of these leads anew: lead -> (response, line)."""
        if lines:
            self._db.execute(delete(score_lines).where(among(score_lines.c.lead_id)), {"ids": lines})
        self.add_lines([(lead, response, line) for lead, pairs in lines.items() for response, line in pairs])

    def with_ids(self, leads: Collection[int]) -> dict[int, list[StoredResponse]]:
        """The responses of leads with their ids, oldest first."""
        found: dict[int, list[StoredResponse]] = {}
        for row in fetch(self._db, _OF_LEADS, leads):
            found.setdefault(row.lead_id, []).append(StoredResponse(row.id, _response(row), row.recorded_at))
        return found

    def lines(self, leads: Collection[int]) -> dict[int, list[Line]]:
        """The ledger of each lead, oldest first."""
        found: dict[int, list[Line]] = {}
        for row in fetch(self._db, _LINES, leads):
            line = Line(row.rule, row.kind, row.at)
            found.setdefault(row.lead_id, []).append(line)
        return found

    def keep_raw(self, kind: str, key: str, body: bytes, at: datetime) -> bool:
        """Store a delivery as it came. False if it is there already."""
        return bool(self.keep_all_raw(kind, {key: body}, at))

    def keep_all_raw(self, kind: str, bodies: Mapping[str, bytes], at: datetime) -> set[str]:
        """Store deliveries of one kind as they came, by their keys; the keys of those that were not there already."""
        there = archived_keys(self._db, kind, bodies)
        rows = [{"kind": kind, "key": key, "body": body, "at": at} for key, body in bodies.items() if key not in there]
        return set(add_new(self._db, raw_events, rows, raw_events.c.id, raw_events.c.key))

    def raw_new(
        self,
        limit: int,
        kinds: Collection[str] = (),
        *,
        after: int = 0,
        without: Collection[int] = (),
        most_bytes: int | None = None,
    ) -> list[tuple[int, str, bytes, datetime]]:
        """(id, kind, body, arrived) of deliveries not yet processed, as they came; of these kinds, or of all."""
        new = raw_events.c.done_at.is_(None), raw_events.c.id > after
        query = select(raw_events.c.id, func.length(raw_events.c.body)).where(*new)
        query = query.order_by(raw_events.c.id).limit(limit)
        if kinds:
            query = query.where(raw_events.c.kind.in_(kinds))
        if without:
            those = select(these(self._db.dialect.name, raw_events.c.id, "without"))
            query = query.where(raw_events.c.id.not_in(those))
        if self._db.dialect.name == "postgresql":
            query = query.with_for_update(skip_locked=True, of=raw_events)
        ids: list[int] = []
        room = most_bytes
        for row, size in self._db.execute(query, {"without": without} if without else {}).all():
            if room is not None and ids and size > room:
                break
            ids.append(row)
            room = None if room is None else room - size
        if not ids:
            return []
        return [(row.id, row.kind, bytes(row.body), row.at) for row in fetch(self._db, _BODIES, ids)]

    def raw_done(self, row: int, at: datetime, problem: str | None = None) -> None:
        """Mark a delivery as processed."""
        self._db.execute(update(raw_events).where(raw_events.c.id == row).values(done_at=at, problem=problem))


def _response(row: Row[Any]) -> Response:
    return Response(
        kind=Kind(row.kind),
        at=row.at,
        lead=row.lead_id,
        touch=row.touch_id,
        grade=Grade(row.grade),
        detail=row.detail or {},
        why=row.why,
    )
