"""Counts for the reports, as aggregates of the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, Text, case, cast, exists, func, or_, select, union, union_all
from sqlalchemy.sql.selectable import CompoundSelect

from nurture.adapters.store.happened import happened
from nurture.adapters.store.tables import changes, enrollments, handoffs, leads, responses, touches
from nurture.adapters.store.waiting import waiting
from nurture.domain.handoff import State as Handoff
from nurture.domain.lead import Stage
from nurture.domain.reception import Reception
from nurture.domain.response import CONVERSATIONS, EVIDENCE, REFUSALS, Bounce, CallOutcome, Grade, Kind
from nurture.domain.touch import Channel, State
from nurture.ports.reports import Arm, Desk, Earned, Entered, Held, Made, Reached, Waited, Waiting, Work

if TYPE_CHECKING:
    from nurture.domain.digest import Happened

SOURCE = func.nullif(leads.c.source, "")
COUNTED = leads.c.merged_into.is_(None)
# Sales had it on the desk and kept it; also where it was rejected or taken back later: the history knows.
ACCEPTED = (Handoff.ACCEPTED.value, Handoff.WON.value, Handoff.LOST.value)
NOT_MADE = (State.PLANNED.value, State.SKIPPED.value, State.FAILED.value, State.CANCELED.value)
TO_NEAR_TERM = (changes.c.what == "stage") & (changes.c.detail["to"].as_string() == Stage.NEAR_TERM.value)


class ReportRows:
    """Counts in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def reception(self, last: int, *, since: datetime) -> Reception:
        """How the last mails sent after a moment were received."""
        mails = (
            select(touches.c.id)
            .where(touches.c.channel == Channel.EMAIL.value, touches.c.state == State.SENT.value)
            .where(touches.c.sent_at > since)
            .order_by(touches.c.sent_at.desc())
            .limit(last)
            .cte("mails")
        )
        bad = select(responses.c.touch_id, responses.c.kind, responses.c.detail).join(
            mails, responses.c.touch_id == mails.c.id
        )
        bad = bad.where(responses.c.kind.in_([Kind.COMPLAINT.value, Kind.BOUNCE.value]))
        found: dict[str, set[str]] = {Kind.COMPLAINT.value: set(), Kind.BOUNCE.value: set()}
        for row in self._db.execute(bad):
            if row.kind == Kind.COMPLAINT or (row.detail or {}).get("bounce") == Bounce.HARD:
                found[row.kind].add(row.touch_id)
        count = int(self._db.execute(select(func.count()).select_from(mails)).scalar_one())
        return Reception(count, len(found[Kind.BOUNCE.value]), len(found[Kind.COMPLAINT.value]))

    def reached(self) -> list[Reached]:
        """How far the leads of each source came."""
        reached: dict[str, Select[Any] | CompoundSelect[Any]] = {
            "contacted": select(touches.c.lead_id).where(touches.c.counted_at.is_not(None)),
            "responded": select(responses.c.lead_id).where(_is_evidence()),
            "near_term": union(
                select(leads.c.id.label("lead_id")).where(leads.c.stage == Stage.NEAR_TERM.value),
                select(changes.c.lead_id).where(TO_NEAR_TERM),
            ),
            "offered": select(handoffs.c.lead_id).where(handoffs.c.offered_at.is_not(None)),
            "accepted": union(
                select(handoffs.c.lead_id).where(handoffs.c.state.in_(ACCEPTED)),
                select(changes.c.lead_id).where(changes.c.what == Handoff.ACCEPTED.value),
            ),
            "rejected": select(handoffs.c.lead_id).where(handoffs.c.state == Handoff.REJECTED.value),
            "won": select(handoffs.c.lead_id).where(handoffs.c.state == Handoff.WON.value),
        }
        rows: Any = leads
        counts: list[ColumnElement[Any]] = [func.count().label("leads")]
        for name, query in reached.items():
            who = _each_once(query).subquery(name)
            rows = rows.outerjoin(who, who.c.lead_id == leads.c.id)
            counts.append(func.count(who.c.lead_id).label(name))
        grouped = select(SOURCE.label("source"), *counts).select_from(rows).where(COUNTED).group_by(SOURCE)
        middles = self._middles()
        found = [Reached(**{**row._mapping, "middle": middles[row.source]}) for row in self._db.execute(grouped)]
        return sorted(found, key=lambda one: (one.source is None, one.source or ""))

    def _middles(self) -> dict[str | None, datetime]:
        """When the lead in the middle of each source arrived."""
        place = func.row_number().over(partition_by=SOURCE, order_by=(leads.c.created_at, leads.c.id))
        size = func.count().over(partition_by=SOURCE)
        columns = (SOURCE.label("source"), leads.c.created_at, place.label("place"), size.label("size"))
        placed = select(*columns).where(COUNTED).subquery()
        query = select(placed.c.source, placed.c.created_at).where(placed.c.place == placed.c.size // 2 + 1)
        return {row.source: row.created_at for row in self._db.execute(query)}

    def waited(self) -> list[Waited]:
        """How long the leads of each source took to each step, by days."""
        taken = func.coalesce(handoffs.c.answered_at, handoffs.c.offered_at, handoffs.c.created_at)
        steps: dict[str, Select[Any] | CompoundSelect[Any]] = {
            "contacted": select(touches.c.lead_id, touches.c.counted_at.label("at")).where(
                touches.c.counted_at.is_not(None)
            ),
            "near_term": select(changes.c.lead_id, changes.c.at).where(TO_NEAR_TERM),
            "offered": select(handoffs.c.lead_id, handoffs.c.offered_at.label("at")).where(
                handoffs.c.offered_at.is_not(None)
            ),
            "accepted": union_all(
                select(handoffs.c.lead_id, taken.label("at")).where(handoffs.c.state.in_(ACCEPTED)),
                select(changes.c.lead_id, changes.c.at).where(changes.c.what == Handoff.ACCEPTED.value),
            ),
            "won": select(handoffs.c.lead_id, func.coalesce(handoffs.c.ended_at, taken).label("at")).where(
                handoffs.c.state == Handoff.WON.value
            ),
        }
        found = []
        for step, query in steps.items():
            every = query.subquery()
            first = select(every.c.lead_id, func.min(every.c.at).label("at")).group_by(every.c.lead_id).subquery()
            # Read as text: SQLite has no type for a day, and PostgreSQL has one of its own.
            arrived, reached = (cast(func.date(one), Text) for one in (leads.c.created_at, first.c.at))
            columns = (SOURCE.label("source"), arrived.label("arrived"), reached.label("reached"))
            rows = leads.outerjoin(first, first.c.lead_id == leads.c.id)
            counted = select(*columns, func.count().label("leads")).select_from(rows).where(COUNTED)
            for row in self._db.execute(counted.group_by(*columns)):
                days = [date.fromisoformat(one) if one else None for one in (row.arrived, row.reached)]
                assert days[0] is not None
                found.append(Waited(row.source, step, days[0], days[1], row.leads))
        return found

    def earned(self) -> list[Earned]:
        """What was won, by source and currency."""
        currency, amount = func.coalesce(handoffs.c.currency, ""), func.sum(handoffs.c.amount)
        query = select(SOURCE.label("source"), currency.label("currency"), amount.label("amount"))
        query = query.join_from(handoffs, leads, leads.c.id == handoffs.c.lead_id)
        query = query.where(handoffs.c.state == Handoff.WON.value, handoffs.c.amount.is_not(None))
        rows = self._db.execute(query.group_by(SOURCE, currency).order_by(SOURCE, currency))
        return [Earned(row.source, row.currency, float(row.amount)) for row in rows]

    def arms(self) -> list[Arm]:
        """Who was in each cadence and who was held out of it; a lead counts from when it first was."""
        table = enrollments
        arm = (table.c.cadence, table.c.held_out)
        first = select(*arm, table.c.lead_id, func.min(table.c.started_at).label("began"))
        first_time = first.group_by(*arm, table.c.lead_id).subquery()
        since = (changes.c.lead_id == first_time.c.lead_id, changes.c.at >= first_time.c.began)
        query = select(
            first_time.c.cadence,
            first_time.c.held_out,
            func.count().label("people"),
            _count_if(exists().where(*since, TO_NEAR_TERM)).label("near_term"),
            _count_if(exists().where(*since, changes.c.what == Handoff.ACCEPTED.value)).label("accepted"),
        ).group_by(first_time.c.cadence, first_time.c.held_out)
        states: dict[tuple[str, bool], dict[str, int]] = {}
        for row in self._db.execute(select(*arm, table.c.state, func.count().label("n")).group_by(*arm, table.c.state)):
            states.setdefault((row.cadence, row.held_out), {})[row.state] = row.n
        return [
            Arm(**row._mapping, states=states[row.cadence, row.held_out])
            for row in self._db.execute(query.order_by(first_time.c.cadence, first_time.c.held_out))
        ]

    def work(self) -> list[Work]:
        """What each cadence did."""
        made: dict[str, dict[str, int]] = {}
        of_cadence = touches.c.cadence != ""
        by_state = select(touches.c.cadence, touches.c.state, func.count().label("n")).where(of_cadence)
        for row in self._db.execute(by_state.group_by(touches.c.cadence, touches.c.state)):
            made.setdefault(row.cadence, {})[row.state] = row.n
        people = func.count(touches.c.lead_id.distinct()).label("n")
        query = select(touches.c.cadence, responses.c.kind, people)
        query = query.join_from(responses, touches, touches.c.id == responses.c.touch_id).where(
            of_cadence,
            responses.c.grade == Grade.HUMAN.value,
            responses.c.kind.in_([Kind.CLICK.value, Kind.REPLY.value]),
        )
        rows = self._db.execute(query.group_by(touches.c.cadence, responses.c.kind))
        answered: Mapping[tuple[str, str], int] = {(row.cadence, row.kind): row.n for row in rows}
        return [
            Work(
                cadence,
                states,
                answered.get((cadence, Kind.CLICK.value), 0),
                answered.get((cadence, Kind.REPLY.value), 0),
            )
            for cadence, states in sorted(made.items())
        ]

    def made(self, cadence: str, *, by: Literal["step", "version"]) -> list[Made]:
        """What each step or version of a cadence did."""
        part, mine = touches.c[by], touches.c.cadence == cadence
        first = func.min(touches.c.created_at, type_=touches.c.created_at.type).label("first")
        parts = (part.label("part"), touches.c.channel, touches.c.state)
        counted = select(*parts, first, func.count().label("n")).where(mine).group_by(*parts)
        channels: dict[Any, str] = {}
        states: dict[Any, dict[str, int]] = {}
        for row in sorted(self._db.execute(counted), key=lambda row: (row.first, row.part)):
            channels.setdefault(row.part, row.channel)
            of_part = states.setdefault(row.part, {})
            of_part[row.state] = of_part.get(row.state, 0) + row.n
        query = select(part.label("part"), responses.c.kind, func.count(touches.c.lead_id.distinct()).label("n"))
        query = query.join_from(responses, touches, touches.c.id == responses.c.touch_id)
        query = query.where(mine, responses.c.grade == Grade.HUMAN.value).group_by(part, responses.c.kind)
        people: dict[Any, dict[str, int]] = {}
        for row in self._db.execute(query):
            people.setdefault(row.part, {})[row.kind] = row.n
        return [Made(str(one), channels[one], states[one], people.get(one, {})) for one in channels]

    def entered(self, cadence: str) -> list[Entered]:
        """Who entered each version of a cadence and how it ended."""
        parts = (enrollments.c.version, enrollments.c.state, enrollments.c.held_out)
        counted = select(*parts, func.count().label("enrollments")).where(enrollments.c.cadence == cadence)
        return [Entered(**row._mapping) for row in self._db.execute(counted.group_by(*parts).order_by(*parts))]

    def desks(self) -> list[Desk]:
        """What each rep did with what was offered."""
        rep, whose = handoffs.c.rep, func.coalesce(handoffs.c.rep, "") != ""
        states: dict[str, dict[str, int]] = {}
        by_state = select(rep, handoffs.c.state, func.count().label("n")).where(whose).group_by(rep, handoffs.c.state)
        for row in self._db.execute(by_state):
            states.setdefault(row.rep, {})[row.state] = row.n
        reasons: dict[str, dict[str, int]] = {}
        count = func.count().label("n")
        why = select(rep, handoffs.c.reason, count).where(whose, func.coalesce(handoffs.c.reason, "") != "")
        why = why.where(handoffs.c.state == Handoff.REJECTED.value).group_by(rep, handoffs.c.reason)
        for row in self._db.execute(why.order_by(count.desc(), handoffs.c.reason)):
            reasons.setdefault(row.rep, {})[row.reason] = row.n
        waits = self._middle_waits()
        return [Desk(one, states[one], reasons.get(one, {}), waits.get(one)) for one in sorted(states)]

    def waiting(self, *, late_before: datetime) -> Waiting:
        """What waits for a person."""
        return waiting(self._db, late_before=late_before)

    def happened(self, since: datetime, until: datetime) -> Happened:
        """What happened from one moment to another."""
        return happened(self._db, since, until)

    def _middle_waits(self) -> dict[str, timedelta]:
        """How long the answer in the middle of each rep's took."""
        offered, answered = handoffs.c.offered_at, handoffs.c.answered_at
        sqlite = self._db.dialect.name == "sqlite"
        wait: ColumnElement[Any] = func.julianday(answered) - func.julianday(offered) if sqlite else answered - offered
        place = func.row_number().over(partition_by=handoffs.c.rep, order_by=(wait, handoffs.c.id)).label("place")
        size = func.count().over(partition_by=handoffs.c.rep).label("size")
        query = select(handoffs.c.rep, offered, answered, place, size)
        placed = query.where(handoffs.c.rep.is_not(None), offered.is_not(None), answered.is_not(None)).subquery()
        middle = select(placed).where(placed.c.place == placed.c.size // 2 + 1)
        return {row.rep: row.answered_at - row.offered_at for row in self._db.execute(middle)}

    def held(self) -> list[Held]:
        """What waits or was not made."""
        count = func.count().label("touches")
        # What waits is looked at again when its enrollment is; what was not made never is.
        waits = case((touches.c.state == State.PLANNED.value, enrollments.c.next_at))
        query = (
            select(
                touches.c.reason,
                touches.c.state,
                count,
                func.count(touches.c.lead_id.distinct()).label("leads"),
                func.min(touches.c.due_at).label("oldest_due_at"),
                func.min(waits, type_=enrollments.c.next_at.type).label("next_at"),
                func.max(waits, type_=enrollments.c.next_at.type).label("until"),
            )
            .outerjoin_from(touches, enrollments, enrollments.c.id == touches.c.enrollment_id)
            .where(touches.c.reason.is_not(None), touches.c.state.in_(NOT_MADE))
            .group_by(touches.c.reason, touches.c.state)
        )
        rows = self._db.execute(query.order_by(count.desc(), touches.c.reason, touches.c.state))
        return [Held(**row._mapping) for row in rows]


def _each_once(query: Select[Any] | CompoundSelect[Any]) -> Select[Any] | CompoundSelect[Any]:
    """A union names each lead once as it is."""
    return query.distinct() if isinstance(query, Select) else query


def _count_if(test: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((test, 1), else_=0)), 0)


def _is_evidence() -> ColumnElement[bool]:
    """`Response.is_evidence`: a person showed something by it, other than a wish to be left alone."""
    outcome = func.coalesce(responses.c.detail["outcome"].as_string(), "")
    intent = func.coalesce(responses.c.detail["intent"].as_string(), "")
    spoke = [one.value for one in CONVERSATIONS - {CallOutcome.NOT_INTERESTED}]
    others = [one.value for one in EVIDENCE - {Kind.CALL}]
    kind = responses.c.kind
    return (
        responses.c.lead_id.is_not(None)
        & (responses.c.grade == Grade.HUMAN.value)
        & or_(
            (kind == Kind.CALL.value) & outcome.in_(sorted(spoke)),
            kind.in_(sorted(others)) & intent.not_in(sorted(one.value for one in REFUSALS)),
        )
    )
