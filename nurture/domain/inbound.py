"""A mail that came in, read into plain values: what it says, whom it answers, and what a machine reports in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What a delivery report says of one recipient. Empty: not said; `action` and `status` in lower case."""

    action: str
    status: str
    recipient: str
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """An incoming mail. Nothing in it is trusted: anybody can write anything into a mail.

    `headers` holds those that classification looks at, by lower-case name. `text` is all plain text (made of the HTML
    where there is no plain part), `new_text` what the sender wrote himself, without quotes and signature. `parts`:
    content type and size in bytes of each part. `at` is the Date header, None where it is unreadable. `key` is the
    SHA-256 of the mail as it came.
    """

    key: str
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    sender: str = ""  # normalised where it is an address
    sender_name: str = ""
    recipients: tuple[str, ...] = ()  # envelope, To, Cc, Delivered-To and the like, in that order
    subject: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    text: str = ""
    new_text: str = ""
    html: str = ""
    content_type: str = "text/plain"
    parts: tuple[tuple[str, int], ...] = ()
    dsn: tuple[DeliveryStatus, ...] = ()
    failed_addresses: tuple[str, ...] = ()  # found in reports of odd formats
    original_message_ids: tuple[str, ...] = ()  # of the mail that a report is about
    original_recipients: tuple[str, ...] = ()
    is_arf: bool = False
    is_receipt: bool = False  # a disposition notification (MDN)
    disposition: str = ""
    calendar_reply: str = ""  # accepted, declined, tentative, ...: the answer to an invitation

    def header(self, name: str) -> str:
        """A header's value, or nothing."""
        return self.headers.get(name.lower(), "")
