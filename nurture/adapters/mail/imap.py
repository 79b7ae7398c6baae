"""A folder of an IMAP account to read replies from. A mail that is stored is marked with a keyword and as read."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from imaplib import IMAP4
from typing import Final

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError

from nurture.domain.errors import UnreachableError

KEYWORD: Final = "NurtureStored"
FAILED: Final = "NurtureFailed"


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """Where to read. `tls` is `tls`, `starttls` or `none`; `timeout` in seconds."""

    host: str
    username: str
    password: str
    port: int = 993
    folder: str = "INBOX"
    tls: str = "tls"
    timeout: float = 30.0
    at_once: int = 100


class ImapMailbox:
    """An IMAP folder as a mailbox. A key is a mail's UID. Nothing is deleted or moved."""

    def __init__(self, account: ImapAccount) -> None:
        self._account = account
        self._box: BaseMailBox | None = None

    def fetch(self) -> Iterator[tuple[str, bytes]]:
        """Mails that carry no keyword of ours. Raises UnreachableError where the account cannot be read."""
        wanted = AND(no_keyword=[KEYWORD, FAILED])
        try:
            box = self._connected()
            for message in box.fetch(wanted, mark_seen=False, bulk=10, limit=self._account.at_once):
                if message.uid:
                    yield message.uid, message.obj.as_bytes()
        except (ImapToolsError, IMAP4.error, OSError, ssl.SSLError) as problem:
            self.close()
            raise UnreachableError(
                f"The IMAP folder cannot be read: {type(problem).__name__}.",
                hint="See imap.host, imap.username and imap.folder in nurture.toml.",
            ) from problem

    def done(self, key: str) -> None:
        """Mark a mail as stored; without that it comes again, and is known by its hash."""
        self._flag(key, [KEYWORD, "\\Seen"])

    def failed(self, key: str, reason: str) -> None:
        """Mark a mail that cannot be stored; it stays unread for a person."""
        self._flag(key, [FAILED])

    def close(self) -> None:
        """Log out."""
        if self._box is not None:
            with contextlib.suppress(ImapToolsError, IMAP4.error, OSError):
                self._box.logout()
            self._box = None

    def _connected(self) -> BaseMailBox:
        if self._box is None:
            account = self._account
            box: BaseMailBox
            if account.tls == "tls":
                box = MailBox(account.host, account.port, timeout=account.timeout)
            elif account.tls == "starttls":
                box = MailBoxStartTls(account.host, account.port, timeout=account.timeout)
            else:
                box = MailBoxUnencrypted(account.host, account.port, timeout=account.timeout)
            box.login(account.username, account.password, initial_folder=account.folder)
            self._box = box
        return self._box

    def _flag(self, key: str, flags: list[str]) -> None:
        try:
            self._connected().flag(key, flags, True)
        except (ImapToolsError, IMAP4.error, OSError) as problem:
            self.close()
            raise UnreachableError(
                f"The IMAP folder cannot be written to: {type(problem).__name__}.", hint="The mail will be read again."
            ) from problem
