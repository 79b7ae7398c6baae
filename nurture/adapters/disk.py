"""What is wrong with a disk, asked of the disk itself: a database only says that something failed."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import Final

PROBE: Final = bytes(64 * 1024)  # what SQLite wants to begin with: the index of its log and a page or two
NOT_LOST: Final = "Nothing was lost: a daemon goes on by itself then, and a command can be given again."
_SAID: Final = {
    errno.ENOSPC: ("The disk is full", f"Make room there. {NOT_LOST}"),
    errno.EDQUOT: ("The disk quota is used up", f"Make room there. {NOT_LOST}"),
    errno.EROFS: (
        "The disk is read-only",
        f"Make it writable; if it became so by itself, the system's log says why. {NOT_LOST}",
    ),
    errno.EIO: ("The disk fails", "Look into the system's log. Nothing that was committed was lost."),
    errno.EACCES: ("This user may not write", "Let it write the folder and the files in it."),
    errno.EPERM: ("This user may not write", "Let it write the folder and the files in it."),
}


def trouble(folder: Path) -> tuple[str, str] | None:
    """What is wrong with the disk of a folder, without its name, and what to do; None where it takes a small file.

    A folder that is not there yet is judged by the one it would be made in.
    """
    try:
        while not folder.is_dir() and folder != folder.parent:  # a disk that fails may not even say that
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(PROBE)
            probe.flush()
    except OSError as problem:
        words = f"Nothing can be written ({problem.strerror})"
        return _SAID.get(problem.errno or 0, (words, "Look into the system's log."))
    return None
