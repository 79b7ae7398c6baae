"""Rows <-> leads with their companies: what is read, and what it becomes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, func, select

from nurture.adapters.store.tables import companies, company_domains, leads
from nurture.domain.lead import Company, Lead, Stage, Status

# A company may have several domains. The first of them is the one it is known by. Not the least of the column itself:
# PostgreSQL without statistics would go through all domains in their order, for each company, until one is its own.
FIRST_DOMAIN = (
    select(func.min(company_domains.c.domain.concat("")))
    .where(company_domains.c.company_id == companies.c.id)
    .correlate(companies)
    .scalar_subquery()
)
_COMPANY = (
    *(
        companies.c[name].label(f"company_{name}")
        for name in ("name", "industry", "employees", "revenue", "country", "timezone", "fiscal_year_start")
    ),
    FIRST_DOMAIN.label("company_domain"),
)


def leads_with_companies() -> Select[Any]:
    """Every column of the leads, and of their companies as `company_*`."""
    return select(leads, *_COMPANY).select_from(leads.outerjoin(companies, leads.c.company_id == companies.c.id))


# A lookup costs a tenth of a call of the enumeration.
_STATUSES = {status.value: status for status in Status}
_STAGES = {stage.value: stage for stage in Stage}


def companies_alone() -> Select[Any]:
    """Every company, with the names that `company_of` reads."""
    return select(companies.c.id.label("company_id"), *_COMPANY)


# In the order of the fields of a Company.
COMPANIES_IN_FULL = select(
    companies.c.id,
    companies.c.name,
    FIRST_DOMAIN,
    *(companies.c[name] for name in ("industry", "employees", "revenue", "country", "timezone", "fiscal_year_start")),
)


def company_of(row: Row[Any]) -> Company:
    """The company in a row."""
    return Company(
        id=row.company_id,
        name=row.company_name,
        domain=row.company_domain,
        industry=row.company_industry,
        employees=row.company_employees,
        revenue=row.company_revenue,
        country=row.company_country,
        timezone=row.company_timezone,
        fiscal_year_start=row.company_fiscal_year_start,
    )


def lead_of(row: Row[Any]) -> Lead:
    """The lead in a row."""
    return Lead(
        id=row.id,
        email=row.email,
        status=_STATUSES[row.status],
        stage=_STAGES[row.stage],
        external_id=row.external_id,
        first_name=row.first_name,
        last_name=row.last_name,
        title=row.title,
        phone=row.phone,
        country=row.country,
        timezone=row.timezone,
        language=row.language,
        source=row.source,
        owner=row.owner,
        company=company_of(row) if row.company_id is not None else None,
        fit=row.fit,
        engagement=row.engagement,
        scored_at=row.scored_at,
        timeline_on=row.timeline_on,
        asked_for_sales=row.asked_for_sales,
        do_not_call=row.do_not_call,
        light_until=row.light_until,
        paused_until=row.paused_until,
        returns_at=row.returns_at,
        returns_because=row.returns_because,
        created_at=row.created_at,
        custom=row.custom or {},
    )
