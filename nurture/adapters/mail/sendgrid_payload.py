"""Message -> the JSON body of SendGrid's mail/send, checked against the documented rules of the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from sendgrid.helpers.mail import (
    Asm,
    Category,
    ClickTracking,
    Content,
    CustomArg,
    Email,
    From,
    GroupId,
    Header,
    Mail,
    OpenTracking,
    Personalization,
    ReplyTo,
    Subject,
    SubscriptionTracking,
    To,
    TrackingSettings,
)
from sendgrid.helpers.mail.exceptions import ApiKeyIncludedException

from nurture.adapters.mail.mime import list_headers, travelling
from nurture.domain.changed import changed
from nurture.domain.draft import Quoted
from nurture.domain.message import TOUCH_ARG, WORKSPACE_ARG, Message
from nurture.domain.verdict import Never

_RESERVED_HEADERS: Final = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
_LONGEST_ADDRESS: Final = 320
_LARGEST_ARGS: Final = 10_000  # bytes
_LARGEST_REQUEST: Final = 30_000_000  # bytes

_Account = tuple[tuple[str, ...], int | None, str]  # categories, unsubscribe group, workspace
# What stands for touch, address, name, subject, text, HTML, Message-ID, way out and reply address.
_MARKS: Final = (
    *("place-touch", "place-to@place.example", "place-name", "place-subject", "place-text", "place-html"),
    *("<place-id@place.example>", "https://place.example/out", "place-reply@place.example"),
)
_TEXT: Final = 4
_HTML: Final = 5
_ANY_MARK: Final = re.compile("(" + "|".join(map(re.escape, _MARKS)) + ")")


@dataclass(frozen=True, slots=True)
class _Form:
    """A request in parts, and which value goes where."""

    parts: tuple[str, ...]
    places: tuple[tuple[int, int], ...]


def payload(
    message: Message, *, categories: Sequence[str] = (), asm_group: int | None = None, workspace: str = ""
) -> dict[str, Any]:
    """The request for one touch: one personalization, one recipient.

    Every value goes through the wrapper class of the library that takes it as it is. The shortcuts lose, reorder or
    misread values: a name with a comma, a second custom argument, the order of the categories.

    Raises ApiKeyIncludedException for a text that begins like an API key.
    """
    recipient = Personalization()
    recipient.add_to(_box(To, message.to, message.to_name))
    recipient.add_custom_arg(CustomArg(TOUCH_ARG, message.touch))
    if workspace:
        recipient.add_custom_arg(CustomArg(WORKSPACE_ARG, workspace))
    mail = Mail()
    mail.from_email = _box(From, message.from_email, message.from_name)
    mail.subject = Subject(message.subject)
    if message.reply_to is not None:
        mail.reply_to = _box(ReplyTo, message.reply_to, "")
    mail.add_personalization(recipient)
    mail.add_content(Content("text/plain", message.text))
    mail.add_content(Content("text/html", message.html))
    for name, value in (
        ("Message-ID", message.message_id),
        *list_headers(message),
        ("Auto-Submitted", "no"),
        *message.headers,
    ):
        mail.add_header(Header(name, value))
    if asm_group is not None:
        mail.asm = Asm(GroupId(asm_group))
    mail.tracking_settings = _no_tracking()
    body: dict[str, Any] = mail.get()
    if categories:
        body["categories"] = [Category(category).get() for category in categories]
    return body


def _box(kind: type[Email], address: str, name: str) -> Email:
    """An address with its owner's name. Not through the constructor: it would parse an address that has no name."""
    box = kind()
    box.email = travelling(address)
    box.name = name or None
    return box


@cache
def _no_tracking() -> TrackingSettings:
    """The links and the way out are our own; without these lines the settings of the account would apply."""
    tracking = TrackingSettings()
    tracking.click_tracking = ClickTracking(False, False)
    tracking.open_tracking = OpenTracking(False)
    tracking.subscription_tracking = SubscriptionTracking(False)
    return tracking


def request(
    message: Message, *, categories: Sequence[str] = (), asm_group: int | None = None, workspace: str = ""
) -> bytes | Never:
    """The request as it travels, or why it cannot be sent."""
    content = _written(message, (tuple(categories), asm_group, workspace), None)
    return content if content is not None else checked(message, categories, asm_group, workspace)


def checked(message: Message, categories: Sequence[str], asm_group: int | None, workspace: str) -> bytes | Never:
    """The request as the library writes it, or all that the API would refuse in it."""
    try:
        body = payload(message, categories=categories, asm_group=asm_group, workspace=workspace)
    except ApiKeyIncludedException:
        return Never("the text contains an API key")
    found = problems(body)
    content = encoded(body)
    if is_too_large(content):
        found.append("the request is larger than 30 MB")
    return Never("; ".join(found)) if found else content


def _written(message: Message, account: _Account, quoted: Quoted | None) -> bytes | None:
    """The same request as `checked` makes, written into one of its kind; None where it has to be checked itself.

    What a Message cannot hold, and the beginning of an API key, are all that there is to refuse in what differs.
    """
    if message.unsubscribe_mailto is not None or message.text.startswith("SG.") or message.html.startswith("SG."):
        return None
    has = (bool(message.to_name), message.reply_to is not None, message.unsubscribe_url is not None)
    form = _form(message.from_email, message.from_name, message.list_id, message.headers, has, account)
    if form is None:
        return None
    values = (
        *(message.touch, travelling(message.to), message.to_name, message.subject, message.text, message.html),
        *(message.message_id, message.unsubscribe_url or "", travelling(message.reply_to or "")),
    )
    parts = list(form.parts)
    html, text = quoted() if quoted is not None else ("", "")
    for place, number in form.places:
        if quoted is not None and number in (_TEXT, _HTML):
            parts[place] = html if number == _HTML else text
        else:
            parts[place] = encode_basestring_ascii(values[number])[1:-1]
    content = "".join(parts).encode("ascii")
    return None if is_too_large(content) else content


@lru_cache(maxsize=256)
def _form(
    from_email: str,
    from_name: str,
    list_id: str | None,
    headers: tuple[tuple[str, str], ...],
    has: tuple[bool, bool, bool],
    account: _Account,
) -> _Form | None:
    """A checked request with marks where the values of a message go; None where it is refused, or holds a mark itself.

    Most of a request is the same for thousands, and the library takes longer than all else that is done for a mail.
    """
    named, answered, leaves = has
    marked = Message(
        touch=_MARKS[0],
        attempt=1,
        to=_MARKS[1],
        to_name=_MARKS[2] if named else "",
        from_email=from_email,
        from_name=from_name,
        reply_to=_MARKS[8] if answered else None,
        subject=_MARKS[3],
        html=_MARKS[5],
        text=_MARKS[4],
        message_id=_MARKS[6],
        unsubscribe_url=_MARKS[7] if leaves else None,
        at=datetime(2000, 1, 1, tzinfo=UTC),  # no part of a request
        list_id=list_id,
        headers=headers,
    )
    content = checked(marked, *account)
    if isinstance(content, Never):
        return None
    parts = _ANY_MARK.split(content.decode("ascii"))
    places = tuple((place, _MARKS.index(parts[place])) for place in range(1, len(parts), 2))
    expected = [0, 1, *([2] if named else []), 3, 4, 5, 6, *([7] if leaves else []), *([8] if answered else [])]
    if sorted(number for _, number in places) != expected:
        return None
    return _Form(tuple(parts), places)


def packed(message: Message, quoted: Quoted | None, *, workspace: str) -> Message:
    """The message with its request, made where it is rendered; without one where the mailer is to say what is wrong."""
    made: bytes | Never | None = _written(message, ((), None, workspace), quoted)
    if made is None:
        made = checked(message, (), None, workspace)
    return changed(message, packed=made) if isinstance(made, bytes) else message


def encoded(body: Mapping[str, Any]) -> bytes:
    """The body as it travels."""
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def problems(body: Mapping[str, Any]) -> list[str]:
    """What the API would refuse, or worse, accept and do otherwise. Values are named, not shown."""
    return list(_problems(body))


def _problems(body: Mapping[str, Any]) -> Iterator[str]:
    people = body.get("personalizations") or []
    if len(people) != 1 or len(people[0].get("to") or []) != 1 or people[0].get("cc") or people[0].get("bcc"):
        yield "a request must have exactly one recipient"
        return
    addresses = [body.get("from") or {}, people[0]["to"][0]] + ([body["reply_to"]] if "reply_to" in body else [])
    if any(not 3 <= len(address.get("email") or "") <= _LONGEST_ADDRESS for address in addresses):
        yield "an address is missing or too long"
    if "reply_to" in body and "reply_to_list" in body:
        yield "reply_to and reply_to_list exclude each other"
    if not body.get("subject"):
        yield "the subject is empty"
    contents = body.get("content") or []
    if [part.get("type") for part in contents] != ["text/plain", "text/html"]:
        yield "the content must be text/plain, then text/html"
    if not all(part.get("value") for part in contents):
        yield "a part of the content is empty"
    yield from _argument_problems({**(body.get("custom_args") or {}), **(people[0].get("custom_args") or {})})
    yield from _header_problems(body.get("headers") or {})
    yield from _category_problems(body.get("categories") or [])
    if not {"click_tracking", "open_tracking", "subscription_tracking"} <= set(body.get("tracking_settings") or {}):
        yield "the tracking settings are not set"


def _argument_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not arguments.get(TOUCH_ARG):
        yield f"the custom argument {TOUCH_ARG} is missing"
    if not all(isinstance(value, str) for value in arguments.values()):
        yield "a custom argument is not a string"
    if len(json.dumps(arguments)) > _LARGEST_ARGS:
        yield "the custom arguments are larger than 10,000 bytes"


def _header_problems(headers: Mapping[str, Any]) -> Iterator[str]:
    if len({name.lower() for name in headers}) != len(headers):
        yield "a header is given twice"
    for name, value in headers.items():
        if name.lower() in _RESERVED_HEADERS:
            yield f"the header {name} is reserved"
        if not name.isascii() or not name.isprintable() or " " in name or ":" in name or not name:
            yield "a header has a name that is none"
        if not isinstance(value, str) or any(character in value for character in "\r\n\0"):
            yield f"the header {name!r} has a value that cannot stand in a header"


def _category_problems(categories: Sequence[Any]) -> Iterator[str]:
    if len(categories) > 10 or len(set(categories)) != len(categories):
        yield "there are more than 10 categories, or one twice"
    if not all(isinstance(each, str) and each.isascii() and 1 <= len(each) <= 255 for each in categories):
        yield "a category is not 1 to 255 ASCII characters"


def is_too_large(request: bytes) -> bool:
    """Whether the API refuses a request for its size alone."""
    return len(request) >= _LARGEST_REQUEST
