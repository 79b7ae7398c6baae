"""Enrolling a million leads by a condition, beside one bare INSERT ... SELECT of the same rows.

`python -m benchmarks.enrollment [--size 1000000] [--database sqlite|postgresql]`. Both sides are measured in turn in
one run, each into empty tables, and only their ratio means anything.

by hand      what `nurture enroll CADENCE --where` does: batches of fifty thousand, each in its own transaction
by a pass    what a daemon does when everybody is to be looked at: the marks are taken away, too
beside       the same enrollments and the same lines of the history by one statement for each table, by hand; for the
             pass also one statement that takes the marks away
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import text

from benchmarks import scores
from benchmarks.result import Options, Result, alone
from benchmarks.scores import NOW
from nurture.adapters.store.rows import make_room
from nurture.adapters.store.unit import SqlStore
from nurture.domain.condition import parse
from nurture.flow import enroll
from tests.flow.loop import a_cadence, a_policy, in_force

AT_MOST: Final = 1.5
WHERE: Final = "stage == 'unknown' and fit < 50"
RULES: Final = in_force({"course": a_cadence("- wait: 1 day", more=f"enroll: {{when: {WHERE}}}\n")})
_ENROLLMENTS: Final = """
INSERT INTO enrollments
    (lead_id, cadence, version, state, slot, held_out, priority, pc, anchor, next_at, started_at, "by")
SELECT id, 'course', 1, 'active', id, false, 50, 0, :now, :now, :now, 'benchmark'
FROM leads WHERE stage = 'unknown' AND fit < 50
"""
_CHANGES: Final = """
INSERT INTO changes (lead_id, at, "by", what, text, detail)
SELECT lead_id, :now, 'benchmark', 'enrolled', 'enrolled in course',
    MADE('enrollment', id, 'cadence', 'course', 'held_out', FALSE)
FROM enrollments
"""


def ours(store: SqlStore, *, by_hand: bool) -> int:
    """Enroll everybody; how many were."""
    common: dict[str, Any] = {"store": store, "rules": RULES, "policy": a_policy(), "now": NOW}
    if by_hand:
        return sum(batch.enrolled for batch in enroll.by_hand_where(parse(WHERE), "course", by="benchmark", **common))
    return enroll.run(**common)


def bare(store: SqlStore, *, by_hand: bool) -> int:
    """The same rows in one statement for each table; how many."""
    is_sqlite = store.engine.dialect.name == "sqlite"
    made = "json_object" if is_sqlite else "json_build_object"
    false = "json('false')" if is_sqlite else "false"
    given = {"now": NOW.strftime("%Y-%m-%d %H:%M:%S.%f") if is_sqlite else NOW}
    with store.engine.begin() as db:
        make_room(db)
        started = db.execute(text(_ENROLLMENTS), given)
        db.execute(text(_CHANGES.replace("MADE", made).replace("FALSE", false)), given)
        if not by_hand:
            db.exec_driver_sql("UPDATE leads SET enroll_check = false WHERE enroll_check")
        return started.rowcount


def emptied(store: SqlStore, *, marked: bool) -> None:
    """Nobody is enrolled, and everybody is marked to be looked at, or nobody."""
    if store.engine.dialect.name == "sqlite":
        driver = store.engine.raw_connection()
        try:
            cursor = driver.cursor()
            cursor.execute("PRAGMA foreign_keys=OFF")  # or each row is looked for among the touches
            for table in ("changes", "enrollments"):
                cursor.execute(f"DELETE FROM {table}")
            cursor.execute("PRAGMA foreign_keys=ON")
        finally:
            driver.close()
    with store.engine.begin() as db:
        if store.engine.dialect.name == "postgresql":
            db.exec_driver_sql("TRUNCATE changes, enrollments CASCADE")
        said = str(marked).lower()
        db.exec_driver_sql(f"UPDATE leads SET enroll_check = {said} WHERE enroll_check <> {said}")
    scores.analyze(store)


def ratio(store: SqlStore, leads: int, rounds: int, *, by_hand: bool) -> float:
    """How many times the bare statements it costs: the median."""
    found = []
    for turn in range(rounds):
        took = {}
        for side in (ours, bare) if turn % 2 else (bare, ours):
            emptied(store, marked=not by_hand)
            began = time.perf_counter()
            assert side(store, by_hand=by_hand) == leads
            took[side] = time.perf_counter() - began
        found.append(took[ours] / took[bare])
        print(f"ours {took[ours]:.1f} s, bare {took[bare]:.1f} s", flush=True)
    return statistics.median(found)


def rows(options: Options) -> Iterator[Result]:
    """Two lines for each database."""
    count, rounds = options.size(1_000_000, 20_000), options.pick(5, 2)
    for database in options.databases:
        with scores.filled(database, count, each=0) as store:
            for by_hand, path in ((True, "by hand, where"), (False, "by a pass")):
                measured = ratio(store, count, rounds, by_hand=by_hand)
                beside = "bare INSERT ... SELECT" + ("" if by_hand else " and UPDATE of the marks")
                path = f"enrollment of {count:,} leads {path}, {database}"
                yield Result(path, beside, measured, at_most=AT_MOST)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
