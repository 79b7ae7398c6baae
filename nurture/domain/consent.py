"""May this person be written to or called: the recorded bases, when each runs out, and what an objection undoes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.duration import Duration, Unit


class Basis(StrEnum):
    """Why a person may be contacted. `none` withdraws what was recorded before it."""

    OPT_IN = "opt_in"
    CUSTOMER = "customer"
    INQUIRY = "inquiry"
    PUBLISHED = "published"
    LEGITIMATE_INTEREST = "legitimate_interest"
    NONE = "none"


class Medium(StrEnum):
    """What a basis is for."""

    EMAIL = "email"
    PHONE = "phone"


class Standing(StrEnum):
    """What the recorded bases say about one medium."""

    NOTHING = "nothing"  # nothing was ever recorded
    GIVEN = "given"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


# Canada's law on commercial mail (CASL, section 10(9) and (10)): consent is implied for six months after an inquiry
# and for two years after a purchase. A basis that says itself until when it holds is taken at its word.
_UTC: Final = ZoneInfo("UTC")
CANADA: Final = "CA"
IMPLIED: Final = {Basis.INQUIRY: Duration(6, Unit.MONTHS), Basis.CUSTOMER: Duration(24, Unit.MONTHS)}
OBJECTION: Final = "objection"  # the reason of a suppression: article 21 of the GDPR needs no reason of theirs


@dataclass(frozen=True, slots=True)
class Consent:
    """A basis for contact: what, since when, until when, from where, and the text that was shown."""

    basis: str
    at: datetime
    until: datetime | None = None
    source: str = ""
    text: str = ""
    channel: str = Medium.EMAIL.value


def runs_out(consent: Consent, country: str | None) -> datetime | None:
    """The first moment at which it no longer holds, by itself or by the law of the person's country; None: never."""
    if consent.until is not None:
        return consent.until
    if country != CANADA or consent.basis not in {basis.value for basis in IMPLIED}:
        return None
    return calendar.later(consent.at, IMPLIED[Basis(consent.basis)], zone=_UTC)


def standing(
    consents: Iterable[Consent], *, country: str | None, now: datetime, medium: Medium = Medium.EMAIL
) -> Standing:
    """What holds for a medium, from all that was recorded, oldest first: any basis that has not run out is enough."""
    found = Standing.NOTHING
    for one in consents:
        if one.channel != medium:
            continue
        end = runs_out(one, country)
        if one.basis == Basis.NONE:
            found = Standing.WITHDRAWN
        elif end is None or end > now:
            found = Standing.GIVEN
        elif found is not Standing.GIVEN:
            found = Standing.EXPIRED
    return found
