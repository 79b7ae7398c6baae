"""From start to stop: one daemon on SQLite, signals, draining, heartbeat."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock
from typing import Any, Final, Protocol

from nurture import log
from nurture.daemon import failover, grid, housekeeping, tick
from nurture.daemon.hinted import hinted
from nurture.daemon.outage import Outage
from nurture.daemon.ticker import Ticker, guarded
from nurture.daemon.watch import Watch
from nurture.domain import fleet
from nurture.domain.errors import RefusedError, UnreachableError
from nurture.doors import durability_of, hints_of, warm_up
from nurture.moves import listening
from nurture.wiring import App

HEARTBEAT: Final = fleet.BEAT
# A transaction of a daemon that froze, or whose machine is gone, holds its locks no longer than this.
IDLE: Final = timedelta(minutes=2)
# Seconds after which a thread that is busy lets another one run: who answers the web, and who hands mail over, waits
# for the pass this often.
SWITCH: Final = 0.0001
KEEP: Final = timedelta(hours=1)  # between two looks at who was forgotten on another machine
_log = log.get("daemon")


class Handle(Protocol):
    """Something that runs beside the passes, and stops when asked."""

    @property
    def is_serving(self) -> bool:
        """Whether what the mail provider posts arrives there."""

    def stop(self) -> object:
        """Finish what is under way, and end."""


def run(app: App, *, as_json: bool, serve: Callable[[App], Handle]) -> None:
    """Run until SIGTERM or SIGINT; what is being sent is finished first. `serve` starts the web beside the passes.

    Raises RefusedError when another daemon already works on this SQLite database, UnreachableError when the database
    or the web address cannot be had.
    """
    log.set_up(as_json=as_json)
    app.idle = IDLE
    sys.setswitchinterval(SWITCH)
    stop = Event()

    def stops() -> bool:
        app.moved_at = app.clock.boottime()  # asked between any two transactions of a pass
        return stop.is_set()

    app.stops = stops

    def ask(number: int, _frame: Any) -> None:
        _log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    old = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with only_one(app):
            _work(app, stop, serve)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _work(app: App, stop: Event, serve: Callable[[App], Handle]) -> None:
    sent = 0
    passed: datetime | None = None  # when the last pass ended
    handle: Handle | None = None
    watch = Watch()
    outage = Outage(app)
    one_at_a_time = Lock()

    def one_pass(*, at_once: bool = False) -> None:
        try:
            _one_pass(at_once)
        except Exception as problem:
            outage.failed(problem)
            raise

    def _one_pass(at_once: bool) -> None:
        nonlocal sent, passed
        with one_at_a_time:
            moment = app.store.now(app.clock.now())
            booted = app.pass_began = app.clock.boottime()
            # Passes run on the grid of the tick, so that `simulate` can run at the same moments. A hint is of work that
            # came after the last of them.
            due_by = moment if at_once else grid.at_or_before(moment, app.policy.tick)
            try:
                done = tick.run(app, now=due_by, expected=watch.expected(booted))
            finally:
                app.pass_began = None
            outage.worked()
            watch.saw(moment, booted)
            sent += done.touches.sent
            passed = app.store.now(app.clock.now())
        _report(done)

    def beating() -> None:
        beat(app, sent=sent, passed=passed, is_serving=handle is not None and handle.is_serving)

    take_over(app)
    beating()
    _ = app.mailer  # a wrong setting is said now, not at the first mail
    warm_up(app)  # before anybody can bring something: a flood may begin at once
    handle = serve(app)
    ticker = Ticker()
    now = app.clock.now()
    ticker.every(app.policy.tick, "pass", one_pass, now=now)
    ticker.every(HEARTBEAT, "heartbeat", beating, now=now)
    ticker.every(KEEP, "forgotten", app.keep_forgotten, now=now + KEEP)
    ticker.every(
        housekeeping.EVERY, "housekeeping", lambda: housekeeping.run(app, stop=stop.is_set), now=now + HEARTBEAT
    )
    ticker.start()
    _log.info("started", daemon=app.owner, web=app.settings.web.bind, mailer=app.mailer.name)
    try:
        with hinted(hints_of(app), guarded("hinted pass", partial(one_pass, at_once=True))):
            stop.wait()
            app.mailer.finish()
    finally:
        ticker.stop()
        handle.stop()
        try:
            with app.store.unit() as work:
                work.control.leave(app.owner, app.store.now(app.clock.now()))
                work.commit()
        except UnreachableError as problem:  # the others will see that it beats no more
            _log.warning("left_without_a_word", what=problem.what)
        _log.info("stopped", daemon=app.owner, sent=sent)


def take_over(app: App) -> None:
    """On SQLite the lock says that whoever worked before is gone: what it had claimed need not wait for its lease."""
    if not _is_sqlite(app):
        return
    now = app.clock.now()
    with app.store.unit() as work:
        for one in work.control.daemons():
            if one["stopped_at"] is None and one["id"] != app.owner:
                work.enrollments.release(now, owner=one["id"])
        work.commit()


def _is_sqlite(app: App) -> bool:
    return app.settings.database_url.startswith("sqlite")


def beat(app: App, *, sent: int, passed: datetime | None, is_serving: bool) -> None:
    """Let the fleet see that this daemon lives: what it sent, when its last pass ended, whether its web takes in."""
    now = app.store.now(app.clock.now())
    safe = durability_of(app)
    with app.store.unit() as work:
        host, pid = socket.gethostname(), os.getpid()
        work.control.beat(app.owner, host=host, pid=pid, now=now, sent=sent, passed=passed)
        failover.note(work, safe, now)
        if is_serving:
            listening.is_up(work, now)
        work.commit()


def _report(done: tick.Pass) -> None:
    """One line for a pass in which something happened."""
    fields = {
        "arrived": done.arrived,
        "settled": done.settled,
        "crossed": done.crossed,
        "returned": done.returned,
        "enrolled": done.enrolled,
        "looked_at": done.touches.looked_at,
        "sent": done.touches.sent,
        "tasks": done.touches.tasks,
        "skipped": done.touches.skipped,
        "failed": done.touches.failed,
        "in_doubt": done.touches.in_doubt,
        "promoted": done.promoted,
        "offered": done.offered,
        "delivered": done.delivered,
    }
    happened = {name: count for name, count in fields.items() if count}
    if happened:
        _log.info("pass", **happened)


@contextmanager
def only_one(app: App) -> Iterator[None]:
    """Hold the lock that keeps SQLite to one daemon. PostgreSQL serves many, and needs none."""
    if not _is_sqlite(app):
        yield
        return
    import fcntl

    path = app.settings.state_dir / "daemon.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as problem:
        hint = "The daemon needs to write there: make it possible, and start it again."
        raise UnreachableError(f"{path} cannot be written: {problem.strerror}.", hint=hint) from problem
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RefusedError(
                "A daemon already works on this database.", hint="See: nurture status. Many daemons need PostgreSQL."
            ) from None
        yield
