"""The high-water mark of each daemon, outside the database: a database that was set back is noticed before a send.

One small file for each daemon that worked here. It is written between the commit of a group of intents and their
sending, so it is ahead of the database only where the database has lost what was committed.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from nurture.domain.errors import UnreachableError

FOLDER: Final = "high-water"
OLD: Final = timedelta(hours=1)


class HighWaterFiles:
    """The marks in `state.dir`. Not forced to the disk: a crash of the machine that takes one weakens a check."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder / FOLDER
        self._owner = owner
        self._count: int | None = None
        self._is_written = False  # beside its place

    @property
    def mark(self) -> tuple[str, int]:
        """The name of our mark, and how far it has come."""
        if self._count is None:
            self._count = self.read().get(self._owner, 0)
        return self._owner, self._count

    def rise(self, at: datetime) -> int:
        """The next mark, to be committed with what it counts. Raises UnreachableError as `keep` does.

        It is written beside its place, so that a full disk is noticed before anything is committed.
        """
        self._count = self.mark[1] + 1
        with self._writing() as path:
            self._write(path, at)
        self._is_written = True
        return self._count

    def keep(self, at: datetime) -> None:
        """Put ours in its place, after the commit. Raises UnreachableError where that cannot be, as on a full disk."""
        with self._writing() as path:
            if not self._is_written:
                self._write(path, at)
            self._is_written = False
            _unfinished(path).replace(path)

    def _write(self, path: Path, at: datetime) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        _unfinished(path).write_text(json.dumps({"count": self.mark[1], "at": at.isoformat()}))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Path]:
        path = self._folder / f"{self._owner}.json"
        try:
            yield path
        except OSError as problem:
            raise UnreachableError(
                f"{path} cannot be written: {problem.strerror}.", hint="Nothing is sent without it: make room there."
            ) from problem

    def read(self, *, since: datetime | None = None) -> dict[str, int]:
        """The marks of every daemon that worked here, those kept after a moment. One that cannot be read is none."""
        found: dict[str, int] = {}
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []:
            try:
                content: Any = json.loads(path.read_text())
                if since is None or datetime.fromisoformat(content["at"]) > since:
                    found[path.stem] = int(content["count"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found

    def tidy(self, now: datetime) -> None:
        """Remove the marks of others that were looked at and are old: a daemon that lives writes its own again."""
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                written = datetime.fromisoformat(json.loads(path.read_text())["at"])
                if path.stem != self._owner and now - written > OLD:
                    path.unlink()

    def forget(self) -> None:
        """Remove every mark: a person has accepted the database as it is."""
        for path in self._folder.glob("*.json") if self._folder.is_dir() else []:
            path.unlink(missing_ok=True)
        self._count, self._is_written = None, False


def _unfinished(path: Path) -> Path:
    return path.with_suffix(f".{os.getpid()}.part")
