"""Scores, stages and the next moment to look of many leads at once, from their ledger, by SQL.

It is what `moves.rescore` says of one lead, said for ten thousand in a few statements; a test holds them together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from math import log
from operator import add
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Executable,
    Float,
    Insert,
    MetaData,
    Select,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.schema import CreateTable

from nurture.adapters.store import asking, conditions
from nurture.adapters.store import rows as rows_of
from nurture.adapters.store.score_sql import Bounds, number, words_of
from nurture.adapters.store.tables import changes, companies, enrollments, leads, responses, score_lines
from nurture.adapters.store.tables.columns import Id, Moment
from nurture.adapters.store.texts import Custom
from nurture.domain.condition import RESPONSE_NAMES, Condition
from nurture.domain.enrollment import State
from nurture.domain.lead import Stage
from nurture.domain.response import Grade
from nurture.domain.scoring import FAR, EngagementRule

if TYPE_CHECKING:
    from nurture.domain.workspace import Workspace
    from nurture.ports.store import Rescoring

Value = ColumnElement[Any]
_EMPLOYER: Final = leads.c.company_id == companies.c.id
_AFTER: Final = bindparam("after", type_=Id)
_LAST: Final = bindparam("last", type_=Id)
DAY: Final = timedelta(days=1)

# What a batch comes to. PostgreSQL does it all in one statement; SQLite has none that writes into two tables.
_made = Table(
    "nurture_scored",
    MetaData(),
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("was", Text),
    Column("stage", Text),
    Column("fit", Float),
    Column("engagement", Float),
    Column("sums", Text),
    Column("look_at", Moment),
    Column("moved", Boolean),  # whether a cadence or the promotion may now see it otherwise
    prefixes=["TEMPORARY"],
)


def _employed(people: Any, asked: Sequence[Condition]) -> Any:
    """With their companies, where one of these conditions asks for them."""
    names: frozenset[str] = frozenset().union(*(one.names for one in asked))
    return people.outerjoin(companies, _EMPLOYER) if asking.needs_company(names) else people


def _within(column: Value) -> ColumnElement[bool]:
    return and_(column > _AFTER, column <= _LAST)


def _worked_out(query: Select[Any], name: str) -> Any:
    """The rows of a query, worked out once: what is read from it several times is not calculated several times.

    Neither database merges a query that leaves out rows, be it none, into the one around it; nor does it store them
    first, as it would for a CTE.
    """
    return query.offset(literal_column("0")).subquery(name)


class Rescorer:
    """Scores leads again, a range of ids at a time; what is said to the database is put together once."""

    def __init__(self, db: Connection, rules: Workspace, how: Rescoring) -> None:
        rows_of.plan_anew(db)
        self._db = db
        self._say = words_of(db)
        self._rules, self._awaited = rules.scoring, rules.awaited
        self.how = how
        moment = asking.At(how.now)
        self._names = dict(asking.names(db.dialect.name, moment, facts_valid=rules.readiness.facts_valid.span))
        self._calls = asking.questions(db.dialect.name, moment)
        batch = select(leads.c.id).where(leads.c.id > _AFTER).order_by(leads.c.id).limit(how.limit)
        if not self._say.sqlite:
            batch = batch.with_for_update()  # whoever records a response holds its lead too
        self._batch = select(func.max(batch.subquery().c.id))
        keys = {rule.key for rule in self._rules.engagement}
        self._steps: list[Executable] = []
        if set(how.known) - keys:
            gone = score_lines.c.rule.not_in(sorted(keys))
            self._steps.append(delete(score_lines).where(_within(score_lines.c.lead_id), gone))
        self._steps += [self._match(rule) for rule in self._rules.engagement if rule.key not in how.known]
        made = self._kept(self._scored(_worked_out(self._engaged(), "heard")))
        note, write = self._note(made.c), self._write(made.c)
        wake = [self._wake(made.c)] if self._awaited else []
        separate = [note, *wake, write, self._move(made.c)]
        beside = [one.cte(name) for one, name in zip((note, *wake), ("noted", "woken"), strict=False)]
        self._steps += separate if self._say.sqlite else [write.add_cte(*beside)]

    def run(self, after: int) -> int | None:
        """Score the next leads behind an id; the id of the last, or None where there are no more."""
        last: int | None = self._db.execute(self._batch, {"after": after}).scalar()
        if last is None:
            return None
        if self._say.sqlite:
            self._db.execute(CreateTable(_made, if_not_exists=True))
        else:
            # It takes the rows of a step for a few, and would go through all of them for each of the next.
            self._db.execute(text("SET LOCAL enable_nestloop = off"))
        for step in self._steps:
            self._db.execute(step, {"after": after, "last": last})
        return last

    def _kept(self, query: Select[Any]) -> Any:
        """The rows of a query, kept for all that is written from them."""
        if not self._say.sqlite:
            return query.cte(_made.name).prefix_with("MATERIALIZED")
        self._steps += [delete(_made), insert(_made).from_select([one.name for one in _made.c], query)]
        return _made

    def _where(self, condition: Condition, **names: Value) -> ColumnElement[bool]:
        """It holds: true or false, never NULL."""
        said = conditions.where(condition, columns={**self._names, **names}, custom=leads.c.custom, calls=self._calls)
        return func.coalesce(said, literal(False), type_=Boolean())

    # The ledger ------------------------------------------------------------------------------------------------

    def _match(self, rule: EngagementRule) -> Executable:
        """The lines of a rule that is new, for what was heard before it was."""
        heard = responses.alias("heard")
        own: dict[str, Value] = {name: Custom(heard.c.detail, name) for name in RESPONSE_NAMES}
        own["grade"] = heard.c.grade
        lines = (
            select(heard.c.lead_id, heard.c.id, literal(rule.key), heard.c.kind, heard.c.at)
            .select_from(heard.join(leads, leads.c.id == heard.c.lead_id).outerjoin(companies, _EMPLOYER))
            .where(_within(heard.c.lead_id), heard.c.kind == rule.on.value, heard.c.grade == Grade.HUMAN.value)
        )
        if rule.where is not None:
            lines = lines.where(self._where(rule.where, **own))
        new = rows_of.insert(self._db, score_lines)
        columns = ["lead_id", "response_id", "rule", "kind", "at"]
        matched: Executable = new.from_select(columns, lines).on_conflict_do_nothing()
        return matched

    # The score -------------------------------------------------------------------------------------------------

    def _scored(self, heard: Any) -> Select[Any]:
        """For each lead what is to be written."""
        none, people = number(0), self._people(heard)
        worth: dict[str, Value] = {
            name: func.coalesce(heard.c[name], none, type_=Double()) for name in ("gains", "losses", "engagement")
        }
        fit, sums = leads.c.fit, heard.c.sums
        if self.how.fit:
            one = _worked_out(self._fitted(people, worth, sums), "fitted")
            worth, people = {name: one.c[name] for name in worth}, self._people(one)
            fit, sums = one.c.fit, one.c.sums
        self._names |= {"engagement": worth["engagement"], "fit": fit, "score": fit + worth["engagement"]}
        bounds = Bounds.of(self.how.watched)
        row = SimpleNamespace(**worth, fit=fit)
        staged = select(
            leads.c.id,
            leads.c.stage.label("was"),
            leads.c.fit.label("fit_before"),
            leads.c.engagement.label("before"),
            *[value.label(name) for name, value in worth.items()],
            fit.label("fit"),
            sums.label("sums"),
            self._staged().label("stage"),
            bounds.highest_within(row).label("below"),
            bounds.lowest_above(row).label("above"),
        ).select_from(_employed(people, self._of_stages()))
        staged = staged.where(*asking.PRESENT)
        if not self._say.sqlite:  # there they already are in the order in which they lie
            staged = staged.where(_within(leads.c.id)).order_by(leads.c.id)
        found = _worked_out(staged, "staged").c
        moved = or_(bounds.between(found.before, found), found.was != found.stage)
        if self.how.fit:
            moved = or_(moved, found.fit_before != found.fit)
        look_at = literal(self.how.now + DAY, Moment()) if bounds.unreadable else self._look_at(found)
        made = (found.id, found.was, found.stage, found.fit, found.engagement, found.sums)
        query = select(*made, look_at.label("look_at"), moved.label("moved"))
        return query.where(found.id > _AFTER)  # all are; without a condition SQLite would merge the two

    def _people(self, rows: Any) -> Any:
        """Leads beside rows that were worked out for them.

        SQLite goes through the left side of an outer join as it is worked out, and asks for each row on the right; of
        any other join it sorts one side first.
        """
        same = rows.c.id == leads.c.id
        return rows.outerjoin(leads, same) if self._say.sqlite else leads.outerjoin(rows, same)

    def _fitted(self, people: Any, worth: dict[str, Value], sums: Value) -> Select[Any]:
        """The same with the points of the fit."""
        engagement = worth["engagement"]
        self._names |= {"engagement": engagement, "score": leads.c.fit + engagement}
        points = (case((self._where(rule.when), number(rule.points)), else_=number(0)) for rule in self._rules.fit)
        columns = [value.label(name) for name, value in worth.items()]
        fit = reduce(add, points, number(0))
        query = select(leads.c.id, *columns, fit.label("fit"), sums.label("sums"))
        return query.select_from(_employed(people, [rule.when for rule in self._rules.fit]))

    def _heard(self) -> Select[Any]:
        """How many lines the lines of each rule are worth; NULL where there are none."""
        line = score_lines.c

        def worth(rule: EngagementRule) -> Value:
            left = self._say.left(line.at, self.how.now, rule.half_life.span)
            return func.sum(case((line.rule == rule.key, left)))

        counted = [worth(rule).label(f"rule_{at}") for at, rule in enumerate(self._rules.engagement)]
        if not self._say.sqlite:
            return select(line.lead_id.label("id"), *counted).where(_within(line.lead_id)).group_by(line.lead_id)
        every = leads.outerjoin(score_lines, line.lead_id == leads.c.id)
        return select(leads.c.id, *counted).select_from(every).where(_within(leads.c.id)).group_by(leads.c.id)

    def _engaged(self) -> Select[Any]:
        """What gains and losses come to (both positive), the engagement, and the sums as they are stored."""
        heard = self._heard().subquery("worth")
        gains, losses = number(0), number(0)
        parts: list[Value] = []
        for at, rule in enumerate(self._rules.engagement):
            lines = heard.c[f"rule_{at}"]
            worth: Value = func.coalesce(lines, number(0), type_=Double()) * number(abs(rule.points))
            if rule.at_most is not None:
                worth = self._say.least(worth, number(rule.at_most))
            gains, losses = (gains + worth, losses) if rule.points > 0 else (gains, losses + worth)
            key, rest = json.dumps(rule.key), [self.how.now.isoformat(), rule.half_life.span.total_seconds()]
            entry = literal(f",{key}:[", Text()).concat(cast(lines, Text)).concat(f",{json.dumps(rest)[1:]}")
            parts.append(func.coalesce(entry, ""))
        kept: Value = reduce(lambda one, other: one.concat(other), parts, literal("", Text()))
        kept = case((kept != "", literal("{", Text()).concat(func.substr(kept, 2)).concat("}")))
        return select(
            heard.c.id,
            gains.label("gains"),
            losses.label("losses"),
            self._capped(gains - losses).label("engagement"),
            (kept if self.how.sums else cast(null(), Text())).label("sums"),
        )

    def _of_stages(self) -> list[Condition]:
        return [condition for rule in self._rules.stages.values() for condition in (rule.enter, rule.leave)]

    def _capped(self, total: Value) -> Value:
        cap = self._rules.cap
        return total if cap is None else self._say.least(total, number(cap))

    def _staged(self) -> Value:
        """The stage, as `scoring.stage_of` has it."""
        near, far = self._rules.stages.get(Stage.NEAR_TERM), self._rules.stages.get(Stage.LONG_TERM)
        is_near, is_far = leads.c.stage == Stage.NEAR_TERM.value, leads.c.stage == Stage.LONG_TERM.value
        parts: list[tuple[ColumnElement[bool], str]] = []
        if near is not None:
            stays = case((is_near, ~self._where(near.leave)), else_=self._where(near.enter))
            parts.append((stays, Stage.NEAR_TERM.value))
        if far is not None:
            stays = case((is_far, ~self._where(far.leave)), else_=self._where(far.enter))
            parts.append((stays, Stage.LONG_TERM.value))
        unknown = literal(Stage.UNKNOWN.value, Text())
        return case(*parts, else_=unknown) if parts else unknown

    def _look_at(self, one: Any) -> Value:
        """When decay alone may carry it over a bound, not later: as if all decayed like what decays fastest.

        The first whole second behind that; nothing where that is years away.
        """
        if not self._rules.engagement:
            return cast(null(), Moment())
        fastest = number(min(rule.half_life.span for rule in self._rules.engagement).total_seconds() / log(2))
        never = number(FAR.total_seconds())
        room = one.below + one.losses
        falls = case((and_(one.gains > 0, room > 0), fastest * func.ln(one.gains / room)), else_=never)
        room = one.gains - one.above
        rising = and_(one.losses > 0, room > 0)
        if self._rules.cap is not None:
            rising = and_(one.above <= self._rules.cap, rising)
        seconds = self._say.least(falls, case((rising, fastest * func.ln(one.losses / room)), else_=never))
        whole = self._say.greatest(func.floor(seconds), number(0)) + number(1)
        return self._say.later(self.how.now, case((seconds < never, whole)))

    # What follows ----------------------------------------------------------------------------------------------

    def _note(self, made: Any) -> Insert:
        """Each stage that changes, in the history of its lead, with the condition that decided it."""
        near, far = self._rules.stages.get(Stage.NEAR_TERM), self._rules.stages.get(Stage.LONG_TERM)
        was = {stage: made.was == stage.value for stage in Stage}
        left = case(
            (was[Stage.NEAR_TERM], near.leave.text if near else "no stage is defined"),
            else_=far.leave.text if far else "no stage is defined",
        )
        entered = case((was[Stage.UNKNOWN], far.enter.text if far else ""), else_=near.leave.text if near else "")
        is_near, is_far = made.stage == Stage.NEAR_TERM.value, made.stage == Stage.LONG_TERM.value
        why = case((is_near, near.enter.text if near else ""), (is_far, entered), else_=left)
        words = made.was.concat(" -> ").concat(made.stage).concat(": ").concat(why).concat(f" ({self.how.because})")
        detail = self._say.pairs(**{"from": made.was, "to": made.stage})
        columns = ["lead_id", "at", "by", "what", "text", "detail"]
        now = literal(self.how.now, Moment())
        noted = select(made.id, now, literal(self.how.by, Text()), literal("stage", Text()), words, detail)
        return insert(changes).from_select(columns, noted.where(made.was != made.stage).order_by(made.id))

    def _wake(self, made: Any) -> Update:
        """What waits for something that may hold for them now. Few wait for points: else those would wake everybody."""
        asks = any(one.names & {"fit", "engagement", "score"} for one in self._awaited)
        moved = select(made.id).where(made.moved if asks else made.was != made.stage)
        waits = (enrollments.c.state == State.ACTIVE.value, enrollments.c.waiting, enrollments.c.next_at > self.how.now)
        return update(enrollments).where(enrollments.c.lead_id.in_(moved), *waits).values(next_at=self.how.now)

    def _or_tomorrow(self, look_at: ColumnElement[Any]) -> ColumnElement[Any]:
        """Whose timeline counts down is looked at within a day, which finds out when it next passes a bound."""
        tomorrow = literal(self.how.now + DAY, Moment())
        counts = (leads.c.timeline_on >= self.how.now.date()) & (look_at.is_(None) | (look_at > tomorrow))
        return case((counts, tomorrow), else_=look_at)

    def _write(self, made: Any) -> Update:
        look_at = self._or_tomorrow(made.look_at)
        new: dict[str, Any] = {"engagement": made.engagement, "scored_at": self.how.now, "look_at": look_at}
        if self.how.fit:
            new["fit"] = made.fit
        if self.how.sums:
            new["sums"] = self._say.json(made.sums)
        if not self._say.sqlite:  # writes each row anew, so all of it at once
            flags = {flag: or_(leads.c[flag], made.moved) for flag in ("enroll_check", "ready_check")}
            new |= {"stage": made.stage, **flags}
        return update(leads).where(leads.c.id == made.id, _within(leads.c.id)).values(new)

    def _move(self, made: Any) -> Update:
        """What is otherwise only for those who moved."""
        new = {"stage": made.stage, "enroll_check": true(), "ready_check": true()}
        return update(leads).where(leads.c.id == made.id, _within(leads.c.id), made.moved).values(new)
