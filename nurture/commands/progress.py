"""How far a long command is: a bar on stderr where somebody watches, nothing in pipes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from nurture.domain.row import Refused, Row

STEP = 500  # things between two looks at the bar
SLOW = 2.0  # seconds after which somebody who watches wonders what it does
Thing = TypeVar("Thing")


def counted(rows: Iterable[Row | Refused], file: Path, behind: int) -> Iterator[Row | Refused]:
    """The rows of a file behind a line."""
    if not sys.stderr.isatty():
        yield from rows
        return
    with file.open("rb") as content:
        lines = sum(block.count(b"\n") for block in iter(lambda: content.read(1 << 20), b""))
    yield from shown(rows, "Importing", total=lines, done=behind)


def shown(things: Iterable[Thing], what: str, *, total: int, done: int = 0) -> Iterator[Thing]:
    """The things, with a bar that moves as they are taken."""
    if not sys.stderr.isatty():
        yield from things
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, completed=done)
        for number, thing in enumerate(things, 1):
            yield thing
            if number % STEP == 0:
                bar.update(task, completed=done + number)


def told(things: Iterable[Thing], what: str) -> Iterator[Thing]:
    """The things, with how many there were: of those that nobody has counted, and that go elsewhere than the screen."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from things
        return
    from rich.console import Console
    from rich.status import Status

    with Status(what, console=Console(stderr=True)) as status:
        for number, thing in enumerate(things, 1):
            yield thing
            if number % STEP == 0:
                status.update(f"{what}: {number:,}")


@contextmanager
def slow(what: str) -> Iterator[None]:
    """Say what is going on, where somebody watches and it takes more than a moment."""
    timer = Timer(SLOW, print, args=(what,), kwargs={"file": sys.stderr, "flush": True})
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
