"""A copy of a SQLite database while it is in use."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Engine

from nurture.domain.errors import RequestError


def backup(engine: Engine, file: Path) -> None:
    """Copy the database into a new file that only its owner can read; complete, or not there at all."""
    if engine.dialect.name != "sqlite":
        raise RequestError("This database is PostgreSQL.", hint="Use pg_dump or its continuous archiving.")
    part = file.with_name(file.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.close(descriptor)
    source = engine.raw_connection()
    try:
        with sqlite3.connect(part) as target:
            source.driver_connection.backup(target)  # type: ignore[union-attr]
        target.close()
        os.replace(part, file)
    finally:
        source.close()
        part.unlink(missing_ok=True)
