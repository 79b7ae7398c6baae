"""An incoming mail -> what it is: bounce, complaint, automatic answer, receipt, calendar reply, or a person's reply.

The verdict explains itself in `why`. The order matters: what a machine reports in a machine's form comes first, the
words of people last, and only their new words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from nurture.domain.classify.automatic import Signs, has_left, is_acknowledgment, is_away, named_address, signs
from nurture.domain.classify.bounces import bounce_of, returned
from nurture.domain.classify.intents import wish
from nurture.domain.response import Bounce, Grade, Intent, Kind
from nurture.domain.stated_time import StatedTime, asks_for_contact, return_date, stated

if TYPE_CHECKING:
    from nurture.domain.inbound import Inbound

__all__ = ["Judged", "Review", "bounce_of", "judge"]


class Review(StrEnum):
    """Why a person must look at a mail before anything is recorded."""

    MAYBE_AUTOMATIC = "maybe_automatic"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a mail. `kind` is None for what is no response: a delay, a receipt that nobody read.

    `until` is a stated date: of a promise in a reply, of the return in an automatic answer. `vague` marks a stated time
    without a date. `review` asks for a person instead of an effect.
    """

    kind: Kind | None
    why: tuple[str, ...]
    intent: Intent | None = None
    bounce: Bounce | None = None
    grade: Grade = Grade.HUMAN
    until: date | None = None
    sentence: str = ""
    vague: bool = False
    address: str = ""  # that a bounce is about
    left: bool = False
    away: bool = False
    successor: str | None = None
    outcome: str | None = None  # of a calendar reply
    review: Review | None = None


_CALENDAR: Final = {"accepted": "meeting_booked", "tentative": "meeting_booked", "declined": "meeting_canceled"}


def judge(
    mail: Inbound,
    today: date,
    *,
    languages: tuple[str, ...] = (),
    country: str | None = None,
    fiscal_year_start: tuple[int, int] = (1, 1),
) -> Judged:
    """What a mail is. `languages` and `country` are the lead's, for dates and business days."""
    if mail.is_arf:
        return Judged(Kind.COMPLAINT, ("a feedback report (ARF): the reader marked it as spam",))
    if mail.is_receipt:
        return _receipt(mail)
    if mail.calendar_reply:
        return _calendar(mail)
    back = returned(mail)
    if back is not None:
        if back.delivered:
            return Judged(Kind.DELIVERED, back.why, grade=Grade.MACHINE)
        kind = Kind.BOUNCE if back.bounce is not None else None
        return Judged(kind, back.why, bounce=back.bounce, grade=Grade.LIKELY_MACHINE, address=back.address)
    found = signs(mail)
    if found.automatic:
        return _automatic(mail, found, today, languages, country)
    return _by_a_person(mail, found, today, languages, country, fiscal_year_start)


def _receipt(mail: Inbound) -> Judged:
    """A program says that a mail was displayed or deleted; no reader has to mean anything by it."""
    why = (f"a disposition notification (MDN): {mail.disposition or 'without a disposition'}",)
    if "displayed" in mail.disposition:
        return Judged(Kind.OPEN, why, grade=Grade.LIKELY_MACHINE)
    return Judged(None, why)


def _calendar(mail: Inbound) -> Judged:
    outcome = _CALENDAR.get(mail.calendar_reply)
    why = (f"an answer to an invitation: {mail.calendar_reply}",)
    if outcome == "meeting_booked":
        return Judged(Kind.MEETING, why, outcome=outcome)
    return Judged(Kind.REPLY, why, intent=Intent.OTHER, outcome=outcome)


def _automatic(mail: Inbound, found: Signs, today: date, languages: tuple[str, ...], country: str | None) -> Judged:
    text = mail.new_text or mail.text
    why = [*found.strong, *found.weak]
    left = has_left(text) and not _says_when_back(text, mail.subject, today, languages, country)
    back = None if left else return_date(f"{mail.subject}.\n\n{text}", today, *languages, country=country)
    away = left or back is not None or is_away(text) or (is_away(mail.subject) and not is_acknowledgment(text))
    if left:
        why.append("the text says that this person has left")
    elif back is not None:
        why.append(f"back after {back.on}")
    elif away:
        why.append("out of office, without a date")
    else:
        why.append("an automatic answer, but nobody is away")
    mine = frozenset({mail.sender, *mail.recipients, *_replied_to(mail)})
    return Judged(
        Kind.AUTO_REPLY,
        tuple(why),
        grade=Grade.LIKELY_MACHINE,
        until=back.on if back else None,
        sentence=back.sentence if back else "",
        away=away,
        left=left,
        successor=named_address(text, but=mine) if left else None,
    )


def _says_when_back(text: str, subject: str, today: date, languages: tuple[str, ...], country: str | None) -> bool:
    """Whether somebody is only away: "Jane is no longer with us; I am back on 12 January" is about two people."""
    back = return_date(f"{subject}.\n\n{text}", today, *languages, country=country)
    return back is not None and is_away(text)


def _replied_to(mail: Inbound) -> tuple[str, ...]:
    return tuple(one.lower() for one in re.findall(r"[^\s<>\",;]+@[^\s<>\",;]+", mail.header("reply-to")))


def _by_a_person(
    mail: Inbound,
    found: Signs,
    today: date,
    languages: tuple[str, ...],
    country: str | None,
    fiscal_year_start: tuple[int, int],
) -> Judged:
    time = stated(mail.new_text, today, *languages, country=country, fiscal_year_start=fiscal_year_start)
    ahead = (time.on - today).days if time is not None and time.on is not None else None
    wanted = wish(mail.new_text, days_ahead=ahead)
    why = [wanted.why, *(f"one sign of a machine: {one}" for one in found.weak)]
    if not mail.new_text.strip() and not mail.text.strip() and not mail.subject.strip():
        return Judged(Kind.REPLY, ("there is nothing to read in it",), review=Review.UNREADABLE)
    if not mail.new_text.strip():
        why.append("there is no new text above or below the quote")
    said = found.only_text and wanted.intent not in (Intent.OTHER, Intent.NOT_NOW)
    doubtful = bool(found.weak) and not said
    promised = time if time is not None and _is_promise(time, wanted.intent) else None
    if promised is not None and promised.on is not None:
        why.append(f"a stated time: {promised.on}")
    elif promised is not None:
        why.append("a stated time without a date")
    return Judged(
        Kind.REPLY,
        tuple(why),
        intent=wanted.intent,
        until=promised.on if promised else None,
        sentence=promised.sentence if promised else "",
        vague=promised.vague if promised else False,
        successor=_named_successor(mail, wanted.intent),
        left=has_left(mail.new_text) and wanted.intent in (Intent.OTHER, Intent.REFERRAL),
        review=Review.MAYBE_AUTOMATIC if doubtful else None,
    )


def _named_successor(mail: Inbound, intent: Intent) -> str | None:
    if intent is not Intent.REFERRAL:
        return None
    return named_address(mail.new_text, but=frozenset({mail.sender, *mail.recipients}))


def _is_promise(time: StatedTime, intent: Intent) -> bool:
    """Whether a stated time is one at which we should be back, rather than the day of a fair."""
    if intent in (Intent.UNSUBSCRIBE, Intent.REFERRAL):
        return False
    if intent is Intent.NOT_NOW:
        return True
    if time.vague or intent is Intent.REFUSAL:
        return False
    return intent is Intent.REQUEST or asks_for_contact(time.sentence)


def is_away_text(mail: Inbound) -> bool:
    """Whether the new text says that somebody is away: shown to a person who settles a doubtful mail."""
    return is_away(mail.new_text)
