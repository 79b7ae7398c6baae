"""What a recipient sees of a mail: who it is for, which links lead on, how to answer and how to unsubscribe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import format_datetime, parseaddr
from typing import Final

_TRACKED: Final = re.compile(r"https?://[^\s\"'<>]+/c/([A-Za-z0-9_.\-]+)")
_UNSUBSCRIBE: Final = re.compile(r"<https?://[^>]+/u/([A-Za-z0-9_.\-]+)>")


@dataclass(frozen=True, slots=True)
class Received:
    """One mail, as read by the one who got it. `links` are the tokens of tracked links, in the order of the text."""

    message_id: str
    to: str
    sender: str
    reply_to: str
    subject: str
    links: tuple[str, ...]
    unsubscribe: str | None


def read(content: bytes) -> Received:
    """Parse a mail as it came over the wire."""
    mail = message_from_bytes(content)
    found = _UNSUBSCRIBE.search(_unfolded(mail, "List-Unsubscribe"))
    return Received(
        message_id=_unfolded(mail, "Message-ID").strip(),
        to=parseaddr(_unfolded(mail, "To"))[1].lower(),
        sender=_unfolded(mail, "From"),
        reply_to=parseaddr(_unfolded(mail, "Reply-To") or _unfolded(mail, "From"))[1],
        subject=_unfolded(mail, "Subject"),
        links=tuple(dict.fromkeys(_TRACKED.findall(_plain(mail)))),
        unsubscribe=found[1] if found else None,
    )


def _unfolded(mail: Message, name: str) -> str:
    return re.sub(r"\r?\n[ \t]+", " ", str(mail.get(name, "")))


def _plain(mail: Message) -> str:
    """The text part: people follow the same links in both."""
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            body = part.get_payload(decode=True)
            return body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
    return ""


def answer(mail: Received, *, name: str, at: datetime, text: str, key: str, is_automatic: bool = False) -> bytes:
    """A reply as a mail program writes it: with the quote below, or as a machine's out-of-office note."""
    made = EmailMessage()
    made["From"] = f'"{name}" <{mail.to}>' if name else mail.to
    made["To"] = mail.reply_to
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<{key}@{mail.to.partition('@')[2]}>"
    made["In-Reply-To"] = mail.message_id
    made["References"] = mail.message_id
    if is_automatic:
        made["Subject"] = f"Automatic reply: {mail.subject}"
        made["Auto-Submitted"] = "auto-replied"
        made["X-Auto-Response-Suppress"] = "All"
        made.set_content(text)
    else:
        made["Subject"] = f"Re: {mail.subject}"
        made.set_content(f"{text}\n\nOn {at:%a, %d %b %Y}, {mail.sender} wrote:\n> {mail.subject}\n")
    return made.as_bytes()


def not_delivered(mail: Received, *, at: datetime, key: str) -> bytes:
    """The report of a mail server that knows no such address (RFC 3464)."""
    domain = mail.to.partition("@")[2]
    words = f"Your message to <{mail.to}> could not be delivered: 550 5.1.1 No such user here."
    return "\r\n".join(
        (
            f"From: Mail Delivery System <MAILER-DAEMON@{domain}>",
            f"To: {mail.reply_to}",
            "Subject: Undelivered Mail Returned to Sender",
            f"Date: {format_datetime(at)}",
            f"Message-ID: <{key}@{domain}>",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"',
            "",
            "--=_report",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            words,
            "",
            "--=_report",
            "Content-Type: message/delivery-status",
            "",
            f"Reporting-MTA: dns; mx.{domain}",
            "",
            f"Final-Recipient: rfc822; {mail.to}",
            "Action: failed",
            "Status: 5.1.1",
            "Diagnostic-Code: smtp; 550 5.1.1 No such user here",
            "",
            "--=_report",
            "Content-Type: text/rfc822-headers",
            "",
            f"Message-ID: {mail.message_id}",
            f"To: {mail.to}",
            f"Subject: {mail.subject}",
            "",
            "--=_report--",
            "",
        )
    ).encode("utf-8")
