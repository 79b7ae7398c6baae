"""What the first requests would otherwise wait for is done before anybody can bring one: a flood may begin at once."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import Message

from nurture.domain.errors import NurtureError
from nurture.web.site import Site

QUESTION: Final[dict[str, Any]] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/healthz",
    "raw_path": b"/healthz",
    "root_path": "",
    "query_string": b"",
    "headers": [],
    "client": None,
    "server": None,
}


def warm(web: FastAPI) -> None:
    """Ask it something, verify something, store something and take it back. A database that is away is no problem."""
    asyncio.run(_asked(web))
    site: Site = web.state.site
    if site.doors.verify_events is not None:
        site.doors.verify_events("", "0", b"")
    try:
        with site.app.store.unit() as work:
            work.responses.keep_all_raw("warm", {"warm": b""}, site.app.clock.now())
    except NurtureError:
        return  # whoever needs it says so


async def _asked(web: FastAPI) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        return

    await web(dict(QUESTION), receive, send)
