"""Copies of a SQLite database while it is in use: complete and readable, or not there at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine

from nurture.adapters.disk import trouble
from nurture.adapters.store.unit import folder_of
from nurture.domain.errors import RefusedError, RequestError
from nurture.domain.rotation import kept

_FORM = "nurture-%Y%m%dT%H%M%SZ.db"


def backup(engine: Engine, file: Path) -> None:
    """Copy the database into a new file that only its owner can read, opened and looked through before it has its name.

    Raises RequestError for PostgreSQL, RefusedError where the copy cannot be written or is damaged.
    """
    if engine.dialect.name != "sqlite":
        raise RequestError("This database is PostgreSQL.", hint="Use pg_dump or its continuous archiving.")
    part = file.with_name(file.name + ".part")
    source = None
    try:
        source = engine.raw_connection()
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.close(descriptor)
        with sqlite3.connect(part) as target:
            source.driver_connection.backup(target)  # type: ignore[union-attr]
        target.close()
        _look_through(part)
        os.replace(part, file)
    except (OSError, sqlite3.Error) as problem:
        said = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        hint = "Is there room, and may it write?"
        for folder in (file.parent, folder_of(engine)):
            if folder is not None and (found := trouble(folder)) is not None:
                said, hint = f"{found[0][0].lower()}{found[0][1:]} ({folder})", found[1]
                break
        raise RefusedError(f"No copy was made at {file}: {said}.", hint=hint) from problem
    finally:
        if source is not None:
            source.close()
        with suppress(OSError):
            part.unlink()


def _look_through(file: Path) -> None:
    """Raises sqlite3.DatabaseError for a copy that is damaged."""
    copy = sqlite3.connect(
        f"file:{quote(str(file.resolve()))}?mode=ro&immutable=1", uri=True
    )  # leaves no files of its own
    try:
        found = [str(row[0]) for row in copy.execute("PRAGMA quick_check")]
        copy.execute("SELECT version_num FROM alembic_version").fetchone()
    finally:
        copy.close()
    if found != ["ok"]:
        raise sqlite3.DatabaseError(f"the copy is damaged ({found[0]})")


def last_backup(folder: Path) -> datetime | None:
    """When the newest copy in a folder was made."""
    return max(_copies(folder), default=None)


def keep_backup(engine: Engine, folder: Path, now: datetime) -> Path:
    """A new copy in a folder, named after the moment; those that are due to go are removed. Raises as `backup`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise RefusedError(f"{folder} cannot be made: {problem.strerror}.", hint="Is it yours?") from problem
    file = folder / now.astimezone(UTC).strftime(_FORM)
    backup(engine, file)
    copies = _copies(folder)
    for at in copies.keys() - kept(copies):
        copies[at].unlink(missing_ok=True)
    return file


def _copies(folder: Path) -> dict[datetime, Path]:
    """The copies in a folder by when they were made; what is called otherwise is somebody else's."""
    found = {}
    for file in folder.glob("nurture-*.db"):
        try:
            found[datetime.strptime(file.name, _FORM).replace(tzinfo=UTC)] = file
        except ValueError:
            continue
    return found
