"""COPYs that PostgreSQL works on while whoever made their rows makes more: in order, and over before anything else.

While a server stores rows its client would wait, and while the client makes them the server would.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from sqlalchemy import Connection, event

BEHIND: Final = "nurture_behind"  # in `Connection.info`, until its transaction is over


class Behind:
    """What one transaction has still to write. The first thing that fails is raised where somebody waits for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "behind")
        self._given: list[Future[None]] = []
        self._failed = False

    def give(self, job: Callable[[], None]) -> None:
        """Let it be done after what was given before, unless something of that fails."""
        self._given.append(self._thread.submit(self._do, job))

    def wait(self) -> None:
        """Until everything is done. Raises what the first one raised that failed."""
        given, self._given = self._given, []
        for one in given:
            one.result()

    def end(self) -> None:
        """Leave what was not begun, and wait for what was."""
        self._failed = True
        self._thread.shutdown(cancel_futures=True)

    def _do(self, job: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            job()
        except BaseException:
            self._failed = True
            raise


def write_behind(db: Connection) -> None:
    """From now on let each COPY of this connection's transaction run while the caller goes on.

    Every other statement waits for them, and so does the commit: either may raise what a COPY raised.
    """
    if db.dialect.name != "postgresql":
        return
    db.info[BEHIND] = Behind()

    @event.listens_for(db, "before_cursor_execute")
    def wait(connection: Connection, *_: Any) -> None:
        if (behind := connection.info.get(BEHIND)) is not None:
            behind.wait()

    @event.listens_for(db, "commit")
    def finish(connection: Connection) -> None:
        try:
            wait(connection)
        except BaseException:
            leave(connection)
            connection.connection.rollback()  # the library takes a commit that a listener refuses for one that was made
            raise
        leave(connection)

    @event.listens_for(db, "rollback")
    def leave(connection: Connection) -> None:
        if (behind := connection.info.pop(BEHIND, None)) is not None:
            behind.end()
