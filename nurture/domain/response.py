"""What a response is and how much it proves: a machine's open is not interest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class Kind(StrEnum):
    """What the lead, or a machine on the way, did."""

    DELIVERED = "delivered"
    OPEN = "open"
    CLICK = "click"
    REPLY = "reply"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    CALL = "call"
    FORM = "form"
    VISIT = "visit"
    DOWNLOAD = "download"
    MEETING = "meeting"


class Grade(StrEnum):
    """How much a response proves. Only `human` scores, branches, or counts as evidence."""

    HUMAN = "human"
    LIKELY_MACHINE = "likely_machine"
    MACHINE = "machine"


class Bounce(StrEnum):
    """Why a mail came back. Only `hard` suppresses the address."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    FULL = "full"


class Intent(StrEnum):
    """What a human reply wants."""

    REQUEST = "request"
    INTERESTED = "interested"
    QUESTION = "question"
    NOT_NOW = "not_now"
    REFUSAL = "refusal"
    REFERRAL = "referral"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


class CallOutcome(StrEnum):
    """How a call, or another task of a person, ended."""

    CONNECTED = "connected"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    GATEKEEPER = "gatekeeper"
    WRONG_NUMBER = "wrong_number"
    CALLBACK = "callback"
    NOT_INTERESTED = "not_interested"
    WRONG_PERSON = "wrong_person"
    LEFT_COMPANY = "left_company"
    REPLIED = "replied"
    DO_NOT_CALL = "do_not_call"
    MEETING_BOOKED = "meeting_booked"
    MEETING_HELD = "meeting_held"
    MEETING_CANCELED = "meeting_canceled"
    NO_SHOW = "no_show"


# A person spoke with us; the other outcomes prove nothing about interest.
CONVERSATIONS: Final = frozenset(
    {
        CallOutcome.CONNECTED,
        CallOutcome.CALLBACK,
        CallOutcome.NOT_INTERESTED,
        CallOutcome.REPLIED,
        CallOutcome.MEETING_BOOKED,
        CallOutcome.MEETING_HELD,
    }
)
REFUSALS: Final = frozenset({Intent.REFUSAL, Intent.UNSUBSCRIBE})
_SEEN: Final = frozenset({Kind.VISIT, Kind.DOWNLOAD})


def page_of(kind: Kind, detail: Mapping[str, Any]) -> str | None:
    """The page that a response names, by its path on the site: of `https://acme.example/pricing` it is `/pricing`."""
    said = detail.get("page") or (detail.get("url") if kind in _SEEN else None)
    if said is None:
        return None
    found = re.match(r"https?://[^/?#]*([^#]*)", str(said), re.IGNORECASE)
    if found is None:
        return str(said)
    return found[1] if found[1].startswith("/") else f"/{found[1]}"


@dataclass(frozen=True, slots=True)
class Response:
    """One response, as recorded. `detail` holds what its kind adds: url, page, form, intent, outcome, bounce, text."""

    kind: Kind
    at: datetime
    lead: int | None
    touch: str | None = None
    grade: Grade = Grade.HUMAN
    detail: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""  # the reasons of the verdict, in words

    @property
    def url(self) -> str:
        """The link that was followed, or nothing."""
        return str(self.detail.get("url") or "")

    @property
    def intent(self) -> Intent | None:
        """What a reply wants, where that was judged."""
        value = self.detail.get("intent")
        return Intent(value) if value else None

    @property
    def outcome(self) -> CallOutcome | None:
        """How a task ended."""
        value = self.detail.get("outcome")
        return CallOutcome(value) if value else None

    @property
    def is_evidence(self) -> bool:
        """Whether a person showed something by it, other than a wish to be left alone."""
        if self.grade is not Grade.HUMAN or self.kind not in EVIDENCE:
            return False
        if self.kind is Kind.CALL:
            return self.outcome in CONVERSATIONS and self.outcome is not CallOutcome.NOT_INTERESTED
        return self.intent not in REFUSALS


EVIDENCE: Final = frozenset({Kind.CLICK, Kind.REPLY, Kind.CALL, Kind.FORM, Kind.VISIT, Kind.DOWNLOAD, Kind.MEETING})
