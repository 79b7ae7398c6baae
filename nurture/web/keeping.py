"""Deliveries that arrive together are stored in one transaction: a flood waits for few commits, not for many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nurture import log
from nurture.wiring import App

_log: Final = log.get("web")


@dataclass(frozen=True, slots=True, eq=False)
class _Delivery:
    """One that waits to be stored. `kept` is done when it is committed, or says what went wrong."""

    kind: str
    key: str
    body: bytes
    kept: asyncio.Future[None]


class Keeper:
    """Stores what the web brings, for one event loop. All that came while a transaction was written goes in the next.

    A thread of its own writes, and each transaction wakes the loop once: whoever waits for the interpreter waits less.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="deliveries")
        self._waiting: list[_Delivery] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, kind: str, body: bytes) -> None:
        """Store a delivery as it came, once; when this returns, it is committed.

        Raises what the database raises: then nobody knows, and it must come again.
        """
        loop = asyncio.get_running_loop()
        mine = _Delivery(kind, sha256(body).hexdigest(), body, loop.create_future())
        self._waiting.append(mine)
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        await mine.kept

    async def _write(self) -> None:
        """Until nobody waits any more."""
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                await self._store(together)
        finally:
            self._writing = None

    async def _store(self, together: Sequence[_Delivery]) -> None:
        loop = asyncio.get_running_loop()
        try:
            new = await loop.run_in_executor(self._writer, self._kept, together)
        except Exception as problem:  # noqa: BLE001  each of those who wait is told of it
            for one in together:
                if not one.kept.done():  # whoever brought it has gone
                    one.kept.set_exception(problem)
            return
        _log.info(
            "deliveries_stored", count=new, repeated=len(together) - new, bytes=sum(len(o.body) for o in together)
        )
        for one in together:
            if not one.kept.done():
                one.kept.set_result(None)

    def _kept(self, together: Sequence[_Delivery]) -> int:
        """Store them all; how many were not there."""
        new = 0
        with self._app.store.unit() as work:
            for kind in sorted({one.kind for one in together}):
                bodies = {one.key: one.body for one in together if one.kind == kind}
                new += len(work.responses.keep_all_raw(kind, bodies, self._app.clock.now()))
            work.commit()
        return new
