"""What a person asks for on the page behind a mail's link: less often, a pause, or as before. Stop is a response."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.duration import Duration, Unit
from nurture.domain.enrollment import Pause
from nurture.domain.errors import RequestError
from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.moves import enrolling
from nurture.moves.again import again
from nurture.ports import Store
from nurture.ports import Unit as Work
from nurture.ports.store import Change

LIGHT_FOR: Final = timedelta(days=365)
MONTHS: Final = (1, 3, 6)
LONGEST: Final = timedelta(days=365)  # of a pause; who wants more may stop


@dataclass(frozen=True, slots=True)
class Wishes:
    """What holds for a person now. `stopped`: no mail at all."""

    stopped: bool
    light_until: datetime | None
    paused_until: datetime | None


def wishes(lead: LeadId, address: str | None, *, store: Store, policy: Policy, now: datetime) -> Wishes:
    """What this person asked for before, as far as it still holds; moments in their own zone, to be shown as days."""
    with store.unit(write=False) as work:
        row = work.leads.columns(lead)
        addresses = {one for one in (address, row.get("email")) if one}
        scopes = work.suppressions.scopes(addresses)
        zone = _zone(work, lead, policy)
    light, paused = row.get("light_until"), row.get("paused_until")
    return Wishes(
        # Every address that we could write to: a lead may have got a new one since the mail was sent.
        stopped=bool(addresses) and all("all" in scopes.get(one, frozenset()) for one in addresses),
        light_until=light.astimezone(zone) if light is not None and light > now else None,
        paused_until=paused.astimezone(zone) if paused is not None and paused > now else None,
    )


@again
def less_often(lead: LeadId, *, store: Store, now: datetime, by: str) -> datetime:
    """One touch in 30 days, for a year; the moment at which that ends."""
    until = now + LIGHT_FOR
    with store.unit() as work:
        work.leads.update(lead, {"light_until": until})
        words = f"asked for less mail: one touch in 30 days until {until:%Y-%m-%d}"
        work.notes.add([Change("preference", words, now, by=by, lead=lead)])
        work.commit()
    return until


@again
def pause(
    lead: LeadId,
    *,
    months: int | None = None,
    day: date | None = None,
    store: Store,
    policy: Policy,
    now: datetime,
    by: str,
) -> datetime:
    """Nothing for 1, 3 or 6 months, or until a day; the moment at which it goes on.

    It holds for every cadence, also one that the lead enters meanwhile. Raises RequestError for another number, or a
    day that is not within the next year.
    """
    if day is None and months not in MONTHS:
        raise RequestError("A pause is 1, 3 or 6 months.", hint="Choose one of them, or name a day.")
    with store.unit() as work:
        zone = _zone(work, lead, policy)
        if day is None:
            until = calendar.later(now, Duration(months or 0, Unit.MONTHS), zone=zone)
        else:
            until = calendar.at_local(day, time.min, zone)
            if not now < until <= now + LONGEST:
                raise RequestError("The day must lie within the next year.", hint="Name another, or unsubscribe.")
        words = f"asked for a pause until {until.astimezone(zone):%Y-%m-%d}"
        work.notes.add([Change("preference", words, now, by=by, lead=lead, detail={"pause_until": until.isoformat()})])
        work.leads.update(lead, {"paused_until": until})
        enrolling.pause(work, [lead], Pause.PREFERENCE, until=until, now=now, by=by)
        work.commit()
    return until


def _zone(work: Work, lead: LeadId, policy: Policy) -> ZoneInfo:
    person = work.leads.get([lead]).get(lead)
    company = person.company if person else None
    return calendar.zone(
        (person.timezone if person else None) or (company.timezone if company else "") or policy.timezone
    )


@again
def as_before(lead: LeadId, *, store: Store, now: datetime, by: str) -> None:
    """Take back a pause and the wish for less. What was unsubscribed stays so."""
    with store.unit() as work:
        work.leads.update(lead, {"light_until": None, "paused_until": None})
        work.notes.add([Change("preference", "asked for mail as before", now, by=by, lead=lead)])
        enrolling.resume(work, [lead], Pause.PREFERENCE, now=now, by=by)
        work.commit()
