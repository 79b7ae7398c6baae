"""A real SMTP server on loopback that takes every mail, counts it and keeps it until it is read."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from nurture.domain.errors import RequestError


class MailServer:
    """Listens on a free port of this machine alone, from `with` to its end."""

    def __init__(self) -> None:
        self.port = 0
        self.received = 0
        self._kept: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="demo-mail-server", daemon=True)
        self._up = threading.Event()
        self._make = _protocol(self)

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.wait(10)
        if not self.port:
            raise RequestError("The mail server of the demo does not start.", hint="May this program use loopback?")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def take(self, content: bytes) -> None:
        """A mail was accepted: from here on it counts."""
        self.received += 1
        self._kept.append(content)

    def drain(self) -> list[bytes]:
        """The mails since the last call, as they came over the wire."""
        kept, self._kept = self._kept, []
        return kept

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(self._loop.create_server(self._make, "127.0.0.1", 0))
            self.port = server.sockets[0].getsockname()[1]
            self._up.set()
            self._loop.run_forever()
            server.close()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(asyncio.sleep(0.01))  # a closed transport lets go of its socket a round later
        finally:
            self._up.set()
            self._loop.close()


def _protocol(server: MailServer) -> Any:
    """What speaks SMTP with one client. Raises RequestError when the library for it is not installed."""
    try:
        from aiosmtpd.smtp import SMTP
    except ImportError as problem:
        raise RequestError(
            "The demo sends to a mail server on this machine, and that needs aiosmtpd.",
            hint='Install it: pip install "nurture[demo]"',
        ) from problem

    class Keeper:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  (its interface)
            server.take(bytes(envelope.content))
            return "250 Taken"

    def make() -> Any:
        return SMTP(Keeper(), hostname="demo.example", enable_SMTPUTF8=True, loop=server._loop)

    return make
