"""Rows <-> slots handed out, the queues that they stand in, and first waves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, delete, distinct, func, select, text, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store.among import among
from nurture.adapters.store.rows import fetch, insert, put
from nurture.adapters.store.tables import enrollments, first_waves, held_slots, queues, responses, touches
from nurture.domain import enrollment
from nurture.domain.response import Bounce, Intent, Kind
from nurture.domain.touch import Channel, Reason, State, TouchId
from nurture.domain.wave import Answers, Wave
from nurture.ports.pacing import Counted, Slot, Stand

_SLOT = (
    held_slots.c.touch_id,
    held_slots.c.lead_id,
    held_slots.c.at,
    held_slots.c.company_id,
    held_slots.c.domain,
    held_slots.c.sender,
)


_OF_LEADS = select(*_SLOT).where(among(held_slots.c.lead_id))
_IN_COMPANIES = select(*_SLOT).where(among(held_slots.c.company_id))
_HELD = {
    by: select(held_slots.c.at, func.count().label("many"))
    .where(among(column))
    .group_by(held_slots.c.at)
    .order_by(held_slots.c.at)
    for by, column in (("domain", held_slots.c.domain), ("sender", held_slots.c.sender))
}
_USED = {
    by: select(touches.c.counted_at.label("at"), func.count().label("many"))
    .where(among(column), touches.c.channel == Channel.EMAIL.value, touches.c.counted_at > bindparam("since"))
    .group_by(touches.c.counted_at)
    .order_by(touches.c.counted_at)
    for by, column in (("domain", touches.c.domain), ("sender", touches.c.sender))
}
# In the text: the index of these alone is not used for values that are given later.
_FIRST_WAVE = text(f"touches.state = '{State.PLANNED}' AND touches.reason = '{Reason.FIRST_WAVE}'")
_ANY_HELD = select(held_slots.c.touch_id).limit(1)
_WAVES = select(first_waves).order_by(first_waves.c.template)
_STANDS = select(queues).where(among(queues.c.name)).order_by(queues.c.name)
_LOCKED = _STANDS.with_for_update()
_RAISED = update(queues).where(among(queues.c.name)).values(fence=queues.c.fence + 1)


class PacingRows:
    """Slots, queues and first waves in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def is_anything_held(self) -> bool:
        """Whether any slot is handed out."""
        return self._db.execute(_ANY_HELD).first() is not None

    def slots_of(self, leads: Collection[int]) -> dict[TouchId, Slot]:
        """The slots of touches of these leads."""
        return {row.touch_id: _slot(row) for row in fetch(self._db, _OF_LEADS, leads)}

    def slots_in(self, companies: Collection[int]) -> dict[int, list[Slot]]:
        """The slots of people of these companies."""
        found: dict[int, list[Slot]] = {}
        for row in fetch(self._db, _IN_COMPANIES, companies):
            found.setdefault(row.company_id, []).append(_slot(row))
        return found

    def slots_for(self, counted: Counted) -> list[tuple[datetime, int]]:
        """When mails have slots in a queue, and how many at each moment."""
        return [(row.at, int(row.many)) for row in fetch(self._db, _HELD[counted.by], counted.names)]

    def used(self, counted: Counted, since: datetime) -> list[tuple[datetime, int]]:
        """When mails of a queue counted, after `since`, and how many at each moment."""
        return [(row.at, int(row.many)) for row in fetch(self._db, _USED[counted.by], counted.names, since=since)]

    def hold(self, slots: Sequence[Slot]) -> None:
        """Hand slots out; a touch has one."""
        if slots:
            names = [column.name for column in _SLOT]
            rows = [
                dict(zip(names, (one.touch, one.lead, one.at, one.company, one.domain, one.sender), strict=True))
                for one in slots
            ]
            put(self._db, held_slots, rows, key=("touch_id",))

    def let_go(self, touches: Collection[TouchId]) -> None:
        """Take slots back."""
        if touches:
            self._db.execute(delete(held_slots).where(among(held_slots.c.touch_id)), {"ids": touches})

    def sweep(self, before: datetime) -> None:
        """Remove the slots that nobody came for."""
        self._db.execute(delete(held_slots).where(held_slots.c.at < before))

    def stand(self, queues_: Collection[str]) -> dict[str, Stand]:
        """How queues stand."""
        return {row.name: Stand(row.fence, row.began_at) for row in fetch(self._db, _STANDS, queues_)}

    def lock(self, queues_: Collection[str]) -> dict[str, Stand]:
        """Hold queues until the end of the transaction, in the order of their names, and raise their fences."""
        names = sorted(queues_)
        if not names:
            return {}
        new = insert(self._db, queues).on_conflict_do_nothing()
        self._db.execute(new, [{"name": name, "fence": 0} for name in names])
        found = {row.name: Stand(row.fence, row.began_at) for row in fetch(self._db, _LOCKED, names)}
        self._db.execute(_RAISED, {"ids": names})
        return found

    def begin(self, queues_: Mapping[str, datetime]) -> None:
        """When warm-ups begin."""
        for name, at in sorted(queues_.items()):
            self._db.execute(update(queues).where(queues.c.name == name).values(began_at=at))

    def waves(self, *, templates: Collection[str] | None = None, lock: bool = False) -> dict[str, Wave]:
        """First waves that are not over, of these templates or of all."""
        query = _WAVES
        if templates is not None:
            query = query.where(first_waves.c.template.in_(templates))
        if lock:
            query = query.with_for_update()
        return {
            row.template: Wave(row.template, row.since, tuple(row.mails), row.watch_until, row.held or "")
            for row in self._db.execute(query)
        }

    def put_waves(self, waves: Sequence[Wave]) -> None:
        """Store first waves; one of the same template is replaced."""
        if waves:
            self.end_waves([one.template for one in waves])
            rows = [
                {
                    "template": one.template,
                    "since": one.since,
                    "mails": list(one.mails),
                    "watch_until": one.watch_until,
                    "held": one.held or None,
                }
                for one in waves
            ]
            self._db.execute(plain_insert(first_waves), rows)

    def end_waves(self, templates: Collection[str]) -> None:
        """The rest may follow."""
        if templates:
            self._db.execute(delete(first_waves).where(among(first_waves.c.template)), {"ids": templates})

    def out(self, touches_: Collection[TouchId]) -> list[TouchId]:
        """Those of these touches that count."""
        query = select(touches.c.id).where(touches.c.id.in_(touches_), touches.c.counted_at.is_not(None))
        return list(self._db.execute(query.order_by(touches.c.id)).scalars())

    def answers(self, touches_: Collection[TouchId]) -> Answers:
        """What came back for these mails."""

        def mails(which: ColumnElement[bool]) -> ColumnElement[int]:
            return func.count(distinct(case((which, responses.c.touch_id))))

        kind, detail = responses.c.kind, responses.c.detail
        asked = (kind == Kind.REPLY.value) & (detail["intent"].as_string() == Intent.UNSUBSCRIBE.value)
        query = select(
            mails(kind == Kind.COMPLAINT.value),
            mails((kind == Kind.BOUNCE.value) & (detail["bounce"].as_string() == Bounce.HARD.value)),
            mails((kind == Kind.UNSUBSCRIBE.value) | asked),
        ).where(responses.c.touch_id.in_(touches_))
        complaints, bounces, unsubscribes = self._db.execute(query).one()
        return Answers(len(touches_), complaints, bounces, unsubscribes)

    def wake_wave(self, template: str, now: datetime) -> None:
        """Let every enrollment that waits for this first wave be looked at."""
        waiting = select(touches.c.enrollment_id).where(touches.c.template == template, _FIRST_WAVE)
        self._db.execute(
            update(enrollments)
            .where(
                enrollments.c.id.in_(waiting),
                enrollments.c.state == enrollment.State.ACTIVE.value,
                enrollments.c.next_at > now,
            )
            .values(next_at=now)
        )


def _slot(row: Row[Any]) -> Slot:
    return Slot(row.touch_id, row.lead_id, row.at, row.company_id, row.domain, row.sender)
