"""A mail that the provider took apart into the fields of a form (Inbound Parse), put together again."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any, Final

from nurture.adapters.mail.raw import cut, decoded, parsed

_REPLACED: Final = ("content-type", "content-transfer-encoding", "content-disposition", "mime-version")


def of_form(form: Message[Any, Any]) -> tuple[Message[Any, Any], tuple[str, ...]]:
    """The mail in a form, and to whom the envelope was addressed.

    Each field has a charset of its own, named in the field `charsets`. Attachments are left out.
    """
    fields = _fields(form)
    charsets = _object(fields.get("charsets", b""))
    envelope = _object(fields.get("envelope", b""))
    mail = parsed(fields.get("headers", b"").strip() + b"\r\n\r\n")
    for name in _REPLACED:
        del mail[name]
    for name in ("from", "to", "cc", "subject"):
        if name in fields and name not in mail:
            charset = charsets.get(name)
            words = decoded(fields[name], charset if isinstance(charset, str) else None)
            mail[name] = cut(name, " ".join(words.split()))
    parts: list[Any] = []
    for name, subtype in (("text", "plain"), ("html", "html")):
        if name in fields:
            charset = charsets.get(name)
            words = decoded(fields[name], charset if isinstance(charset, str) else None)
            head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            parts.append(parsed(head.encode() + words.encode("utf-8", "replace")))
    mail["Content-Type"] = "multipart/alternative"
    mail.set_payload(parts)
    to = envelope.get("to")
    return mail, tuple(str(one) for one in to) if isinstance(to, list) else ()


def _fields(form: Message[Any, Any]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    payload = form.get_payload()
    for part in payload[:50] if isinstance(payload, list) else []:
        if not isinstance(part, Message):
            continue
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes) and not part.get_filename():
            found.setdefault(name, value)
    return found


def _object(text: bytes) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
