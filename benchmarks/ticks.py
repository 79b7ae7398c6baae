"""What an idle pass and a claim cost, and what memory a daemon needs, by how many are enrolled.

`python -m benchmarks.ticks [--size 5000000] [--database sqlite|postgresql]`. `--size` is how many enrollments
the large database has. The databases that are compared are measured in turn, in one run, and only the ratios mean
anything.

idle pass  a whole pass of the daemon with nothing due, beside one on a database with nobody in it
claim      500 of 100,000 that are due among five million enrollments, beside 500 of 10,000 due among 10,000; what is
           claimed is rolled back
memory     the most that a process of its own needs for a pass and for claiming, deciding on and storing 2,000 that are
           due, five million enrolled, beside 10,000
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import text

from benchmarks import scores
from benchmarks.result import Options, Result, alone
from benchmarks.touches import NullMailer
from nurture.adapters.store.unit import SqlStore
from nurture.daemon import tick
from nurture.wiring import App
from tests import crowd
from tests.builders import a_store
from tests.fakes import A_TUESDAY, FixedClock
from tests.flow.loop import a_cadence
from tests.journeys import workspace

NOON: Final = A_TUESDAY + timedelta(hours=3)
CLAIMED: Final = 500
IDLE_AT_MOST: Final = 1.5
CLAIM_AT_MOST: Final = 2.0
MEMORY_AT_MOST: Final = 1.2
FEW: Final = 10_000
EACH: Final = 5  # enrollments of a lead
WORKED_ON: Final = 2_000
WAITING: Final = a_cadence("- wait: 300 days", name="crowd")


def opened(folder: Path, url: str) -> App:
    """A workspace on this database, its cadence in force and the night's job done."""
    if not (folder / "nurture.toml").exists():
        workspace.make(folder, {"crowd": WAITING}, mails=(), database=url)
    return workspace.opened(folder, clock=FixedClock(NOON), mailer=NullMailer())


def enroll(store: SqlStore, many: int) -> None:
    """So many enrollments that are active and due in years, five of each lead."""
    leads = max(many // EACH, 1)
    later = "'2100-01-01 09:00:00.000000'" + ("" if store.engine.dialect.name == "sqlite" else "::timestamptz")
    with store.engine.begin() as db:
        crowd.fill(db, leads, only=("companies", "leads"))
        said = (
            "INSERT INTO enrollments (lead_id, cadence, version, state, priority, pc, anchor, started_at, next_at)"
            f" SELECT {crowd.FIRST} + n % {leads} + 1, 'crowd', 1, 'active', 50, 0, {later}, {later}, {later}"
            f" FROM {crowd.numbers(db, many)}"
        )
        db.execute(text(said.replace(":", r"\:")))
    scores.analyze(store)


def let_be_due(store: SqlStore, many: int, due: int) -> None:
    """So many of them are due, over all of them; of those that were, no others."""
    moments: dict[str, object] = {"now": NOON, "later": NOON + timedelta(days=9_999)}
    if store.engine.dialect.name == "sqlite":
        moments = {"now": f"{NOON:%Y-%m-%d %H:%M:%S.%f}", "later": "2100-01-01 09:00:00.000000"}
    with store.engine.begin() as db:
        db.execute(text("UPDATE enrollments SET next_at = :later WHERE next_at <= :now"), moments)
        db.execute(text("UPDATE enrollments SET next_at = :now WHERE id % :each = 0"), {**moments, "each": many // due})
    scores.analyze(store)


def in_turn(sides: list[Callable[[], float]], rounds: int) -> float:
    """How many times the second the first takes: the median of the rounds, after one that warms up."""
    found = []
    for turn in range(rounds + 1):
        took = [0.0, 0.0]
        for side in (0, 1) if turn % 2 else (1, 0):
            took[side] = sides[side]()
        found.append(took[0] / took[1])
    return statistics.median(found[1:])


def idle(app: App, passes: int = 20) -> float:
    """Seconds of some passes that find nothing."""
    began = time.perf_counter()
    for _ in range(passes):
        done = tick.run(app, now=NOON)
        assert not done.touches.looked_at
        assert not done.enrolled
    return time.perf_counter() - began


def claim(store: SqlStore) -> float:
    """Seconds that it takes to lease a batch of what is due."""
    with store.unit() as work:
        began = time.perf_counter()
        leased = work.enrollments.claim(NOON, limit=CLAIMED, owner="benchmark", lease_until=NOON + timedelta(hours=1))
        took = time.perf_counter() - began
        assert len(leased) == CLAIMED
    return took


def memory(folder: Path, url: str) -> float:
    """The most that a process of its own needs for its passes, in MB."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.ticks", "--memory", str(folder), url],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(said.stdout)


def passes(folder: Path, url: str) -> float:
    """Some passes, the first of which finds what is due; the most memory that this process has needed, in MB."""
    import resource

    app = opened(folder, url)
    for number in range(5):
        tick.run(app, now=NOON + number * timedelta(minutes=1))
    app.close()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rows(options: Options) -> Iterator[Result]:
    """Three lines for each database."""
    most, rounds = options.size(5_000_000, 50_000), options.pick(9, 3)
    for database in options.databases:
        with ExitStack() as stack, tempfile.TemporaryDirectory() as given:
            folders = {name: Path(given) / name for name in ("many", "few", "none")}
            stores, apps, urls = {}, {}, {}
            for name, folder in folders.items():
                folder.mkdir()
                urls[name] = stack.enter_context(scores.server(database, folder))
                stores[name] = stack.enter_context(a_store(urls[name]))
                apps[name] = opened(folder / "work", urls[name])
                tick.run(apps[name], now=NOON)  # the night's job
                stack.callback(apps[name].close)
            enroll(stores["many"], most)
            enroll(stores["few"], FEW)
            print(f"{most:,} enrolled", flush=True)
            measured = in_turn([partial(idle, apps["many"]), partial(idle, apps["none"])], rounds)
            beside = "a pass on an empty database"
            yield Result(f"idle pass, {most:,} enrolled, {database}", beside, measured, at_most=IDLE_AT_MOST)
            due = most // 50
            let_be_due(stores["many"], most, due)
            let_be_due(stores["few"], FEW, FEW)
            measured = in_turn([partial(claim, stores["many"]), partial(claim, stores["few"])], 3 * rounds)
            path = f"claim of {CLAIMED} of {due:,} due among {most:,}, {database}"
            yield Result(path, f"of {FEW:,} among {FEW:,}", measured, at_most=CLAIM_AT_MOST)
            for name, many in (("many", most), ("few", FEW)):
                let_be_due(stores[name], many, WORKED_ON)
            needed = [memory(folders[name] / "work", urls[name]) for name in ("many", "few")]
            print(f"{needed[0]:.0f} and {needed[1]:.0f} MB", flush=True)
            path = f"memory of a daemon, {most:,} enrolled, {database}"
            yield Result(path, f"{FEW:,} enrolled", needed[0] / needed[1], at_most=MEMORY_AT_MOST)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        print(passes(Path(sys.argv[2]), sys.argv[3]))
    else:
        sys.exit(alone(__doc__, rows))
