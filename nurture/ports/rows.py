"""Rows that are handed across the store as values: consents, suppressions, switches, changes, scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nurture.domain.consent import Consent
from nurture.domain.lead import LeadId
from nurture.domain.response import Response
from nurture.domain.scoring import Running

__all__ = ["Change", "Consent", "Scored", "StoredResponse", "Suppression", "Switch"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that must not be contacted. `scope` is all, email or phone."""

    address: str
    scope: str
    reason: str
    at: datetime
    lead: LeadId | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that is paused: `send`, `cadence:NAME`, `mailer:NAME`."""

    name: str
    reason: str
    since: datetime
    until: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history: a change that somebody or something made, in words."""

    what: str
    text: str
    at: datetime
    by: str
    lead: LeadId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response with its row id, and when it was recorded."""

    id: int
    response: Response
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Scored:
    """What a lead's score decays from."""

    sums: Mapping[str, Running]
    look_at: datetime | None
