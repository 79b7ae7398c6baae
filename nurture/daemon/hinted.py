"""A pass as soon as somebody says that there is work: a command or a form, on whatever machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from nurture import log
from nurture.domain.errors import UnreachableError
from nurture.ports.world import Hints

LOOK: Final = 1.0  # seconds until it is seen that the daemon stops
REST: Final = 0.2  # seconds between two such passes: many hints are one
AWAY: Final = 5.0  # seconds until a database that is away is asked again
_log = log.get("hints")


@contextmanager
def hinted(hints: Hints | None, one_pass: Callable[[], None]) -> Iterator[None]:
    """Run a pass after each hint, for as long as the `with` lasts; without hints, as on SQLite, nothing runs."""
    if hints is None:
        yield
        return
    stop = Event()
    thread = Thread(target=_listen, args=(hints, one_pass, stop), name="hints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _listen(hints: Hints, one_pass: Callable[[], None], stop: Event) -> None:
    heard = True  # from the beginning, and after each time that it listened to nobody
    try:
        while not stop.is_set():
            try:
                if hints.wait(LOOK):
                    one_pass()
                    stop.wait(REST)
                heard = True
            except UnreachableError as problem:
                if heard:
                    _log.warning("no_hints", what=problem.what)
                heard = False
                stop.wait(AWAY)
    finally:
        hints.close()
