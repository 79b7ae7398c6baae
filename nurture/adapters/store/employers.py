"""Rows <-> the companies of a batch: looked up together, written together."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, select, update

from nurture.adapters.store import bulk
from nurture.adapters.store.among import among, each_among
from nurture.adapters.store.people import COMPANIES_IN_FULL
from nurture.adapters.store.rows import fetch, pairs, reserved
from nurture.adapters.store.tables import companies, company_domains
from nurture.domain.employers import FILLED, Employers, squeezed
from nurture.domain.lead import Company

_OF_NAME: Final = (
    select(companies.c.name_key, func.min(companies.c.id).label("id"))
    .where(among(companies.c.name_key))
    .group_by(companies.c.name_key)
)
_BY_ID: Final = COMPANIES_IN_FULL.where(among(companies.c.id))
_COLUMNS: Final = ("name", *sorted(FILLED))
# Blanks alone: what another transaction filled meanwhile stays.
_FILL: Final = (
    update(companies)
    .where(companies.c.id == bindparam("key"))
    .values(
        {
            name: func.coalesce(companies.c[name], bindparam(f"new_{name}", type_=companies.c[name].type))
            for name in FILLED
        }
        | {name: bindparam(f"new_{name}") for name in ("name", "name_key")}
    )
)


def employers(
    db: Connection, named: Collection[tuple[str | None, str | None]], *, only_known: bool = False
) -> Employers:
    """The companies of these (name, domain) pairs; unless `only_known`, with ids for as many new ones."""
    wanted = {domain for _, domain in named if domain}
    found = [tuple(row) for row in fetch(db, _of_domain(db.dialect.name), wanted)]
    of_domain = {row[0]: row[1] for row in found}
    known = {row[1]: Company(*row[1:]) for row in found}
    keys = {squeezed(name).casefold() for name, domain in named if name and domain not in of_domain} - {""}
    of_name = pairs(db, _OF_NAME, keys)
    known |= {row[0]: Company(*row) for row in map(tuple, fetch(db, _BY_ID, set(of_name.values()) - known.keys()))}
    most = len(wanted - of_domain.keys()) + len(keys - of_name.keys())
    return Employers(of_domain, of_name, known, iter(() if only_known else reserved(db, companies, most)))


@cache
def _of_domain(dialect: str) -> Select[Any]:
    """The companies of domains, in full, each behind the domain that was asked for."""
    asked = company_domains.alias("asked")
    query = each_among(dialect, asked.c.domain, *COMPANIES_IN_FULL.selected_columns)
    return query.join(companies, companies.c.id == asked.c.company_id)


def settle(db: Connection, made: Employers, now: datetime) -> None:
    """Store what a batch made of its companies. Raises CollisionError where a domain was given away meanwhile."""
    new = [made.companies[number] for number in sorted(made.new)]
    bulk.load(
        db,
        companies,
        {
            "id": [one.id for one in new],
            "name_key": [one.name.casefold() for one in new],
            "created_at": [now] * len(new),
            **{name: [getattr(one, name) for one in new] for name in _COLUMNS},
        },
    )
    claimed = sorted(made.claimed)
    bulk.load(db, company_domains, {"domain": claimed, "company_id": [made.claimed[domain] for domain in claimed]})
    if known := sorted(made.filled - made.new):
        db.execute(
            _FILL,
            [
                {
                    "key": number,
                    "new_name_key": made.companies[number].name.casefold(),
                    **{f"new_{name}": getattr(made.companies[number], name) for name in _COLUMNS},
                }
                for number in known
            ],
        )
