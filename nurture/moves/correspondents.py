"""Whom an incoming mail is about, and who wrote it: the touch that it answers, and the person behind its sender."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nurture.domain.address import company_domain, normalise_email
from nurture.domain.lead import Lead, LeadId, Stage, Status
from nurture.domain.touch import CONTACTED, Channel, Touch
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.inbound import Inbound
    from nurture.ports import Unit
    from nurture.ports.incoming import ReplyTokens

# Of a contact that came about by mail; what waits for its first look by enroll.
NEW: Final = {"status": Status.NURTURING.value, "stage": Stage.UNKNOWN.value, "enroll_check": True}


@dataclass(frozen=True, slots=True)
class Match:
    """The lead and touch that a mail is about, and how that is known. `weak`: by an address, which can be forged."""

    lead: LeadId | None
    touch: Touch | None
    why: str
    weak: bool = False

    @property
    def touch_id(self) -> str | None:
        """The id of the touch, where there is one."""
        return self.touch.id if self.touch is not None else None


def matched(work: Unit, mail: Inbound, tokens: ReplyTokens) -> Match:
    """The touch that a mail answers: by signed token, by message id, by what a report encloses, by its sender."""
    named = [one for address in mail.recipients if (one := tokens.read_reply_to(address))]
    found = work.touches.get(set(named))
    if found:
        return _one_of(list(found.values()), "its reply address names the touch")
    for message_id in (*mail.in_reply_to, *reversed(mail.references)):
        touch = _of_message(work, message_id)
        if touch is not None:
            return Match(touch.lead, touch, "it answers the mail of the touch")
    if mail.dsn or mail.failed_addresses or mail.is_arf or mail.is_receipt:
        return _reported(work, mail, tokens)
    return _by_sender(work, mail, unknown=bool(named))


def _one_of(touches: list[Touch], why: str) -> Match:
    if len({touch.lead for touch in touches}) > 1:
        return Match(None, None, "it names touches of several leads")
    return Match(touches[0].lead, max(touches, key=lambda one: one.created_at), why)


def _of_message(work: Unit, message_id: str) -> Touch | None:
    """The touch of a Message-ID: as stored, or by its id, of which the Message-ID was made."""
    touch = work.touches.by_message_id(message_id)
    if touch is None:
        name = message_id.strip("<>").partition("@")[0]
        touch = work.touches.get([name]).get(name)
    return touch


def _reported(work: Unit, mail: Inbound, tokens: ReplyTokens) -> Match:
    """The touch that a report is about; without a sign of our own mail in it, only its recipient, which is weak."""
    for message_id in mail.original_message_ids:
        touch = _of_message(work, message_id)
        if touch is not None:
            return Match(touch.lead, touch, "the report is about the mail of the touch")
    named = {one for address in mail.original_recipients if (one := tokens.read_reply_to(address))}
    found = work.touches.get(named)
    if found:
        return _one_of(list(found.values()), "the mail in the report carries the touch's reply address")
    leads = {lead.id for address in _addresses(mail) if (lead := lead_of(work, address)) is not None}
    if len(leads) == 1:
        (about,) = leads
        if (touch := _latest_mail(work, about)) is not None:
            return Match(about, touch, "the report is about an address that we wrote to", weak=True)
    return Match(None, None, "it names no mail of ours")


def _addresses(mail: Inbound) -> set[str]:
    return {one.recipient for one in mail.dsn if one.recipient} | set(mail.failed_addresses)


def _by_sender(work: Unit, mail: Inbound, *, unknown: bool) -> Match:
    lead = lead_of(work, mail.sender)
    touch = _latest_mail(work, lead.id) if lead is not None else None
    if lead is not None and touch is not None:
        return Match(lead.id, touch, "its sender is a lead that we wrote to (weak: a sender can be forged)", weak=True)
    if unknown:
        return Match(None, None, "its reply address is ours, but names a touch that is not there")
    known = "its sender is a lead to whom we sent no mail" if lead is not None else "its sender is not known"
    return Match(None, None, known)


def _latest_mail(work: Unit, lead: LeadId) -> Touch | None:
    made = work.touches.of_leads([lead]).get(lead, [])
    mails = [one for one in made if one.channel is Channel.EMAIL and one.state in CONTACTED]
    return max(mails, key=lambda one: (one.sent_at or one.created_at, one.id), default=None)


def lead_of(work: Unit, address: str) -> Lead | None:
    """The lead with this address or alias; never by another kind of id that a stranger may put into a mail."""
    try:
        wanted = normalise_email(address)
    except ValueError:
        return None
    return work.leads.find(wanted)


def known_as(work: Unit, lead: Lead, touch: Touch | None, address: str) -> bool:
    """Whether this is an address of the lead."""
    if address in (lead.email, touch.address if touch is not None else None):
        return True
    other = lead_of(work, address)
    return other is not None and other.id == lead.id


@dataclass(frozen=True, slots=True)
class Colleague:
    """Who wrote in the place of the lead; None where that needs a person to say."""

    lead: Lead | None
    why: str


def colleague(work: Unit, mail: Inbound, lead: Lead, *, now: datetime) -> Colleague:
    """The person who answered a mail to somebody else: one of our leads at that company, or a new one."""
    try:
        address = normalise_email(mail.sender)
    except ValueError:
        return Colleague(None, "the sender has no usable address")
    domain = company_domain(address)
    other = work.leads.find(address)
    if other is not None:
        if _together(other, lead, domain):
            return Colleague(other, f"written by a colleague, {other.name}")
        return Colleague(None, f"an answer to a mail to {lead.name}, from the lead {other.name} of another company")
    first, _, last = mail.sender_name.partition(" ") if "@" not in mail.sender_name else ("", "", "")
    company = work.leads.company_for(name=None, domain=domain, values={}, now=now) if domain else None
    number = work.leads.add(
        {
            **NEW,
            "email": address,
            "first_name": first.strip(' "') or None,
            "last_name": last.strip(' "') or None,
            "company_id": company,
            "language": lead.language,
            "created_at": now,
            "arrived_at": now,
            "changed_at": now,
        }
    )
    work.notes.add([Change("created", f"created: answered a mail to {lead.name}", now, by="mail", lead=number)])
    return Colleague(work.leads.get([number])[number], f"written by somebody new, {address}")


def _together(other: Lead, lead: Lead, domain: str | None) -> bool:
    if other.company is not None and lead.company is not None and other.company.id == lead.company.id:
        return True
    return domain is not None and lead.email is not None and company_domain(lead.email) == domain
