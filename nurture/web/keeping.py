"""Deliveries that arrive together are stored in one transaction: a flood waits for few commits, not for many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

from nurture.wiring import App


@dataclass(frozen=True, slots=True, eq=False)
class _Delivery:
    """One that waits to be stored. `is_new` comes when it is committed, or what went wrong."""

    kind: str
    key: str
    body: bytes
    is_new: Future[bool] = field(default_factory=Future)


class Keeper:
    """Stores what the web brings. One thread does; all that came while it wrote goes together, and holds no thread."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="deliveries")
        self._adding = Lock()
        self._waiting: list[_Delivery] = []

    async def keep(self, kind: str, body: bytes) -> bool:
        """Store a delivery as it came; when this returns, it is committed. False for one that is there already.

        Raises what the database raises: then nobody knows, and it must come again.
        """
        mine = _Delivery(kind, sha256(body).hexdigest(), body)
        with self._adding:
            self._waiting.append(mine)
        self._writer.submit(self._store)
        return await asyncio.wrap_future(mine.is_new)

    def _store(self) -> None:
        with self._adding:
            together, self._waiting = self._waiting, []
        together = [one for one in together if one.is_new.set_running_or_notify_cancel()]
        if not together:  # stored with those before
            return
        try:
            new = self._kept(together)
        except Exception as problem:  # noqa: BLE001  each of those who wait is told of it
            for one in together:
                one.is_new.set_exception(problem)
        else:
            for one in together:
                one.is_new.set_result((one.kind, one.key) in new)
                new.discard((one.kind, one.key))  # the same that came twice is new once

    def _kept(self, together: Sequence[_Delivery]) -> set[tuple[str, str]]:
        """Store them all; kind and key of those that were not there."""
        new: set[tuple[str, str]] = set()
        with self._app.store.unit() as work:
            for kind in sorted({one.kind for one in together}):
                bodies = {one.key: one.body for one in together if one.kind == kind}
                new |= {(kind, key) for key in work.responses.keep_all_raw(kind, bodies, self._app.clock.now())}
            work.commit()
        return new
