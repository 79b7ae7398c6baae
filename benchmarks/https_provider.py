"""A stand-in for SendGrid's v3/mail/send over HTTPS, in a process of its own: reads a request whole, answers 202 later.

It answers as late as it is told to, however many requests are with it at once, and counts what it took by touch. Its
certificate is its own; `trusted` is a file with it and the machine's, for SSL_CERT_FILE.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from tests.mail.servers import Certificate

LATENCY: Final = 0.05  # seconds
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_TOUCH: Final = b'"nurture_touch":'
_TAKEN: Final = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: local\r\nContent-Length: 0\r\n\r\n"


class _Requests(asyncio.Protocol):
    """One connection that is kept open: requests come one after the other."""

    def __init__(self, latency: float, taken: Counter[bytes]) -> None:
        self._latency, self._taken = latency, taken
        self._read = bytearray()
        self._out: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._out = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(_END_OF_HEAD)) >= 0:
            head = bytes(self._read[:end]).lower()
            at = head.index(_LENGTH) + len(_LENGTH)
            whole = end + len(_END_OF_HEAD) + int(head[at:].split(b"\r\n", 1)[0])
            if len(self._read) < whole:
                return
            touch = self._read.find(_TOUCH, end, whole)
            if touch >= 0:
                self._taken[bytes(self._read[touch + len(_TOUCH) : whole].split(b'"', 2)[1])] += 1
            del self._read[:whole]
            asyncio.get_running_loop().call_later(self._latency, self._answer)

    def _answer(self) -> None:
        if self._out is not None and not self._out.is_closing():
            self._out.write(_TAKEN)


def _serve(told: Connection, certificate: Certificate, latency: float) -> None:
    taken: Counter[bytes] = Counter()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        context = certificate.for_server()
        server = await loop.create_server(lambda: _Requests(latency, taken), "127.0.0.1", 0, ssl=context, backlog=1024)

        def say() -> None:
            told.recv()
            told.send(taken)

        loop.add_reader(told.fileno(), say)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@dataclass(frozen=True, slots=True)
class HttpsProvider:
    """A running provider."""

    url: str
    trusted: Path
    _ask: Connection

    def taken(self) -> Counter[bytes]:
        """How often it took each touch."""
        self._ask.send(None)
        found: Counter[bytes] = self._ask.recv()
        return found


@contextmanager
def https_provider(folder: Path, *, latency: float = LATENCY) -> Iterator[HttpsProvider]:
    """A provider that runs as long as the block; `latency` in seconds for each answer."""
    certificate = Certificate.make(folder)
    trusted = folder / "trusted.pem"
    usual = ssl.get_default_verify_paths().cafile  # as many as a client reads that knows no better
    trusted.write_bytes((Path(usual).read_bytes() if usual else b"") + certificate.certificate.read_bytes())
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, certificate, latency), daemon=True)
    process.start()
    theirs.close()
    try:
        yield HttpsProvider(f"https://127.0.0.1:{ours.recv()}", trusted, ours)
    finally:
        process.kill()
        process.join()
