"""A database with many leads, their responses and scores, for the benchmarks of scoring."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import text

from nurture.adapters.rules import YamlFiles
from nurture.adapters.store.unit import SqlStore
from nurture.ports import InForce
from tests.builders import a_store
from tests.postgres import running_postgres

NOW: Final = datetime(2026, 11, 24, 15, tzinfo=UTC)
EACH: Final = 10  # responses of a lead
ROOM: Final = 1_000_000  # kilobytes
FIT: Final = "fit:\n  - {points: 15, when: \"country in ['US', 'CA']\", because: we sell there}\n"
WEIGHTS: Final = (
    FIT
    + """engagement:
  half_life: 30 days
  cap: 60
  rules:
    - {on: click, points: CLICK, at_most: 12, because: read further}
    - {on: reply, where: "intent in ['interested', 'question']", points: REPLY, half_life: 90 days, because: answered}
    - {on: reply, where: "intent == 'refusal'", points: -20, half_life: 90 days, because: said no}
    - {on: visit, where: "starts_with(page, '/pricing')", points: 8, because: looked at prices}
stages:
  near_term: {enter: engagement >= 30 or timeline_months <= 6, leave: engagement < 22 and not timeline_months <= 6}
  long_term: {enter: engagement >= 5 or timeline_months > 6, leave: engagement < 2 and not timeline_months > 6}
"""
)


def rules(click: float, reply: float) -> InForce:
    """Scoring with these points for a click and for a reply."""
    files = YamlFiles(webhooks=frozenset(), senders=frozenset(), limits={})
    content = WEIGHTS.replace("CLICK", f"{click:g}").replace("REPLY", f"{reply:g}")
    workspace, problems = files.read({"scoring.yaml": content})
    wrong = [problem for problem in problems if problem.file == "scoring.yaml"]
    assert not wrong, wrong
    return InForce(0, workspace, {}, cast("Any", None), cast("Any", None))


@contextmanager
def filled(database: str, count: int, *, each: int = EACH) -> Iterator[SqlStore]:
    """A database with so many leads of `each` responses (at most ten), in the order in which they come in."""
    with tempfile.TemporaryDirectory() as folder, server(database, Path(folder)) as url, a_store(url) as store:
        numbers = (
            f"(SELECT generate_series(1, {count}) AS n) AS numbers"
            if database == "postgresql"
            else f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
        )
        new = [f"leads {_LEADS}", *(f"responses {_response(turn, database)}" for turn in range(each))]
        with store.engine.connect() as db:
            if database == "sqlite":  # with room, until it is measured
                db.exec_driver_sql(f"PRAGMA cache_size={-ROOM}")
            for one in new:  # each in its own transaction: a log of all of them would be slow to look things up in
                db.execute(text(f"INSERT INTO {one} FROM {numbers}".replace(":", r"\:")))
                db.commit()
        store.engine.dispose()
        analyze(store)
        yield store


@contextmanager
def server(database: str, folder: Path) -> Iterator[str]:
    """The address of an empty database that goes with the block."""
    if database == "sqlite":
        yield f"sqlite:///{folder / 'leads.db'}"
        return
    with running_postgres(durable=True) as running, running.database() as url:
        yield url


def analyze(store: SqlStore) -> None:
    """Let the database know what is in it, as it does by itself now and then, and clear away what was replaced."""
    if store.engine.dialect.name == "sqlite":
        with store.engine.begin() as db:
            db.exec_driver_sql("ANALYZE")
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("VACUUM (ANALYZE)")


_LEADS: Final = (
    "(id, email, status, stage, country, created_at, arrived_at, changed_at) SELECT n, 'p' || n || '@example.com',"
    " 'nurturing', 'unknown', CASE n % 3 WHEN 0 THEN 'US' WHEN 1 THEN 'DE' END,"
    " '2025-01-01 09:00:00.000000', '2025-01-01 09:00:00.000000', '2025-01-01 09:00:00.000000'"
)


def _response(turn: int, database: str) -> str:
    """One response of each lead: of ten, six clicks, two replies, two visits; spread over a year."""
    kinds = {0: "reply", 1: "visit", 5: "reply", 6: "visit"}
    kind = kinds.get(turn, "click")
    detail = {
        "reply": 'CASE n % 4 WHEN 0 THEN \'{"intent": "refusal"}\' WHEN 1 THEN \'{"intent": "not_now"}\''
        ' ELSE \'{"intent": "interested"}\' END',
        "visit": 'CASE n % 2 WHEN 0 THEN \'{"page": "/pricing/eu"}\' ELSE \'{"page": "/"}\' END',
    }.get(kind, "NULL")
    ago = f"(n * 7919 + {turn} * 104729) % 31000000"
    if database == "postgresql":
        at = f"timestamptz '2026-11-24 14:00:00+00' - make_interval(secs => (({ago.replace('n *', 'n::bigint *')})))"
        detail = f"({detail})::json"
    else:
        at = f"strftime('%Y-%m-%d %H:%M:%f', '2026-11-24 14:00:00', '-' || ({ago}) || ' seconds') || '000'"
    return (
        "(lead_id, kind, grade, at, recorded_at, key, detail)"
        f" SELECT n, '{kind}', 'human', {at}, '2026-11-24 14:00:00.000000', '{turn}-' || n, {detail}"
    )
