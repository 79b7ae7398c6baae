"""Everybody scored again after a change of weights, beside the SQL aggregate and a bare write of the results.

`python -m benchmarks.rescoring [--size N] [--quick] [--database sqlite|postgresql]`. Ten responses each.
Both sides are measured in turn in one run, and only their ratio means anything: machines differ and are noisy. Exit
code 1 when it misses its mark.

ours         what `apply` does: batches of twenty thousand, each in its own transaction; engagement, stages with the
             history of what changed, the next moment to look, who may now be enrolled or promoted
beside       one statement that adds up from the ledger's index what the lines of each rule are worth for each lead, and
             results that are there already, written into the same columns in as many transactions
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from math import log
from typing import Final

from sqlalchemy import Connection

from benchmarks import scores
from benchmarks.result import Options, Result, alone
from benchmarks.scores import NOW
from nurture.adapters.store.unit import SqlStore
from nurture.flow import rescoring
from nurture.ports import InForce

AT_MOST: Final = 1.5
BATCH: Final = 20_000
WRITTEN: Final = ("fit", "engagement", "stage", "scored_at", "look_at", "enroll_check", "ready_check")


def aggregate(db: Connection, rules: InForce) -> float:
    """Seconds that one statement takes to add up what each lead's lines are worth by each rule, into a table."""
    sqlite = db.dialect.name == "sqlite"
    now = NOW.strftime("%Y-%m-%d %H:%M:%S")
    days = f"(julianday('{now}') - julianday(at))" if sqlite else f"(date_part('epoch', '{now}+00' - at) / 86400.0)"
    double = "" if sqlite else "::double precision"
    sums = ", ".join(
        f"sum(CASE WHEN rule = '{rule.key}' THEN exp({days} * {-log(2) / rule.half_life.span.days}{double}) END)"
        f" AS rule_{at}"
        for at, rule in enumerate(rules.workspace.scoring.engagement)
    )
    began = time.perf_counter()
    db.exec_driver_sql(f"CREATE TEMPORARY TABLE added AS SELECT lead_id, {sums} FROM score_lines GROUP BY lead_id")
    took = time.perf_counter() - began
    db.exec_driver_sql("DROP TABLE added")
    return took


def keep(store: SqlStore) -> None:
    """Keep the results as they are now in a table; nobody has been asked to look at anybody."""
    with store.engine.begin() as db:
        db.exec_driver_sql("UPDATE leads SET enroll_check = false, ready_check = false")
        db.exec_driver_sql(f"CREATE TABLE results AS SELECT id, {', '.join(WRITTEN)} FROM leads")
        db.exec_driver_sql("CREATE UNIQUE INDEX results_id ON results (id)")


def write(store: SqlStore, count: int) -> float:
    """Seconds that it takes to write the kept results into the leads, in as many transactions as ours."""
    values = ", ".join(f"{name} = results.{name}" for name in WRITTEN)
    began = time.perf_counter()
    for first in range(1, count + 1, BATCH):
        within = f"BETWEEN {first} AND {first + BATCH - 1}"
        with store.engine.begin() as db:
            db.exec_driver_sql(
                f"UPDATE leads SET {values} FROM results"
                f" WHERE results.id = leads.id AND leads.id {within} AND results.id {within}"
            )
    return time.perf_counter() - began


def measured(store: SqlStore, count: int, rounds: int) -> list[tuple[float, float, float]]:
    """(ours, aggregate, write) in seconds, for each round."""
    before, after = scores.rules(4, 25), scores.rules(5, 18)
    rescoring.everybody(store=store, rules=before, now=NOW)
    keep(store)
    scores.analyze(store)
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        rescoring.everybody(store=store, rules=after, now=NOW)
        ours = time.perf_counter() - began
        scores.analyze(store)
        with store.engine.begin() as db:
            added = aggregate(db, before)
        written = write(store, count)
        scores.analyze(store)
        found.append((ours, added, written))
        print(f"ours {ours:.1f} s, aggregate {added:.1f} s, bare write {written:.1f} s", flush=True)
    return found


def rows(options: Options) -> Iterator[Result]:
    """The ratio on each database."""
    leads = options.size(1_000_000, 20_000)
    for database in options.databases:
        with scores.filled(database, leads) as store:
            times = measured(store, leads, options.pick(5, 3))
        ratio = statistics.median(ours / (added + write) for ours, added, write in times)
        path = f"re-scoring {leads:,} leads, {database}"
        yield Result(path, "SQL aggregate + bare write", ratio, at_most=AT_MOST)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
