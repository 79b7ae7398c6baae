"""Finding the leads that decay carries over a threshold, beside one bare range query on an index.

`python -m benchmarks.crossings [--size N] [--quick] [--database sqlite|postgresql]`. A thousand of the leads
cross. Both sides are measured in turn in one run, and only their ratio means anything. Exit code 1 when one misses its
mark.

finding      `work.leads.to_look_at` beside the same rows asked for by hand
empty looks  of leads that each answered a few times, looked at for 400 days: looks after which nothing had changed,
             for each threshold that was crossed
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy import Connection, text

from benchmarks import scores
from benchmarks.result import Options, Result, alone
from benchmarks.scores import NOW
from nurture.adapters.store.leads import LeadRows
from nurture.adapters.store.unit import SqlStore
from nurture.domain import scoring
from nurture.domain.scoring import Line

CROSS: Final = 1_000
AT_MOST: Final = 5.0
AT_MOST_EMPTY: Final = 3.0


def finding(store: SqlStore, rounds: int) -> float:
    """How many times the bare query it costs to find them."""
    now = "'2026-11-24 15:00:00.000000'" + ("" if store.engine.dialect.name == "sqlite" else "::timestamptz")
    bare = text(f"SELECT id FROM leads WHERE look_at <= {now.replace(':', chr(92) + ':')} ORDER BY look_at, id")
    ratios = []
    with store.engine.connect() as db:
        rows = LeadRows(db)
        for _ in range(rounds + 1):
            began = time.perf_counter()
            found = rows.to_look_at(NOW, CROSS)
            middle = time.perf_counter()
            expected = list(db.execute(bare).scalars())
            ended = time.perf_counter()
            assert found == expected
            assert len(found) == CROSS
            ratios.append((middle - began) / (ended - middle))
    return statistics.median(ratios[1:])


def spread(db: Connection, count: int) -> None:
    """A moment to look at for everybody: of a thousand it has come, of the others it lies ahead."""
    at = NOW + timedelta(days=1)
    db.execute(text("UPDATE leads SET look_at = :at"), {"at": _stored(db, at)})
    step = max(count // CROSS, 1)
    due = {"at": _stored(db, NOW - timedelta(hours=1)), "step": step, "most": CROSS * step}
    db.execute(text("UPDATE leads SET look_at = :at WHERE id % :step = 0 AND id <= :most"), due)


def _stored(db: Connection, at: datetime) -> object:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f") if db.dialect.name == "sqlite" else at


def empty_looks(people: int) -> float:
    """Looks without a crossing, for each crossing."""
    dice = Random(5)
    rules = scores.rules(4, 25).workspace
    bounds = scoring.thresholds(rules.watched, 0.0)
    assert bounds is not None
    empty = crossed = 0
    for _ in range(people):
        keys = [dice.choice(rules.scoring.engagement).key for _ in range(dice.randrange(1, 11))]
        lines = [Line(key, "click", NOW - timedelta(minutes=dice.randrange(60 * 24 * 90))) for key in keys]
        sums, now, until = scoring.added({}, lines, rules.scoring), NOW, NOW + timedelta(days=400)
        before = [scoring.engagement(sums, rules.scoring, now) >= bound for bound in bounds]
        while (look := scoring.look_at(sums, rules.scoring, bounds, now)) is not None and look <= until:
            now = look
            after = [scoring.engagement(sums, rules.scoring, now) >= bound for bound in bounds]
            empty, crossed = (empty + 1, crossed) if after == before else (empty, crossed + 1)
            before = after
    return empty / crossed


def rows(options: Options) -> Iterator[Result]:
    """Finding, on each database; empty looks."""
    yield Result("empty looks", "crossings of a threshold", empty_looks(500), at_most=AT_MOST_EMPTY)
    leads = options.size(1_000_000, 20_000)
    for database in options.databases:
        with scores.filled(database, leads, each=0) as store:
            with store.engine.begin() as db:
                spread(db, leads)
            scores.analyze(store)
            ratio = finding(store, options.pick(9, 5))
        path = f"finding {CROSS:,} of {leads:,} leads that cross, {database}"
        yield Result(path, "one bare range query", ratio, at_most=AT_MOST)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
