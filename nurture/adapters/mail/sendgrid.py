"""Mailer over SendGrid: one request for each touch, through a pool of long-lived connections."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from nurture.adapters.mail.flight import TOO_LATE, Flight, Landed, verdicts
from nurture.adapters.mail.sendgrid_payload import request
from nurture.domain.errors import RequestError
from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import ACCEPTED, Again, Maybe, Never, Verdict, of_http

# Shorter than any server's patience: a connection that the server is just closing turns a mail into a maybe.
_KEEPALIVE_SECONDS: Final = 10.0
_EXPLANATION_SECONDS: Final = 2.0
_EXPLANATION_BYTES: Final = 4000
_ADDRESS: Final = re.compile(r"\S+@\S+")


class _Body(aiohttp.BytesPayload):
    """The content of one request. It asks whether it may still leave at the last moment before its first byte.

    Headers are held back by the library until the body is written, so nothing at all leaves before.
    """

    def __init__(self, flight: Flight, content: bytes, *, latest_start: float, boottime: Callable[[], float]) -> None:
        super().__init__(content, content_type="application/json")
        self._flight = flight
        self._latest_start = latest_start
        self._boottime = boottime

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self._boottime() > self._latest_start or not self._flight.begin():
            raise TimeoutError("too little time was left before the content")
        await super().write_with_length(writer, content_length)


class SendGridMailer:
    """Hands messages to SendGrid's mail/send. Never repeats one by itself and never follows a redirect."""

    name: str = "sendgrid"

    def __init__(
        self,
        api_key: str,
        *,
        boottime: Callable[[], float],
        host: str = "https://api.sendgrid.com",
        workers: int = 64,
        timeout: float = 30.0,
        categories: Sequence[str] = (),
        asm_group: int | None = None,
        workspace: str = "",
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`timeout` is in seconds, for one whole request; `workers` requests are in the air at most. `workspace`
        names, opaquely, whose mails these are among those of the account.

        Raises RequestError where the key or the host cannot work, or the key would travel in the clear.
        """
        if not api_key.strip() or not api_key.isascii() or not api_key.isprintable():
            raise RequestError("There is no usable SendGrid API key.", hint="Set NURTURE_SENDGRID__API_KEY.")
        self._url = _endpoint(host)
        self._key = api_key.strip()
        self._boottime = boottime
        self._workers, self._timeout = max(workers, 1), timeout
        self._categories, self._asm_group, self._workspace = tuple(categories), asm_group, workspace
        self._context = context
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._session: aiohttp.ClientSession | None = None

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """A verdict for every message, as it becomes known; the whole call is over by `deadline` (boot time)."""
        flights = [Flight(message) for message in messages]
        landed = Landed(len(flights))
        asyncio.run_coroutine_threadsafe(self._fly_all(flights, deadline, landed), self._running_loop())
        yield from verdicts(flights, landed, deadline=deadline, boottime=self._boottime)

    def close(self) -> None:
        """End the connections. What is still in the air becomes a maybe, what has not begun an again."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="sendgrid", daemon=True)
                self._thread.start()
            return self._loop

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # One TLS context for all connections: making one costs as much as hundreds of requests.
            context = self._context or ssl.create_default_context()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._workers, ssl=context, keepalive_timeout=_KEEPALIVE_SECONDS, ttl_dns_cache=60
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Authorization": f"Bearer {self._key}", "User-Agent": "nurture"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            )
        return self._session

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None
        loop = asyncio.get_running_loop()
        await loop.shutdown_default_executor()
        # One that was given up waits half a minute for the other side's goodbye, and no session knows it any more.
        for transport in list(getattr(loop, "_transports", {}).values()):
            transport.abort()
        await asyncio.sleep(0)  # a closed transport lets go of its socket in the loop's next round

    async def _fly_all(self, flights: Sequence[Flight], deadline: float, landed: Landed) -> None:
        queue = iter(flights)
        session = self._open_session()

        async def worker() -> None:
            for flight in queue:
                try:
                    verdict = await self._attempt(session, flight, deadline)
                except BaseException as error:
                    # One broken message must not silence the others; at the end of the program, say what is known.
                    because = f"{type(error).__name__} in the mailer"
                    landed.put(flight, Again(because) if flight.withdraw() else Maybe(because))
                    if not isinstance(error, Exception):
                        for waiting in queue:
                            landed.put(waiting, TOO_LATE)
                        raise
                else:
                    landed.put(flight, verdict)

        await asyncio.gather(*(worker() for _ in range(min(self._workers, len(flights)))))

    async def _attempt(self, session: aiohttp.ClientSession, flight: Flight, deadline: float) -> Verdict:
        now, latest_start = self._boottime(), deadline - self._timeout
        if now > latest_start or flight.is_decided:
            return TOO_LATE
        content = flight.message.packed or self._request(flight.message)
        if isinstance(content, Never):
            return content
        body = _Body(flight, content, latest_start=latest_start, boottime=self._boottime)
        until = min(now + self._timeout, deadline)
        try:
            async with asyncio.timeout(until - now):
                response = await session.post(self._url, data=body, allow_redirects=False)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return Again(_said(error)) if flight.withdraw() else Maybe(_said(error))
        # The status decides; whatever happens after it changes nothing.
        because = "" if response.status == ACCEPTED else await _explanation(response, until - self._boottime())
        response.release()
        return of_http(
            response.status,
            provider_id=response.headers.get("X-Message-Id", ""),
            not_before=_moment(response.headers.get("X-RateLimit-Reset", "")),
            because=because,
        )

    def _request(self, message: Message) -> bytes | Never:
        return request(message, categories=self._categories, asm_group=self._asm_group, workspace=self._workspace)


def _endpoint(host: str) -> str:
    """The address to post to. Raises RequestError for a host that is none, or that would show the key on the way."""
    parts = urlsplit(host)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.hostname is None or parts.query or parts.fragment or parts.username:
        raise RequestError(f"sendgrid.host is {host!r}.", hint="Use an address like https://api.eu.sendgrid.com.")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise RequestError("The SendGrid key would travel in the clear.", hint="Let sendgrid.host begin with https://.")
    return f"{host.rstrip('/')}/v3/mail/send"


async def _explanation(response: aiohttp.ClientResponse, seconds: float) -> str:
    """What the provider says about a refusal, without the addresses in it. Empty where it says nothing readable."""
    try:
        async with asyncio.timeout(min(seconds, _EXPLANATION_SECONDS)):
            said = json.loads(await response.content.read(_EXPLANATION_BYTES))
        texts = [str(each.get("message") or "") for each in said["errors"]]
    except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    return _ADDRESS.sub("(address)", "; ".join(texts))[:200]


def _moment(epoch_seconds: str) -> datetime | None:
    """The moment that a reset header names, or None where it names none."""
    try:
        return datetime.fromtimestamp(int(epoch_seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _said(error: Exception) -> str:
    """What went wrong; class names, because the texts carry addresses of machines and of people."""
    return "out of time" if isinstance(error, TimeoutError) else type(error).__name__
