"""Rows <-> leads: identity, facts, consent, scores, and which of them a pass must look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, text, true, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store.among import among
from nurture.adapters.store.asking import PRESENT
from nurture.adapters.store.companies import CompanyRows
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.people import lead_of, leads_with_companies
from nurture.adapters.store.rescoring import Rescorer
from nurture.adapters.store.rows import change, columns_of, fetch, insert
from nurture.adapters.store.search import counted, matching, matching_ids, stages_in
from nurture.adapters.store.sums import running_today
from nurture.adapters.store.tables import (
    consents,
    facts,
    lead_aliases,
    leads,
)
from nurture.adapters.store.tonight import OURS, look_at_those_it_moves, may_enter
from nurture.adapters.store.waiting import idle_leads
from nurture.domain.fact import Confidence, Fact, FactName
from nurture.domain.lead import Company, CompanyId, Lead, LeadId, Stage
from nurture.ports.store import Consent, Rescoring

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.scoring import Scoring, Sums
    from nurture.domain.workspace import Workspace

JSON_COLUMNS = frozenset({"sums", "by_person", "custom"})
LARGEST_ID = 2**63 - 1

# Statements of every pass are built once: building one costs more than running it.
_BY_ID = leads_with_companies().where(among(leads.c.id)).order_by(leads.c.id)
_BASES = select(func.count()).where(consents.c.lead_id == leads.c.id).label("bases")
_REACH = select(leads.c.id, leads.c.email, leads.c.phone, leads.c.light_until, _BASES).where(among(leads.c.id))
_SUMS = select(leads.c.id, leads.c.sums).where(among(leads.c.id))
_ASK = update(leads).where(among(leads.c.id)).values(enroll_check=True)
_NEAR = or_(leads.c.stage == Stage.NEAR_TERM.value, leads.c.timeline_on.is_not(None), leads.c.asked_for_sales)
_ASK_IF_NEAR = update(leads).where(OURS, _NEAR, ~leads.c.ready_check).values(ready_check=True)
_FACTS = select(facts).where(among(facts.c.lead_id)).order_by(facts.c.at, facts.c.id)
_FACTS_IN = (
    select(leads.c.company_id, facts)
    .join_from(facts, leads, leads.c.id == facts.c.lead_id)
    .where(among(leads.c.company_id), *PRESENT)
    .order_by(facts.c.at, facts.c.id)
)
# Not `ready_check = 1`, or SQLite takes no notice of the index of those that are marked.
_FLAGGED = {
    (flag, best_first): select(leads.c.id)
    .where(text(f"leads.{flag}"))
    .order_by(*((leads.c.fit.desc(), leads.c.created_at.desc(), leads.c.id) if best_first else (leads.c.id,)))
    .limit(bindparam("limit"))
    for flag in ("ready_check", "enroll_check")
    for best_first in (False, True)
}
_UNFLAG = {
    flag: update(leads).where(among(leads.c.id)).values({flag: False}) for flag in ("ready_check", "enroll_check")
}
_CROSSING = (
    select(leads.c.id)
    .where(leads.c.look_at <= bindparam("now"))
    .order_by(leads.c.look_at, leads.c.id)
    .limit(bindparam("limit"))
)
_OF_COMPANY = select(leads.c.id).where(leads.c.company_id == bindparam("company"), *PRESENT).order_by(leads.c.id)
_CONSENTS = select(consents).where(among(consents.c.lead_id)).order_by(consents.c.at, consents.c.id)


class LeadRows:
    """Leads in the database, with what is known of them."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._companies = CompanyRows(db)
        self._rescorer: Rescorer | None = None

    def get(self, ids: Collection[LeadId]) -> dict[LeadId, Lead]:
        """Leads by id, with their companies."""
        return {row.id: lead_of(row) for row in fetch(self._db, _BY_ID, ids)}

    def with_sums(self, ids: Collection[LeadId], points: Scoring) -> tuple[dict[LeadId, Lead], dict[LeadId, Sums]]:
        """Leads by id, with their companies, and the running sums of their engagement, as they decay by these rules."""
        rows = list(fetch(self._db, _BY_ID, ids))
        sums = running_today(self._db, [(row.id, row.sums) for row in rows], points)
        return {row.id: lead_of(row) for row in rows}, sums

    def reach(self, ids: Collection[LeadId]) -> dict[LeadId, tuple[str | None, str | None, datetime | None, int]]:
        """Address, number, until when a lead asked for less, and how many bases are recorded."""
        rows = map(tuple, fetch(self._db, _REACH, ids))
        return {lead: (email, phone, light_until, bases) for lead, email, phone, light_until, bases in rows}

    def find(self, text: str) -> Lead | None:
        """A lead by address, alias, id or external id; a merged lead is followed to where it went."""
        text = text.strip()
        lead = self._id_of(text)
        if lead is None:
            return None
        seen: set[LeadId] = set()
        while (into := self._merged_into(lead)) is not None and into not in seen:
            seen.add(into)
            lead = into
        return self.get([lead]).get(lead)

    def search(
        self,
        where: Condition | None,
        *,
        now: datetime,
        rules: Workspace | None = None,
        limit: int | None = None,
        after: LeadId = 0,
    ) -> list[Lead]:
        """The leads for which a condition holds, by id, behind `after`; merged and forgotten ones are left out."""
        return matching(self._db, where, now=now, limit=limit, after=after, rules=rules)

    def ids(
        self, where: Condition, *, now: datetime, rules: Workspace | None = None, limit: int, after: LeadId = 0
    ) -> list[LeadId]:
        """The ids of the leads that `search` would give."""
        return matching_ids(self._db, where, now=now, limit=limit, after=after, rules=rules)

    def count(self, where: Condition, *, now: datetime, rules: Workspace | None = None) -> int:
        """How many leads `search` would give."""
        return counted(self._db, where, now=now, rules=rules)

    def custom_names(self) -> list[str]:
        """The names of all custom fields that a lead has."""
        keys = (
            func.json_each(leads.c.custom) if self._db.dialect.name == "sqlite" else func.json_each_text(leads.c.custom)
        )
        each = keys.table_valued("key", "value")
        found = select(each.c.key).select_from(leads.join(each, true())).where(leads.c.custom.is_not(None)).distinct()
        return sorted(self._db.execute(found).scalars())

    def add(self, values: Mapping[str, Any]) -> LeadId:
        """Insert a lead from column values."""
        added: LeadId = self._db.execute(plain_insert(leads).values(_row(values)).returning(leads.c.id)).scalar_one()
        return added

    def update(self, lead: LeadId, values: Mapping[str, Any]) -> None:
        """Set columns of a lead."""
        self.update_many([{**values, "id": lead}])

    def update_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Set the same columns of many leads; each row carries `id`."""
        if not rows:
            return
        names = [name for name in rows[0] if name != "id"]
        new = [{"key": row["id"], **_row({name: row[name] for name in names})} for row in rows]
        if names:
            change(self._db, leads, columns_of(new))

    def columns(self, lead: LeadId) -> dict[str, Any]:
        """All stored columns of a lead; nothing where there is none."""
        row = self._db.execute(select(leads).where(leads.c.id == lead)).first()
        return dict(row._mapping) if row is not None else {}

    def flagged(self, flag: str, limit: int | None, *, best_first: bool = False) -> list[LeadId]:
        """Leads marked with `ready_check` or `enroll_check`, by id; or the best fit first, then the newest."""
        every = LARGEST_ID if limit is None else limit
        return list(self._db.execute(_FLAGGED[flag, best_first], {"limit": every}).scalars())

    def unflag(self, flag: str, ids: Collection[LeadId]) -> None:
        """Take the mark away."""
        if ids:
            self._db.execute(_UNFLAG[flag], {"ids": ids})

    def flag_everyone(self) -> None:
        """Mark every lead of ours for both checks, in one statement however many they are."""
        unmarked = select(leads.c.id).where(OURS, ~(leads.c.enroll_check & leads.c.ready_check))
        # Held by id, the order in which all others hold leads, or two would wait for each other.
        held = unmarked.order_by(leads.c.id).with_for_update()
        self._db.execute(update(leads).where(leads.c.id.in_(held)).values(enroll_check=True, ready_check=True))

    def flag_for_the_night(self, rules: Workspace, now: datetime) -> None:
        """Mark whom a cadence may take now by its condition, who is near a decision, and whose score time may move.

        Conditions move with time, waits until a lead is taken again end, a new day has new places. Whoever is in a
        cadence cannot enter it, nor one that takes leads of no other while they are in such a one.
        """
        found: set[LeadId] = set()
        for cadence in rules.cadences.values():
            found.update(may_enter(self._db, cadence, now=now, facts_valid=rules.readiness.facts_valid.span))
        if found:
            self._db.execute(_ASK, {"ids": list(found)})
        self._db.execute(_ASK_IF_NEAR)
        look_at_those_it_moves(self._db, rules, now)

    def to_look_at(self, now: datetime, limit: int) -> list[LeadId]:
        """Leads whose score time may have carried over a threshold."""
        return list(self._db.execute(_CROSSING, {"now": now, "limit": limit}).scalars())

    def returning(self, now: datetime, limit: int) -> list[LeadId]:
        """Leads whose dated return has come."""
        query = select(leads.c.id).where(leads.c.returns_at <= now).order_by(leads.c.returns_at, leads.c.id)
        return list(self._db.execute(query.limit(limit)).scalars())

    def sums(self, ids: Collection[LeadId], points: Scoring) -> dict[LeadId, Sums]:
        """The running sums of the engagement, as they decay by these rules."""
        rows = fetch(self._db, _SUMS, ids)
        return running_today(self._db, [(row.id, row.sums) for row in rows], points)

    def score_again(self, after: LeadId, *, rules: Workspace, rescoring: Rescoring) -> LeadId | None:
        """Score the next leads behind an id from their ledger; the last of them, or None where there are no more."""
        if self._rescorer is None or self._rescorer.how is not rescoring:
            self._rescorer = Rescorer(self._db, rules, rescoring)
        return self._rescorer.run(after)

    def facts(self, ids: Collection[LeadId]) -> dict[LeadId, list[Fact]]:
        """Everything learned, oldest first."""
        found: dict[LeadId, list[Fact]] = {}
        for row in fetch(self._db, _FACTS, ids):
            found.setdefault(row.lead_id, []).append(_fact(row))
        return found

    def facts_in(self, companies: Collection[CompanyId]) -> dict[CompanyId, list[Fact]]:
        """Everything learned from the people of each company, oldest first; merged and forgotten ones are left out."""
        found: dict[CompanyId, list[Fact]] = {}
        for row in fetch(self._db, _FACTS_IN, companies):
            found.setdefault(row.company_id, []).append(_fact(row))
        return found

    def add_fact(self, lead: LeadId, fact: Fact) -> None:
        """One more statement; older ones stay."""
        values = {
            "lead_id": lead,
            "name": fact.name.value,
            "value": fact.value,
            "source": fact.source,
            "confidence": fact.confidence.value,
            "at": fact.at,
            "by": fact.by,
        }
        self._db.execute(plain_insert(facts).values(values))

    def consents(self, ids: Collection[LeadId]) -> dict[LeadId, list[Consent]]:
        """Recorded bases, oldest first."""
        found: dict[LeadId, list[Consent]] = {}
        for row in fetch(self._db, _CONSENTS, ids):
            consent = Consent(row.basis, row.at, row.until, row.source, row.text, row.channel)
            found.setdefault(row.lead_id, []).append(consent)
        return found

    def add_consent(self, lead: LeadId, consent: Consent) -> None:
        """One more basis."""
        values = {
            "lead_id": lead,
            "channel": consent.channel,
            "basis": consent.basis,
            "at": consent.at,
            "until": consent.until,
            "source": consent.source,
            "text": consent.text,
        }
        self._db.execute(plain_insert(consents).values(values))

    def companies(self, ids: Collection[CompanyId] | None) -> dict[CompanyId, Company]:
        """Companies by id; None: all of them."""
        return self._companies.get(ids)

    def company_named(self, name: str) -> CompanyId | None:
        """The company of this name or domain."""
        return self._companies.named(name)

    def set_company(self, company: CompanyId, values: Mapping[str, Any]) -> None:
        """Set columns of a company."""
        self._companies.set(company, values)

    def company_domain(self, company: CompanyId, domain: str) -> CompanyId:
        """Let a domain be this company's, or say whose it is already."""
        return self._companies.add_domain(company, domain)

    def merge_companies(self, company: CompanyId, into: CompanyId) -> None:
        """Give the people and the domains of one company to another, and remove it."""
        self._companies.merge(company, into)

    def company_for(
        self, *, name: str | None, domain: str | None, values: Mapping[str, Any], now: datetime
    ) -> CompanyId:
        """The company of this domain, else of this name, else a new one; blanks are filled from `values`."""
        return self._companies.place(name=name, domain=domain, values=values, now=now)

    def of_company(self, company: CompanyId) -> list[LeadId]:
        """The people of a company, by id; merged and forgotten ones are left out."""
        return list(self._db.execute(_OF_COMPANY, {"company": company}).scalars())

    def stages_in(self, companies: Collection[CompanyId]) -> dict[CompanyId, dict[str, int]]:
        """How many people of each company are in each stage; merged and forgotten ones are left out."""
        return stages_in(self._db, companies)

    def company_last_touched(
        self, companies: Collection[CompanyId], since: datetime
    ) -> dict[CompanyId, dict[LeadId, datetime]]:
        """For each company, each person's latest counted touch after `since`."""
        return self._companies.last_touched(companies, since)

    def add_alias(self, lead: LeadId, email: str) -> None:
        """Keep an old address as another name of the lead; one that is an alias already goes over to this lead."""
        statement = insert(self._db, lead_aliases).values(email=email, lead_id=lead)
        self._db.execute(statement.on_conflict_do_update(index_elements=["email"], set_={"lead_id": lead}))

    def idle(self, only: Collection[LeadId] | None = None) -> list[LeadId]:
        """Leads of ours (nurturing) for whom nothing is planned and nobody has anything to do; `only` among these.

        Whoever asked not to be contacted has no next thing, and rightly so.
        """
        if only is None:
            return list(self._db.execute(idle_leads(among_some=False)).scalars())
        return [row.id for row in fetch(self._db, idle_leads(among_some=True), only)]

    def _id_of(self, text: str) -> LeadId | None:
        if text.isascii() and text.isdigit() and int(text) <= LARGEST_ID:
            found = self._one(select(leads.c.id).where(leads.c.id == int(text)))
            if found is not None:
                return found
        if "@" in text:
            from nurture.domain.address import normalise_email

            try:
                address = normalise_email(text)
            except ValueError:
                address = text.lower()
            for query in (
                select(leads.c.id).where(leads.c.email == address),
                select(lead_aliases.c.lead_id).where(lead_aliases.c.email == address),
            ):
                if (found := self._one(query)) is not None:
                    return found
        return self._one(select(leads.c.id).where(leads.c.external_id == text))

    def _merged_into(self, lead: LeadId) -> LeadId | None:
        return self._one(select(leads.c.merged_into).where(leads.c.id == lead))

    def _one(self, query: Any) -> LeadId | None:
        found: LeadId | None = self._db.execute(query).scalar_one_or_none()
        return found


def _fact(row: Row[Any]) -> Fact:
    return Fact(FactName(row.name), row.value, row.source, row.at, Confidence(row.confidence), row.by)


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Column values; JSON columns are given as plain values."""
    return {name: as_json(value) if name in JSON_COLUMNS else value for name, value in values.items()}
