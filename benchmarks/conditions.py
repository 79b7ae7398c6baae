"""What a condition costs: beside a hand-written closure, and in SQL over a million leads beside SQL written by hand.

`python -m benchmarks.conditions [--size N] [--quick] [--database sqlite|postgresql]`. Both sides of a ratio
are measured in turn in one run, and only ratios mean anything: machines differ and are noisy. Exit code 1 when one
misses its mark.

closure      `condition.holds(names, history)` beside a function with the same meaning, missing values included
by hand      "how many leads match?" beside the query that somebody would type for the same question
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, insert, text

from benchmarks.result import Options, Result, alone
from nurture.adapters.store.leads import LeadRows
from nurture.adapters.store.tables import companies, facts, leads, responses, touches
from nurture.adapters.store.unit import SqlStore
from nurture.domain.condition import parse
from nurture.domain.history import LeadHistory
from nurture.domain.workspace import Workspace
from tests.builders import a_store
from tests.postgres import running_postgres

AT_MOST_OF_A_CLOSURE: Final = 10.0
AT_MOST_OF_SQL: Final = 2.0
NOW: Final = datetime(2026, 11, 24, 15, tzinfo=UTC)
SEED: Final = 10_000  # leads that are made here; the others are copies of them
Names = Mapping[str, Any]

LEAD: Final[Names] = {
    "stage": "long_term", "industry": "Manufacturing", "employees": 250, "fit": 35.0, "engagement": 12.5,
    "title": "Head of Plant Engineering", "country": "US", "timeline_months": None, "budget": True, "x.seats": "41",
}  # fmt: skip
CLOSURES: Final[dict[str, Callable[[Names], bool]]] = {
    "stage == 'long_term'": lambda n: n.get("stage") is not None and n["stage"].lower() == "long_term",
    "stage in ['unknown', 'long_term'] and industry == 'manufacturing'": lambda n: (
        (n.get("stage") or "").lower() in ("unknown", "long_term")
        and (n.get("industry") or "").lower() == "manufacturing"
    ),
    "fit >= 20 and employees >= 200": lambda n: (
        n.get("fit") is not None and n["fit"] >= 20 and n.get("employees") is not None and n["employees"] >= 200
    ),
    "contains(title, 'chief', 'head')": lambda n: (
        "chief" in (title := (n.get("title") or "").lower()) or "head" in title
    ),
    "has_word(title, 'plant')": lambda n: "plant" in (n.get("title") or "").lower().replace(",", " ").split(),
    "engagement >= 30 or timeline_months <= 6": lambda n: (
        n["engagement"] >= 30 or (n.get("timeline_months") is not None and n["timeline_months"] <= 6)
    ),
    "x.seats > 40": lambda n: n.get("x.seats") is not None and float(n["x.seats"]) > 40,
    "budget and not (country in ['DE', 'FR'])": lambda n: (
        n["budget"] is True and (n.get("country") or "").lower() not in ("de", "fr")
    ),
}

OURS: Final = "merged_into IS NULL AND forgotten_at IS NULL"
WITH_COMPANY: Final = "leads LEFT JOIN companies c ON c.id = leads.company_id"
HUMAN: Final = "r.lead_id = leads.id AND r.grade = 'human'"
KNOWN: Final = "FROM facts f WHERE f.lead_id = leads.id AND f.at >= '2026-05-28 15:00'"
WENT: Final = "('sending', 'sent', 'in_doubt', 'unknown', 'done')"
GUIDE: Final = "(t.template = 'guide' OR t.template LIKE '%/guide')"
CLICKED: Final = f"FROM responses r JOIN touches t ON t.id = r.touch_id WHERE {HUMAN} AND r.kind = 'click'"
REPLIED: Final = f"FROM responses r WHERE {HUMAN} AND r.kind = 'reply'"
TOUCHED: Final = "FROM touches t WHERE t.lead_id = leads.id"
BY_HAND: Final[dict[str, tuple[str, str]]] = {
    "stage == 'long_term' and fit >= 20": ("leads", "stage = 'long_term' AND fit >= 20"),
    "created_at >= '2026-06-01'": ("leads", "leads.created_at >= '2026-06-01'"),
    "industry == 'manufacturing' and employees >= 200": (
        WITH_COMPANY, "lower(c.industry) = 'manufacturing' AND c.employees >= 200",
    ),
    "country in ['US', 'CA']": (WITH_COMPANY, "lower(coalesce(nullif(leads.country, ''), c.country)) IN ('us', 'ca')"),
    "title == 'Plant Manager'": ("leads", "lower(title) = 'plant manager'"),
    "contains(title, 'chief', 'head')": ("leads", "(lower(title) LIKE '%chief%' OR lower(title) LIKE '%head%')"),
    "starts_with(title, 'head')": ("leads", "lower(title) LIKE 'head%'"),
    "not contains(title, 'intern')": ("leads", "(title IS NULL OR lower(title) NOT LIKE '%intern%')"),
    "has_word(title, 'it')": (
        "leads", "(' ' || replace(replace(replace(lower(title), ',', ' '), '-', ' '), '/', ' ') || ' ') LIKE '% it %'",
    ),
    "x.plan == 'gold'": ("leads", "lower(custom ->> 'plan') = 'gold'"),
    "x.seats > 40": ("leads", "CAST(custom ->> 'seats' AS REAL) > 40"),
    "budget and not timeline": (
        "leads",
        f"EXISTS (SELECT 1 {KNOWN} AND f.name = 'budget') AND NOT EXISTS (SELECT 1 {KNOWN} AND f.name = 'timeline')",
    ),
    "sent('guide') and not replied()": (
        "leads",
        f"EXISTS (SELECT 1 {TOUCHED} AND t.state IN {WENT} AND {GUIDE}) AND NOT EXISTS (SELECT 1 {REPLIED})",
    ),
    "clicked('guide')": (
        "leads",
        f"EXISTS (SELECT 1 {CLICKED} AND {GUIDE})",
    ),
    "touches('email', '30 days') >= 1": (
        "leads", f"(SELECT count(*) {TOUCHED} AND t.channel = 'email' AND t.counted_at > '2026-10-25 15:00') >= 1",
    ),
    "days_since('click') < 30": (
        "leads", f"(SELECT max(at) FROM responses r WHERE {HUMAN} AND r.kind = 'click') > '2026-10-25 15:00'",
    ),
}  # fmt: skip


def closures(rounds: int) -> float:
    """Print what each condition costs beside a closure; the worst."""
    history = LeadHistory(NOW)
    worst = 0.0
    for written, closure in CLOSURES.items():
        holds = parse(written).holds
        assert holds(LEAD, history) == closure(LEAD), written
        ratios = [_calls(lambda: holds(LEAD, history)) / _calls(lambda: closure(LEAD)) for _ in range(rounds)]  # noqa: B023
        worst = max(worst, ratio := statistics.median(ratios))
        print(f"{ratio:8.2f}  {written}")
    return worst


def _calls(call: Callable[[], object], number: int = 20_000) -> float:
    began = time.perf_counter()
    for _ in range(number):
        call()
    return time.perf_counter() - began


def counts(store: SqlStore, rounds: int) -> float:
    """Print what each count costs beside SQL written by hand; the worst."""
    worst = 0.0
    for written, (table, by_hand) in BY_HAND.items():
        query = text(f"SELECT count(*) FROM {table} WHERE {OURS} AND {by_hand}".replace(":", r"\:"))
        condition = parse(written)
        ratios = []
        with store.engine.connect() as db:
            rows = LeadRows(db)
            for round_ in range(rounds + 1):
                began = time.perf_counter()
                found = rows.count(condition, now=NOW, rules=Workspace())
                middle = time.perf_counter()
                expected = db.execute(query).scalar_one()
                ended = time.perf_counter()
                assert found == expected, (written, found, expected)
                if round_:  # the first one warms the caches
                    ratios.append((middle - began) / (ended - middle))
        worst = max(worst, ratio := statistics.median(ratios))
        print(f"{ratio:8.2f}  {written}  ({found:,} leads, by hand {ended - middle:.2f} s)")
    return worst


@contextmanager
def filled(database: str, count: int) -> Iterator[SqlStore]:
    """A database with so many leads, half of them with a past."""
    with tempfile.TemporaryDirectory() as folder, _server(database, Path(folder)) as url, a_store(url) as store:
        with store.engine.begin() as db:
            _seed(db)
            _multiply(db, -(-count // SEED))
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.exec_driver_sql("ANALYZE")
        yield store


@contextmanager
def _server(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder / 'leads.db'}"
        return
    with running_postgres() as server, server.database() as url:
        yield url


def _seed(db: Connection) -> None:
    dice = Random(1)
    titles = ["Plant Manager", "Head of Operations", "VP Sales", "Chief Engineer", "IT Manager", "Co-Founder, IT", None]
    titles += ["Director, Maintenance", "Buyer", "Geschäftsführer", "Energy Manager", "Intern", "Controller", "CEO"]
    industries = ["Manufacturing", "Retail", "Logistics", "Food", None]
    firms = [
        {"id": n, "name": f"Company {n}", "name_key": f"company {n}", "industry": dice.choice(industries),
         "employees": dice.randrange(10, 2_000), "country": dice.choice(["US", "DE", "FR", None]), "created_at": NOW}
        for n in range(1, SEED // 5)
    ]  # fmt: skip
    db.execute(insert(companies), firms)
    people = []
    for n in range(1, SEED + 1):
        at = NOW - timedelta(days=dice.randrange(700))
        custom = {"plan": dice.choice(["Gold", "silver", "free"]), "seats": str(dice.randrange(80)), "class": "b2b"}
        people.append(
            {"id": n, "email": f"person{n}@company{n % 999}.example", "first_name": "Pat", "last_name": f"Doe {n}",
             "status": "nurturing", "stage": dice.choice(["unknown", "unknown", "long_term", "near_term"]),
             "title": dice.choice(titles), "country": dice.choice(["US", "CA", "DE", "", None]),
             "source": "hannover-2027", "company_id": dice.randrange(1, SEED // 5), "fit": float(dice.randrange(60)),
             "created_at": at, "arrived_at": at, "changed_at": at, "custom": custom}
        )  # fmt: skip
    db.execute(insert(leads), people)
    with_past = range(1, SEED + 1, 2)
    known = [{"lead_id": n, "name": dice.choice(["budget", "timeline"]), "value": "1", "source": "call",
              "confidence": "stated", "at": NOW - timedelta(days=dice.randrange(300))} for n in with_past]  # fmt: skip
    db.execute(insert(facts), known)
    sent, heard = [], []
    for n in with_past:
        at = NOW - timedelta(days=dice.randrange(120), seconds=dice.randrange(3600))
        sent.append({"id": f"t{n}", "lead_id": n, "step": "guide", "channel": "email", "state": "sent", "due_at": at,
                     "template": dice.choice(["evergreen/guide", "evergreen/note"]), "created_at": at,
                     "counted_at": at, "sent_at": at})  # fmt: skip
        kind, grade = dice.choice(["click", "click", "reply", "open"]), dice.choice(["human", "human", "machine"])
        heard.append({"lead_id": n, "touch_id": f"t{n}", "kind": kind, "grade": grade, "at": at + timedelta(hours=3),
                      "recorded_at": at, "key": f"r{n}"})  # fmt: skip
    db.execute(insert(touches), sent)
    db.execute(insert(responses), heard)


def _multiply(db: Connection, times: int) -> None:
    """Copy the leads, and what they have, so often."""
    db.exec_driver_sql("CREATE TEMPORARY TABLE copies (n INTEGER)")
    if times > 1:
        db.execute(text("INSERT INTO copies VALUES (:n)"), [{"n": n} for n in range(1, times)])
    new = {
        "leads": {"id": f"id + n * {SEED}", "email": "'c' || n || email"},
        "facts": {"lead_id": f"lead_id + n * {SEED}"},
        "touches": {"id": "'c' || n || id", "lead_id": f"lead_id + n * {SEED}"},
        "responses": {"lead_id": f"lead_id + n * {SEED}", "touch_id": "'c' || n || touch_id", "key": "'c' || n || key"},
    }
    for table in (leads, facts, touches, responses):
        kept = [column.name for column in table.c if column.name != "id" or "id" in new[table.name]]
        values = ", ".join(new[table.name].get(name, f'"{name}"') for name in kept)
        columns = ", ".join(f'"{name}"' for name in kept)
        db.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM {table.name}, copies")


def rows(options: Options) -> Iterator[Result]:
    """The worst condition of each kind."""
    rounds = options.pick(5, 3)
    yield Result("a condition, the worst", "a closure by hand", closures(rounds), at_most=AT_MOST_OF_A_CLOSURE)
    leads = options.size(1_000_000, 20_000)
    for database in options.databases:
        with filled(database, leads) as store:
            path = f"how many of {leads:,} leads match, the worst, {database}"
            yield Result(path, "SQL by hand", counts(store, rounds), at_most=AT_MOST_OF_SQL)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
