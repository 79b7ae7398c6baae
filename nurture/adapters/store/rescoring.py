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
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Executable,
    Float,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.schema import CreateTable

from nurture.adapters.store import asking, conditions
from nurture.adapters.store import rows as rows_of
from nurture.adapters.store.score_sql import Bounds, number, words_of
from nurture.adapters.store.tables import changes, companies, leads, responses, score_lines
from nurture.adapters.store.tables.columns import Id, Moment
from nurture.adapters.store.texts import Custom
from nurture.domain.condition import RESPONSE_NAMES, Condition
from nurture.domain.lead import Stage
from nurture.domain.response import Grade
from nurture.domain.scoring import FAR, EngagementRule
from nurture.domain.workspace import Workspace
from nurture.ports.store import Rescoring

Value = ColumnElement[Any]
_EMPLOYER: Final = leads.c.company_id == companies.c.id
_AFTER: Final = bindparam("after", type_=Id)
_LAST: Final = bindparam("last", type_=Id)
TINY: Final = -700.0  # exp() of less is an error in PostgreSQL; this is nothing already
DAY: Final = timedelta(days=1)

# What a batch comes to, between working it out and writing it.
_made = Table(
    "nurture_scored",
    MetaData(),
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("was", Text),
    Column("branch", Integer),  # which part of `_staged` decided
    Column("fit", Float),
    Column("engagement", Float),
    Column("sums", Text),
    Column("look_at", Moment),
    Column("moved", Boolean),  # whether a cadence or the promotion may now see it otherwise
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)
_STAGES: Final = {0: Stage.UNKNOWN, 1: Stage.NEAR_TERM, 2: Stage.NEAR_TERM, 3: Stage.LONG_TERM, 4: Stage.LONG_TERM}
_STAGE: Final = case({branch: stage.value for branch, stage in _STAGES.items()}, value=_made.c.branch)


def _employed(people: Any, asked: Sequence[Condition]) -> Any:
    """With their companies, where one of these conditions asks for them."""
    names: frozenset[str] = frozenset().union(*(one.names for one in asked))
    return people.outerjoin(companies, _EMPLOYER) if asking.needs_company(names) else people


def _within(column: Value) -> ColumnElement[bool]:
    return and_(column > _AFTER, column <= _LAST)


def _worked_out(query: Select[Any], name: str) -> Any:
    """The rows of a query, worked out once: what is read from it several times is not calculated several times."""
    return query.cte(name).prefix_with("MATERIALIZED")


class Rescorer:
    """Scores leads again, a range of ids at a time; what is said to the database is put together once."""

    def __init__(self, db: Connection, rules: Workspace, how: Rescoring) -> None:
        self._db = db
        self._say = words_of(db)
        self._rules = rules.scoring
        self.how = how
        facts_since = how.now - rules.readiness.facts_valid.span
        self._names = asking.names(db.dialect.name, how.now, facts_since=facts_since)
        self._calls = asking.questions(db.dialect.name, how.now)
        self._batch = select(leads.c.id).where(leads.c.id > _AFTER).order_by(leads.c.id).limit(how.limit)
        if not self._say.sqlite:
            self._batch = self._batch.with_for_update()  # whoever records a response holds its lead too
        keys = {rule.key for rule in self._rules.engagement}
        self._steps: list[Executable] = []
        if set(how.known) - keys:
            gone = score_lines.c.rule.not_in(sorted(keys))
            self._steps.append(delete(score_lines).where(_within(score_lines.c.lead_id), gone))
        self._steps += [self._match(rule) for rule in self._rules.engagement if rule.key not in how.known]
        self._steps.append(insert(_made).from_select([one.name for one in _made.c], self._scored()))
        self._steps += [self._note(), self._write()]
        if self._say.sqlite:
            self._steps.append(delete(_made))

    def run(self, after: int) -> int | None:
        """Score the next leads behind an id; the id of the last, or None where there are no more."""
        ids: Sequence[int] = self._db.execute(self._batch, {"after": after}).scalars().all()
        if not ids:
            return None
        if not self._say.sqlite:
            # It knows nothing of rows that are only just there, takes them for a few, and would go through all of them
            # for each of them.
            self._db.execute(text("SET LOCAL enable_nestloop = off"))
        self._db.execute(CreateTable(_made, if_not_exists=True))
        for step in self._steps:
            self._db.execute(step, {"after": after, "last": ids[-1]})
        return ids[-1]

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

    def _scored(self) -> Select[Any]:
        """For each lead what is to be written, worked out step by step."""
        one = _worked_out(self._heard(), "heard")
        one = _worked_out(self._engaged(one), "engaged")
        self._names |= {"engagement": one.c.engagement, "fit": one.c.fit, "score": one.c.fit + one.c.engagement}
        bounds = Bounds.of(self.how.watched)
        staged = select(
            one,
            self._staged().label("branch"),
            bounds.highest_within(one.c).label("below"),
            bounds.lowest_above(one.c).label("above"),
            or_(leads.c.fit != one.c.fit, bounds.between(leads.c.engagement, one.c)).label("moved"),
        ).select_from(_employed(one.join(leads, leads.c.id == one.c.id), self._of_stages()))
        staged = staged.where(_within(leads.c.id))
        one = _worked_out(staged, "staged")
        one = _worked_out(select(one, self._seconds(one.c).label("seconds")), "timed")
        row = one.c
        look_at = literal(self.how.now + DAY, Moment()) if bounds.unreadable else self._later(row.seconds)
        moved = or_(row.moved, row.was != case({at: stage.value for at, stage in _STAGES.items()}, value=row.branch))
        return select(row.id, row.was, row.branch, row.fit, row.engagement, row.sums, look_at, moved)

    def _heard(self) -> Select[Any]:
        """How many lines the lines of each rule are worth; NULL where there are none."""
        line = score_lines.c
        seconds = self._say.age(line.at, self.how.now)

        def worth(rule: EngagementRule) -> Value:
            exponent = seconds * number(-log(2) / rule.half_life.span.total_seconds())
            return func.sum(case((line.rule == rule.key, func.exp(self._say.greatest(exponent, number(TINY))))))

        counted = [worth(rule).label(f"rule_{at}") for at, rule in enumerate(self._rules.engagement)]
        return select(line.lead_id.label("id"), *counted).where(_within(line.lead_id)).group_by(line.lead_id)

    def _engaged(self, heard: Any) -> Select[Any]:
        """Fit and engagement, what of it is gains and losses (both positive), and the sums as they are stored."""
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
        engagement = self._capped(gains - losses)
        self._names |= {"engagement": engagement, "score": leads.c.fit + engagement}
        fit: Value = leads.c.fit
        if self.how.fit:
            points = (case((self._where(one.when), number(one.points)), else_=number(0)) for one in self._rules.fit)
            fit = reduce(add, points, number(0))
        people = leads.outerjoin(heard, heard.c.id == leads.c.id)
        asks = [rule.when for rule in self._rules.fit] if self.how.fit else []
        return (
            select(
                leads.c.id,
                leads.c.stage.label("was"),
                (kept if self.how.sums else cast(null(), Text())).label("sums"),
                gains.label("gains"),
                losses.label("losses"),
                engagement.label("engagement"),
                fit.label("fit"),
            )
            .select_from(_employed(people, asks))
            .where(_within(leads.c.id), *asking.PRESENT)
        )

    def _of_stages(self) -> list[Condition]:
        return [condition for rule in self._rules.stages.values() for condition in (rule.enter, rule.leave)]

    def _capped(self, total: Value) -> Value:
        cap = self._rules.cap
        return total if cap is None else self._say.least(total, number(cap))

    def _staged(self) -> Value:
        """Which of the parts of `scoring.stage_of` decides."""
        near, far = self._rules.stages.get(Stage.NEAR_TERM), self._rules.stages.get(Stage.LONG_TERM)
        is_near, is_far = leads.c.stage == Stage.NEAR_TERM.value, leads.c.stage == Stage.LONG_TERM.value
        parts: list[tuple[ColumnElement[bool], int]] = []
        if near is not None:
            parts += [(and_(is_near, ~self._where(near.leave)), 1), (and_(~is_near, self._where(near.enter)), 2)]
        if far is not None:
            parts += [(and_(is_far, ~self._where(far.leave)), 3), (and_(~is_far, self._where(far.enter)), 4)]
        return case(*parts, else_=0) if parts else literal(0, Integer())

    def _seconds(self, one: Any) -> Value:
        """Until decay alone may carry it over a bound, never more: as if all decayed like what decays fastest."""
        if not self._rules.engagement:
            return cast(null(), Double())
        fastest = min(rule.half_life.span for rule in self._rules.engagement).total_seconds() / log(2)
        room = one.below + one.losses
        falls = case((and_(one.gains > 0, room > 0), number(fastest) * func.ln(one.gains / room)))
        room = one.gains - one.above
        if self._rules.cap is not None:
            room = case((one.above <= self._rules.cap, room))
        rises = case((and_(one.losses > 0, room > 0), number(fastest) * func.ln(one.losses / room)))
        return self._say.least(func.coalesce(falls, rises), func.coalesce(rises, falls))

    def _later(self, seconds: Value) -> Value:
        """The first whole second behind; nothing where that is years away."""
        whole = self._say.greatest(func.floor(seconds), number(0)) + number(1)
        return self._say.later(self.how.now, case((seconds < number(FAR.total_seconds()), whole)))

    # What follows ----------------------------------------------------------------------------------------------

    def _note(self) -> Executable:
        """Each stage that changes, in the history of its lead, with the condition that decided it."""
        near, far = self._rules.stages.get(Stage.NEAR_TERM), self._rules.stages.get(Stage.LONG_TERM)
        was = {stage: _made.c.was == stage.value for stage in Stage}
        left = case(
            (was[Stage.NEAR_TERM], near.leave.text if near else "no stage is defined"),
            else_=far.leave.text if far else "no stage is defined",
        )
        entered = case((was[Stage.UNKNOWN], far.enter.text if far else ""), else_=near.leave.text if near else "")
        why = case((_made.c.branch == 2, near.enter.text if near else ""), (_made.c.branch == 4, entered), else_=left)
        words = _made.c.was.concat(" -> ").concat(_STAGE).concat(": ").concat(why).concat(f" ({self.how.because})")
        detail = self._say.pairs(**{"from": _made.c.was, "to": _STAGE})
        columns = ["lead_id", "at", "by", "what", "text", "detail"]
        now = literal(self.how.now, Moment())
        noted = select(_made.c.id, now, literal(self.how.by, Text()), literal("stage", Text()), words, detail)
        changed = noted.where(_made.c.was != _STAGE).order_by(_made.c.id)
        return insert(changes).from_select(columns, changed)

    def _write(self) -> Executable:
        new: dict[str, Any] = {
            "fit": _made.c.fit,
            "engagement": _made.c.engagement,
            "stage": _STAGE,
            "scored_at": self.how.now,
            "look_at": _made.c.look_at,
            "enroll_check": or_(leads.c.enroll_check, _made.c.moved),
            "ready_check": or_(leads.c.ready_check, _made.c.moved),
        }
        if self.how.sums:
            new["sums"] = self._say.json(_made.c.sums)
        return update(leads).where(leads.c.id == _made.c.id, _within(leads.c.id)).values(new)
