"""A local stand-in for SendGrid's v3/mail/send: a process that reads each request whole and answers 202."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_TAKEN: Final = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: local\r\nContent-Length: 0\r\n\r\n"


class Requests(asyncio.Protocol):
    """One connection that is kept open: requests come one after the other, each is read whole and answered."""

    def __init__(self) -> None:
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
            body = bytes(self._read[end + len(_END_OF_HEAD) : whole])
            del self._read[:whole]
            self.take(body)

    def take(self, body: bytes) -> None:
        """Answer a request that was read."""
        self.answer()

    def answer(self) -> None:
        """Say that it is taken, if somebody is there to hear it."""
        if self._out is not None and not self._out.is_closing():
            self._out.write(_TAKEN)


def _serve(told: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Requests, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def local_provider() -> Iterator[str]:
    """The address of a provider that runs as long as the block."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()
