"""A workspace on a throwaway database: a copy of its data for `simulate`, an empty one for tests of cadences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from nurture.ports.simulation import Watched
from nurture.ports.world import SetClock
from nurture.wiring import App, virtual_clock


@contextmanager
def copied(app: App, start: datetime, *, seed: int) -> Iterator[tuple[App, SetClock, Watched]]:
    """The same workspace on a throwaway copy of its data, with a clock that jumps; it reaches nobody and sends nothing.

    Raises UnreachableError and RefusedError, as opening the database itself does.
    """
    from nurture.adapters.mail.nowhere import Nowhere
    from nurture.adapters.store import copy
    from nurture.adapters.store.unit import SqlStore
    from nurture.adapters.store.watch import Watch

    clock = virtual_clock(start, seed=seed)
    with TemporaryDirectory(prefix="nurture-simulate-") as folder:
        engine = copy.throwaway(Path(folder) / "copy.db")
        source = copy.reading(app.settings.database_url)
        try:
            copy.fill(engine, source)
            twin = App(app.settings, clock, "simulate", Nowhere(), reaches_out=False)
            twin.sql = SqlStore(engine, key=lambda: app.settings.secret_key)
            yield twin, clock, Watch(engine)
        finally:
            engine.dispose()
            if source is not None:
                source.dispose()


@contextmanager
def rehearsed(app: App) -> Iterator[Callable[[datetime], tuple[App, SetClock]]]:
    """What gives a workspace with the same settings on an empty database, from a moment on, with a clock that jumps.

    It reaches nobody. One at a time: the next gets the same database, empty again, so that the tables are made once and
    each statement is compiled once.
    """
    from nurture.adapters.links import SignedLinks
    from nurture.adapters.mail.nowhere import Nowhere
    from nurture.adapters.store import copy
    from nurture.adapters.store.unit import SqlStore

    with TemporaryDirectory(prefix="nurture-check-") as folder:
        file = Path(folder) / "check.db"
        engine = copy.throwaway(file)
        copy.fill(engine, None)
        engine.dispose()  # who closes last writes all into the file
        empty = file.read_bytes()

        def fresh(start: datetime) -> tuple[App, SetClock]:
            engine.dispose()
            file.write_bytes(empty)
            clock = virtual_clock(start, seed=1)
            twin = App(app.settings, clock, "check", Nowhere(), reaches_out=False)
            twin.sql = SqlStore(engine, key=lambda: "check")
            twin.links = SignedLinks("https://nowhere.invalid", ["check"])
            return twin, clock

        try:
            yield fresh
        finally:
            engine.dispose()
