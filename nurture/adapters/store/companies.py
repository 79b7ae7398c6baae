"""Rows <-> companies: the one of a domain or a name, and who of it was contacted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from nurture.adapters.store.among import among
from nurture.adapters.store.employers import employers, settle
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.people import companies_alone, company_of
from nurture.adapters.store.rows import add_once, fetch
from nurture.adapters.store.tables import companies, company_domains, leads, touches
from nurture.domain.errors import CollisionError

if TYPE_CHECKING:
    from nurture.domain.lead import Company, CompanyId

_BY_ID = companies_alone().where(among(companies.c.id))
_LAST_TOUCHED = (
    select(touches.c.company_id, touches.c.lead_id, func.max(touches.c.counted_at).label("latest"))
    .where(among(touches.c.company_id), touches.c.counted_at > bindparam("since"))
    .group_by(touches.c.company_id, touches.c.lead_id)
)


class CompanyRows:
    """Companies in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, ids: Collection[CompanyId] | None) -> dict[CompanyId, Company]:
        """Companies by id; None: all of them."""
        if ids is None:
            every = self._db.execute(companies_alone().order_by(companies.c.id))
            return {row.company_id: company_of(row) for row in every}
        return {row.company_id: company_of(row) for row in fetch(self._db, _BY_ID, ids)}

    def place(self, *, name: str | None, domain: str | None, values: Mapping[str, Any], now: datetime) -> CompanyId:
        """The company of this domain, else of this name, else a new one; blanks are filled from `values`.

        Raises ValueError without a name and a domain, and KeyError for a value that is no column of companies.
        """
        while True:
            with self._db.begin_nested() as nested:
                made = employers(self._db, [(name, domain)])
                company = made.place(name=name, domain=domain, values=values)
                try:
                    settle(self._db, made, now)
                except CollisionError:  # somebody was quicker: it is theirs
                    nested.rollback()
                    continue
            return company

    def last_touched(self, ids: Collection[CompanyId], since: datetime) -> dict[CompanyId, dict[int, datetime]]:
        """For each company, each person's latest counted touch after `since`."""
        found: dict[CompanyId, dict[int, datetime]] = {}
        for row in fetch(self._db, _LAST_TOUCHED, ids, since=since):
            found.setdefault(row.company_id, {})[row.lead_id] = row.latest
        return found

    def named(self, name: str) -> CompanyId | None:
        """The company of this name or domain."""
        return self._of_domain(name.strip().casefold()) or self._of_name(" ".join(name.split()))

    def set(self, company: CompanyId, values: Mapping[str, Any]) -> None:
        """Set columns of a company."""
        row = _row(values)
        if "name" in row:
            row["name_key"] = str(row["name"]).casefold()
        self._db.execute(update(companies).where(companies.c.id == company).values(row))

    def add_domain(self, company: CompanyId, domain: str) -> CompanyId:
        """Let a domain be this company's, or say whose it is already."""
        return self._claim(domain, company)

    def merge(self, company: CompanyId, into: CompanyId) -> None:
        """Give the people, touches and domains of one company to another, and remove it."""
        for table in (company_domains, leads, touches):
            self._db.execute(update(table).where(table.c.company_id == company).values(company_id=into))
        self._db.execute(delete(companies).where(companies.c.id == company))

    def _of_domain(self, domain: str) -> CompanyId | None:
        query = select(company_domains.c.company_id).where(company_domains.c.domain == domain)
        found: CompanyId | None = self._db.execute(query).scalar_one_or_none()
        return found

    def _of_name(self, name: str) -> CompanyId | None:
        query = select(func.min(companies.c.id)).where(companies.c.name_key == name.casefold())
        found: CompanyId | None = self._db.execute(query).scalar_one()
        return found

    def _claim(self, domain: str, company: CompanyId) -> CompanyId:
        """Whose domain it is: ours now, or that of whoever was quicker."""
        values = {"domain": domain, "company_id": company}
        if add_once(self._db, company_domains, values, company_domains.c.domain) is not None:
            return company
        winner = self._of_domain(domain)
        return company if winner is None else winner


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    return {column: as_json(value) if column == "custom" else value for column, value in values.items()}
