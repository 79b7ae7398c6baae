"""A year of nurture in about a minute: invented people, a clock that jumps, and the same passes as the daemon."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nurture.daemon.demo import numbers, report
from nurture.daemon.demo.numbers import Numbers
from nurture.daemon.demo.year import Progress, Watch, live
from nurture.domain.errors import RefusedError, RequestError

__all__ = ["Demo", "Numbers", "Progress", "run"]

REPORT: Final = "report.html"


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is over: its numbers, one brief as it is printed, and where the report is."""

    numbers: Numbers
    brief: str
    report: Path
    workspace: Path | None


def run(
    *, seed: int, leads: int, days: int, keep: Path | None, make_workspace: Callable[[Path], None], watch: Watch
) -> Demo:
    """Live through it and write the report.

    `make_workspace` writes a workspace into a folder, as `init` does. `keep`: a new folder for the workspace and the
    report; without it the workspace is removed, and the report is left in the system's temporary folder. Raises
    RequestError where `keep` is not empty, RefusedError when the accounts do not add up.
    """
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise RequestError(f"{keep} is not empty.", hint="Name a new folder for --keep.")
    with _own_settings(), _folder(keep) as folder:
        make_workspace(folder)
        with live(folder, seed=seed, leads=leads, days=days, watch=watch) as lived:
            found = numbers.read(lived, seed=seed)
            brief = lived.app.brief_text(found.brief) if found.brief is not None else ""
            path = folder / REPORT if keep is not None else _report_file()
            article = lived.app.brief_article(found.brief) if found.brief is not None else ""
            path.write_text(report.html(found, brief=article), encoding="utf-8")
    if not found.accounting.holds:
        raise RefusedError(found.accounting.sentence, hint=f"This is a bug: please report it. See {path}")
    return Demo(found, brief, path, keep)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="nurture-demo-") as name:
        yield Path(name)


def _report_file() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="nurture-demo-", suffix=".html")
    os.close(descriptor)
    return Path(name)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Keep the settings of the environment out: they are a real workspace's, and must not send for a demo."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("NURTURE_")}
    try:
        yield
    finally:
        os.environ.update(kept)
