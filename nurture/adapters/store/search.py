"""The leads for which a condition holds: by SQL where it can be said there, else one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, exists, func, null, select

from nurture.adapters.store import conditions
from nurture.adapters.store.among import among
from nurture.adapters.store.people import FIRST_DOMAIN, lead_of, leads_with_companies
from nurture.adapters.store.responses import ResponseRows
from nurture.adapters.store.rows import fetch
from nurture.adapters.store.tables import companies, facts, leads
from nurture.adapters.store.touches import TouchRows
from nurture.domain.condition import Condition
from nurture.domain.fact import FactName
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Lead
from nurture.domain.names import names_of

BATCH = 2_000
FACTS = frozenset(map(str, FactName))
OWN = (
    *("email", "first_name", "last_name", "title", "phone", "language", "source", "owner", "external_id"),
    *("status", "stage", "fit", "engagement", "asked_for_sales", "created_at"),
)


def matching(
    db: Connection, where: Condition | None, *, now: datetime, limit: int | None, after: int = 0
) -> list[Lead]:
    """The leads for which a condition holds, by id, behind `after`."""
    query = leads_with_companies().where(leads.c.merged_into.is_(None), leads.c.forgotten_at.is_(None))
    query = query.order_by(leads.c.id)
    if where is None or _sayable(where):
        if where is not None:
            query = query.where(_said(db, where))
        return [lead_of(row) for row in db.execute(query.where(leads.c.id > after).limit(limit))]
    return list(islice(_one_by_one(db, query, where, now, after), limit))


def _sayable(where: Condition) -> bool:
    """Whether it asks nothing of the history and nothing of the calendar."""
    return not where.calls and "timeline_months" not in where.names


def _said(db: Connection, where: Condition) -> ColumnElement[bool]:
    if db.dialect.name == "sqlite":
        driver: Any = db.connection.driver_connection
        conditions.prepare_sqlite(driver)
    return conditions.where(where, columns=_columns(db.dialect.name), custom=leads.c.custom, calls={})


def _columns(dialect: str) -> Mapping[str, ColumnElement[Any]]:
    """The flat names as `names_of` gives them."""
    at = func.instr(leads.c.email, "@") if dialect == "sqlite" else func.strpos(leads.c.email, "@")
    behind = case((leads.c.email.is_not(None), func.substr(leads.c.email, at + 1)), else_=null())
    columns: dict[str, ColumnElement[Any]] = {name: leads.c[name] for name in OWN}
    columns |= {name: companies.c[name] for name in ("industry", "employees", "revenue")}
    columns |= {
        name: func.coalesce(func.nullif(leads.c[name], ""), companies.c[name]) for name in ("country", "timezone")
    }
    columns["company"] = companies.c.name
    columns["domain"] = func.coalesce(func.nullif(FIRST_DOMAIN, ""), behind)
    columns["score"] = leads.c.fit + leads.c.engagement
    for name in FACTS:
        columns[name] = exists().where(facts.c.lead_id == leads.c.id, facts.c.name == name)
    return columns


def _one_by_one(db: Connection, query: Select[Any], where: Condition, now: datetime, after: int) -> Iterator[Lead]:
    while rows := db.execute(query.where(leads.c.id > after).limit(BATCH)).all():
        after = rows[-1].id
        batch = [lead_of(row) for row in rows]
        ids = [lead.id for lead in batch]
        known = known_facts(db, ids) if where.names & FACTS else {}
        touches = TouchRows(db).of_leads(ids) if where.calls else {}
        responses = ResponseRows(db).of_leads(ids) if where.calls else {}
        asks_colleagues = any(call.name == "colleagues" for call in where.calls)
        stages = _stages(db, batch) if asks_colleagues else {}
        for lead in batch:
            history = LeadHistory(
                now,
                touches.get(lead.id, ()),
                responses.get(lead.id, ()),
                colleagues_by_stage=_without(lead, stages),
            )
            names = names_of(lead, known=known.get(lead.id, ()), now=now)
            if where.holds(names, history):
                yield lead


def known_facts(db: Connection, ids: Iterable[int]) -> dict[int, set[str]]:
    """The names of the facts that each lead has."""
    found: dict[int, set[str]] = {}
    query = select(facts.c.lead_id, facts.c.name).where(among(facts.c.lead_id)).distinct()
    for row in fetch(db, query, list(ids)):
        found.setdefault(row.lead_id, set()).add(row.name)
    return found


def _stages(db: Connection, batch: Iterable[Lead]) -> dict[int, dict[str, int]]:
    """How many people of each company are in each stage."""
    found: dict[int, dict[str, int]] = {}
    query = (
        select(leads.c.company_id, leads.c.stage, func.count().label("people"))
        .where(among(leads.c.company_id), leads.c.merged_into.is_(None), leads.c.forgotten_at.is_(None))
        .group_by(leads.c.company_id, leads.c.stage)
    )
    for row in fetch(db, query, {lead.company.id for lead in batch if lead.company}):
        found.setdefault(row.company_id, {})[row.stage] = row.people
    return found


def _without(lead: Lead, stages: Mapping[int, Mapping[str, int]]) -> dict[str, int]:
    if lead.company is None or lead.company.id not in stages:
        return {}
    counts = dict(stages[lead.company.id])
    counts[lead.stage.value] -= 1
    return counts
