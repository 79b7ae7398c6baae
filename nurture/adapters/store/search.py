"""The leads for which a condition holds, found and counted by SQL.

One thing cannot be said there: how far engagement has decayed. Where a condition asks for it, SQL gives the leads
for which it may hold, and those of them who have any engagement are judged one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, literal, or_, select

from nurture.adapters.store import asking, conditions
from nurture.adapters.store.among import among
from nurture.adapters.store.people import lead_of, leads_with_companies
from nurture.adapters.store.responses import ResponseRows
from nurture.adapters.store.rows import fetch, gathered
from nurture.adapters.store.sums import running_today
from nurture.adapters.store.tables import companies, facts, leads
from nurture.adapters.store.texts import prepare
from nurture.adapters.store.touches import TouchRows
from nurture.domain import scoring
from nurture.domain.history import LeadHistory, beside
from nurture.domain.names import names_of

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.lead import CompanyId, Lead, LeadId
    from nurture.domain.workspace import Workspace

BATCH: Final = 2_000
_STAGES: Final = (
    select(leads.c.company_id, leads.c.stage, func.count().label("people"))
    .where(among(leads.c.company_id), *asking.PRESENT)
    .group_by(leads.c.company_id, leads.c.stage)
)
DECAYING: Final = frozenset({"engagement", "score"})


def matching(
    db: Connection, where: Condition | None, *, now: datetime, limit: int | None, after: int, rules: Workspace | None
) -> list[Lead]:
    """The leads for which a condition holds, by id, behind `after`."""
    query = leads_with_companies().where(*asking.PRESENT).order_by(leads.c.id)
    if where is None:
        return [lead_of(row) for row in db.execute(query.where(leads.c.id > after).limit(limit))]
    search = Search(db, where, now, rules)
    if not search.decays:
        return [lead_of(row) for row in db.execute(query.where(search.said, leads.c.id > after).limit(limit))]
    found: list[Lead] = []
    for lead in search.judged(query.where(or_(search.surely, search.perhaps)), after):
        if limit is not None and len(found) >= limit:
            break
        found.append(lead)
    return found


def matching_ids(
    db: Connection, where: Condition, *, now: datetime, limit: int, after: int, rules: Workspace | None
) -> list[LeadId]:
    """The ids of the leads for which a condition holds, behind `after`."""
    search = Search(db, where, now, rules)
    if search.decays:
        return [lead.id for lead in matching(db, where, now=now, limit=limit, after=after, rules=rules)]
    query = select(leads.c.id).select_from(search.table).where(*asking.PRESENT, search.said, leads.c.id > after)
    return gathered(db, query.order_by(leads.c.id).limit(limit))


def counted(db: Connection, where: Condition, *, now: datetime, rules: Workspace | None) -> int:
    """How many leads there are for which a condition holds."""
    search = Search(db, where, now, rules)
    query = select(func.count()).select_from(search.table).where(*asking.PRESENT)
    if not search.decays:
        return int(db.execute(query.where(search.said)).scalar_one())
    sure = int(db.execute(query.where(search.surely)).scalar_one())
    rest = leads_with_companies().where(*asking.PRESENT, search.perhaps).order_by(leads.c.id)
    return sure + sum(1 for _ in search.judged(rest, 0))


class Said:
    """One condition in SQL, as far as it can be said there. `facts_valid` None: nothing is known of the rules."""

    def __init__(
        self, dialect: str, where: Condition, moment: asking.At | asking.AnyTime, facts_valid: timedelta | None
    ) -> None:
        self._dialect = dialect
        self._where = where
        self._moment = moment
        self._facts_valid = facts_valid
        self.decays = facts_valid is not None and bool(where.names & DECAYING)
        joined = leads.outerjoin(companies, leads.c.company_id == companies.c.id)
        self.table = joined if asking.needs_company(where.names) else leads

    @property
    def said(self) -> ColumnElement[bool]:
        """It holds, by the engagement as it is stored."""
        return self._written()

    @property
    def surely(self) -> ColumnElement[bool]:
        """It holds for a lead that has no engagement."""
        return and_(leads.c.sums.is_(None), self._written(engagement=literal(0.0)))

    @property
    def perhaps(self) -> ColumnElement[bool]:
        """It may hold for a lead that has some."""
        return and_(leads.c.sums.is_not(None), self._written(unknown=DECAYING))

    def _written(
        self, *, engagement: ColumnElement[float] | None = None, unknown: frozenset[str] = frozenset()
    ) -> ColumnElement[bool]:
        columns = dict(asking.names(self._dialect, self._moment, facts_valid=self._facts_valid))
        if engagement is not None:
            columns |= {"engagement": engagement, "score": leads.c.fit + engagement}
        calls = asking.questions(self._dialect, self._moment)
        return conditions.where(self._where, columns=columns, custom=leads.c.custom, calls=calls, unknown=unknown)


class Search(Said):
    """One condition at one moment, as the database and Python together answer it."""

    def __init__(self, db: Connection, where: Condition, now: datetime, rules: Workspace | None) -> None:
        valid = None if rules is None else rules.readiness.facts_valid.span
        super().__init__(db.dialect.name, where, asking.At(now), valid)
        self._db = db
        self._now = now
        self._rules = rules
        prepare(db)

    def judged(self, query: Select[Any], after: int) -> Iterator[Lead]:
        """Those of the leads that a query finds for whom it holds, by the engagement as it is now."""
        while rows := self._db.execute(query.where(leads.c.id > after).limit(BATCH)).all():
            after = rows[-1].id
            holding = self._holding([row for row in rows if row.sums])
            for row in rows:
                if not row.sums or row.id in holding:
                    yield lead_of(row)

    def _holding(self, rows: list[Row[Any]]) -> set[int]:
        """The ids of those for whom it holds."""
        where, now = self._where, self._now
        batch = [lead_of(row) for row in rows]
        ids = [lead.id for lead in batch]
        since = None if self._facts_valid is None else now - self._facts_valid
        known = known_facts(self._db, ids, since=since) if where.names & asking.FACTS else {}
        touches = TouchRows(self._db).of_leads(ids) if where.calls else {}
        responses = ResponseRows(self._db).of_leads(ids) if where.calls else {}
        asks_colleagues = any(call.name == "colleagues" for call in where.calls)
        stages = stages_in(self._db, {lead.company.id for lead in batch if lead.company}) if asks_colleagues else {}
        assert self._rules is not None
        points = self._rules.scoring
        sums = running_today(self._db, [(row.id, row.sums) for row in rows], points)
        holding = set()
        for lead in batch:
            made, answers = touches.get(lead.id, ()), responses.get(lead.id, ())
            history = LeadHistory(now, made, answers, colleagues_by_stage=beside(lead, stages))
            worth = scoring.engagement(sums[lead.id], points, now)
            names = names_of(lead, known=known.get(lead.id, ()), engagement=worth, now=now)
            if where.holds(names, history):
                holding.add(lead.id)
        return holding


def known_facts(db: Connection, ids: Iterable[int], *, since: datetime | None) -> dict[int, set[str]]:
    """The names of the facts that each lead has, not older than `since`."""
    found: dict[int, set[str]] = {}
    query = select(facts.c.lead_id, facts.c.name).where(among(facts.c.lead_id)).distinct()
    if since is not None:
        query = query.where(facts.c.at >= since)
    for row in fetch(db, query, list(ids)):
        found.setdefault(row.lead_id, set()).add(row.name)
    return found


def stages_in(db: Connection, ids: Collection[CompanyId]) -> dict[CompanyId, dict[str, int]]:
    """How many people of each company are in each stage; merged and forgotten ones are left out."""
    found: dict[CompanyId, dict[str, int]] = {}
    for row in fetch(db, _STAGES, ids):
        found.setdefault(row.company_id, {})[row.stage] = row.people
    return found
