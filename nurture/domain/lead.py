"""A lead, its company and its buying mode: unknown, long-term, near-term."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple


class Stage(StrEnum):
    """Buying mode."""

    UNKNOWN = "unknown"
    LONG_TERM = "long_term"
    NEAR_TERM = "near_term"


class Status(StrEnum):
    """Who owns the lead."""

    NURTURING = "nurturing"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    WON = "won"
    LOST = "lost"
    DISQUALIFIED = "disqualified"
    CUSTOMER = "customer"


# Why a lead returns where nobody asked for a date: the qualification had all its contacts; nothing else was planned.
USED_UP: Final = "qualification_used_up"
NOTHING_PLANNED: Final = "nothing_planned"
OWN_RETURNS: Final = frozenset({USED_UP, NOTHING_PLANNED})

OWN: Final = "lead:"
LeadId = int
CompanyId = int


# A named tuple: an import makes one for nearly each of its rows.
class Company(NamedTuple):
    """The employer of leads. Its country and zone stand in where a lead has none."""

    id: CompanyId
    name: str
    domain: str | None = None
    industry: str | None = None
    employees: int | None = None
    revenue: float | None = None
    country: str | None = None
    timezone: str | None = None
    fiscal_year_start: str | None = None  # MM-DD


@dataclass(frozen=True, slots=True)
class Lead:
    """A person at a company, as stored. `email` is normalised; `custom` holds the fields called x.NAME."""

    id: LeadId
    email: str | None
    status: Status = Status.NURTURING
    stage: Stage = Stage.UNKNOWN
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    phone: str | None = None
    country: str | None = None
    timezone: str | None = None
    language: str | None = None
    source: str | None = None
    owner: str | None = None
    company: Company | None = None
    fit: float = 0.0
    engagement: float = 0.0  # as of scored_at
    scored_at: datetime | None = None
    timeline_on: date | None = None  # when they expect to decide; None: unknown
    asked_for_sales: bool = False
    do_not_call: bool = False
    light_until: datetime | None = None  # asked for less: one touch in 30 days until then
    paused_until: datetime | None = None  # asked for a pause: nothing is sent, in no cadence
    returns_at: datetime | None = None  # recycled: nothing promotes or enrolls it before, see held_until
    returns_because: str | None = None
    created_at: datetime | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_until(self) -> datetime | None:
        """Until when nothing promotes or enrolls it by itself: the dated return that somebody agreed to.

        A return of our own making, so that it is not forgotten, holds nothing up.
        """
        return None if self.returns_because in OWN_RETURNS else self.returns_at

    @property
    def name(self) -> str:
        """First and last name, or the address, or the id."""
        return spoken(self.first_name, self.last_name) or self.email or f"lead {self.id}"

    @property
    def listed_as(self) -> str:
        """What is suppressed where the person must not be contacted."""
        return self.email or own_name(self.id)


def own_name(lead: LeadId) -> str:
    """What stands for a lead that has no address where those are listed who must not be contacted."""
    return f"{OWN}{lead}"


def spoken(first_name: str | None, last_name: str | None) -> str:
    """First and last name, as far as they are known."""
    return " ".join(part for part in (first_name, last_name) if part)


def caller(phone: str, first_name: str | None, last_name: str | None) -> tuple[str, str]:
    """What somebody is known by who has neither an address nor an external id: a whole office may have one number."""
    return phone, spoken(first_name, last_name).casefold()
