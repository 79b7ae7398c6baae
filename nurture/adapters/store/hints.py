"""NOTIFY as a hint: whoever stored work for the daemons tells them, and they need not wait for their next pass.

Nothing depends on it: a hint that is lost costs at most the usual wait.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from nurture.adapters.store.engine import WRITES
from nurture.domain.errors import UnreachableError

CHANNEL: Final = "nurture"


class PostgresHints:
    """Hints through PostgreSQL; who waits for them has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listening: Any = None  # the driver's connection: notifications come past SQLAlchemy

    def give(self) -> None:
        """Tell every daemon that there may be work. A database that is away has nothing to tell."""
        with contextlib.suppress(SQLAlchemyError), self._engine.connect() as db:
            db.execution_options(**{WRITES: False}).exec_driver_sql(f"NOTIFY {CHANNEL}")
            db.commit()

    def wait(self, seconds: float) -> bool:
        """Whether a hint came within so many seconds; several are one. Raises UnreachableError."""
        try:
            if self._listening is None:
                self._listening = self._connected()
            return bool(list(self._listening.notifies(timeout=seconds, stop_after=1)))
        except (self._engine.dialect.loaded_dbapi.Error, SQLAlchemyError) as problem:
            self.close()
            raise UnreachableError(f"No hints can be heard: {problem}.", hint="Is the database running?") from problem

    def close(self) -> None:
        """Hear no more."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _connected(self) -> Any:
        pooled = self._engine.raw_connection()
        driver: Any = pooled.dbapi_connection
        pooled.detach()  # no longer one of the pool: it is held for as long as the daemon runs
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
        return driver
