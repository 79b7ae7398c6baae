"""The bytes of an incoming mail -> Inbound, whatever is broken in them. Attachments are counted, never unpacked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final

from nurture.adapters.mail.form import of_form
from nurture.adapters.mail.new_text import new_text, text_of_html
from nurture.adapters.mail.raw import decoded, parsed
from nurture.adapters.mail.reports import Report, read_reports
from nurture.domain.address import normalise_email
from nurture.domain.inbound import Inbound

MOST_BYTES: Final = 8_000_000  # of a mail; what comes after is attachments
MOST_TEXT: Final = 200_000  # characters of text that are kept
MOST_PARTS: Final = 200
MOST_IDS: Final = 50
# What classification looks at, besides the parts themselves.
HEADERS: Final = [
    "return-path",
    "auto-submitted",
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "x-mail-autoreply",
    "x-precedence",
    "precedence",
    "list-id",
    "list-unsubscribe",
    "x-auto-response-suppress",
    "x-failed-recipients",
    "content-language",
    "x-loop",
    "x-vacation",
    "x-ms-exchange-inbox-rules-loop",
    "x-ms-exchange-generated-message-source",
    "from",
    "reply-to",
]
TO_HEADERS: Final = [
    "x-envelope-to",
    "envelope-to",
    "delivered-to",
    "x-original-to",
    "x-forwarded-to",
    "to",
    "cc",
    "resent-to",
    "apparently-to",
]
_ID: Final = re.compile(r"<[^<>\s]{3,250}>")
_ADDRESS: Final = re.compile(r"[^\s<>\"',;:()\[\]]{1,64}@[^\s<>\"',;:()\[\]]{1,253}")


class EmailReader:
    """Reads mails with the standard library, which forgives much; the rest is forgiven here."""

    def read(self, raw: bytes, *, envelope_to: Sequence[str] = ()) -> Inbound:
        """A mail as plain values. Never raises: of what cannot be read at all, the key is left."""
        key = hashlib.sha256(raw).hexdigest()
        try:
            message = parsed(raw[:MOST_BYTES])
            if message.get_content_type() == "multipart/form-data":
                message, envelope_to = of_form(message)
            envelope_to = tuple(keepable(one) for one in envelope_to)
            return _inbound(key, message, envelope_to)
        except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError, IndexError):
            # The library stumbles over some forms that only attackers and very old programs write.
            return Inbound(key=key, recipients=tuple(envelope_to))


def _inbound(key: str, message: Message[Any, Any], envelope_to: Sequence[str]) -> Inbound:
    parts = list(_parts(message))
    plain = _joined(part for part in parts if part.get_content_type() == "text/plain")
    html = _joined(part for part in parts if part.get_content_type() == "text/html")
    from_html = text_of_html(html) if html and not plain.strip() else ""
    text = plain if plain.strip() else from_html
    senders = _addresses(message, "from") or _addresses(message, "sender")
    name, sender = senders[0] if senders else ("", "")
    headers = {header: value for header in HEADERS if (value := _header(message, header)) or header in message}
    subject = _header(message, "subject")
    recipients = [*envelope_to]
    for header in TO_HEADERS:
        recipients += [address for _, address in _addresses(message, header)]
    report = read_reports(message, sender=sender, subject=subject, headers=headers, text=text)
    return Inbound(
        key=key,
        message_id=next(iter(_ids(message, "message-id")), ""),
        in_reply_to=_ids(message, "in-reply-to"),
        references=_ids(message, "references"),
        sender=sender,
        sender_name=name,
        recipients=tuple(dict.fromkeys(recipients))[:MOST_IDS],
        subject=subject,
        headers=headers,
        at=_moment(_header(message, "date")),
        text=text,
        new_text="" if report.is_report else new_text(text),
        html=html,
        content_type=message.get_content_type(),
        parts=tuple((part.get_content_type(), _size(part)) for part in parts),
        calendar_reply=_calendar_reply(parts),
        **_of_report(report),
    )


def _of_report(report: Report) -> dict[str, Any]:
    return {
        "dsn": report.dsn,
        "failed_addresses": report.failed_addresses,
        "original_message_ids": report.original_message_ids,
        "original_recipients": report.original_recipients,
        "is_arf": report.is_arf,
        "is_receipt": report.is_receipt,
        "disposition": report.disposition,
    }


def _parts(message: Message[Any, Any]) -> Iterator[Message[Any, Any]]:
    """The leaves of a mail in their order; mails inside it are not entered, and there is an end to the nesting."""
    open_: list[Message[Any, Any]] = [message]
    count = 0
    while open_ and count < MOST_PARTS:
        part = open_.pop()
        count += 1
        payload = part.get_payload()
        if isinstance(payload, list) and part.get_content_maintype() != "message":
            open_ += [one for one in reversed(payload) if isinstance(one, Message)]
        else:
            yield part


def _joined(parts: Iterator[Message[Any, Any]]) -> str:
    """The text of parts that are shown, one below the other."""
    found: list[str] = []
    room = MOST_TEXT
    for part in parts:
        if room <= 0:
            break
        if "attachment" in _header(part, "content-disposition").lower() or part.get_filename():
            continue
        words = text_of(part)[:room]
        room -= len(words)
        found.append(words)
    return "\n".join(found)


def text_of(part: Message[Any, Any]) -> str:
    """The text of one part in whatever charset it says, or does not say. Never raises for a broken one."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, AssertionError, LookupError):
        payload = None
    if not isinstance(payload, bytes):
        whole = part.get_payload()
        return keepable(whole) if isinstance(whole, str) else ""
    payload = payload[: 4 * MOST_TEXT]
    try:
        declared = part.get_content_charset() or "utf-8"
    except (ValueError, LookupError):
        declared = "utf-8"
    return keepable(decoded(payload, declared))


def keepable(text: str) -> str:
    """The text without what no database takes: NUL, and the half characters that UTF-7 and a few others may hold."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _header(message: Message[Any, Any], name: str) -> str:
    """A header as text: decoded, unfolded, without characters that no database takes."""
    try:
        value = message.get(name)
    except (ValueError, LookupError, IndexError):
        return ""
    if value is None:
        return ""
    try:
        pieces = decode_header(value)
    except (ValueError, LookupError, IndexError, AssertionError):
        pieces = [(str(value), None)]
    words = [piece if isinstance(piece, str) else decoded(piece, charset) for piece, charset in pieces]
    return " ".join(keepable("".join(words)).split())[:2_000]


def _addresses(message: Message[Any, Any], name: str) -> list[tuple[str, str]]:
    """(name, address) of everyone in a header; broken ones are searched for something that looks like an address."""
    values = [str(value) for value in message.get_all(name, [])[:5]]
    found = []
    try:
        pairs = getaddresses([value.replace("\0", "")[:20_000] for value in values])
    except (ValueError, IndexError, TypeError, AttributeError):
        pairs = []
    for spoken, address in pairs[:MOST_IDS]:
        if "@" in address:
            found.append((_decoded(spoken), normal(address)))
    if not found:
        found = [("", normal(one)) for value in values for one in _ADDRESS.findall(value[:20_000])[:MOST_IDS]]
    return found


def _decoded(spoken: str) -> str:
    holder = Message()
    holder["subject"] = spoken.replace("\r", " ").replace("\n", " ")
    return _header(holder, "subject")


def normal(address: str) -> str:
    """The address in the form by which leads are found; as it is, in lower case, where it has none."""
    try:
        return normalise_email(address)
    except ValueError:
        return " ".join(keepable(address).split()).lower()[:320]


def _ids(message: Message[Any, Any], name: str) -> tuple[str, ...]:
    """The message ids of a header, each in its angle brackets."""
    text = " ".join(str(value) for value in message.get_all(name, [])[:5]).replace("\0", "")[:20_000]
    found = _ID.findall(text)
    if not found and (bare := text.strip().strip("<>")) and "@" in bare and " " not in bare and len(bare) < 250:
        found = [f"<{bare}>"]
    return tuple(dict.fromkeys(found))[-MOST_IDS:]


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _size(part: Message[Any, Any]) -> int:
    payload = part.get_payload()
    return len(payload) if isinstance(payload, str) else 0


def _calendar_reply(parts: Sequence[Message[Any, Any]]) -> str:
    """The answer in an iTIP reply, in lower case; nothing where there is none."""
    for part in parts:
        if part.get_content_type() in ("text/calendar", "application/ics"):
            text = re.sub(r"\r?\n[ \t]", "", text_of(part)[:50_000])
            if re.search(r"^METHOD:REPLY\s*$", text, re.MULTILINE | re.IGNORECASE):
                status = re.search(r"PARTSTAT=\"?([A-Z-]+)", text, re.IGNORECASE)
                return status[1].lower() if status else "needs-action"
    return ""
