"""A strict local IMAP server with one folder: knows what RFC 3501 needs of it here, and refuses everything else."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import Self

from tests.mail.servers import Certificate

UNKEYWORD = re.compile(r"\(?((?:UNKEYWORD \w+ ?)+)\)?")


@dataclass
class Stored:
    """A mail in the folder."""

    body: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class ImapServer:
    """Serves the mails of `folder` to one user. `hang_up` closes what is open, as servers do with idle clients."""

    certificate: Certificate
    user: str = "replies"
    password: str = "secret"
    folder: str = "INBOX"
    mails: list[Stored] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    logins: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[ssl.SSLSocket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(5)

    def hang_up(self) -> None:
        """Close every connection."""
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            client = self.certificate.for_server().wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        self._open.append(client)
        with client, contextlib.suppress(OSError), client.makefile("rwb") as wire:
            wire.write(b"* OK ready\r\n")
            wire.flush()
            while line := wire.readline():
                tag, _, command = line.decode("ascii").strip().partition(" ")
                answer = self._answer(command)
                for each in answer[:-1]:
                    wire.write(each + b"\r\n")
                wire.write(f"{tag} ".encode() + answer[-1] + b"\r\n")
                wire.flush()
                if command.upper() == "LOGOUT":
                    return

    def _answer(self, command: str) -> list[bytes]:
        """The untagged lines, and the tagged one."""
        verb, _, rest = command.partition(" ")
        match verb.upper():
            case "CAPABILITY":
                return [b"* CAPABILITY IMAP4rev1", b"OK done"]
            case "LOGIN":
                if rest.replace('"', "") != f"{self.user} {self.password}":
                    return [b"NO wrong"]
                self.logins += 1
                return [b"OK done"]
            case "SELECT" if rest.strip('"') == self.folder:
                counted = f"* {len(self.mails)} EXISTS".encode()
                return [counted, b"* OK [PERMANENTFLAGS (\\Seen \\*)]", b"* OK [UIDVALIDITY 1]", b"OK [READ-WRITE]"]
            case "SELECT":
                return [b"NO there is no such folder"]
            case "LOGOUT":
                return [b"* BYE", b"OK done"]
            case "UID":
                return self._by_uid(rest)
        return self._refuse(command)

    def _by_uid(self, rest: str) -> list[bytes]:
        verb, _, rest = rest.partition(" ")
        if verb == "SEARCH":
            wanted = UNKEYWORD.fullmatch(re.sub(r"^CHARSET US-ASCII ", "", rest))
            if wanted is None:
                return self._refuse(f"SEARCH {rest}")
            words = set(wanted[1].split()) - {"UNKEYWORD"}
            found = [str(uid) for uid, mail in enumerate(self.mails, 1) if not words & mail.flags]
            return [f"* SEARCH {' '.join(found)}".rstrip().encode(), b"OK done"]
        number, _, rest = rest.partition(" ")
        mail = self.mails[int(number) - 1]
        if verb == "FETCH" and rest == "(BODY.PEEK[])":
            head = f"* {number} FETCH (UID {number} BODY[] {{{len(mail.body)}}}".encode()
            return [head + b"\r\n" + mail.body + b")", b"OK done"]
        if verb == "STORE" and (match := re.fullmatch(r"\+FLAGS \(([^)]*)\)", rest)):
            mail.flags |= set(match[1].split())
            return [f"* {number} FETCH (UID {number} FLAGS ({' '.join(sorted(mail.flags))}))".encode(), b"OK done"]
        return self._refuse(f"{verb} {rest}")

    def _refuse(self, command: str) -> list[bytes]:
        self.refused.append(command)
        return [b"BAD not known here"]
