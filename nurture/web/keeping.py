"""Deliveries that arrive together are stored in one transaction: a flood waits for few commits, not for many."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from nurture.wiring import App


@dataclass(slots=True, eq=False)
class _Delivery:
    """One that waits to be stored, and what became of it."""

    kind: str
    body: bytes
    is_done: bool = False
    is_new: bool = False
    problem: Exception | None = None


class Keeper:
    """Stores what the threads of the web bring. Whoever's turn it is stores for all who wait meanwhile."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._turn = Lock()
        self._adding = Lock()
        self._waiting: list[_Delivery] = []

    def keep(self, kind: str, body: bytes) -> bool:
        """Store a delivery as it came; when this returns, it is committed. False for one that is there already.

        Raises what the database raises: then nobody knows, and it must come again.
        """
        mine = _Delivery(kind, body)
        with self._adding:
            self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                with self._adding:
                    together, self._waiting = self._waiting, []
                self._store(together)
        if mine.problem is not None:
            raise mine.problem
        return mine.is_new

    def _store(self, together: list[_Delivery]) -> None:
        try:
            with self._app.store.unit() as work:
                now = self._app.clock.now()
                for one in together:
                    one.is_new = work.responses.keep_raw(one.kind, sha256(one.body).hexdigest(), one.body, now)
                work.commit()
        except Exception as problem:  # noqa: BLE001  each of those who wait is told of it
            for one in together:
                one.problem = problem
        finally:
            for one in together:
                one.is_done = True
