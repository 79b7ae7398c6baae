"""Rows that are handed across the store as values: consents, suppressions, switches, changes, how to score again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from nurture.domain.consent import Consent

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.lead import LeadId
    from nurture.domain.response import Response

__all__ = ["Change", "Consent", "Rescoring", "StoredResponse", "Suppression", "Switch", "Waiting"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that must not be contacted. `scope` is all, email or phone."""

    address: str
    scope: str
    reason: str
    at: datetime
    lead: LeadId | None = None


class SentText(NamedTuple):
    """The mail of a touch as it was sent to an address; `again` if it was tried before."""

    touch: str
    template: str
    to: str
    subject: str
    html: str
    text: str
    again: bool = False


class LaidOut(NamedTuple):
    """A mail as sent, in the shape in which it is kept."""

    touch: str
    subject: str
    html: str
    text: str
    skeleton: str | None  # what it shares with other mails; then `html` and `text` are what stands in its blanks
    again: bool


class Waiting(NamedTuple):
    """An open task that nobody has taken, with what of its lead decides when it is done. There are many of them."""

    id: str
    lead: LeadId
    cadence: str
    step: str
    channel: str
    due_at: datetime
    phone: str | None
    do_not_call: bool
    timezone: str | None  # the lead's, else its company's
    fit: float
    engagement: float  # as it was last stored
    may_rise: bool  # whether something that lowers it is fading


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that is paused: `send`, `cadence:NAME`, `mailer:NAME`."""

    name: str
    reason: str
    since: datetime
    until: datetime | None
    by: str

    def holds(self, now: datetime) -> bool:
        """Whether it is paused now: one with an end stays listed when that has passed."""
        return self.until is None or self.until > now

    @property
    def span(self) -> str:
        """Since when, until when and why, to follow "is paused"."""
        until = f" until {self.until:%H:%M} UTC" if self.until is not None else ""
        return f"since {self.since:%Y-%m-%d}{until}{f': {self.reason}' if self.reason else ''}"


class Carried(NamedTuple):
    """How many mails a mailer has sent, and when the first and the last of them."""

    mails: int
    first: datetime
    last: datetime


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
class Rescoring:
    """How every lead is scored again. `watched` are the conditions whose thresholds count, `limit` how many at a time.

    `known`: keys of rules whose lines are complete; the lines of all others are made from the responses. `sums`, `fit`:
    whether the running sums, and what the fit comes to, follow otherwise than before.
    """

    watched: Sequence[Condition]
    known: Collection[str]
    sums: bool
    fit: bool
    now: datetime
    by: str
    because: str
    limit: int
