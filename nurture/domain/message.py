"""A rendered message: addresses, subject, bodies, headers. It can be sent as it is, or it cannot be made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from nurture.domain.changed import Carried, carried
from nurture.domain.errors import RequestError

# The name under which the touch id travels with a mail and comes back with the provider's events.
TOUCH_ARG: Final = "nurture_touch"
# The name under which goes which workspace sent it: several may share an account, and each is told of all.
WORKSPACE_ARG: Final = "nurture_workspace"

# Written by the mailers themselves; a second copy would be illegal or contradict the first.
OWN_HEADERS: Final = frozenset(
    {"from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "auto-submitted"}
    | {"mime-version", "content-type", "content-transfer-encoding", "content-disposition"}
    | {"list-unsubscribe", "list-unsubscribe-post", "list-id"}
    | {"received", "return-path", "dkim-signature", "x-sg-id", "x-sg-eid"}
)

_TOUCH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_MESSAGE_ID: Final = re.compile(r"<[!-;=?A-Z\[-~]+@[!-;=?A-Z\[-~]+>")
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
# What nearly all addresses are, found in one look; each of them also follows the two rules above.
_USUAL: Final = re.compile(
    r"[A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*+@(?:[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+\.)++[A-Za-z]++"
)
_HEADER_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_URL: Final = re.compile(r"https?://[!-;=?-~]{1,900}")
_MAILTO: Final = re.compile(r"(mailto:)?[!-+\--;=?-~]{1,900}")
_LIST_ID: Final = re.compile(r"[ -~]{1,255}")
# CR and LF would begin a header of an attacker's choice; a surrogate is no character and cannot be encoded.
_UNSAFE_IN_HEADER: Final = re.compile("[\r\n\0\ud800-\udfff]")
_LONGEST_SUBJECT: Final = 900
_LONGEST_ADDRESS: Final = 254  # RFC 5321: a path of 256 with its brackets
_LONGEST_LOCAL: Final = 64


class MessageError(RequestError):
    """A message that must not be sent as it is; all its problems are listed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problems), hint="Nothing was sent. Correct the template, the sender or the lead.")


def message_id_for(touch: str, domain: str) -> str:
    """The Message-ID of a touch: the same on every attempt, so that receivers can drop a second copy.

    Raises MessageError for a touch or domain that cannot stand in one.
    """
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None or not _TOUCH.fullmatch(touch):
        raise MessageError([f"No Message-ID can be made of touch {touch!r} and domain {domain!r}."])
    return f"<{touch}@{ascii_domain}>"


@lru_cache(maxsize=4096)
def ascii_address(address: str) -> str | None:
    """The address as it travels: its domain in ASCII. None where it is no address that every mail server takes."""
    if _USUAL.fullmatch(address) and address.index("@") <= _LONGEST_LOCAL and len(address) <= _LONGEST_ADDRESS:
        return address
    return _by_parts(address)


def _by_parts(address: str) -> str | None:
    local, at, domain = address.rpartition("@")
    ascii_domain = _ascii_domain(domain)
    if not at or ascii_domain is None or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        return None
    travels = f"{local}@{ascii_domain}"
    return travels if len(travels) <= _LONGEST_ADDRESS else None


def _ascii_domain(domain: str) -> str | None:
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return domain if _DOMAIN.fullmatch(domain) else None


@dataclass(frozen=True, slots=True)
class Message:
    """One mail to one recipient. Raises MessageError, naming every problem, for one that cannot be sent safely.

    `to` is a bare address. `message_id` carries its angle brackets. `unsubscribe_url` takes the one-click POST of
    RFC 8058; None for work mail to people of ours, which is no list. `envelope_from` is where SMTP bounces go (VERP);
    None means `from_email`. `at` is the Date header.
    """

    touch: str
    attempt: int
    to: str
    to_name: str
    from_email: str
    from_name: str
    reply_to: str | None
    subject: str
    html: str
    text: str
    message_id: str
    unsubscribe_url: str | None
    at: datetime
    unsubscribe_mailto: str | None = None
    list_id: str | None = None
    envelope_from: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    # The provider's request, where it is made already. Not taken over by `replace`: it is that of this message alone.
    packed: bytes = field(init=False, default=b"", repr=False, compare=False)

    def __post_init__(self) -> None:
        found = list(_problems(self))
        if found:
            raise MessageError(found)

    def __reduce__(self) -> Carried:
        return carried(self)


def _can_travel(body: str) -> bool:
    """Whether a text can be encoded and holds no NUL. Half of a surrogate pair cannot; to look for it takes longer."""
    if body.isascii():
        return "\0" not in body
    try:
        return b"\0" not in body.encode("utf-8")
    except UnicodeEncodeError:
        return False


def _problems(message: Message) -> Iterator[str]:
    """Everything that keeps a message from being sent. Values are named, not shown: they are people's data."""
    if not _TOUCH.fullmatch(message.touch):
        yield "The touch id is not an opaque name of letters and digits."
    for name, address in (
        ("to", message.to),
        ("from_email", message.from_email),
        ("reply_to", message.reply_to),
        ("envelope_from", message.envelope_from),
    ):
        if address is not None and ascii_address(address) is None:
            yield f"'{name}' is not a usable e-mail address."
    for name, value in (("to_name", message.to_name), ("from_name", message.from_name), ("subject", message.subject)):
        if not (value.isascii() and value.isprintable()) and _UNSAFE_IN_HEADER.search(value):
            yield f"'{name}' has a line break or another character that no header may have."
    if not message.subject.strip():
        yield "The subject is empty."
    if len(message.subject) > _LONGEST_SUBJECT:
        yield f"The subject is longer than {_LONGEST_SUBJECT} characters."
    for name, body in (("html", message.html), ("text", message.text)):
        if not body or body.isspace():
            yield f"The {name} part is empty."
        if not _can_travel(body):
            yield f"The {name} part has a character that mail cannot carry."
    if not _MESSAGE_ID.fullmatch(message.message_id) or len(message.message_id) > 250:
        yield "The Message-ID is not of the form <id@domain>."
    if message.unsubscribe_url is not None and not _URL.fullmatch(message.unsubscribe_url):
        yield "The unsubscribe address is not a web address."
    if message.unsubscribe_mailto is not None and not _MAILTO.fullmatch(message.unsubscribe_mailto):
        yield "The unsubscribe mail address cannot stand in a header."
    if message.list_id is not None and not _LIST_ID.fullmatch(message.list_id):
        yield "The list id cannot stand in a header."
    if message.at.tzinfo is None:
        yield "The date has no time zone."
    if message.headers:
        yield from _header_problems(message.headers)


def _header_problems(headers: tuple[tuple[str, str], ...]) -> Iterator[str]:
    seen: set[str] = set()
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name):
            yield f"{name!r} is not a header name."
        elif name.lower() in OWN_HEADERS:
            yield f"The header {name} is written by the mailer."
        elif name.lower() in seen:
            yield f"The header {name} is given twice."
        if _UNSAFE_IN_HEADER.search(value):
            yield f"The header {name!r} has a line break or another character that no header may have."
        seen.add(name.lower())
