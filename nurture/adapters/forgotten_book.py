"""A file of hashes beside the database: who was forgotten stays so when an old backup is restored."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nurture.domain.errors import UnreachableError

FILE: Final = "forgotten"
_LINE: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ForgottenFile:
    """One hash a line, only ever added to."""

    path: Path

    def read(self) -> frozenset[str]:
        """All that is kept. A line that a crash cut short is none."""
        try:
            lines = self.path.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return frozenset()
        except OSError as problem:
            raise UnreachableError(f"{self.path} cannot be read: {problem.strerror}.", hint="Is it yours?") from problem
        return frozenset(line for line in lines if _LINE.fullmatch(line))

    def add(self, sealed: Collection[str]) -> None:
        """Keep more; on the disk when it returns."""
        if not sealed:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # The first line end closes a line that a crash cut short.
                lines = ("\n" + "\n".join(sorted(sealed)) + "\n").encode("ascii")
                while lines:  # a disk that is nearly full takes some of it, and says so only when asked for the rest
                    lines = lines[os.write(handle, lines) :]
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as problem:
            raise UnreachableError(
                f"{self.path} cannot be written: {problem.strerror}.", hint="Nobody was forgotten; make room for it."
            ) from problem
