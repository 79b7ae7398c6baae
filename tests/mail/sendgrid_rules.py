"""The documented rules of SendGrid's mail/send, as its double enforces them (twilio/sendgrid-oai, tsg_mail_v3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

RESERVED: Final = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
KNOWN: Final = frozenset(
    {"personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "headers", "categories"}
    | {"custom_args", "tracking_settings", "mail_settings", "asm", "send_at", "batch_id", "attachments"}
)
PERSON: Final = frozenset({"to", "cc", "bcc", "subject", "headers", "custom_args", "send_at", "substitutions", "from"})
TRACKING: Final = {
    "click_tracking": {"enable", "enable_text"},
    "open_tracking": {"enable", "substitution_tag"},
    "subscription_tracking": {"enable", "text", "html", "substitution_tag"},
    "ganalytics": {"enable", "utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign"},
}
PARTS: Final = ("text/plain", "text/html")


def broken_rules(body: dict[str, Any]) -> Iterator[str]:
    """What the documentation of the API forbids."""
    people = body.get("personalizations", [])
    if not 1 <= len(people) <= 1000 or not all(person.get("to") for person in people):
        yield "personalizations: 1 to 1000, each with a recipient"
    for person in people:
        yield from _person(person, body.get("custom_args", {}))
        yield from _headers(person.get("headers", {}))
    for name in ("from", "reply_to"):
        if name in body or name == "from":
            yield from _address(body.get(name), name)
    if not _filled(body.get("subject")) or _breaks(body.get("subject")):
        yield "subject: required, one line"
    parts = body.get("content")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        yield "content: required"
    else:
        types = [part.get("type") for part in parts]
        order = [PARTS.index(kind) if kind in PARTS else len(PARTS) for kind in types]
        if order != sorted(order) or len(set(types)) != len(types) or not all(map(_filled, types)):
            yield "content: text/plain, then text/html, then others"
        if not all(_filled(part.get("value")) and set(part) == {"type", "value"} for part in parts):
            yield "content: at least one character"
    yield from _headers(body.get("headers", {}))
    categories = body.get("categories", [])
    good = all(isinstance(one, str) and one.isascii() and 1 <= len(one) <= 255 for one in categories)
    if not good or len(categories) > 10 or len(set(categories)) != len(categories):
        yield "categories: up to 10, unique, ASCII, up to 255 characters"
    yield from _settings(body)
    if set(body) - KNOWN or {"reply_to", "reply_to_list"} <= set(body):
        yield "unknown or contradicting keys"


def _person(person: dict[str, Any], common: dict[str, Any]) -> Iterator[str]:
    boxes = [box for kind in ("to", "cc", "bcc") for box in person.get(kind, [])]
    for box in boxes:
        yield from _address(box, "to")
    addresses = [str(box.get("email", "")).lower() for box in boxes]
    if len(set(addresses)) != len(addresses) or len(addresses) > 1000:
        yield "to: an address once, at most 1,000"
    own = person.get("custom_args", {"given": "not at all"})
    if not own or not isinstance(common, dict) or not all(isinstance(one, str) for one in {**common, **own}.values()):
        yield "custom_args: an object of strings, not empty"
    if len(json.dumps({**common, **own}).encode()) > 10_000:
        yield "custom_args: up to 10,000 bytes"
    if set(person) - PERSON or ("subject" in person and not _filled(person["subject"])):
        yield "personalizations: unknown keys, or an empty subject"


def _address(box: Any, where: str) -> Iterator[str]:
    email = box.get("email") if isinstance(box, dict) else None
    if not isinstance(email, str) or not 3 <= len(email) <= 320 or email.count("@") != 1 or not email.isprintable():
        yield f"{where}: an address of up to 320 characters"
    elif set(box) - {"email", "name"} or not isinstance(box.get("name", ""), str) or _breaks(box.get("name")):
        yield f"{where}: a name is a text of one line"


def _headers(headers: dict[str, Any]) -> Iterator[str]:
    if len({name.lower() for name in headers}) != len(headers):
        yield "headers: one twice"
    for name, value in headers.items():
        bad = not name or not name.isascii() or not name.isprintable() or " " in name or ":" in name
        if bad or name.lower() in RESERVED or not isinstance(value, str) or _breaks(value):
            yield f"headers: {name}"


def _settings(body: dict[str, Any]) -> Iterator[str]:
    """Tracking that is not said is that of the account: ours must say all of it, and subscription tracking is off."""
    tracking = body.get("tracking_settings", {})
    said = {name: one.get("enable") for name, one in tracking.items()}
    if any(name not in TRACKING or set(one) - TRACKING[name] for name, one in tracking.items()):
        yield "tracking_settings: unknown"
    if said.get("subscription_tracking") is not False or not {"click_tracking", "open_tracking"} <= set(said):
        yield "tracking_settings: not all said, or a second way to unsubscribe"
    if not all(isinstance(one, bool) for one in said.values()):
        yield "tracking_settings: enable is true or false"
    asm = body.get("asm", {"group_id": 1})
    if type(asm.get("group_id")) is not int or len(asm.get("groups_to_display", [])) > 25:
        yield "asm: a number of a group, at most 25 to display"


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _breaks(value: Any) -> bool:
    return isinstance(value, str) and any(mark in value for mark in "\r\n\0")
