"""The bases on which a person is contacted, for each channel: recorded, withdrawn, objected to, listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nurture.domain.consent import OBJECTION, Basis, Medium, Standing, runs_out, standing
from nurture.domain.errors import RequestError
from nurture.domain.lead import Lead, LeadId
from nurture.domain.policy import Policy
from nurture.moves.again import again
from nurture.moves.ending import end_calls, end_contact
from nurture.ports import Store, Unit
from nurture.ports.store import Change, Consent, Suppression

EVERY: Final = "all"
CHANNELS: Final = (EVERY, *(medium.value for medium in Medium))
BASES: Final = (*(basis.value for basis in Basis), OBJECTION)


@dataclass(frozen=True, slots=True)
class Held:
    """A recorded basis with the moment at which it runs out, by itself or by the law of the person's country."""

    consent: Consent
    runs_out: datetime | None


@dataclass(frozen=True, slots=True)
class Consents:
    """What is recorded for a lead, oldest first, and what that says about each channel today."""

    held: Sequence[Held]
    email: Standing
    phone: Standing


def of_lead(lead: LeadId, *, store: Store, policy: Policy, now: datetime) -> Consents:
    """The bases of a lead."""
    with store.unit(write=False) as work:
        return _of(work, work.leads.get([lead])[lead], policy, now)


def _of(work: Unit, person: Lead, policy: Policy, now: datetime) -> Consents:
    every = work.leads.consents([person.id]).get(person.id, [])
    country = _country(person, policy)
    held = [Held(one, runs_out(one, country)) for one in every]
    mail, phone = (standing(every, country=country, now=now, medium=medium) for medium in Medium)
    return Consents(held, mail, phone)


@again
def record(
    lead: LeadId,
    basis: str,
    *,
    channel: str,
    at: datetime | None = None,
    until: datetime | None = None,
    source: str,
    text: str = "",
    store: Store,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> Consents:
    """Write down a basis; what holds afterwards. `none` withdraws what was recorded before.

    An objection withdraws and suppresses, so that no later basis, file or form undoes it. Raises RequestError for a
    word that is none, a moment in the future, or an end before the beginning.
    """
    if basis not in BASES:
        raise RequestError(f"{basis!r} is no basis.", hint=f"One of: {', '.join(BASES)}.")
    if channel not in CHANNELS:
        raise RequestError(f"{channel!r} is no channel of a consent.", hint=f"One of: {', '.join(CHANNELS)}.")
    since = at or now
    if since > now:
        raise RequestError(f"{since:%Y-%m-%d} is in the future.", hint="Record a basis when it is given.")
    if until is not None and until <= since:
        raise RequestError(f"{until:%Y-%m-%d} is not after {since:%Y-%m-%d}.", hint="Name a later end.")
    objects = basis == OBJECTION
    stored = Basis.NONE.value if objects else basis
    media = [medium.value for medium in Medium if channel in (EVERY, medium)]
    with store.unit() as work:
        for medium in media:
            work.leads.add_consent(
                lead, Consent(stored, since, until, source, text or (basis if objects else ""), medium)
            )
        words = f"{basis.replace('_', ' ')} ({', '.join(media)}), from {source}" + (f": {text}" if text else "")
        work.notes.add([Change("consent", words, now, by=by, lead=lead)])
        person = work.leads.get([lead])[lead]
        if objects:
            _object(work, person, channel, now=now, by=by)
        elif stored == Basis.NONE and Medium.PHONE.value in media:
            end_calls(work, lead, now=now)
        waiting = [one.id for one in work.enrollments.open_of([lead]).get(lead, ()) if one.touch is not None]
        work.enrollments.wake(waiting, now)  # what waited for a basis may have one
        work.leads.update(lead, {"changed_at": now})
        after = _of(work, person, policy, now)
        if not dry_run:
            work.commit()
    return after


def _object(work: Unit, person: Lead, channel: str, *, now: datetime, by: str) -> None:
    wanted = {EVERY: ((person.listed_as, EVERY), (person.phone, "phone")), "email": ((person.email, "email"),)}
    for address, scope in wanted.get(channel, ((person.phone, "phone"),)):
        if address:
            work.suppressions.add(Suppression(address, scope, OBJECTION, now, person.id), by=by)
    work.notes.add([Change("suppressed", f"suppressed ({channel}): objection", now, by=by, lead=person.id)])
    if channel in (EVERY, Medium.PHONE):
        work.leads.update(person.id, {"do_not_call": True})
        end_calls(work, person.id, now=now)
    if channel == EVERY:
        end_contact(work, person.id, OBJECTION, now=now, by=by)


def _country(person: Lead, policy: Policy) -> str | None:
    return person.country or (person.company.country if person.company else None) or policy.country or None
