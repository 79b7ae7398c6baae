"""A person who works with leads: what they do, when they work, whose leads they take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from nurture.domain.calendar import OFFICE, Window, WorkingHours

if TYPE_CHECKING:
    from nurture.domain.condition import Condition


class Role(StrEnum):
    """What a person does here."""

    MARKETER = "marketer"
    OPERATOR = "operator"
    CALLER = "caller"
    REP = "rep"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of people.yaml. `takes` is the territory; None takes everyone. `deputy` and `reports_to` are addresses.

    `timezone` None is the workspace's; `capacity` None is that of readiness.yaml; `away` has both ends in it.
    """

    name: str
    email: str
    roles: frozenset[Role] = frozenset()
    takes: Condition | None = None
    hours: Window = OFFICE
    timezone: str | None = None
    away: tuple[tuple[date, date], ...] = ()
    capacity: int | None = None
    calls_per_day: int | None = None
    deputy: str | None = None
    reports_to: str | None = None
    phone: str | None = None
    line: int = 0

    def working_hours(self, *, zone: str, country: str | None = None) -> WorkingHours:
        """When they work; `zone` and `country` are the workspace's, for someone whose own zone is not given."""
        return WorkingHours(window=self.hours, zone=self.timezone or zone, country=country, away=self.away)

    def is_away(self, day: date) -> bool:
        """Whether they are absent on this day of theirs."""
        return any(first <= day <= last for first, last in self.away)
