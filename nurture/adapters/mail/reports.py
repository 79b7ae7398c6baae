"""What machines report by mail: delivery reports (RFC 3464 and older forms), complaints (ARF), receipts (MDN)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final

from nurture.domain.inbound import DeliveryStatus

MOST: Final = 50  # recipients, ids: nobody reports on more of our mails at once, one touch has one recipient
_STATUS: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ID_LINE: Final = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s]{3,250}>)", re.IGNORECASE | re.MULTILINE)
_ADDRESS: Final = re.compile(r"[^\s<>\"',;:()\[\]]{1,64}@[^\s<>\"',;:()\[\]]{1,253}")
_DAEMON: Final = re.compile(
    r"^(?:mailer-?daemon|mail-?daemon|postmaster|mdaemon|microsoftexchange|bounces?|<>|no-?reply-?daemon)\b",
    re.IGNORECASE,
)
_FAILURE: Final = re.compile(
    r"undeliver|delivery (?:status|failure|report|problem|notification)|returned mail|mail delivery|failure notice"
    r"|not delivered|delayed|could not be delivered|non-?delivery|unzustellbar|non remis|no se puede entregar"
    r"|mancato recapito|onbestelbaar|mail (?:failed|error)|failed mail|delivery (?:has )?failed|rejected mail"
    r"|processing error",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a machine reports; all of it empty in a mail that is no report."""

    dsn: tuple[DeliveryStatus, ...] = ()
    failed_addresses: tuple[str, ...] = ()
    original_message_ids: tuple[str, ...] = ()
    original_recipients: tuple[str, ...] = ()
    is_arf: bool = False
    is_receipt: bool = False
    disposition: str = ""

    @property
    def is_report(self) -> bool:
        """Whether a machine wrote the mail to report on another one."""
        return bool(self.dsn or self.failed_addresses or self.is_arf or self.is_receipt)


def read_reports(
    message: Message[Any, Any], *, sender: str, subject: str, headers: Mapping[str, str], text: str
) -> Report:
    """Read the reports in a mail. Odd formats are only searched in a mail that a mail server seems to have written."""
    parts = list(_all_parts(message))
    kinds = {part.get_content_type() for part in parts}
    statuses = tuple(_statuses(parts))[:MOST]
    is_arf = "message/feedback-report" in kinds
    is_receipt = bool({"message/disposition-notification", "message/global-disposition-notification"} & kinds)
    by_machine = (
        _DAEMON.match(sender) is not None
        or headers.get("return-path", "").strip() == "<>"
        or bool(headers.get("x-failed-recipients"))
        or _FAILURE.search(subject) is not None
        or message.get_content_type() == "multipart/report"
    )
    failed = _searched(message) if by_machine and not statuses and not is_arf and not is_receipt else ()
    if not (statuses or failed or is_arf or is_receipt):
        return Report()
    ids, people = _originals(parts, text if not (is_arf or statuses) else "")
    if headers.get("x-failed-recipients"):
        failed = tuple(dict.fromkeys([*failed, *_ADDRESS.findall(headers["x-failed-recipients"])]))
    return Report(
        dsn=statuses,
        failed_addresses=tuple(one.lower() for one in failed[:MOST]),
        original_message_ids=ids,
        original_recipients=people,
        is_arf=is_arf,
        is_receipt=is_receipt,
        disposition=_disposition(parts) if is_receipt else "",
    )


def _all_parts(message: Message[Any, Any]) -> Iterator[Message[Any, Any]]:
    """Every part, those of enclosed mails included; at most 200."""
    open_ = [message]
    for _ in range(200):
        if not open_:
            return
        part = open_.pop()
        yield part
        payload = part.get_payload()
        if isinstance(payload, list):
            open_ += [one for one in reversed(payload) if isinstance(one, Message)]


def _statuses(parts: list[Message[Any, Any]]) -> Iterator[DeliveryStatus]:
    """The recipients of delivery reports: Action and Status as they stand there, not as a library sums them up."""
    for part in parts:
        if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        payload = part.get_payload()
        blocks = payload if isinstance(payload, list) else [part]
        for block in blocks:
            if not isinstance(block, Message) or not (block.get("action") or block.get("status")):
                continue
            words = _field(block, "action").lower().split()
            status = _STATUS.search(_field(block, "status"))
            named = _ADDRESS.search(_field(block, "final-recipient") + " " + _field(block, "original-recipient"))
            yield DeliveryStatus(
                action=words[0].strip("()") if words else "",
                status=status[1] if status else "",
                recipient=named[0].lower() if named else "",
                diagnostic=" ".join(
                    [_field(block, "diagnostic-code"), _field(block, "status") if not status else ""]
                ).strip()[:1_000],
            )


def _searched(message: Message[Any, Any]) -> tuple[str, ...]:
    """Addresses in reports of odd formats. The library's own verdict on how bad it is does not count."""
    # Imported late: it is needed for few mails.
    from flufl.bounce import all_failures

    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001  twenty readers of odd formats, fed with whatever strangers send
        return ()
    found = [one.decode("ascii", "replace") for one in sorted(permanent) + sorted(temporary)]
    return tuple(dict.fromkeys(one for one in found if _ADDRESS.fullmatch(one)))


def _originals(parts: list[Message[Any, Any]], text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Message ids and addresses (To, Reply-To) of the mail that is reported on."""
    ids: list[str] = []
    people: list[str] = []
    for part in parts:
        for name in ("original-message-id", "original-recipient"):
            value = _field(part, name)
            (ids if name.endswith("id") else people).extend(
                re.findall(r"<[^<>\s]{3,250}>", value) if name.endswith("id") else _ADDRESS.findall(value)
            )
        if part.get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"):
            payload = part.get_payload()
            head = payload if isinstance(payload, str) else ""
            ids += _ID_LINE.findall(head)
            for line in re.findall(r"^(?:to|reply-to):\s*(.{1,1000})$", head, re.IGNORECASE | re.MULTILINE):
                people += _ADDRESS.findall(line)
    for part in parts[1:]:
        # The enclosed mail is the first part inside a message/rfc822; its headers are those of the original.
        if part.get("message-id") and part.get("from"):
            ids += re.findall(r"<[^<>\s]{3,250}>", _field(part, "message-id"))
            people += _ADDRESS.findall(_field(part, "to") + " " + _field(part, "reply-to"))
    ids += _ID_LINE.findall(text[:100_000])
    return tuple(dict.fromkeys(ids))[:MOST], tuple(dict.fromkeys(one.lower() for one in people))[:MOST]


def _disposition(parts: list[Message[Any, Any]]) -> str:
    for part in parts:
        payload = part.get_payload()
        blocks = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
        for block in [part, *blocks]:
            if value := _field(block, "disposition"):
                return value.rpartition(";")[2].strip().lower()[:100]
    return ""


def _field(part: Message[Any, Any], name: str) -> str:
    value = part.get(name)
    return " ".join(str(value).replace("\0", "").split())[:2_000] if value is not None else ""
