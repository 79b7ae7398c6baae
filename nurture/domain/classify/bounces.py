"""Why a mail came back: hard, soft, policy or full, read from the status code and the words of the receiving server.

Only `hard` has a lasting effect, so it needs proof: a code or words which say that the address does not exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nurture.domain.response import Bounce

if TYPE_CHECKING:
    from nurture.domain.inbound import Inbound

_ENHANCED: Final = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY: Final = re.compile(r"(?<![\d.])([45]\d\d)(?=[ \-#])")
_NOBODY: Final = re.compile(
    r"user (?:is )?unknown|unknown (?:user|recipient|mailbox|account|address|local)|no such (?:user|recipient|mailbox"
    r"|address|person|account|local|addressee)"
    r"|(?:user|mailbox|recipient|account|address|e-?mail account)[^.\n]{0,60}(?:does(?: not|n'?t) exist|not found"
    r"|not exist|no longer (?:exists|valid|available|active|in use)"
    r"|(?:is )?(?:not known|invalid|disabled|inactive|deactivated|discontinued|has been (?:disabled|suspended|closed"
    r"|removed|deleted)))"
    r"|does(?: not|n'?t) (?:have|exist)[^.\n]{0,40}(?:account|mailbox|user|here|on this)"
    r"|no mailbox (?:here )?by that name|mailbox not found"
    r"|recipient ?(?:address )?(?:rejected|not ?found)[^.\n]{0,40}(?:unknown|not ?found|no such|undeliverable"
    r"|invalid)|recipientnotfound|not a valid (?:user|mailbox|recipient)"
    r"|invalid (?:recipient|mailbox|user|address)|unrouteable address|bad destination mailbox|not listed in"
    r"|could not be found|isn't a(?:n)? \w+ (?:user|account)"
    r"|this (?:user|account|address) (?:has|is) (?:no longer|not|been closed)|address(?:ee)? unknown|no (?:user"
    r"|account) by that name|not our customer|name not found"
    r"|(?:domain|host)[^.\n]{0,60}(?:does not exist|couldn't be found|could not be found|not found)"
    r"|domain name not found|utilisateur (?:inconnu|non recense)"
    r"|empf(?:ä|a|ae)nger unbekannt|usuario desconocido|utente sconosciuto|non recensé",
    re.IGNORECASE,
)
_FULL: Final = re.compile(
    r"(?:mail)?box[^.\n]{0,20} (?:is )?full|over ?quota|quota (?:is )?exceeded|exceed(?:ed|s)?[^.\n]{0,40}quota"
    r"|exceeded storage|out of (?:disk )?(?:space|storage)"
    r"|insufficient (?:disk|system) (?:space|storage)|disk quota|mailfolder is full|account is full"
    r"|postfach (?:ist )?voll|boite (?:aux lettres )?pleine|mailbox size limit"
    r"|full mailbox|storage (?:limit|allocation)|quota",
    re.IGNORECASE,
)
_POLICY: Final = re.compile(
    r"\bspam|unsolicited|block(?:ed|list)|blacklist|black list|\brbl\b|dnsbl|spamhaus|reputation|dmarc|\bspf\b|dkim"
    r"|policy|not authori[sz]ed|denied|content (?:filter|reject)|virus|banned"
    r"|rate limit|too many (?:messages|connections|hops)|throttl|message (?:size|too (?:large|big))|exceed(?:s"
    r"|ed)[^.\n]{0,40}(?:size|length)|relay(?:ing)? (?:denied|not permitted|access)"
    r"|rejected (?:by|for|due)|sender (?:address )?(?:rejected|denied)|administrator",
    re.IGNORECASE,
)
_DELAYED: Final = re.compile(
    r"(?:has|was|have) (?:not yet|been delayed)|still being retried|will (?:be retried|keep trying|continue to try"
    r"|retry)|(?:this is a )?warning message only|delayed? \d+ (?:hours|days)"
    r"|not yet been delivered|you do not need to resend|delivery (?:delayed|status notification \(delay\))"
    r"|need not resend",
    re.IGNORECASE,
)
_GAVE_UP: Final = re.compile(
    r"giving up|gave up|permanent|cannot send message for|could not be delivered for|too old"
    r"|retry time(?:out)? exceeded|cannot be delivered",
    re.IGNORECASE,
)
_ORIGINAL: Final = re.compile(
    r"^[ \t>|]*-{2,}.{0,40}(?:original|copy of|below this line|returned|unsent|message (?:text|header)|header).*$"
    r"|^.{0,40}(?:original message (?:follows|is)|message headers? follow|this is a copy).*$"
    r"|^(?:received: (?:from|by)|return-path:) .*$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Returned:
    """A bounce: its type (None: only delayed, or delivered), the address, and why it is judged so."""

    bounce: Bounce | None
    address: str
    why: tuple[str, ...]
    delivered: bool = False


def bounce_of(status: str, words: str, *, hard_by_default: bool = False) -> tuple[Bounce, str]:
    """The type of a failure from its enhanced status code and the server's words, and the reason in words.

    `hard_by_default`: what an undecided permanent failure is, where the reporter has judged it already.
    """
    inside = _ENHANCED.search(words)
    # A bare 5.0.0 says nothing; the code in the server's own answer does.
    code = inside[1] if inside and status[:4] in ("", "5.0.", "4.0.", "5.3.") else status
    kind, _, detail = code.partition(".")
    reply = _REPLY.search(words)
    shown = f"status {code}" if code else f"reply {reply[1]}" if reply else "no status code"
    if detail == "2.2" or (_FULL.search(words) and not detail.startswith(("1.", "7."))):
        return Bounce.FULL, f"{shown}: the mailbox is full"
    if kind == "4" or (not code and reply and reply[1].startswith("4")):
        return Bounce.SOFT, f"{shown}: a temporary failure"
    if detail.startswith("7."):
        return Bounce.POLICY, f"{shown}: refused by a rule of the receiver, the address may be good"
    nobody = _NOBODY.search(words)
    if detail.startswith("1.") and detail not in ("1.0", "1.7", "1.8"):
        return Bounce.HARD, f"{shown}: the address does not exist"
    if nobody and detail in ("", "0.0", "1.0", "2.0", "2.1", "3.0", "5.0", "4.1", "4.4", "4.310"):
        return Bounce.HARD, f"{shown}: the server says '{nobody[0].strip()[:60]}'"
    if _POLICY.search(words):
        return Bounce.POLICY, f"{shown}: refused by a rule of the receiver, the address may be good"
    if hard_by_default and kind != "4":
        return Bounce.HARD, f"{shown}: reported as permanent"
    return Bounce.SOFT, f"{shown}: nothing says that the address does not exist"


def returned(mail: Inbound) -> Returned | None:
    """What a delivery report says; None where the mail is none."""
    if mail.dsn:
        return _by_status(mail)
    if not mail.failed_addresses:
        return None
    address = mail.failed_addresses[0]
    words = _own_words(mail.text)
    if _DELAYED.search(words) or (_DELAYED.search(mail.subject) and not _GAVE_UP.search(words)):
        return Returned(None, address, ("a mail server reports a delay and goes on trying",))
    kind, reason = bounce_of("", f"{mail.subject} {words}")
    return Returned(kind, address, ("a mail server reports a failure in a form of its own", reason))


def _by_status(mail: Inbound) -> Returned | None:
    """The worst of what the report says; one touch has one recipient, so there is one line that matters."""
    best: Returned | None = None
    for one in mail.dsn:
        if one.action in ("delayed", "delay") or (not one.action and one.status.startswith("4.")):
            judged = Returned(None, one.recipient, (f"delivery report: delayed, status {one.status or 'unknown'}",))
        elif one.action in ("delivered", "relayed", "expanded") or one.status.startswith("2."):
            judged = Returned(None, one.recipient, (f"delivery report: {one.action or 'delivered'}",), delivered=True)
        else:
            words = one.diagnostic
            if not words or one.status in ("", "5.0.0"):
                words = f"{words} {_own_words(mail.text)}"
            kind, reason = bounce_of(one.status, words)
            judged = Returned(kind, one.recipient, (f"delivery report: {one.action or 'failed'}", reason))
        if best is None or _rank(judged) > _rank(best):
            best = judged
    return best


def _rank(one: Returned) -> int:
    order = (Bounce.SOFT, Bounce.POLICY, Bounce.FULL, Bounce.HARD)
    return -1 if one.bounce is None else order.index(one.bounce)


def _own_words(text: str) -> str:
    """What the mail server says itself, without the mail that it returns below."""
    head = text[:4_000]
    cut = _ORIGINAL.search(head, 40) if len(head) > 40 else None
    return head[: cut.start()] if cut else head
