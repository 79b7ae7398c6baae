"""Incoming mail -> responses: stored as it came, matched to a touch, judged, recorded, or left to a person.

Nothing is dropped but our own mail and reports on mail that we did not send, and nothing is guessed between two people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from nurture.domain.address import company_domain
from nurture.domain.classify import Judged
from nurture.domain.errors import UnreachableError
from nurture.domain.inbound import Inbound
from nurture.domain.lead import Lead, LeadId
from nurture.domain.policy import Policy
from nurture.domain.response import Intent, Kind
from nurture.domain.touch import Touch
from nurture.moves.again import again
from nurture.moves.correspondents import Match, colleague, known_as, matched
from nurture.moves.judging import LONGEST_KEPT, about_whom, detail_of, judged
from nurture.moves.responding import Report, record_in
from nurture.ports import InForce, Store, Unit
from nurture.ports.incoming import MailReader, ReplyTokens

MAIL: Final = "eml"  # the kinds under which mails are kept: as they came, and as a form of the provider
FORM: Final = "inbound"
OLDEST: Final = timedelta(days=90)
ABOUT_OUR_MAIL: Final = frozenset({Kind.BOUNCE, Kind.COMPLAINT, Kind.DELIVERED, Kind.OPEN, None})


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one mail: `recorded`, `inbox`, `dropped`, `noted` or `repeated`, with the reasons."""

    raw: int
    what: str
    kind: Kind | None = None
    intent: Intent | None = None
    lead: LeadId | None = None
    touch: str | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """What the arrow works with."""

    reader: MailReader
    tokens: ReplyTokens
    rules: InForce
    policy: Policy
    new_id: Callable[[], str]
    now: datetime
    by: str


@again
def take_mail(raw: Sequence[tuple[str, bytes]], *, store: Store, now: datetime) -> list[bool]:
    """Store mails as they came, durably, before anything is read in them. False for one that is there already.

    The key given by the mailbox is only for the mailbox: a mail is known again by the hash of its bytes.
    """
    with store.unit() as work:
        kept = [work.responses.keep_raw(MAIL, sha256(body).hexdigest(), body, now) for _, body in raw]
        work.commit()
    return kept


def process(
    store: Store,
    *,
    reader: MailReader,
    tokens: ReplyTokens,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str = "mail",
    limit: int = 200,
) -> list[Handled]:
    """Work on mails that are stored and not yet processed, each in a transaction of its own.

    May run twice on the same mail at the same time: responses and the inbox have natural keys.
    """
    room = Room(reader, tokens, rules, policy, new_id, now, by)
    with store.unit(write=False) as work:
        fresh = [(row, body, at) for row, _, body, at in work.responses.raw_new(limit, (MAIL, FORM))]
    result = []
    for row, body, arrived in fresh:
        mail = reader.read(body)
        try:
            result.append(_in_one_transaction(store, room, row, mail, arrived))
        except UnreachableError:
            raise
        except Exception as problem:  # noqa: BLE001  one mail must not hold up the others; a person gets to see it
            result.append(_set_aside(store, room, row, mail, problem))
    return result


def _in_one_transaction(store: Store, room: Room, row: int, mail: Inbound, arrived: datetime) -> Handled:
    with store.unit() as work:
        handled = replace(_handle(work, room, mail, arrived), raw=row)
        note = None if handled.what == "recorded" else f"{handled.what}: {'; '.join(handled.why)}"[:1_000]
        work.responses.raw_done(row, room.now, note)
        work.commit()
    return handled


def _set_aside(store: Store, room: Room, row: int, mail: Inbound, problem: Exception) -> Handled:
    why = f"It could not be processed ({type(problem).__name__}); the mail is kept."
    bare = Inbound(key=mail.key)  # where what was read of it cannot be stored either: at least that it came
    for shown in (mail, bare):
        try:
            with store.unit() as work:
                _to_inbox(work, room, shown, None, why, kind="reply")
                work.responses.raw_done(row, room.now, f"failed: {problem!a}"[:1_000])
                work.commit()
            break
        except Exception as again:  # it would stand before all other mail, in every pass
            if shown is bare or isinstance(again, UnreachableError):
                raise
    return Handled(row, "inbox", why=(why,))


def _handle(work: Unit, room: Room, mail: Inbound, arrived: datetime) -> Handled:
    """What becomes of one mail, within the transaction of the caller."""
    if own := _is_ours(work, room, mail):
        return Handled(0, "dropped", why=(own,))
    match = matched(work, mail, room.tokens)
    lead = work.leads.get([match.lead]).get(match.lead) if match.lead is not None else None
    at = _clamped(mail.at, arrived, match.touch)
    verdict = judged(mail, lead, at, room.policy)
    if lead is None:
        if verdict.kind in ABOUT_OUR_MAIL:
            return Handled(0, "noted", verdict.kind, why=(*verdict.why, "it is about no mail that we sent"))
        _to_inbox(work, room, mail, None, f"It matches no lead: {match.why}.", verdict=verdict)
        return Handled(0, "inbox", verdict.kind, verdict.intent, why=(match.why, *verdict.why))
    if verdict.kind is None:
        return Handled(0, "noted", None, None, lead.id, match.touch_id, verdict.why)
    if verdict.kind in ABOUT_OUR_MAIL or verdict.kind is Kind.AUTO_REPLY:
        return _by_a_machine(work, room, mail, match, lead, verdict, at)
    return _by_a_person(work, room, mail, match, lead, verdict, at)


def _is_ours(work: Unit, room: Room, mail: Inbound) -> str:
    """Why a mail is our own that came back (bcc rules, loops); nothing where it is not."""
    if mail.message_id and work.touches.by_message_id(mail.message_id) is not None:
        return "it is our own mail that came back"
    return "it is from one of ourselves" if mail.sender in _ours(room) else ""


def _ours(room: Room) -> set[str]:
    return {sender.email.lower() for sender in room.policy.senders.values()} | set(room.rules.workspace.people)


def _is_of_our_company(room: Room, mail: Inbound) -> bool:
    """Whether somebody of ours wrote it, who would else become a lead: a colleague in copy, say."""
    domain = company_domain(mail.sender)
    return domain is not None and domain in {company_domain(one) for one in _ours(room)}


def _clamped(stated: datetime | None, arrived: datetime, touch: Touch | None) -> datetime:
    """The Date header, where it can be true: not after the arrival, not before the mail that it answers."""
    if stated is None or stated > arrived:
        return arrived
    earliest = (touch.intent_at or touch.sent_at or touch.created_at) if touch is not None else arrived - OLDEST
    return min(max(stated, earliest), arrived)


def _by_a_machine(
    work: Unit, room: Room, mail: Inbound, match: Match, lead: Lead, verdict: Judged, at: datetime
) -> Handled:
    """Bounces, complaints, automatic answers: about the lead that was written to, whoever signs them."""
    if match.weak and verdict.kind is not Kind.AUTO_REPLY:
        _to_inbox(work, room, mail, lead.id, "A report that names none of our mails: is it true?", verdict=verdict)
        return Handled(0, "inbox", verdict.kind, None, lead.id, None, (match.why, *verdict.why))
    why = (match.why, *verdict.why)
    detail = detail_of(mail, verdict)
    if verdict.kind is Kind.BOUNCE:
        bounce, reason = about_whom(mail, match.touch, lead, verdict)
        detail["bounce"] = bounce.value
        why = (*why, reason) if reason else why
    recorded = _record(work, room, mail, lead.id, match.touch_id, verdict, at, detail, why)
    return Handled(0, recorded, verdict.kind, None, lead.id, match.touch_id, why)


def _by_a_person(
    work: Unit, room: Room, mail: Inbound, match: Match, lead: Lead, verdict: Judged, at: datetime
) -> Handled:
    """A reply counts for whoever wrote it, which need not be the lead that was written to."""
    who: Lead | None = lead
    made = ""
    if not known_as(work, lead, match.touch, mail.sender):
        if _is_of_our_company(room, mail):
            words = "It is from our own company, from nobody in people.yaml: whose answer is it?"
            _to_inbox(work, room, mail, lead.id, words, verdict=verdict)
            return Handled(0, "inbox", verdict.kind, verdict.intent, lead.id, match.touch_id, (match.why, words))
        found = colleague(work, mail, lead, now=room.now)
        who, made = found.lead, found.why
    if who is None:
        _to_inbox(work, room, mail, lead.id, f"{made}: whose answer is it?", verdict=verdict)
        return Handled(0, "inbox", verdict.kind, verdict.intent, lead.id, match.touch_id, (match.why, made))
    why = tuple(one for one in (match.why, made, *verdict.why) if one)
    if verdict.review is not None:
        _to_inbox(work, room, mail, who.id, f"Perhaps nobody wrote it: {'; '.join(verdict.why)}.", verdict=verdict)
        return Handled(0, "inbox", verdict.kind, verdict.intent, who.id, match.touch_id, why)
    detail = detail_of(mail, verdict)
    if match.weak:
        detail["weak"] = True
    what = _record(work, room, mail, who.id, match.touch_id, verdict, at, detail, why)
    if what == "recorded":
        _ask_about(work, room, mail, lead, who, verdict)
    return Handled(0, what, verdict.kind, verdict.intent, who.id, match.touch_id, why)


def _ask_about(work: Unit, room: Room, mail: Inbound, lead: Lead, who: Lead, verdict: Judged) -> None:
    """What a reply leaves for a person to decide, besides answering it."""
    if verdict.vague:
        why = f"{who.name} names a time without a date: when shall we be back?"
        _to_inbox(work, room, mail, who.id, why, verdict=verdict, kind="promise", text=verdict.sentence)
    if verdict.intent is Intent.REFERRAL or verdict.left:
        named = f": {verdict.successor}" if verdict.successor else ""
        why = f"{who.name} points to somebody else{named}. Who is to be written to?"
        _to_inbox(work, room, mail, who.id, why, verdict=verdict, kind="successor")
    if verdict.intent is Intent.UNSUBSCRIBE and who.id != lead.id:
        why = (
            f"{who.name} asks for no more mail, in answer to one to {lead.name}: does it hold for {lead.name} as well?"
        )
        _to_inbox(work, room, mail, lead.id, why, verdict=verdict, kind="unsubscribe")


def _record(
    work: Unit,
    room: Room,
    mail: Inbound,
    lead: LeadId,
    touch: str | None,
    verdict: Judged,
    at: datetime,
    detail: dict[str, Any],
    why: tuple[str, ...],
) -> str:
    assert verdict.kind is not None
    report = Report(
        kind=verdict.kind,
        at=at,
        lead=lead,
        touch=touch,
        grade=verdict.grade,
        detail=detail,
        why="; ".join(why),
        key=f"mail|{_key(mail)}",
    )
    recorded = record_in(
        work, [report], rules=room.rules, policy=room.policy, new_id=room.new_id, now=room.now, by=room.by
    )
    return "recorded" if recorded[0].response is not None else "repeated"


def _key(mail: Inbound) -> str:
    """What makes a mail the same: its id and what it says. Headers change on every way by which it may come."""
    if not mail.message_id:
        return mail.key
    said = sha256(f"{mail.sender}\n{mail.subject}\n{mail.text}".encode("utf-8", "replace")).hexdigest()
    return f"{mail.message_id}|{said[:16]}"


def _to_inbox(
    work: Unit,
    room: Room,
    mail: Inbound,
    lead: LeadId | None,
    why: str,
    *,
    verdict: Judged | None = None,
    kind: str = "reply",
    text: str | None = None,
) -> None:
    detail: dict[str, Any] = {"raw": mail.key, "message_id": mail.message_id, "sender_name": mail.sender_name}
    if verdict is not None:
        detail |= {"kind": verdict.kind, "intent": verdict.intent, "verdict": list(verdict.why)}
        detail |= {"until": verdict.until, "sentence": verdict.sentence, "successor": verdict.successor}
    work.notes.to_inbox(
        {
            "kind": kind,
            "lead_id": lead,
            "at": room.now,
            "sender": mail.sender,
            "subject": mail.subject[:500],
            "text": (mail.new_text or mail.text if text is None else text)[:LONGEST_KEPT],
            "why": why,
            "key": f"{kind}|mail|{_key(mail)}",
            "detail": {name: _plain(value) for name, value in detail.items() if value not in (None, "")},
        }
    )


def _plain(value: object) -> object:
    return value if isinstance(value, str | list) else str(value)
