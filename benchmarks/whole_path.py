"""The whole path of a touch beside its three parts, each alone, and its bookkeeping beside the bare driver.

`python -m benchmarks.whole_path [--size 2000] [--database sqlite|postgresql] [--profile]`. All are measured in turn
in one run, the median of five rounds, and only their ratios mean anything. Exit code 1 when a ratio misses its mark.

whole path     claim, load, decide, render (by a second process), payload, intent, pooled send, record; durable commits
templates      render + payload alone, as anybody does it: the templates are run for each mail, its links are signed,
               and the package makes the payload, which is checked; one after the other
rendering      the same as the path does it: most mails are filled in (docs/decisions/stencils.md)
sending        bare pooled sends of the ready requests to the same provider (a local process, no latency)
bookkeeping    the statements of its writing transactions (claim, intent, result, advance) again through the bare
               driver, in the same transactions, on a like database

Of the whole path itself: the time that it spends in those transactions of the store.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import psycopg
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

from benchmarks.provider import local_provider
from benchmarks.result import Options, Result, options, table
from benchmarks.touches import NOW, a_touch, a_workspace, enrolled
from nurture.adapters.clock import SystemClock, VirtualClock
from nurture.adapters.mail.pool import Pool
from nurture.adapters.mail.sendgrid_payload import encoded, payload, problems
from nurture.adapters.rendering import Templates
from nurture.adapters.rendering.process import RenderProcess
from nurture.adapters.rendering.stencil import Stencils
from nurture.adapters.store import bulk
from nurture.adapters.store.engine import WRITES
from nurture.adapters.store.unit import SqlStore
from nurture.flow.dispatch import run as dispatch
from nurture.moves import scene as scenes
from nurture.moves.rendering import draft_of, render, render_email
from nurture.moves.scene import Scene
from nurture.outward import packing
from nurture.ports import Mailer
from nurture.wiring import App, open_app
from tests.postgres import Server, running_postgres

AT_LEAST: Final = {"sqlite": 0.8, "postgresql": 0.85}
DRIVER: Final = 2.5
SHARE: Final = 0.3
SETTINGS: Final = {
    "NURTURE_MAIL__PROVIDER": "sendgrid",
    "NURTURE_SENDGRID__API_KEY": "a key for measurements, and for nothing else",
}
boottime: Final = SystemClock().boottime
Said = tuple[str, Any, bool]  # a statement, its values, whether they are many; "" ends a transaction


class Timed:
    """Something whose methods' time is added up."""

    def __init__(self, inner: Any, clock: list[float]) -> None:
        self._inner, self._clock = inner, clock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return Timed(found, self._clock)

        def timed(*given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return found(*given, **named)
            finally:
                self._clock[0] += time.perf_counter() - began

        return timed


@dataclass
class TimedStore:
    """The store, and the seconds that were spent in its writing transactions."""

    inner: SqlStore
    clock: list[float] = field(default_factory=lambda: [0.0])

    @contextmanager
    def unit(self, *, write: bool = True, one_view: bool = False) -> Iterator[Any]:
        """A transaction."""
        if not write:
            with self.inner.unit(write=False) as reading:
                yield reading
            return
        began = time.perf_counter()
        unit = self.inner.unit()
        opened = unit.__enter__()
        self.clock[0] += time.perf_counter() - began
        with ExitStack() as stack:
            stack.push(lambda *problem: self._left(unit, *problem))
            yield Timed(opened, self.clock)

    def _left(self, unit: AbstractContextManager[Any], *problem: Any) -> bool | None:
        began = time.perf_counter()
        try:
            return unit.__exit__(*problem)
        finally:
            self.clock[0] += time.perf_counter() - began


class Databases:
    """Like databases, again and again."""

    def __init__(self, folder: Path, server: Server | None) -> None:
        self._folder, self._server, self._number = folder, server, 0
        self.first = server.url(server.create_database()) if server else f"sqlite:///{folder / 'first.db'}"

    def another(self) -> str:
        """The address of a copy of the first, to which nobody is connected."""
        self._number += 1
        if self._server is None:
            copy = self._folder / f"{self._number}.db"
            shutil.copy(self._folder / "first.db", copy)
            return f"sqlite:///{copy}"
        return self._server.url(self._server.create_database(make_url(self.first).database or ""))

    def drop(self, url: str) -> None:
        """Remove one."""
        name = make_url(url).database or ""
        if self._server is None:
            for path in Path(name).parent.glob(f"{Path(name).name}*"):
                path.unlink()
        else:
            self._server.drop_database(name)


@dataclass
class Bench:
    """What all rounds share: a workspace, a provider, a mailer and a process that renders."""

    folder: Path
    databases: Databases
    provider: str
    touches: int
    mailer: Mailer
    renderer: RenderProcess
    pool: Pool

    def opened(self, url: str) -> App:
        """The workspace on a database."""
        os.environ["NURTURE_DATABASE__URL"] = url
        return open_app(self.folder, clock=VirtualClock(NOW, seed=1), mailer=self.mailer)


@contextmanager
def bench(database: str, touches: int) -> Iterator[Bench]:
    """A workspace in which everybody is due."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(local_provider())
        server = stack.enter_context(running_postgres(durable=True)) if database == "postgresql" else None
        databases = Databases(place, server)
        folder = place / "w"
        os.environ |= SETTINGS | {"NURTURE_DATABASE__URL": databases.first, "NURTURE_SENDGRID__HOST": provider}
        app = a_workspace(folder, touches)
        enrolled(app)
        app.sql.engine.dispose()
        app = open_app(folder, clock=app.clock)  # with the mailer of the settings
        stack.callback(app.close)
        renderer = app.renderer
        assert isinstance(renderer, RenderProcess)
        pool = Pool(
            f"{provider}/v3/mail/send",
            ["Authorization: Bearer x", "User-Agent: bare", "Content-Type: application/json"],
            in_flight=app.settings.mail.workers,
            boottime=boottime,
        )
        stack.callback(pool.close)
        yield Bench(folder, databases, provider, touches, app.mailer, renderer, pool)


class Heard:
    """A COPY, and what it is told."""

    def __init__(self, inner: Any, heard: list[tuple[str, tuple[Any, ...]]]) -> None:
        self._inner, self._heard = inner, heard

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def told(*given: Any) -> Any:
            self._heard.append((name, given))
            return method(*given)

        return told


@contextmanager
def overheard(app: App) -> Iterator[list[Said]]:
    """What the database is told meanwhile in transactions that write."""
    told: list[Said] = []
    engine = app.sql.engine

    def hear(db: Connection, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if db.get_execution_options().get(WRITES, True):
            told.append((statement, values, many))

    def ended(db: Connection) -> None:
        if db.get_execution_options().get(WRITES, True):
            told.append(("", (), False))

    def hear_copy(db: Connection, statement: str, write: Callable[[Any], None]) -> None:
        heard: list[tuple[str, tuple[Any, ...]]] = []
        told.append((statement, heard, True))
        copied(db, statement, lambda copying: write(Heard(copying, heard)))

    copied = bulk.copy
    hearing: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", hear),
        ("commit", ended),
        ("rollback", ended),  # where there was nothing to do: nothing was written
    ]
    for name, listener in hearing:
        event.listen(engine, name, listener)
    bulk.copy = hear_copy
    try:
        yield told
    finally:
        bulk.copy = copied
        for name, listener in hearing:
            event.remove(engine, name, listener)


def desk_of(app: App, bench: Bench, store: Any) -> dispatch.Desk:
    """The desk of the daemon."""
    rules = app.rules.in_force()
    assert isinstance(rules.templates, Templates)
    bench.renderer.start(rules.templates, wait=True)
    rules.program("evergreen-note", 1)
    return dispatch.Desk(
        store,
        app.mailer,
        rules,
        app.links,
        app.policy,
        app.clock,
        "benchmark",
        NOW,
        high_water=app.high_water,
        renderer=bench.renderer,
    )


def whole_path(app: App, bench: Bench) -> tuple[float, float, list[Said]]:
    """Seconds for a pass that sends every touch, those of them in transactions that write, and what these said."""
    store = TimedStore(app.sql)
    desk = desk_of(app, bench, store)
    with app.store.unit() as work:  # connected
        work.control.switches()
    gc.collect()
    with overheard(app) as told:
        began = time.perf_counter()
        tally = dispatch.run(desk)
        took = time.perf_counter() - began
    assert tally.sent == bench.touches, tally
    return took, store.clock[0], told


def rendering(app: App, scene: Scene) -> tuple[float, list[bytes]]:
    """Seconds for rendering every mail and making its request; the requests."""
    touches = [a_touch(app, scene, lead) for lead in scene.leads]
    pack = packing(app.settings)
    made = []
    gc.collect()
    began = time.perf_counter()
    for touch in touches:
        draft = draft_of(touch, scene.leads[touch.lead], scene)
        packed = render(draft, scene.rules.templates, app.links, pack).message.packed
        assert packed
        made.append(packed)
    return time.perf_counter() - began, made


def templates_run(app: App, scene: Scene) -> float:
    """Seconds for running the templates of every mail, and for the package's payload, checked."""
    touches = [a_touch(app, scene, lead) for lead in scene.leads]
    gc.collect()
    with patch.object(Stencils, "email", return_value=None):
        began = time.perf_counter()
        for touch in touches:
            body = payload(render_email(touch, scene.leads[touch.lead], scene, app.links).message)
            assert not problems(body)
            encoded(body)
        return time.perf_counter() - began


def sending(bench: Bench, requests: Sequence[bytes]) -> float:
    """Seconds for bare sends of ready requests through a pool of connections."""
    gc.collect()
    began = time.perf_counter()
    answers = bench.pool.post(requests, seconds=30.0, deadline=boottime() + 300.0)
    took = time.perf_counter() - began
    assert {answer.status for _, answer in answers} == {202}
    return took


def bookkeeping(url: str, told: Sequence[Said]) -> float:
    """Seconds for these statements through the bare driver, every row fetched."""
    db = _connected(url)
    cursor = db.cursor()
    gc.collect()
    began = time.perf_counter()
    for statement, values, many in told:
        if not statement:
            db.commit()
        elif statement.startswith("COPY"):
            with cursor.copy(statement) as copying:
                for name, given in values:
                    getattr(copying, name)(*given)
        elif many:
            cursor.executemany(statement, values)
        else:
            cursor.execute(statement, values)
            if cursor.description is not None:
                cursor.fetchall()
    took = time.perf_counter() - began
    db.close()
    return took


def _connected(url: str) -> Any:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return psycopg.connect(
            host=str(parsed.query["host"]), user=parsed.username, dbname=parsed.database, options="-c timezone=UTC"
        )
    db = sqlite3.connect(parsed.database or "", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        db.execute(f"PRAGMA {pragma}")
    return db


def one_round(bench: Bench) -> dict[str, float]:
    """Seconds of each, one after the other."""
    took: dict[str, float] = {}
    url, like = bench.databases.another(), bench.databases.another()
    app = bench.opened(url)
    scene = everybody(app)
    took["templates"] = templates_run(app, scene)
    took["rendering"], requests = rendering(app, scene)
    took["sending"] = sending(bench, requests)
    took["whole path"], took["store"], told = whole_path(app, bench)
    took["bookkeeping"] = bookkeeping(like, told)
    took["statements"] = float(len(told))
    app.sql.engine.dispose()
    for each in (url, like):
        bench.databases.drop(each)
    return took


def everybody(app: App) -> Scene:
    """Everybody, for rendering alone; the templates are compiled."""
    with app.store.unit(write=False) as work:
        leads = [lead.id for lead in work.leads.search(None, now=NOW)]
        scene = scenes.load(work, leads, rules=app.rules.in_force(), policy=app.policy, now=NOW)
    render_email(a_touch(app, scene, leads[0]), scene.leads[leads[0]], scene, app.links)
    return scene


def profiled(bench: Bench, database: str) -> None:
    """Where the whole path spends its time."""
    app = bench.opened(bench.databases.another())
    profile = cProfile.Profile()
    desk = desk_of(app, bench, app.store)
    profile.enable()
    dispatch.run(desk)
    profile.disable()
    app.sql.engine.dispose()
    print(database)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(90)


PARTS: Final = ("templates", "sending", "bookkeeping")


def rows(asked: Options) -> Iterator[Result]:
    """The whole path beside the sum of its parts, and its bookkeeping beside the bare driver."""
    for database in asked.databases:
        with bench(database, asked.size(2_000, 300)) as ready:
            one_round(ready)  # connections are open, and the process renders
            rounds = [one_round(ready) for _ in range(asked.pick(5, 1))]
        for name in (*PARTS, "rendering", "whole path"):
            seconds = statistics.median(one[name] for one in rounds)
            print(f"{database}: {name} {seconds / ready.touches * 1e6:.0f} us a touch")
        plain = statistics.median(sum(one[part] for part in PARTS) / one["whole path"] for one in rounds)
        saved = statistics.median((one["templates"] - one["rendering"]) / one["whole path"] for one in rounds)
        driver = statistics.median(one["store"] / one["bookkeeping"] for one in rounds)
        share = statistics.median(one["store"] / one["whole path"] for one in rounds)
        path = f"{ready.touches:,} touches, {database}"
        parts = "bare sends, bare statements, each alone"
        fast = f"{path}: how fast"
        yield Result(fast, f"templates and payload, {parts}", plain, at_least=AT_LEAST[database])
        yield Result(fast, f"its own rendering, {parts}", plain - saved)
        yield Result(f"{path}: bookkeeping", "its statements through the bare driver", driver, at_most=DRIVER)
        yield Result(f"{path}: bookkeeping", "the whole path", share, at_most=SHARE)


def main() -> int:
    """Measure, print the table, and say whether the ratios reach their marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", action="store_true", help="say where the whole path spends its time, and stop")
    asked, given = options(parser, None)
    if given.profile:
        for database in asked.databases:
            with bench(database, asked.size(2_000, 300)) as ready:
                one_round(ready)
                profiled(ready, database)
        return 0
    found = list(rows(asked))
    print(*table(found), sep="\n")
    return any(one.missed for one in found)


if __name__ == "__main__":
    sys.exit(main())
