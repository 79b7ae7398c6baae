"""Two daemons on one PostgreSQL beside one, each with its process that renders, and a provider over HTTPS at 50 ms.

`python -m benchmarks.two_daemons [--size TOUCHES] [--quick]`. Each daemon is a process that runs passes while there is
something due; one and two take turns on the same database. On two cores two busy pairs cannot be twice as fast as one:
beside it stands how much faster two processes that only count are here than one, which is all that the machine has.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from benchmarks.https_path import Bench, bench
from benchmarks.result import Options, Result, alone
from nurture.adapters.clock import SystemClock
from nurture.adapters.rendering import Templates
from nurture.adapters.rendering.process import RenderProcess
from nurture.commands import COLLECT_AFTER
from nurture.daemon import tick
from nurture.daemon.lifecycle import SWITCH
from nurture.wiring import open_app

AT_LEAST: Final = 1.6
COUNTING: Final = 3_000_000
spawn = multiprocessing.get_context("spawn")


def work(folder: str, pipe: Connection, environment: dict[str, str]) -> None:
    """What one daemon does: for each line that it hears, passes until nothing is due."""
    os.environ.update(environment)
    gc.set_threshold(COLLECT_AFTER)
    sys.setswitchinterval(SWITCH)
    app = open_app(Path(folder), clock=SystemClock())
    assert app.store is app.sql
    rules = app.rules.in_force()
    rules.program("evergreen-note", 1)
    assert isinstance(app.renderer, RenderProcess)
    assert isinstance(rules.templates, Templates)
    app.renderer.start(rules.templates, wait=True)
    pipe.send(0)
    while pipe.recv():
        sent = 0
        while (done := tick.run(app).touches).looked_at:
            sent += done.sent
        pipe.send(sent)
    app.close()


def count(number: int) -> int:
    """Nothing but work for one core."""
    total = 0
    for one in range(number):
        total += one * one
    return total


class Fleet:
    """Daemon processes that wait for something to do."""

    def __init__(self, place: Bench, size: int) -> None:
        self._pipes: list[Connection] = []
        self._running = []
        for _ in range(size):
            ours, theirs = spawn.Pipe()
            given = (str(place.app.settings.folder), theirs, dict(os.environ))
            process = spawn.Process(target=work, args=given)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._running.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def rate(self, place: Bench, touches: int, daemons: int) -> float:
        """Touches a second of the first so many daemons."""
        place.enroll(touches)
        began = time.perf_counter()
        for pipe in self._pipes[:daemons]:
            pipe.send(True)
        each = [pipe.recv() for pipe in self._pipes[:daemons]]
        took = time.perf_counter() - began
        assert sum(each) == touches, each
        return touches / took

    def stop(self) -> None:
        """End them."""
        for pipe in self._pipes:
            pipe.send(False)
        for process in self._running:
            process.join(30)
            process.kill()


def both_cores() -> float:
    """How much faster two counting processes are than one."""
    with spawn.Pool(2) as pool:
        pool.map(count, [1_000, 1_000], 1)
        began = time.perf_counter()
        pool.map(count, [COUNTING] * 2, 1)
        together = time.perf_counter() - began
        began = time.perf_counter()
        pool.apply(count, (COUNTING,))
        return 2 * (time.perf_counter() - began) / together


def rows(options: Options) -> Iterator[Result]:
    """How many times as fast two are; how often a touch went out twice."""
    if "postgresql" not in options.databases:
        return
    touches, rounds = options.size(6_000, 4_000), options.pick(5, 1)
    with bench("postgresql", touches * 2 * (rounds + 1)) as place:
        fleet = Fleet(place, 2)
        try:
            found = []
            for turn in range(rounds + 1):
                one, two = fleet.rate(place, touches, 1), fleet.rate(place, touches, 2)
                print(f"one daemon {one:,.0f}/s, two {two:,.0f}/s", flush=True)
                if turn:
                    found.append(two / one)
        finally:
            fleet.stop()
        taken = place.provider.taken()
    path = f"{touches:,} touches, 2 daemons on PostgreSQL, HTTPS at 50 ms"
    yield Result(path, "1 daemon", statistics.median(found), at_least=AT_LEAST)
    yield Result(f"{path}: touches that went out twice", "", sum(times > 1 for times in taken.values()), at_most=0)
    lost = touches * 2 * (rounds + 1) - len(taken)
    yield Result(f"{path}: lost", "", lost, at_most=0)
    yield Result("2 processes that only count, here", "1 process", statistics.median(both_cores() for _ in range(5)))


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
