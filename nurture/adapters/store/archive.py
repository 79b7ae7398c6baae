"""Rows that are old and prove nothing <-> the archive beside them: moved in batches, read together, fetched back."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, func, select, union_all, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store.among import among
from nurture.adapters.store.rows import fetch, insert
from nurture.adapters.store.tables import archived_events, archived_responses, raw_events, responses
from nurture.domain.response import Grade, Kind

COLUMNS: Final = [column.name for column in responses.c]
# Every response, wherever it lies: for whoever reads the past. Decisions look at `responses` alone.
EVERYWHERE: Final = union_all(
    select(*(responses.c[name] for name in COLUMNS)), select(*(archived_responses.c[name] for name in COLUMNS))
).subquery("everywhere")
# No condition, score, report or limit asks for these: machines made them, and they say nothing about the address.
_MACHINES: Final = (Kind.DELIVERED.value, Kind.OPEN.value, Kind.CLICK.value)
_PROVES_NOTHING: Final = and_(responses.c.kind.in_(_MACHINES), responses.c.grade != Grade.HUMAN.value)


_OF_KIND: Final = select(archived_events.c.key).where(
    among(archived_events.c.key), archived_events.c.kind == bindparam("kind")
)


class ArchiveRows:
    """The archive in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def move_responses(self, *, after: int, before: datetime, limit: int) -> tuple[int, int]:
        """Move what proves nothing and was recorded before a moment; see the port."""
        number, recorded = responses.c.id, responses.c.recorded_at
        # The newest row stays: SQLite would give its number to another one.
        ahead = select(number, recorded).where(number > after, number < select(func.max(number)).scalar_subquery())
        last = _last(self._db.execute(ahead.order_by(number).limit(limit)).all(), before, after)
        old = and_(number > after, number <= last, recorded < before, _PROVES_NOTHING)
        rows = select(*(responses.c[name] for name in COLUMNS)).where(old)
        new = insert(self._db, archived_responses).from_select(COLUMNS, rows)
        self._db.execute(new.on_conflict_do_nothing())  # another daemon may be at the same rows
        return last, self._db.execute(delete(responses).where(old)).rowcount

    def move_events(self, *, after: int, before: datetime, limit: int) -> tuple[int, int]:
        """Move deliveries that arrived before a moment and are worked on, compressed; see the port."""
        number = raw_events.c.id
        ahead = select(raw_events).where(number > after, number < select(func.max(number)).scalar_subquery())
        rows = self._db.execute(ahead.order_by(number).limit(limit)).all()
        last = _last([(row.id, row.at) for row in rows], before, after)
        old = [row for row in rows if row.id <= last and row.done_at is not None]
        if old:
            new = insert(self._db, archived_events).on_conflict_do_nothing()
            names = ("kind", "key", "at", "done_at", "problem")
            values = [{name: getattr(row, name) for name in names} | {"body": zlib.compress(row.body)} for row in old]
            self._db.execute(new, values)
            self._db.execute(delete(raw_events).where(among(number)), {"ids": [row.id for row in old]})
        return last, len(old)

    def judge(self, response: int, values: Mapping[str, Any]) -> None:
        """Another verdict on a response in the archive; one that proves something goes back to the others."""
        table = archived_responses
        judged = update(table).where(table.c.id == response).values(dict(values)).returning(table.c.kind, table.c.grade)
        row = self._db.execute(judged).first()
        if row is not None and (row.kind not in _MACHINES or row.grade == Grade.HUMAN.value):
            rows = select(*(table.c[name] for name in COLUMNS)).where(table.c.id == response)
            self._db.execute(plain_insert(responses).from_select(COLUMNS, rows))
            self._db.execute(delete(table).where(table.c.id == response))


def _last(rows: Collection[Any], before: datetime, after: int) -> int:
    """The number up to which all rows are old: those behind it are looked at another day."""
    for number, at in rows:
        if at >= before:
            break
        after = number
    return after


def archived_keys(db: Connection, kind: str, keys: Collection[str]) -> set[str]:
    """The keys of deliveries that are in the archive."""
    return {row.key for row in fetch(db, _OF_KIND, keys, kind=kind)}


def archived_bodies(db: Connection, keys: Collection[str]) -> dict[str, bytes]:
    """Deliveries in the archive as they came, by their keys."""
    query = select(archived_events.c.key, archived_events.c.body).where(among(archived_events.c.key))
    return {row.key: zlib.decompress(row.body) for row in fetch(db, query, keys)}


def bodies(db: Connection) -> Iterator[tuple[str, str, datetime, bytes]]:
    """Every delivery as it came, archived ones first: (kind, key, arrived, body)."""
    table = archived_events
    for row in db.execute(select(table).order_by(table.c.at, table.c.key)):
        yield row.kind, row.key, row.at, zlib.decompress(row.body)
    for row in db.execute(select(raw_events).order_by(raw_events.c.id)):
        yield row.kind, row.key, row.at, bytes(row.body)
