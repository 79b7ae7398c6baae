"""The settings that decide what is sent, as plain values: limits, senders, mail policy, leases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from nurture.domain.pacing import Limits

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail is from. `reply_domain` is where answers arrive; empty: they go to the sender's own address."""

    name: str
    email: str
    display: str = ""
    reply_domain: str = ""
    postal_address: str = ""
    phone: str = ""


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
    workers: int = 64
    batch: int = 256
    lease: timedelta = timedelta(minutes=10)  # of a claimed enrollment: longer than a batch takes
    attempts: int = 7
    track_links: bool = True
    tick: timedelta = timedelta(seconds=30)
