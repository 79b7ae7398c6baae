"""Mailer over SMTP. It drives MAIL, RCPT and DATA itself, because the phase that failed decides the verdict."""

from __future__ import annotations

import io
import selectors
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

from nurture.adapters.mail.flight import TOO_LATE, Flight, Landed, verdicts
from nurture.adapters.mail.mime import mime, travelling
from nurture.domain.errors import RequestError
from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import Again, Maybe, Never, Phase, Verdict, Yes, of_smtp

Tls = Literal["none", "starttls", "tls"]

_IDLE_SECONDS: Final = 20.0  # servers close idle connections, and a dead one costs its first mail a delay


class _Refused(Exception):  # noqa: N818  (an answer, caught in this file)
    """The server answered something that ends the attempt."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text.decode("utf-8", "replace").replace("\n", " ")[:200]


class _LimitedReader(io.RawIOBase):
    """Reads a socket so that the whole conversation, not each read, keeps within its time."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._connection.timed_socket().recv_into(buffer)


class _Connection(smtplib.SMTP):
    """One connection that knows which phase it is in. Any exception leaves it unusable: close it."""

    def __init__(self, host: str, port: int, *, helo: str, boottime: Callable[[], float]) -> None:
        super().__init__(local_hostname=helo)
        self._where = (host, port)
        self._boottime = boottime
        self.phase = Phase.CONNECT
        self.until = 0.0  # boot time by which the current conversation must be over
        self.carried = 0
        self.idle_since = 0.0

    def timed_socket(self) -> socket.socket:
        """The socket, with the time that is left as its limit. Raises TimeoutError when none is."""
        left = self.until - self._boottime()
        if left <= 0:
            raise TimeoutError("out of time")
        if self.sock is None:
            raise ConnectionError("not connected")
        self.sock.settimeout(left)
        return self.sock

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = io.BufferedReader(_LimitedReader(self))
        return super().getreply()

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        self.timed_socket().sendall(s.encode("ascii") if isinstance(s, str) else s)

    def step(self, phase: Phase, command: str, expected: int) -> None:
        """Send a command and wait for the expected answer. Raises _Refused for another."""
        self.phase = phase
        self.expect(self.docmd(command), expected)

    @staticmethod
    def expect(answer: tuple[int, bytes], *expected: int) -> bytes:
        """The text of the expected answer. Raises _Refused for another."""
        code, text = answer
        if code not in expected:
            raise _Refused(code, text)
        return text

    def open(self, tls: Tls, context: ssl.SSLContext | None, username: str, password: str) -> None:
        """Connect, greet, encrypt, sign in."""
        host, _ = self._where
        self.phase = Phase.CONNECT
        self.sock = socket.create_connection(self._where, timeout=max(self.until - self._boottime(), 0.001))
        # The content and its final dot leave in two writes; without this the dot waits for an acknowledgment.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls == "tls" and context is not None:
            self.sock = context.wrap_socket(self.timed_socket(), server_hostname=host)
        self.phase = Phase.BANNER
        self.expect(self.getreply(), 220)
        self._greet()
        if tls == "starttls" and context is not None:
            self.phase = Phase.STARTTLS
            if not self.has_extn("starttls"):
                raise _Refused(502, b"the server offers no STARTTLS")
            self.step(Phase.STARTTLS, "STARTTLS", 220)
            self.sock = context.wrap_socket(self.timed_socket(), server_hostname=host)
            self.file = None  # whatever came before the encryption is not to be believed
            self._greet()
        if username:
            self.phase = Phase.AUTH
            try:
                self.login(username, password)
            except smtplib.SMTPAuthenticationError as error:
                text = error.smtp_error
                raise _Refused(error.smtp_code, text.encode() if isinstance(text, str) else text) from None
            except smtplib.SMTPException as error:
                if isinstance(error, smtplib.SMTPServerDisconnected):
                    raise
                raise _Refused(502, b"the server offers no way to sign in that is known here") from None

    def _greet(self) -> None:
        self.phase = Phase.EHLO
        answer = self.ehlo()
        if answer[0] >= 500:  # a server of the last century
            answer = self.helo()
        self.expect(answer, 250)

    def deliver(self, flight: Flight, content: bytes, latest_start: float) -> Verdict:
        """One transaction. Raises _Refused, OSError or SMTPException; `phase` says how far it came."""
        message = flight.message
        limit = self.esmtp_features.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(content):
            return Never(f"the mail has {len(content)} bytes; the server takes {limit}")
        self.carried += 1
        self.step(Phase.MAIL, f"MAIL FROM:<{travelling(message.envelope_from or message.from_email)}>", 250)
        self.phase = Phase.RCPT
        self.expect(self.docmd("RCPT", f"TO:<{travelling(message.to)}>"), 250, 251)
        self.step(Phase.DATA, "DATA", 354)
        if self._boottime() > latest_start or not flight.begin():
            raise TimeoutError("too little time was left before the content")
        self.phase = Phase.CONTENT
        self.send(dots_doubled(content))
        self.phase = Phase.DOT
        self.send(b".\r\n")
        text = self.expect(self.getreply(), 250)
        return Yes(text.decode("utf-8", "replace").replace("\n", " ")[:200])

    def is_stale(self) -> bool:
        """Whether the server hung up, or said something unasked, while the connection was idle."""
        if self.sock is None or self._boottime() - self.idle_since > _IDLE_SECONDS:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            return bool(selector.select(0))


def dots_doubled(content: bytes) -> bytes:
    """The content as it travels (RFC 5321, 4.5.2). Its lines already end in CRLF."""
    content = b"." + content if content.startswith(b".") else content
    return content.replace(b"\r\n.", b"\r\n..")


class SmtpMailer:
    """Hands messages to one SMTP server over a few reused connections. Never repeats a message by itself."""

    name: str = "smtp"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        boottime: Callable[[], float],
        tls: Tls = "starttls",
        username: str = "",
        password: str = "",
        workers: int = 8,
        timeout: float = 30.0,
        per_connection: int = 20,
        context: ssl.SSLContext | None = None,
        helo: str = "",
    ) -> None:
        """`timeout` is in seconds, for one whole message; `per_connection` mails go through one connection.

        Raises RequestError for settings that cannot work, or that would show the password to everyone on the way.
        """
        if not host:
            raise RequestError("No SMTP server is set.", hint="Set smtp.host.")
        if tls not in ("none", "starttls", "tls"):
            raise RequestError(f"smtp.tls is {tls!r}.", hint="Use none, starttls or tls.")
        if username and tls == "none" and not _is_loopback(host):
            raise RequestError("The SMTP password would travel in the clear.", hint="Set smtp.tls to starttls or tls.")
        if not (username + password).isascii():
            raise RequestError("The SMTP user name or password is not plain ASCII.", hint="Ask for one that is.")
        self._host, self._port, self._tls = host, port, tls
        self._username, self._password = username, password
        self._boottime = boottime
        self._timeout, self._per_connection, self._helo = timeout, per_connection, helo
        self._context = None if tls == "none" else context or ssl.create_default_context()
        self._pool = ThreadPoolExecutor(max_workers=max(workers, 1), thread_name_prefix="smtp")
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._finishes = False

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """A verdict for every message, as it becomes known; the whole call is over by `deadline` (boot time)."""
        flights = [Flight(message) for message in messages]
        landed = Landed(len(flights))
        for flight in flights:
            self._pool.submit(self._fly, flight, deadline, landed)
        yield from verdicts(flights, landed, deadline=deadline, boottime=self._boottime)

    def finish(self) -> None:
        """Begin no mail any more."""
        self._finishes = True

    def close(self) -> None:
        """Hang up. Messages in flight come to their end first, within their timeout."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._hang_up(connection)

    def _fly(self, flight: Flight, deadline: float, landed: Landed) -> None:
        try:
            verdict = self._attempt(flight, deadline)
        except Exception as error:  # noqa: BLE001  one broken message must not silence the others of its group
            because = f"{type(error).__name__} in the mailer"
            verdict = Again(because) if flight.withdraw() else Maybe(because)
        landed.put(flight, verdict)

    def _attempt(self, flight: Flight, deadline: float) -> Verdict:
        now = self._boottime()
        latest_start = deadline - self._timeout
        if now > latest_start or flight.is_decided or self._finishes:
            return TOO_LATE
        content = mime(flight.message)
        connection = self._take() or self._fresh()
        connection.until = min(now + self._timeout, deadline)
        try:
            if connection.sock is None:
                connection.open(self._tls, self._context, self._username, self._password)
            verdict = connection.deliver(flight, content, latest_start)
        except _Refused as refused:
            verdict = of_smtp(connection.phase, refused.code, because=refused.text)
            self._after_refusal(connection, refused.code)
            return verdict
        except (OSError, smtplib.SMTPException) as error:
            connection.close()
            return of_smtp(connection.phase, None, because=_said(error))
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return verdict

    def _fresh(self) -> _Connection:
        self._helo = self._helo or socket.getfqdn()
        return _Connection(self._host, self._port, helo=self._helo, boottime=self._boottime)

    def _take(self) -> _Connection | None:
        """The connection used last, if the server still holds its end."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not connection.is_stale():
                return connection
            connection.close()

    def _give_back(self, connection: _Connection) -> None:
        connection.idle_since = self._boottime()
        if connection.carried >= self._per_connection:
            self._hang_up(connection)
            return
        with self._lock:
            self._idle.append(connection)

    def _after_refusal(self, connection: _Connection, code: int) -> None:
        """Keep the connection if only this transaction was refused."""
        if connection.phase < Phase.MAIL or connection.phase is Phase.DATA or code == 421 or code < 400:
            connection.close()
            return
        try:
            if connection.phase is not Phase.DOT:
                connection.expect(connection.docmd("RSET"), 250)
        except (OSError, smtplib.SMTPException, _Refused):
            connection.close()
            return
        self._give_back(connection)

    def _hang_up(self, connection: _Connection) -> None:
        connection.until = self._boottime() + 1.0
        try:
            connection.quit()
        except (OSError, smtplib.SMTPException):
            connection.close()


def _said(error: Exception) -> str:
    """What went wrong, without the addresses that some exceptions carry."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the server hung up"
    return "out of time" if isinstance(error, TimeoutError) else type(error).__name__


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
