"""Local providers for tests: an SMTP server that misbehaves on request, and a strict double of SendGrid's API."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import operator
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.mail.sendgrid_rules import broken_rules


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for the local machine, signed by itself."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        signed = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(folder / "certificate.pem", folder / "key.pem")
        made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def for_server(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def for_client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that the SMTP server took."""

    sender: str
    recipient: str
    content: bytes
    encrypted: bool
    user: str


class _HungUp(Exception):  # noqa: N818
    pass


@dataclass
class SmtpServer:
    """Takes mail on a local port. `faults` maps a phase to what it does there instead.

    Phases: banner, ehlo, starttls, auth, mail, rcpt, data, content (some of it was read), dot (all of it was).
    Faults: an answer ("450 later"), "drop", "reset", "stall" (until the client hangs up).
    """

    tls: str = "none"
    certificate: Certificate | None = None
    password: str = ""
    extensions: list[str] = field(default_factory=lambda: ["SIZE 20000000"])
    faults: dict[str, str] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)  # mails taken on each
    port: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
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
        """Close every connection, as a server does with idle ones."""
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(client)
            self.connections.append(0)
            number = len(self.connections) - 1
            thread = threading.Thread(target=self._serve, args=(client, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, number: int) -> None:
        conversation = _Conversation(self, client, number)
        try:
            conversation.hold()
        except (_HungUp, OSError):
            pass
        finally:
            self._open.discard(client)
            conversation.close()


class _Conversation:
    """One connection, from banner to goodbye."""

    def __init__(self, server: SmtpServer, client: socket.socket, number: int) -> None:
        self.server, self.socket, self.number = server, client, number
        self.encrypted, self.user, self.buffer = False, "", b""

    def close(self) -> None:
        self.socket.close()

    def line(self) -> str:
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("ascii")

    def more(self) -> None:
        chunk = self.socket.recv(65536)
        if not chunk:
            raise _HungUp
        self.buffer += chunk

    def say(self, phase: str, usual: str) -> bool:
        """Answer as usual, or misbehave. False where the answer was a refusal."""
        said = self.server.faults.get(phase, usual)
        if said == "stall":
            while True:
                self.more()
        if said == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if said in ("drop", "reset"):
            raise _HungUp
        self.socket.sendall(said.encode("ascii") + b"\r\n")
        return said == usual

    def encrypt(self) -> None:
        assert self.server.certificate is not None
        self.socket = self.server.certificate.for_server().wrap_socket(self.socket, server_side=True)
        self.encrypted, self.buffer = True, b""

    def hold(self) -> None:
        if self.server.tls == "tls":
            self.encrypt()
        if not self.say("banner", "220 local ESMTP"):
            return
        sender = recipient = ""
        while True:
            line = self.line()
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "HELO"):
                self.say("ehlo", "\r\n".join(self.greeting()))
            elif verb == "STARTTLS":
                if self.say("starttls", "220 go ahead"):
                    self.encrypt()
            elif verb == "AUTH":
                self.sign_in(rest)
            elif verb == "MAIL":
                if self.server.password and not self.user:
                    self.say("mail", "530 sign in first")
                elif self.say("mail", "250 ok"):
                    sender = rest.removeprefix("FROM:<").partition(">")[0]
            elif verb == "RCPT":
                recipient = rest.removeprefix("TO:<").removesuffix(">")
                if not self.say("rcpt", "250 ok"):
                    recipient = ""
            elif verb == "DATA" and sender and recipient:
                if self.say("data", "354 go ahead"):
                    self.take(sender, recipient)
                sender = recipient = ""
            elif verb == "RSET":
                sender = recipient = ""
                self.say("rset", "250 ok")
            elif verb == "QUIT":
                self.say("quit", "221 bye")
                return
            else:
                self.say("unknown", "503 bad sequence")

    def greeting(self) -> Iterator[str]:
        offered = list(self.server.extensions)
        if self.server.tls == "starttls" and not self.encrypted:
            offered.append("STARTTLS")
        if self.server.password and (self.encrypted or self.server.tls == "none"):
            offered.append("AUTH PLAIN")
        yield "250-local" if offered else "250 local"
        for index, extension in enumerate(offered):
            yield f"250{' ' if index == len(offered) - 1 else '-'}{extension}"

    def sign_in(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.partition(" ")[2]).decode("ascii").split("\0")
        right = password == self.server.password
        if self.say("auth", "235 welcome" if right else "535 wrong") and right:
            self.user = user

    def take(self, sender: str, recipient: str) -> None:
        if "content" in self.server.faults:
            self.more()
            self.say("content", "")
        while not self.buffer.endswith(b"\r\n.\r\n"):
            self.more()
        content, self.buffer = self.buffer[:-3], b""
        undotted = (b"\r\n" + content).replace(b"\r\n..", b"\r\n.")[2:]
        taken = Mail(sender, recipient, undotted, self.encrypted, self.user)
        if self.server.faults.get("dot", "250")[0] not in "45":
            self.server.mails.append(taken)
            self.server.connections[self.number] += 1
        self.say("dot", f"250 queued as {len(self.server.mails)}")


COMPARED = {">=": "ge", "<=": "le", ">": "gt", "<": "lt"}


class Accepted(list[dict[str, Any]]):
    """Requests that were accepted, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[datetime] = []

    def append(self, body: dict[str, Any]) -> None:
        """Accept one."""
        self.times.append(datetime.now(UTC))
        super().append(body)


@dataclass
class SendGridDouble:
    """SendGrid's mail/send with its documented rules. `fault` changes what it does with every request:

    a status ("503"), "stall", "reset" (the content was read), "redirect", "cut" (inside the answer), "hush" (after its
    headers), "trickle".
    """

    certificate: Certificate | None = None
    key: str = "SG.local.key"
    fault: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)  # that were read, whatever came of them
    accepted: Accepted = field(default_factory=lambda: Accepted())
    readable: bool = True  # whether the account may read its log
    refused: list[str] = field(default_factory=list)
    peers: Counter[Any] = field(default_factory=Counter)  # requests by connection
    port: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    @property
    def touches(self) -> list[str]:
        made = [body["personalizations"][0]["custom_args"] for body in self.accepted]
        return [arguments["nurture_touch"] for arguments in made if "nurture_touch" in arguments]

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _stop(self) -> None:
        """End the handlers too whose clients were killed: the runner only cancels them, and nobody would wait.

        Nobody may be between accepted and connected when the server closes: asyncio forgets him with his socket open
        (https://github.com/python/cpython/issues/109564).
        """
        asyncio.get_running_loop().remove_reader(self._listener)
        await asyncio.sleep(0)
        await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for transport in list(getattr(asyncio.get_running_loop(), "_transports", {}).values()):
            transport.abort()  # a client has ended it in the middle of a request, and nobody has looked since
        await asyncio.sleep(0)  # a closed transport lets go of its socket in the loop's next round

    async def _start(self) -> None:
        application = web.Application(client_max_size=30_000_000)
        application.router.add_post("/v3/mail/send", self._send)
        application.router.add_post("/v3/logs", self._logs)
        application.router.add_get("/v3/logs/{number}", self._logged)
        application.router.add_route("*", "/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        context = self.certificate.for_server() if self.certificate else None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        await web.SockSite(self._runner, self._listener, ssl_context=context).start()

    async def _logs(self, request: web.Request) -> web.Response:
        """What was taken, by the three conditions that are asked here; anything else is a bad request."""
        asked = await request.json()
        if not self.readable or request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"errors": [{"message": "access forbidden"}]}, status=403)
        if set(asked) - {"query", "limit"} or not 1 <= asked["limit"] <= 1000:
            return web.json_response({"errors": [{"message": "limit"}]}, status=400)
        found = list(enumerate(zip(self.accepted, self.accepted.times, strict=False)))
        for condition in asked["query"].split(" AND "):
            if match := re.fullmatch(r"to_email = '([^']+)'", condition):
                to = match[1]
                found = [one for one in found if one[1][0]["personalizations"][0]["to"][0]["email"] == to]
            elif match := re.fullmatch(r'sg_message_id_created_at (>=|<=|>|<) TIMESTAMP "(\S+Z)"', condition):
                than, moment = getattr(operator, COMPARED[match[1]]), datetime.fromisoformat(match[2])
                found = [one for one in found if than(one[1][1], moment)]
            else:
                return web.json_response({"errors": [{"message": condition}]}, status=400)
        rows = [
            {"sg_message_id": f"id-{number}.recvd-1", "sg_message_id_created_at": at.isoformat(), "status": "processed"}
            for number, (_, at) in found
        ]
        return web.json_response({"messages": rows[: asked["limit"]]})

    async def _logged(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"].split(".")[0].removeprefix("id-"))
        person = self.accepted[number]["personalizations"][0]
        return web.json_response({"custom_args": person.get("custom_args", {}), "events": []})

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.refused.append("a redirect was followed")
        return web.Response(status=202)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.peers[request.transport.get_extra_info("peername")] += 1
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response(
                {"errors": [{"message": "The provided authorization grant is invalid"}]}, status=401
            )
        if request.content_type != "application/json":
            return web.Response(status=415)
        try:
            body = json.loads((await request.read()).decode("utf-8"))
        except UnicodeDecodeError:
            return web.Response(status=415)
        self.requests.append(body)
        wrong = list(broken_rules(body))
        if wrong:
            self.refused += wrong
            return web.json_response({"errors": [{"message": each} for each in wrong]}, status=400)
        return await self._answer(request, body)

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        assert request.transport is not None
        match self.fault:
            case "":
                self.accepted.append(body)
                return web.Response(status=202, headers={"X-Message-Id": f"id-{len(self.accepted)}", **self.headers})
            case "stall":
                await asyncio.sleep(30)
            case "reset":
                request.transport.abort()
            case "redirect":
                return web.Response(status=302, headers={"Location": "/elsewhere"})
            case "cut":
                response = web.StreamResponse(status=202, headers={"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b"x")
                request.transport.abort()
                return response
            case "hush":
                response = web.StreamResponse(status=500, headers={"Content-Length": "100"})
                await response.prepare(request)
                await asyncio.sleep(30)
            case "trickle":
                response = web.StreamResponse(status=500, headers={"Content-Length": "100000"})
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    for _ in range(300):
                        await response.write(b" ")
                        await asyncio.sleep(0.1)
                return response
            case status:
                errors = {"errors": [{"message": f"no thanks, ada@customer.example, {status}"}]}
                return web.json_response(errors, status=int(status), headers=self.headers)
        return web.Response(status=500)
