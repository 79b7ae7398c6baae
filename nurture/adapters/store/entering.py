"""Many leads -> their enrollments with the history of it, by one statement for each cadence."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy import insert as plain_insert

from nurture.adapters.store.among import among, each_among, these
from nurture.adapters.store.bulk import within_checks
from nurture.adapters.store.rows import LARGE, fetch, gathered, insert, make_room, plan_anew
from nurture.adapters.store.search import Search
from nurture.adapters.store.suppressions import LISTED_AS, SuppressionRows
from nurture.adapters.store.tables import changes, enrollments, leads, suppressions, touches
from nurture.adapters.store.touches import IS_UNANSWERED
from nurture.domain.chance import held_out_below, is_held_out
from nurture.domain.enrollment import OPEN, State
from nurture.domain.lead import NOTHING_PLANNED, OWN_RETURNS, LeadId, Status
from nurture.ports.entering import Door, Standing

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.workspace import Workspace

Test = ColumnElement[bool]
_OPEN: Final = enrollments.c.state.in_([one.value for one in OPEN])
_HAS_PLACE: Final = exists().where(enrollments.c.slot == leads.c.id)
_FLAG: Final = text("leads.enroll_check")
_NEXT: Final = select(leads.c.id).where(_FLAG).order_by(leads.c.id).limit(bindparam("limit"))
_HELD: Final = _NEXT.with_for_update(skip_locked=True)
_UNMARK: Final = update(leads).where(among(leads.c.id)).values(enroll_check=False)
_UNMARK_ALL: Final = (
    update(leads).where(_FLAG, leads.c.id.between(bindparam("first"), bindparam("last"))).values(enroll_check=False)
)
_IS_SUPPRESSED: Final = exists().where(suppressions.c.address == LISTED_AS, suppressions.c.scope == "all")
_LISTED: Final = select(leads.c.id, LISTED_AS.label("address")).where(among(leads.c.id))


class EnteringRows:
    """Many enrollments in the database. `key` is that of the addresses of those who were forgotten."""

    def __init__(self, db: Connection, key: Callable[[], str]) -> None:
        plan_anew(db)
        self._db = db
        self._suppressions = SuppressionRows(db, key)

    def take(self, limit: int) -> list[LeadId]:
        """Hold the next leads that are marked, and take the mark away. Those that somebody else holds are left out."""
        ids = gathered(self._db, _HELD, limit=limit)
        if len(ids) >= LARGE:
            make_room(self._db)
        if ids and self._db.dialect.name == "sqlite":  # nobody else writes: they are all that are marked among these
            self._db.execute(_UNMARK_ALL, {"first": ids[0], "last": ids[-1]})
        elif ids:
            self._db.execute(_UNMARK, {"ids": ids})
        return ids

    def suppressed(self, ids: Collection[LeadId]) -> set[LeadId]:
        """Those who must not be contacted at all."""
        if not self._suppressions.any_sealed():
            asked = each_among(self._db.dialect.name, leads.c.id).where(_IS_SUPPRESSED)
            return {row.id for row in fetch(self._db, asked, ids)}
        owners = {row.address: row.id for row in fetch(self._db, _LISTED, ids)}
        return {owners[address] for address, scopes in self._suppressions.scopes(owners).items() if "all" in scopes}

    def unlike(self, ids: Collection[LeadId], rules: Workspace, now: datetime) -> set[LeadId]:
        """Those of whom the database alone cannot say what becomes of them: they are asked one by one."""
        doors = [one for one in rules.cadences.values() if one.entry.when is not None]
        into = {one.name for one in doors} | {one.entry.otherwise for one in doors}
        back = [one.name for one in rules.cadences.values() if one.name in into and one.entry.again is not None]
        over = (enrollments.c.lead_id == leads.c.id, _of(back), ~_OPEN)
        why = [*_alone(now), exists().where(*over)]
        table: Any = leads
        searches = [Search(self._db, one.entry.when, now, rules) for one in doors if one.entry.when is not None]
        for search in searches:
            if search.decays:
                why.append(search.perhaps)
                table = search.table if table is leads else table
        return {row.id for row in fetch(self._db, self._of(table).where(or_(*why)), ids)}

    def enter(
        self, ids: Collection[LeadId], door: Door, *, rules: Workspace, now: datetime, by: str, most: int | None = None
    ) -> int:
        """Enroll those of these leads whom the cadence takes, at most `most`: the best fit first, then the newest."""
        when = door.through.entry.when
        if not ids or when is None:
            return 0
        search = Search(self._db, when, now, rules)
        tests = [search.surely if search.decays else search.said, *_taken(door, now), _free(door.through)]
        if door.cadence is not door.through:
            tests.append(_free(door.cadence))
        chosen = self._of(search.table).where(*tests)
        if most is not None:
            best = leads.c.fit.desc(), leads.c.created_at.desc(), leads.c.id
            chosen = chosen.order_by(*best).limit(most)
        if self._db.dialect.name == "sqlite":
            # It would keep whole rows aside, since it reads the table that it writes: ids are less.
            return self.put(gathered(self._db, chosen, ids=ids), door.cadence, door.version, now=now, by=by)
        return self._start(ids, chosen, door.cadence, door.version, now=now, by=by)

    def _of(self, table: Any) -> Select[Any]:
        """Those of the given leads that stand in a table, the leads or a join of them."""
        if table is leads:
            return each_among(self._db.dialect.name, leads.c.id)
        return select(leads.c.id).select_from(table).where(among(leads.c.id))

    def against(
        self, ids: Sequence[LeadId], cadence: Cadence, statuses: Collection[Status], now: datetime
    ) -> list[Standing]:
        """Those of these leads whom the cadence would not take by hand, or not among many, by id."""
        if len(ids) >= LARGE:
            make_room(self._db)
        mine = exists().where(enrollments.c.lead_id == leads.c.id, _of([cadence.name]), _OPEN)
        place = select(enrollments.c.cadence).where(enrollments.c.slot == leads.c.id).scalar_subquery()
        taken = leads.c.status.in_([one.value for one in statuses])
        alone = or_(*_alone(now))
        speaks = [~taken, mine, alone, *([_HAS_PLACE] if cadence.exclusive else [])]
        query = select(
            leads.c.id,
            leads.c.email,
            leads.c.status,
            mine.label("is_in"),
            (place if cadence.exclusive else null()).label("place"),
        ).where(among(leads.c.id), or_(*speaks))
        return [
            Standing(
                row.id,
                row.email,
                Status(row.status),
                row.is_in,
                row.place,
                alone=Status(row.status) in statuses and not row.is_in and row.place is None,
            )
            for row in fetch(self._db, query.order_by(leads.c.id), ids)
        ]

    def put(self, ids: Collection[LeadId], cadence: Cadence, version: int, *, now: datetime, by: str) -> int:
        """Enroll these leads, against whom nothing speaks; how many were."""
        if not ids:
            return 0
        return self._start(ids, select(these(self._db.dialect.name, leads.c.id)), cadence, version, now=now, by=by)

    def _start(
        self,
        ids: Collection[LeadId],
        chosen: Select[Any],
        cadence: Cadence,
        version: int,
        *,
        now: datetime,
        by: str,
    ) -> int:
        lead = chosen.subquery("chosen").c.id
        given: dict[str, Any] = {
            "lead_id": lead,
            "cadence": literal(cadence.name),
            "version": literal(version),
            "state": literal(State.ACTIVE.value),
            "slot": lead if cadence.exclusive else null(),
            "held_out": self._held_out(lead, cadence),
            "priority": literal(cadence.priority),
            "pc": literal(0),
            **{name: literal(now, enrollments.c[name].type) for name in ("anchor", "next_at", "started_at")},
            "by": literal(by),
        }
        new = insert(self._db, enrollments).from_select(list(given), select(*given.values()))
        if self._db.dialect.name == "postgresql":
            # Most who enroll hold the lead. Where one does not, the place decides.
            added = new.on_conflict_do_nothing().returning(*_FOR_NOTES).cte("added")
            told = _told(added.c, cadence, now, by, "postgresql").cte("told")
            return int(
                self._db.execute(
                    select(func.count()).select_from(added).add_cte(told), {"ids": sorted(ids)}
                ).scalar_one()
            )
        last = self._db.execute(select(func.coalesce(func.max(enrollments.c.id), 0))).scalar_one()
        with within_checks(self._db):
            count = self._db.execute(new, {"ids": sorted(ids)}).rowcount  # in the order of the indexes
        if count:
            self._db.execute(_told(enrollments.c, cadence, now, by, "sqlite", enrollments.c.id > last))
        return count

    def _held_out(self, lead: ColumnElement[int], cadence: Cadence) -> ColumnElement[bool]:
        """`is_held_out` of a lead."""
        if cadence.holdout <= 0:
            return literal(False, Boolean())
        if self._db.dialect.name == "sqlite":
            driver: Any = self._db.connection.driver_connection
            driver.create_function("nurture_held_out", 3, is_held_out, deterministic=True)
            return func.nurture_held_out(lead, cadence.name, cadence.holdout, type_=Boolean())
        below = held_out_below(cadence.holdout)
        if below is None:
            return literal(True, Boolean())
        parts = func.concat("holdout\x1f", lead, f"\x1f{cadence.name}")
        digest = func.sha256(func.convert_to(parts, "UTF8"))
        return func.substr(digest, 1, 8) < func.decode(below.to_bytes(8, "big").hex(), "hex")


_FOR_NOTES: Final = (enrollments.c.id, enrollments.c.lead_id, enrollments.c.held_out)


def _alone(now: datetime) -> tuple[Test, ...]:
    """Something else changes when the lead is enrolled: a pause holds it, or a return is called off."""
    waits = exists().where(touches.c.lead_id == leads.c.id, IS_UNANSWERED)
    return leads.c.paused_until > now, waits, leads.c.returns_because == NOTHING_PLANNED


def _taken(door: Door, now: datetime) -> list[Test]:
    """What entry by a condition asks besides it."""
    entry = door.through.entry
    held = and_(
        leads.c.returns_at > now, or_(leads.c.returns_because.is_(None), leads.c.returns_because.not_in(OWN_RETURNS))
    )
    tests: list[Test] = [~func.coalesce(held, False)]
    assert entry.when is not None
    if "status" not in entry.when.names:
        tests.append(leads.c.status == Status.NURTURING.value)
    if entry.arrived_within is not None:
        since = now - entry.arrived_within.span
        tests.append(leads.c.created_at < since if door.late else leads.c.created_at >= since)
    elif door.late:
        tests.append(literal(False, Boolean()))
    return tests


def _of(cadences: Collection[str]) -> Test:
    """Whether an enrollment is in one of these.

    Not by the column itself: SQLite without statistics would go through all of a cadence's enrollments for each lead.
    """
    return enrollments.c.cadence.concat("").in_(cadences)


def _free(cadence: Cadence) -> Test:
    """The lead is not in it, nor was if it takes nobody again; and in no other where both take a lead of no other."""
    mine = [enrollments.c.lead_id == leads.c.id, _of([cadence.name])]
    if cadence.entry.again is not None:
        mine.append(_OPEN)
    free = ~exists().where(*mine)
    return and_(free, ~_HAS_PLACE) if cadence.exclusive else free


def _told(new: Any, cadence: Cadence, now: datetime, by: str, dialect: str, *which: Test) -> Any:
    """The history of it, as `moves.start` writes it for one."""
    words = f"enrolled in {cadence.name}"
    some = cadence.holdout > 0  # else nobody is asked whether they are held out
    if dialect == "postgresql":
        detail: Any = func.json_build_object(
            "enrollment", new.id, "cadence", cadence.name, "held_out", new.held_out if some else literal(False)
        )
    else:  # written out: to let SQLite quote each piece takes longer than to store the row
        rest = [f', "cadence": {json.dumps(cadence.name)}, "held_out": {said}}}' for said in ("true", "false")]
        ends = case((new.held_out, rest[0]), else_=rest[1]) if some else literal(rest[1])
        detail = literal('{"enrollment": ').concat(new.id.cast(Text)).concat(ends)
    values: dict[str, Any] = {
        "lead_id": new.lead_id,
        "at": literal(now, changes.c.at.type),
        "by": literal(by),
        "what": literal("enrolled"),
        "text": case((new.held_out, f"{words} (held out)"), else_=words) if some else literal(words),
        "detail": detail,
    }
    return plain_insert(changes).from_select(list(values), select(*values.values()).where(*which).order_by(new.id))
