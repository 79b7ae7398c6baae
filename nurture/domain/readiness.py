"""readiness.yaml as values: when a lead is ready for sales, who answers by when, and what follows from each answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from nurture.domain.duration import Duration, Unit

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.lead import Status

DAYS_30: Final = Duration(30, Unit.DAYS)
DAYS_180: Final = Duration(180, Unit.DAYS)
BUSINESS_HOUR: Final = Duration(1, Unit.BUSINESS_HOURS)
BUSINESS_HOURS_8: Final = Duration(8, Unit.BUSINESS_HOURS)
BUSINESS_DAYS_2: Final = Duration(2, Unit.BUSINESS_DAYS)


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from a reason: a dated return into a cadence, a status, or a task; exactly one of the three.

    `stated`: the lead returns on the date that was stated, and after `return_after` when none was.
    """

    return_after: Duration | None = None
    stated: bool = False
    into: str | None = None
    status: Status | None = None
    task: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Readiness:
    """What marketing and sales agreed on. Without `promote_when` nothing is promoted by itself.

    `require` and `fast_require` hold facts and flat names such as `phone`; facts older than `facts_valid` do not count.
    """

    promote_when: Condition | None = None
    promote_line: int = 0
    human_evidence_within: Duration = DAYS_30
    require: tuple[str, ...] = ()
    if_missing: str | None = None  # a cadence
    facts_valid: Duration = DAYS_180
    fast_when: Condition | None = None
    fast_line: int = 0
    fast_require: tuple[str, ...] = ()
    call_within: Duration = BUSINESS_HOUR
    accept_within: Duration = BUSINESS_HOURS_8
    contact_within: Duration = BUSINESS_DAYS_2
    outcome_within: Duration = DAYS_180
    capacity: int = 5  # open handoffs per rep
    capacity_line: int = 0
    reject: Mapping[str, Consequence] = field(default_factory=dict)
    lost: Mapping[str, Consequence] = field(default_factory=dict)
    agreed_on: date | None = None
    agreed_by: tuple[str, ...] = ()
