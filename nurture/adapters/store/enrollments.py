"""Rows <-> enrollments, and the lease of the due ones: the one place where the two databases differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, Text, bindparam, cast, exists, func, select, text, update

from nurture.adapters.store.among import among
from nurture.adapters.store.rows import add_once, change_if, fetch
from nurture.adapters.store.tables import enrollments as table
from nurture.adapters.store.tables import handoffs, leads
from nurture.domain import handoff
from nurture.domain.enrollment import OPEN, Enrollment, EnrollmentId, Pause, Place, State

DUE = (table.c.next_at, table.c.priority.desc(), table.c.id)

# Statements of every pass are built once: building one costs more than running it.
_BY_ID = select(table).where(among(table.c.id))
_OF_LEADS = select(table).where(among(table.c.lead_id)).order_by(table.c.id)
# The state stands in the text: the index of active ones alone is not used for a value that is given later.
_IS_ACTIVE = text(f"state = '{State.ACTIVE}'")
_NEXT_DUE = select(func.min(table.c.next_at)).where(_IS_ACTIVE)
_COUNT_DUE = select(func.count()).select_from(table).where(_IS_ACTIVE, table.c.next_at <= bindparam("now"))
_ANY_DUE = (
    select(table)
    .where(_IS_ACTIVE, table.c.next_at <= bindparam("now"))
    .order_by(*DUE)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_PAUSED = (
    select(table)
    .where(text(f"state = '{State.PAUSED}'"), table.c.next_at.is_not(None), table.c.next_at <= bindparam("now"))
    .order_by(table.c.next_at, table.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(table)
    .where(among(table.c.id))
    .values(
        next_at=bindparam("until"), lease_by=bindparam("owner"), lease_until=bindparam("until"), fence=table.c.fence + 1
    )
)
_STARTED = select(func.count()).where(table.c.cadence == bindparam("cadence"), table.c.started_at >= bindparam("since"))
_WAKE = (
    update(table)
    .where(among(table.c.id), table.c.state == State.ACTIVE.value, table.c.next_at > bindparam("now"))
    .values(next_at=bindparam("now"))
)
_WAKE_WAITING = (
    update(table)
    .where(among(table.c.lead_id), _IS_ACTIVE, table.c.waiting, table.c.next_at > bindparam("now"))
    .values(next_at=bindparam("now"))
)
_BESIDE = leads.alias("beside")
_WITH_SALES = (
    exists()
    .where(_BESIDE.c.company_id == leads.c.company_id, _BESIDE.c.id != leads.c.id)
    .where(handoffs.c.lead_id == _BESIDE.c.id, handoffs.c.state.in_(handoff.ON_DESK))
)
_HELD_FOR_NOBODY = (
    select(table.c.lead_id)
    .join(leads, leads.c.id == table.c.lead_id)
    .where(text(f"enrollments.state = '{State.PAUSED}'"), ~_WITH_SALES)
    .where(cast(table.c.pauses, Text).contains(f'"{Pause.COLLEAGUE_OFFERED}"'))
    .distinct()
)
LONGEST_LEASE: Final = timedelta(hours=1)  # of all who wait, few are looked at
_RELEASE = (
    update(table)
    .where(
        _IS_ACTIVE,
        table.c.next_at > bindparam("now"),
        table.c.next_at < bindparam("latest"),
        table.c.next_at == table.c.lease_until,
    )
    .values(next_at=bindparam("now"), fence=table.c.fence + 1)
)
_STATES = {state.value: state for state in State}  # a lookup costs a tenth of a call of the enumeration
_READ: Final = (
    *("id", "lead_id", "cadence", "version", "state", "pc", "anchor", "memory", "priority", "next_at", "started_at"),
    *("held_out", "slot", "waiting", "touch_id", "pauses", "paused_at", "fence", "ended_at", "reason"),
)
_in_order: Final = itemgetter(*([column.name for column in table.c].index(name) for name in _READ))
# What each column keeps of an enrollment: those that change with every step, and all that change.
_PLACE: Final[Mapping[str, Callable[[Enrollment], Any]]] = {
    "pc": attrgetter("place.pc"),
    "anchor": attrgetter("place.anchor"),
    "memory": lambda one: dict(one.place.memory) or None,
    "next_at": attrgetter("next_at"),
    "waiting": attrgetter("waiting"),
    "touch_id": attrgetter("touch"),
}
_KEPT: Final[Mapping[str, Callable[[Enrollment], Any]]] = {
    **_PLACE,
    "version": attrgetter("version"),  # moves with `apply --migrate`
    "state": attrgetter("state._value_"),  # `value` of an enumeration is found by a function
    "slot": lambda one: one.lead if one.exclusive and one.state in OPEN else None,
    "pauses": lambda one: dict(one.pauses) or None,
    "paused_at": attrgetter("paused_at"),
    "ended_at": attrgetter("ended_at"),
    "reason": attrgetter("reason"),
}
_TAKE_AWAY = (
    update(table)
    .where(table.c.id == bindparam("key"))
    .values({name: bindparam(name) for name in _KEPT})
    .values(fence=table.c.fence + 1)
)


class EnrollmentRows:
    """Enrollments in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, ids: Collection[EnrollmentId]) -> dict[EnrollmentId, Enrollment]:
        """Enrollments by id."""
        return {row.id: _enrollment(row) for row in fetch(self._db, _BY_ID, ids)}

    def claim(self, now: datetime, *, limit: int, owner: str, lease_until: datetime) -> list[Enrollment]:
        """Lease the due ones. The schedule itself is the lease: `next_at` moves to the end of the lease."""
        due = self._db.execute(_ANY_DUE, {"now": now, "limit": limit}).all()
        claimed = [_enrollment(row, fence=row.fence + 1) for row in due]
        if claimed:
            ids = [one.id for one in claimed]
            self._db.execute(_LEASE, {"ids": ids, "until": lease_until, "owner": owner})
        return claimed

    def save(self, changed: Sequence[Enrollment], *, fenced: bool = True) -> frozenset[EnrollmentId]:
        """Store changed enrollments; with `fenced`, only those whose fence is still ours."""
        if not changed:
            return frozenset()
        if not fenced:
            # A change that no daemon leased (a pause, a stop) takes the row away from whoever holds it.
            self._db.execute(_TAKE_AWAY, [{"key": one.id, **_values(one)} for one in changed])
            return frozenset(one.id for one in changed)
        # Whoever leased an active one moves it along or ends it: most often nothing but its place is new.
        along = [one for one in changed if one.state is State.ACTIVE]
        others = [one for one in changed if one.state is not State.ACTIVE]
        return self._save(along, _PLACE) | self._save(others, _KEPT)

    def _save(self, changed: Sequence[Enrollment], kept: Mapping[str, Callable[[Enrollment], Any]]) -> frozenset[int]:
        """Store those that are still ours."""
        if not changed:
            return frozenset()
        columns = {name: list(map(value, changed)) for name, value in kept.items()}
        ids, fences = [one.id for one in changed], [one.fence for one in changed]
        return change_if(self._db, table, {"key": ids, **columns}, {"fence": fences})

    def add(self, enrollment: Enrollment, *, by: str) -> EnrollmentId | None:
        """Start one. None if the lead's exclusive place is taken."""
        values = {
            **_values(enrollment),
            "lead_id": enrollment.lead,
            "cadence": enrollment.cadence,
            "held_out": enrollment.held_out,
            "priority": enrollment.priority,
            "started_at": enrollment.started_at,
            "by": by,
        }
        added: EnrollmentId | None = add_once(self._db, table, values, table.c.id)
        return added

    def open_of(self, leads: Collection[int]) -> dict[int, list[Enrollment]]:
        """Active and paused enrollments of leads."""
        found: dict[int, list[Enrollment]] = {}
        for lead, every in self.all_of(leads).items():
            still = [one for one in every if one.state in OPEN]
            if still:
                found[lead] = still
        return found

    def all_of(self, leads: Collection[int]) -> dict[int, list[Enrollment]]:
        """Every enrollment of leads, oldest first."""
        found: dict[int, list[Enrollment]] = {}
        for row in fetch(self._db, _OF_LEADS, leads):
            found.setdefault(row.lead_id, []).append(_enrollment(row))
        return found

    def select(
        self,
        *,
        lead: int | None = None,
        cadence: str | None = None,
        state: State | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Enrollment]:
        """Enrollments, by id; at most `limit` of those behind the id `after`."""
        query = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
        if lead is not None:
            query = query.where(table.c.lead_id == lead)
        if cadence is not None:
            query = query.where(table.c.cadence == cadence)
        if state is not None:
            query = query.where(table.c.state == state.value)
        return [_enrollment(row) for row in self._db.execute(query)]

    def wake(self, ids: Collection[EnrollmentId], now: datetime) -> None:
        """Make active enrollments due now. One whose mail is on its way is woken by its result."""
        if ids:
            self._db.execute(_WAKE, {"ids": ids, "now": now})

    def wake_waiting(self, leads: Collection[int], now: datetime) -> None:
        """Make those of these leads due now that wait for something which may hold by now, or have a goal."""
        if leads:
            self._db.execute(_WAKE_WAITING, {"ids": leads, "now": now})

    def release(self, now: datetime, *, owner: str | None = None) -> None:
        """Make due whatever is claimed and was not worked on, by one owner or all: whoever claimed it has lost it."""
        mine = _RELEASE if owner is None else _RELEASE.where(table.c.lease_by == owner)
        self._db.execute(mine, {"now": now, "latest": now + LONGEST_LEASE})

    def prioritize(self, cadence: str, priority: int) -> None:
        """Give the open enrollments of a cadence this priority, whatever their version."""
        changed = update(table).where(table.c.cadence == cadence, table.c.state.in_([one.value for one in OPEN]))
        self._db.execute(changed.where(table.c.priority != priority).values(priority=priority))

    def paused_until(self, now: datetime, limit: int) -> list[Enrollment]:
        """Paused enrollments whose dated pause is over."""
        return [_enrollment(row) for row in self._db.execute(_PAUSED, {"now": now, "limit": limit})]

    def held_for_nobody(self) -> list[int]:
        """Leads held back for a colleague, beside whom sales works on nobody: one of them left the company since."""
        return list(self._db.execute(_HELD_FOR_NOBODY).scalars())

    def started_since(self, cadence: str, since: datetime) -> int:
        """How many were enrolled in a cadence since a moment."""
        return int(self._db.execute(_STARTED, {"cadence": cadence, "since": since}).scalar_one())

    def next_due(self) -> datetime | None:
        """The earliest moment at which one is due."""
        moment: datetime | None = self._db.execute(_NEXT_DUE).scalar_one_or_none()
        return moment

    def count_due(self, now: datetime) -> int:
        """How many are due."""
        return int(self._db.execute(_COUNT_DUE, {"now": now}).scalar_one())


def _values(one: Enrollment) -> dict[str, Any]:
    """The columns that change during an enrollment's life."""
    return {name: value(one) for name, value in _KEPT.items()}


def _enrollment(row: Row[Any], *, fence: int | None = None) -> Enrollment:
    """A row of the table, read by place: by name it would take three times as long, and a pass reads many."""
    of, lead, cadence, version, state, pc, anchor, memory, priority, next_at, started_at, *others = _in_order(row)
    held_out, slot, waiting, touch, pauses, paused_at, held, ended_at, reason = others
    return Enrollment(
        id=of,
        lead=lead,
        cadence=cadence,
        version=version,
        state=_STATES[state],
        place=Place(pc, anchor, memory or {}),
        priority=priority,
        next_at=next_at,
        started_at=started_at,
        held_out=held_out,
        exclusive=slot is not None,
        waiting=waiting,
        touch=touch,
        pauses=pauses or {},
        paused_at=paused_at,
        fence=held if fence is None else fence,
        ended_at=ended_at,
        reason=reason,
    )
