"""SendGrid's signed Event Webhook: is it really theirs, and what does it say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from nurture.domain.errors import RequestError
from nurture.domain.message import TOUCH_ARG, WORKSPACE_ARG

_MILLISECONDS: Final = 10**11  # as seconds, that would be the year 5138


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One event, with the types that drift made straight. Text that is missing is empty.

    `touch` is our own custom argument; without it the event may belong to another application on the account, or
    be a late bounce. `is_foreign`: it names another workspace on the account. `machine_open` is None where the
    provider does not say. `raw` is everything it sent.
    """

    kind: str
    touch: str | None
    is_foreign: bool
    email: str
    at: datetime | None
    url: str
    reason: str
    status: str
    bounce_type: str  # bounce (hard) or blocked
    classification: str
    user_agent: str
    ip: str
    event_id: str
    message_id: str
    machine_open: bool | None
    raw: Mapping[str, Any]


def verify_event(public_key: str, signature: str | None, timestamp: str | None, body: bytes) -> bool:
    """Whether the body, byte for byte, was signed by the holder of the key. Never raises.

    The library's check raises for a missing header, bad base64, a key that is none: each of them is a "no".
    """
    if not public_key or not signature or not timestamp:
        return False
    try:
        return bool(_checker(public_key).verify_signature(body.decode("utf-8"), signature, timestamp))
    except Exception:  # noqa: BLE001  whatever it stumbles over, it is not a valid signature
        return False


@cache
def _checker(public_key: str) -> Any:
    """What checks by this key. To read the key costs as much as to check with it."""
    # Imported late: the web process needs it, most commands do not.
    from sendgrid.helpers.eventwebhook import EventWebhook

    return EventWebhook(public_key)


def read_events(body: bytes, *, workspace: str = "") -> list[ProviderEvent]:
    """The events of one batch, in its order. What is not an object with a kind of event is left out.

    `workspace` is what our mails say of whose they are; a mail that says nothing may be ours.
    Raises RequestError for a body that is no JSON array: nothing in it can be kept apart.
    """
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError("The events are not JSON.", hint="Store the body and look at it.") from None
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        raise RequestError("The events are not a JSON array.", hint="Store the body and look at it.")
    return [
        _event(entry, workspace) for entry in entries if isinstance(entry, dict) and isinstance(entry.get("event"), str)
    ]


def _event(entry: dict[str, Any], workspace: str) -> ProviderEvent:
    machine = entry.get("sg_machine_open")
    return ProviderEvent(
        kind=entry["event"],
        touch=_text(entry, TOUCH_ARG) or None,
        is_foreign=bool(workspace) and _text(entry, WORKSPACE_ARG) not in ("", workspace),
        email=_text(entry, "email").strip().lower(),
        at=_moment(entry.get("timestamp")),
        url=_text(entry, "url"),
        reason=_text(entry, "reason") or _text(entry, "response"),
        status=_text(entry, "status"),
        bounce_type=_text(entry, "type"),
        classification=_text(entry, "bounce_classification"),
        user_agent=_text(entry, "useragent"),
        ip=_text(entry, "ip"),
        event_id=_text(entry, "sg_event_id"),
        message_id=_text(entry, "sg_message_id"),
        machine_open=machine if isinstance(machine, bool) else {"true": True, "false": False}.get(str(machine).lower()),
        raw=entry,
    )


def _text(entry: Mapping[str, Any], key: str) -> str:
    """A value as text that a database can keep: half a character, and NUL, are replaced."""
    value = entry.get(key)
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
    return text if text.isprintable() else text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _moment(value: Any) -> datetime | None:
    """The time of an event: epoch seconds, as number or text, by some samples in milliseconds."""
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
