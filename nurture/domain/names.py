"""The flat names of a lead: the same in conditions, templates, JSON and CSV."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.fact import FactName

if TYPE_CHECKING:
    from nurture.domain.lead import Lead

MONTH: Final = 30.4375  # days
_FACTS: Final = tuple(name.value for name in FactName)


def timeline_months(timeline_on: date | None, today: date) -> float | None:
    """Months until the lead expects to decide. Once past, it is unknown and asked again."""
    if timeline_on is None or timeline_on < today:
        return None
    return round((timeline_on - today).days / MONTH, 2)


def next_turn(timeline_on: date | None, bounds: Collection[float] | None, now: datetime) -> datetime | None:
    """When the months until a decision next pass one of these bounds, or the date itself passes: midnight (UTC).

    `bounds` None: they could not be read off, and every day is one. None where nothing is counted down.
    """
    today = now.date()
    if timeline_on is None or not today <= timeline_on < date.max:
        return None
    left = (timeline_on - today).days

    def sides(days: int) -> list[int]:
        months = timeline_months(timeline_on, timeline_on - timedelta(days))
        assert months is not None
        return [(months > bound) - (months < bound) for bound in bounds or ()]

    near = {int(bound * MONTH) + more for bound in bounds or () if 0 <= bound * MONTH <= left for more in (-1, 0, 1, 2)}
    turns = (days for days in sorted(near, reverse=True) if 0 <= days < left and sides(days) != sides(left))
    days = left - 1 if bounds is None else next(turns, -1)
    return datetime.combine(timeline_on - timedelta(days), time(), UTC)


def names_of(
    lead: Lead, *, known: Iterable[str] = (), engagement: float | None = None, now: datetime
) -> dict[str, Any]:
    """Every flat name with its value; None where it is missing. `known`: names of facts that are known and fresh.

    Country and zone are the lead's, else the company's.
    """
    company = lead.company
    engaged = lead.engagement if engagement is None else engagement
    found = frozenset(known)
    if lead.timeline_on is not None and lead.timeline_on < now.date():
        found -= {FactName.TIMELINE.value}  # what was expected is past: nobody knows when they decide
    names: dict[str, Any] = {
        "email": lead.email,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "title": lead.title,
        "phone": lead.phone,
        "company": company.name if company else None,
        "domain": (company.domain if company else None) or (lead.email.rpartition("@")[2] if lead.email else None),
        "industry": company.industry if company else None,
        "employees": company.employees if company else None,
        "revenue": company.revenue if company else None,
        "country": lead.country or (company.country if company else None),
        "timezone": lead.timezone or (company.timezone if company else None),
        "language": lead.language,
        "source": lead.source,
        "owner": lead.owner,
        "external_id": lead.external_id,
        "status": lead.status.value,
        "stage": lead.stage.value,
        "score": lead.fit + engaged,
        "fit": lead.fit,
        "engagement": engaged,
        "timeline_months": timeline_months(lead.timeline_on, now.date()),
        "asked_for_sales": lead.asked_for_sales,
        "created_at": lead.created_at,
    }
    names.update({name: name in found for name in _FACTS})
    names.update({f"x.{key}": value for key, value in lead.custom.items()})
    return names
