"""The HTTP server in a thread of the daemon: it starts before the passes and is stopped cleanly after them."""

from __future__ import annotations

import socket
import time
from threading import Thread
from typing import Any, Final

import uvicorn

from nurture.domain.errors import UnreachableError

STARTS_WITHIN: Final = 10.0  # seconds
FINISH_WITHIN: Final = 10.0
MOST_CONNECTIONS: Final = 8192  # those that rest between two requests among them; beyond that 503
OTHERS: Final = 4  # one in so many of all open files is left to the rest of the daemon


class Handle:
    """A running server. `address` is where it listens: host and port."""

    def __init__(self, server: uvicorn.Server, thread: Thread, listener: socket.socket) -> None:
        self._server = server
        self._thread = thread
        self._listener = listener
        self.address: tuple[str, int] = listener.getsockname()[:2]

    @property
    def is_serving(self) -> bool:
        """Whether it takes requests."""
        return self._server.started and self._thread.is_alive() and not self._server.should_exit

    def stop(self, timeout: float = FINISH_WITHIN) -> bool:
        """Finish what is under way, at most so many seconds, and end. False if a request had to be cut off."""
        self._server.should_exit = True
        self._thread.join(timeout)
        is_clean = not self._thread.is_alive()
        if not is_clean:
            self._server.force_exit = True
            self._thread.join(2)
        self._listener.close()
        return is_clean


def start(app: Any, bind: str) -> Handle:
    """Serve an ASGI application at HOST:PORT, port 0 for any. Raises UnreachableError when that cannot be had."""
    listener = _listen(bind)
    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,  # paths carry tokens
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=10,
        limit_concurrency=_most_connections(),
        timeout_graceful_shutdown=int(FINISH_WITHIN),
        h11_max_incomplete_event_size=32 * 1024,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    deadline = time.monotonic() + STARTS_WITHIN
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    handle = Handle(server, thread, listener)
    if not server.started:
        handle.stop(timeout=1)
        raise UnreachableError(f"The web server did not start at {bind}.", hint="See the log above.")
    return handle


def _most_connections() -> int:
    """How many the web may have open. Raises the limit of this process to what it may have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MOST_CONNECTIONS, soft - soft // OTHERS)


def _listen(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(512)
    except (OSError, ValueError, OverflowError) as problem:
        listener.close()
        words = getattr(problem, "strerror", None) or "it is not HOST:PORT"
        raise UnreachableError(
            f"The web cannot listen at {bind}: {words}.",
            hint="Is another daemon running? Set web.bind to a free address, such as 127.0.0.1:8026.",
        ) from problem
    return listener
