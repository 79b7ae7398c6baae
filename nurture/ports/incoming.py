"""What reads incoming mail and the provider's events, and which touch a reply address names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nurture.domain.inbound import Inbound
    from nurture.domain.touch import TouchId


class MailReader(Protocol):
    """Reads the bytes of a mail."""

    def read(self, raw: bytes, *, envelope_to: Sequence[str] = ()) -> Inbound:
        """A mail as plain values. Never raises: of what cannot be read, its key is left."""


class ReplyTokens(Protocol):
    """Knows our own reply addresses."""

    def read_reply_to(self, address: str) -> TouchId | None:
        """The touch that a signed reply address names; None where it is not one of ours."""


class Mailbox(Protocol):
    """Where replies are fetched: a folder of files, an IMAP folder."""

    def fetch(self) -> Iterator[tuple[str, bytes]]:
        """New mails, each with a key that `done` and `failed` know. A mail may come again until it is done."""

    def done(self, key: str) -> None:
        """The mail is stored; it need not come again."""

    def failed(self, key: str, reason: str) -> None:
        """The mail cannot be stored; it is put aside with the reason."""


class ProviderEvent(Protocol):
    """One event of the mail provider, its types made straight. Text that is missing is empty."""

    @property
    def kind(self) -> str: ...
    @property
    def touch(self) -> TouchId | None: ...
    @property
    def is_foreign(self) -> bool: ...
    @property
    def email(self) -> str: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def url(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def bounce_type(self) -> str: ...
    @property
    def classification(self) -> str: ...
    @property
    def user_agent(self) -> str: ...
    @property
    def ip(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def machine_open(self) -> bool | None: ...
    @property
    def raw(self) -> Mapping[str, Any]: ...


class EventReader(Protocol):
    """Reads a batch of events."""

    def __call__(self, body: bytes) -> Sequence[ProviderEvent]:
        """The events of one delivery. Raises RequestError where nothing in it can be read."""
