"""Export of many leads: the memory of `nurture lead export` at ten times as many leads beside its memory at few.

`python -m benchmarks.exports [--size 300000] [--quick] [--database sqlite|postgresql]`. The command as a process of its
own; what it writes is counted. Beside the table stands how long a lead takes, which must not grow either.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.result import Options, Result, alone
from nurture.wiring import open_app
from tests import crowd
from tests.flow.loop import a_cadence
from tests.journeys import workspace
from tests.postgres import running_postgres

TOP: Final = Path(__file__).resolve().parents[1]
TABLES: Final = (
    "companies",
    "company_domains",
    "leads",
    "consents",
    "facts",
    "responses",
    "score_lines",
    "suppressions",
)


def rows(options: Options) -> Iterator[Result]:
    """On each database: few, then ten times as many."""
    many = options.size(300_000, 20_000)
    for database in options.databases:
        (little, short), (much, long) = (exported(database, leads) for leads in (many // 10, many))
        print(f"{database}: {little:.0f} and {much:.0f} MB, {short:.0f} and {long:.0f} microseconds a lead")
        what = f"of an export of {many:,} leads, {database}"
        yield Result(f"memory {what}", f"of {many // 10:,}", much / little, at_most=1.1)
        yield Result(f"time for a lead {what}", f"of {many // 10:,}", long / short, at_most=1.3)


def exported(database: str, leads: int) -> tuple[float, float]:
    """The most memory (MB) and the time for a lead (microseconds) of an export of so many."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = "sqlite:///nurture.db"
        if database == "postgresql":
            url = stack.enter_context(stack.enter_context(running_postgres()).database())
        course = {"course": a_cadence("- email: one")}
        folder = workspace.make(place / "w", course, mails=("course/one",), database=url)
        app = open_app(folder, durable=False)
        app.upgrade()
        with app.sql.engine.begin() as db:
            crowd.fill(db, leads, only=TABLES)
            db.exec_driver_sql("ANALYZE")
        app.close()
        command = [sys.executable, "-m", "nurture", "-w", str(folder), "lead", "export"]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(TOP)})
        assert process.stdout is not None
        lines = sum(1 for _ in process.stdout)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert (process.returncode, lines) == (0, leads + 1)
        return used.ru_maxrss / 1024, (time.perf_counter() - began) / leads * 1e6


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
