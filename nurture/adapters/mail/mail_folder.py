"""A folder of `.eml` files to read: what is stored moves to `done/`, what cannot be read to `failed/` with the reason.

A file is moved only after its mail is stored; killed in between, it is read again and known by its hash.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nurture.domain.errors import UnreachableError

DONE: Final = "done"
FAILED: Final = "failed"
LARGEST: Final = 40_000_000  # bytes; larger than any mail server takes


class MailFolder:
    """`replies.folder` as a mailbox. A key is a file's name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self) -> Iterator[tuple[str, bytes]]:
        """New files in the order of their names. Raises UnreachableError where the folder cannot be read.

        A file that is not readable, is empty or far too large is put aside at once. Write a file under another name
        and rename it to `.eml` when it is whole.
        """
        try:
            names = sorted(entry.name for entry in os.scandir(self._folder) if entry.name.lower().endswith(".eml"))
        except OSError as problem:
            raise UnreachableError(
                f"The folder of replies cannot be read: {problem.strerror}.",
                hint="See replies.folder in nurture.toml.",
            ) from problem
        for name in names:
            path = self._folder / name
            if not path.is_file():
                continue
            try:
                size = path.stat().st_size
                if not 0 < size <= LARGEST:
                    self.failed(name, "it is empty" if not size else f"it has {size:,} bytes")
                    continue
                body = path.read_bytes()
            except FileNotFoundError:
                continue  # another process was quicker
            except OSError as problem:
                self.failed(name, f"it cannot be read: {problem.strerror}")
                continue
            yield name, body

    def done(self, key: str) -> None:
        """Move a file away; one that is gone already was moved by another process. Raises UnreachableError."""
        with self._writing():
            self._move(key, DONE)

    def failed(self, key: str, reason: str) -> None:
        """Move a file away, with a text beside it that says why."""
        with self._writing():
            moved = self._move(key, FAILED)
            if moved is not None:
                moved.with_name(f"{moved.name}.txt").write_text(f"{reason}\n", encoding="utf-8")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise UnreachableError(
                f"Mails in {self._folder} cannot be put aside: {problem.strerror}.",
                hint="Make room, or let this user write there; until then they are read again and again.",
            ) from problem

    def _move(self, key: str, to: str) -> Path | None:
        """The file at its new place, under another name where that is taken; None where it is gone."""
        folder = self._folder / to
        folder.mkdir(exist_ok=True)
        source, target = self._folder / Path(key).name, folder / Path(key).name
        number = 1
        while target.exists():
            number += 1
            target = folder / f"{source.stem}-{number}{source.suffix}"
        try:
            os.replace(source, target)
        except FileNotFoundError:
            return None
        return target
