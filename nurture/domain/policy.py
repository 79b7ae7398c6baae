"""The settings that decide what is sent, as plain values: limits, senders, mail policy, leases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from nurture.domain.rate import Ceiling

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a lead, a company and a mail domain may be contacted. None: no limit."""

    lead_per_day: int | None = 1
    lead_per_7_days: int | None = 2
    lead_per_30_days: int | None = 6
    company_per_7_days: int | None = 3
    domain_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail is from. `reply_domain` is where answers arrive; empty: they go to the sender's own address.

    A warm-up belongs to the address: a sender that gets another one is new to whoever receives its mail.
    """

    name: str
    email: str
    display: str = ""
    reply_domain: str = ""
    postal_address: str = ""
    phone: str = ""
    ceilings: tuple[Ceiling, ...] = ()  # its rate and its warm-up


@dataclass(frozen=True, slots=True)
class Policy:
    """What the passes need to know of the settings. Durations are timedeltas."""

    timezone: str = "UTC"
    country: str = ""
    fiscal_year_start: tuple[int, int] = (1, 1)
    limits: Limits = field(default_factory=Limits)
    senders: Mapping[str, Sender] = field(default_factory=dict)
    without_basis: Literal["hold", "send"] = "hold"
    in_doubt: Literal["settle", "hold"] = "settle"
    settle_after: timedelta = timedelta(minutes=30)
    give_up_after: timedelta = timedelta(hours=26)
    mail_timeout: timedelta = timedelta(seconds=30)
    mail_lease: timedelta = timedelta(seconds=90)
    mail_rate: Ceiling | None = None  # of all senders together
    first_wave: int = 20  # mails of a new or changed e-mail that go first; 0: all go at once
    first_wave_watch: timedelta = timedelta(hours=1)
    # Shares of the last mails at which all mail pauses; 0: never.
    pause_at_complaints: float = 0.001
    pause_at_hard_bounces: float = 0.03
    group: int = 512  # mails whose intents are committed together, and who share the mail lease
    batch: int = 1_024
    lease: timedelta = timedelta(minutes=10)  # of a claimed enrollment: longer than a batch takes
    attempts: int = 7
    track_links: bool = True
    tick: timedelta = timedelta(seconds=30)
