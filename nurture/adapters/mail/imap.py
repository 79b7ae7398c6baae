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
            for uid in box.uids(wanted)[: self._account.at_once]:
                # By hand: the library would write the mail anew, and a broken one is to be kept as it came.
                _, parts = box.client.uid("FETCH", uid, "(BODY.PEEK[])")
                body = next((part[1] for part in parts if isinstance(part, tuple)), None)
                if body is not None:  # else another program has just taken it away
                    yield uid, body
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
            with contextlib.suppress(IMAP4.error, OSError):
                self._box.client.shutdown()  # where the server had hung up first, logging out has closed nothing
            self._box = None

    def _connected(self) -> BaseMailBox:
        if self._box is None:
            account = self._account
            box: BaseMailBox
            context = ssl.create_default_context()  # without one, the library would believe any certificate
            if account.tls == "tls":
                box = MailBox(account.host, account.port, timeout=account.timeout, ssl_context=context)
            elif account.tls == "starttls":
                box = MailBoxStartTls(account.host, account.port, timeout=account.timeout, ssl_context=context)
            else:
                box = MailBoxUnencrypted(account.host, account.port, timeout=account.timeout)
            self._box = box
            box.login(account.username, account.password, initial_folder=account.folder)
        return self._box

    def _flag(self, key: str, flags: list[str]) -> None:
        try:
            # By hand: the library's own way would also expunge what a person has marked as deleted.
            self._connected().client.uid("STORE", key, "+FLAGS", f"({' '.join(flags)})")
        except (ImapToolsError, IMAP4.error, OSError) as problem:
            self.close()
            raise UnreachableError(
                f"The IMAP folder cannot be written to: {type(problem).__name__}.", hint="The mail will be read again."
            ) from problem
