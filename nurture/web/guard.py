"""Around every request: limits on its body, security headers on its answer, and no traceback that leaves."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nurture import log

_log = log.get("web")

LIMITS: Final = {
    "/webhooks/sendgrid/events": 2 * 1024 * 1024,
    "/webhooks/sendgrid/inbound": 30 * 1024 * 1024,
    "/api/v1/leads": 4 * 1024 * 1024,
}
LIMIT: Final = 64 * 1024
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
IN_BULK: Final = "/webhooks/"  # what providers post by the hundred waits for the next pass
# Requests under way: three seconds of a flood, a third of what providers wait. Beyond that 503, and they come again.
# Connections that rest between two requests do not count, or a moment of delay would keep all others out for long.
MOST_AT_ONCE: Final = 1_000
# A body that trickles in holds a connection and a buffer; this is far beyond what a slow line needs.
BODY_SECONDS: Final = 60.0

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

Refusal = Callable[[Scope, int], Response]


class _RefusedBodyError(Exception):
    """The body is too long, or too slow."""

    def __init__(self, status: int) -> None:
        self.status = status


class Guard:
    """ASGI middleware. `refusal` makes the answer to what goes wrong; `is_outage` knows a database that is away.

    `wrote` is called after each request that a person or a program made to change something.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        refusal: Refusal,
        is_outage: Callable[[BaseException], bool],
        policy: str,
        wrote: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._wrote = wrote
        self._refusal = refusal
        self._is_outage = is_outage
        extra = {**HEADERS, "Content-Security-Policy": policy}
        self._under_way = 0
        self._headers = [(name.lower().encode(), value.encode()) for name, value in extra.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._under_way >= MOST_AT_ONCE:
            await self._refusal(scope, 503)(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._under_way -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = LIMITS.get(scope["path"], LIMIT)
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in self._headers if pair[0] not in given)]
            await send(message)

        try:
            _refuse_announced(scope, limit)
            await self._app(scope, _limited(receive, limit), sending)
            if scope["method"] not in READS and not scope["path"].startswith(IN_BULK):
                await run_in_threadpool(self._wrote)
        except Exception as problem:  # noqa: BLE001  the top of the request: whatever it is, it is answered and logged
            status = self._judged(scope, problem)
            if not began:
                await self._refusal(scope, status)(scope, receive, sending)

    def _judged(self, scope: Scope, problem: Exception) -> int:
        """The status to answer with. Logs what happened without what the request said: paths carry tokens."""
        where = {"method": scope["method"], "area": "/" + scope["path"].lstrip("/").partition("/")[0]}
        if isinstance(problem, _RefusedBodyError):
            _log.info("request_refused", **where, status=problem.status)
            return problem.status
        is_outage = self._is_outage(problem)
        _log.error("request_failed", **where, problem=type(problem).__name__, frames=frames(problem, is_outage))
        return 503 if is_outage else 500


def frames(problem: BaseException, is_expected: bool) -> str:
    """Where a bug happened, for the log. Without the message: that of a database error holds the values of a row."""
    return "" if is_expected else "".join(traceback.format_tb(problem.__traceback__, limit=-6))


def _refuse_announced(scope: Scope, limit: int) -> None:
    """Refuse a length that is announced, before any of it is read."""
    announced = dict(scope["headers"]).get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _RefusedBodyError(413)


def _limited(receive: Receive, limit: int) -> Receive:
    """`receive` that counts: a length may be missing, or wrong."""
    read = 0
    ended = False
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS

    async def receiving() -> Message:
        nonlocal read, ended
        if ended:  # what comes now is the news that the client went away
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise _RefusedBodyError(408) from None
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            ended = not message.get("more_body", False)
        if read > limit:
            raise _RefusedBodyError(413)
        return message

    return receiving
