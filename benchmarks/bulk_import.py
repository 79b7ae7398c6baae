"""An import of a file, checked, de-duplicated and stored, beside a bare load of the same rows into the same indexes.

Both are durable, in batches of the same size, each into a fresh database, in turn in one run; only their ratio means
anything. How much memory an import takes is said beside it.

ours         what `lead import` does: a process of its own that reads and checks the file, and one that looks every
             row up (address, alias, external id, company), decides it, scores it and stores it, with its history
beside       every row that this left in every table, already parsed, by COPY or executemany
half known   the same file shifted by half: every other lead is there already and is updated
"""

from __future__ import annotations

import csv
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import JSON, Connection, insert, select

from benchmarks.result import Options, Result, alone
from benchmarks.scores import server
from nurture.adapters.lead_files.file import ImportFile
from nurture.adapters.rules import YamlFiles
from nurture.adapters.store import tables
from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.rows import make_room
from nurture.adapters.store.schema import upgrade
from nurture.adapters.store.unit import SqlStore
from nurture.commands.workspace import starter
from nurture.domain.policy import Limits, Policy
from nurture.flow import intake
from nurture.flow.intake.take import BATCH
from nurture.ports import InForce

AT_MOST: Final = 1.3
NOW: Final = datetime(2026, 11, 24, 15, tzinfo=UTC)
HEADERS: Final = (
    *("external_id", "email", "first_name", "last_name", "title", "company", "domain", "industry", "employees"),
    *("country", "language", "phone", "consent_basis", "consent_at"),
)
FIRST: Final = ("Ada", "Bob", "Carla", "Dieter", "Eva", "Femi", "Grace", "Hans", "Ines", "J\u00f6rg", "Kim", "Lars")
LAST: Final = ("Lovelace", "Smith", "M\u00fcller", "Garcia", "Rossi", "Novak", "Jansen", "Dubois", "Olsen", "Brown")
TITLES: Final = ("Plant Manager", "Facility Director", "Head of Energy", "CFO", "Engineer", "VP Operations", "Buyer")
INDUSTRIES: Final = ("Manufacturing", "Food", "Chemicals", "Health care", "Education", "Retail", "Logistics")
COUNTRIES: Final = ("US", "DE", "United Kingdom", "FR", "Austria", "NL", "Italy")
# In the order in which they may be written: each refers to those before it.
WRITTEN: Final = (
    "companies",
    "company_domains",
    "leads",
    "consents",
    "facts",
    "suppressions",
    "changes",
    "import_rows",
)


def write_file(path: Path, count: int, first: int = 0) -> None:
    """So many people of a tenth as many companies, in no order; half of them with a number and a consent."""
    dice = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(HEADERS)
        for n in range(first, first + count):
            at = n * 7919 % max(1, count // 10)
            one, two = dice.choice(FIRST), dice.choice(LAST)
            rows.writerow(
                [
                    f"C{n:08d}",
                    f"{one[0]}.{dice.randrange(10**6)}.{n}@company-{at}.example".lower(),
                    one,
                    two,
                    dice.choice(TITLES),
                    f"Company {at}",
                    f"company-{at}.example",
                    INDUSTRIES[at % len(INDUSTRIES)],
                    str(10 + at * 37 % 5000),
                    COUNTRIES[at % len(COUNTRIES)],
                    "en",
                    f"+1415555{n % 10000:04d}" if n % 2 else "",
                    "opt_in" if n % 2 else "",
                    f"2026-0{1 + n % 9}-1{n % 10}T09:00:00Z" if n % 2 else "",
                ]
            )


def imported(url: str, file: Path) -> tuple[float, float, int]:
    """Seconds and megabytes that an import takes, with the process that reads for it, and how many leads it met."""
    files = YamlFiles(webhooks=frozenset(), senders=frozenset(), limits={})
    workspace, _ = files.read({"scoring.yaml": starter("scoring.yaml").read_text(encoding="utf-8")})
    rules = InForce(0, workspace, {}, cast("Any", None), cast("Any", None))
    policy = Policy(limits=Limits(None, None, None, None, None), senders={}, timezone="Europe/Paris")
    engine = open_engine(url)
    began = time.perf_counter()
    rows = ImportFile(file, None, source=None, delimiter=None, encoding=None, zone="Europe/Paris")
    done = intake.take(
        rows.behind(),
        file=file.name,
        source=None,
        content=rows.content(),
        store=SqlStore(engine),
        rules=rules,
        policy=policy,
        now=NOW,
        by="benchmark",
    )
    took = time.perf_counter() - began
    engine.dispose()
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return took, memory / 1024, done.created + done.updated + done.unchanged


def loaded(source: str, target: str) -> float:
    """Seconds that it takes to load what one database has into another, in as many transactions as ours."""
    there, here = open_engine(source), open_engine(target)
    upgrade(here)
    took = 0.0
    with there.connect() as reading, here.connect() as writing:
        make_room(writing)
        writing.execute(insert(tables.imports), dict(reading.execute(select(tables.imports)).one()._mapping))
        writing.commit()
        bare: Any = writing.connection.driver_connection
        counts = {name: reading.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in WRITTEN}
        batches = max(1, -(-counts["leads"] // BATCH))
        for group in (WRITTEN[:2], WRITTEN[2:]):
            readers = {name: _parts(reading, name, -(-counts[name] // batches)) for name in group if counts[name]}
            for _ in range(batches):
                parts = {name: next(reader, []) for name, reader in readers.items()}
                began = time.perf_counter()
                with bare.cursor() if here.dialect.name == "postgresql" else _begun(bare) as cursor:
                    for name, part in parts.items():
                        _load(cursor, name, part)
                bare.commit()
                took += time.perf_counter() - began
    for engine in (there, here):
        engine.dispose()
    return took


@contextmanager
def _begun(bare: Any) -> Iterator[Any]:
    bare.execute("BEGIN IMMEDIATE")
    yield bare.cursor()


def _names(table: str) -> list[str]:
    return [f'"{name}"' for name in tables.metadata.tables[table].c.keys()]  # noqa: SIM118  columns


def _parts(db: Connection, table: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a table as the driver takes them, in the order in which they lie."""
    key = "lead_id" if table == "import_rows" else "company_id" if table == "company_domains" else "id"
    columns = ", ".join(_names(table))
    if db.dialect.name == "postgresql":  # JSON stays the text that it is
        kinds = {f'"{one.name}"': one.type for one in tables.metadata.tables[table].c}
        columns = ", ".join(f"{name}::text" if isinstance(kinds[name], JSON) else name for name in _names(table))
    after = -1
    while True:
        query = f"SELECT {key}, {columns} FROM {table} WHERE {key} > {after} ORDER BY {key} LIMIT {size}"
        rows = db.connection.driver_connection.execute(query).fetchall()  # type: ignore[union-attr]
        if not rows:
            return
        after = rows[-1][0]
        yield [tuple(row[1:]) for row in rows]


def _load(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(_names(table))
    if hasattr(cursor, "copy"):
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(_names(table)))})", rows)


def measured(database: str, leads: int, folder: Path) -> tuple[float, float, float]:
    """Ours beside the bare load; half of them known, beside the same; megabytes."""
    file, half = folder / "leads.csv", folder / "half.csv"
    write_file(file, leads)
    write_file(half, leads, first=leads // 2)
    with server(database, folder) as first, ProcessPoolExecutor(1, mp_context=SPAWN) as fresh:
        second = first.replace("leads.db", "bare.db")
        with server("postgresql", folder) if database == "postgresql" else nullcontext(second) as second:
            engine = open_engine(first)
            upgrade(engine)
            engine.dispose()
            ours, memory, met = fresh.submit(imported, first, file).result()
            assert met == leads
            bare = loaded(first, second)
            again, _, _ = fresh.submit(imported, first, half).result()
    for left in folder.glob("*.db*"):
        left.unlink()
    print(f"{database}: ours {ours:.1f} s, bare {bare:.1f} s, half known {again:.1f} s, {memory:.0f} MB", flush=True)
    return ours / bare, again / bare, memory


SPAWN: Final = multiprocessing.get_context("spawn")


def rows(options: Options) -> Iterator[Result]:
    """The ratio on each database."""
    leads = options.size(1_000_000, 20_000)
    for database in options.databases:
        with tempfile.TemporaryDirectory() as folder:
            found = [measured(database, leads, Path(folder)) for _ in range(options.pick(3, 1))]
        ours, again, memory = (statistics.median(column) for column in zip(*found, strict=True))
        path = f"import of {leads:,} leads, {database}"
        yield Result(path, "bare load of the same rows", ours, at_most=AT_MOST)
        yield Result(f"{path}, half of them known", "bare load of new ones", again)
        yield Result(f"{path}: memory, with the process that reads", "megabytes", memory)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
