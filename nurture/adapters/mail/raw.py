"""Bytes -> a mail of the standard library, and bytes -> text: in little time, whoever wrote them."""

from __future__ import annotations

import codecs
import email
from collections.abc import Iterable
from email.message import Message
from email.policy import Compat32, Policy
from itertools import count
from typing import Any, Final

# Characters of a header that are looked at. What describes a part is asked for its parameters several times for each
# part, and the library takes quadratic time: a minute and a half for 200,000 of them.
LONGEST: Final = 20_000
LONGEST_OF_A_PART: Final = 2_000
MOST_HEADERS: Final = 1_000
MOST_PARTS: Final = 2_000  # blocks of a delivery report count

# Python has them, and no mail: one takes quadratic time, and others read escapes.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape"})


class _Heads(Compat32):
    """How the library reads mails by default, but for the end of headers that are too long."""

    def header_source_parse(self, sourcelines: Iterable[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(list(sourcelines))
        return name, cut(name, value)


class _Part(Message):
    """A mail or a part of one, with as many headers as anybody asks for: each question looks at all of them."""

    def set_raw(self, name: str, value: str) -> None:
        if len(self) < MOST_HEADERS:
            super().set_raw(name, value)


def parsed(raw: bytes) -> Message[Any, Any]:
    """The mail in these bytes, as far as it can be read. Raises ValueError for one of too many parts."""
    made = count()

    def part(policy: Policy[Any]) -> _Part:
        if next(made) > MOST_PARTS:
            raise ValueError(f"over {MOST_PARTS} parts")
        return _Part(policy)

    return email.message_from_bytes(raw, policy=_Heads(message_factory=part))


def cut(header: str, value: str) -> str:
    """As much of a header as is looked at."""
    return value[: LONGEST_OF_A_PART if header.lower().startswith("content-") else LONGEST]


def decoded(value: bytes, charset: str | None) -> str:
    """The text in whatever charset it is said to have. Never raises for a wrong one."""
    for one in (charset or "utf-8", "utf-8", "cp1252"):
        try:
            if codecs.lookup(one).name not in _NO_CHARSETS:
                return value.decode(one)
        except (LookupError, ValueError):
            continue
    return value.decode("latin-1")
