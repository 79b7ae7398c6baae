"""Whether the ledger of `simulate` equals, byte for byte, what a `nurture daemon` does with the same responses.

    python -m benchmarks.simulate_daemon [--leads 1000] [--days 180] [--tick '15 minutes'] [--seed 1]

The daemon is a process of its own on PostgreSQL, under a clock that is set to every point of its grid; responses come
over HTTP. One wait is changed in the end, and the ledgers must differ. It takes from minutes to an hour.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.result import Options, Result
from tests.fakes import A_TUESDAY
from tests.journeys import lived, months
from tests.postgres import running_postgres


def rows(options: Options) -> Iterator[Result]:
    """Whether the ledgers are equal, and differ after a wait was changed; on PostgreSQL alone."""
    if "postgresql" in options.databases:
        leads, days = options.size(1000, 20), options.pick(180, 20)
        equal, differs = compared(leads, days, "1 hour" if options.quick else "15 minutes", 1)
        path = f"ledgers of {leads:,} leads, {days} days"
        yield Result(f"{path}: simulate equals daemon", "", equal, at_least=1)
        yield Result(f"{path}: one wait changed, and they differ", "", differs, at_least=1)


def main() -> int:
    """Print what was compared; 1 when the ledgers are not equal, or equal after a wait was changed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--leads", type=int, default=1000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--tick", default="15 minutes", help="A divisor of an hour, or of nine hours.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    return not all(compared(given.leads, given.days, given.tick, given.seed))


def compared(leads: int, days: int, tick: str, seed: int) -> tuple[bool, bool]:
    """Whether the ledgers are equal, and whether another wait makes another ledger."""
    until = A_TUESDAY + timedelta(days=days)
    with running_postgres() as server, server.database() as url, TemporaryDirectory() as place:
        folder = Path(place) / "workspace"
        months.a_workspace(folder, url, leads=leads, tick=tick, more=lived.KEYS).close()
        began = time.monotonic()
        expected, acts = lived.simulated(folder, A_TUESDAY, until, seed=seed)
        print(f"{time.monotonic() - began:.0f} s: simulated; {_counted(expected)}")
        print("people: " + ", ".join(f"{count} {what}" for what, count in Counter(one.what for one in acts).items()))
        changed = _with_another_wait(folder, until, seed)
        done = lived.lived(folder, A_TUESDAY, until, acts)
    print(f"{time.monotonic() - began:.0f} s: the daemon lived through it; {_counted(done)}")
    equal, differs = done == expected, done != changed
    print(f"the same, byte for byte: {equal}; another wait makes another ledger: {differs}")
    if not equal:
        for name, lines in (("simulate", _only(expected, done)), ("the daemon", _only(done, expected))):
            print(f"{len(lines)} lines of {name} alone, the first:", *lines[:10], sep="\n  ")
    return equal, differs


def _with_another_wait(folder: Path, until: datetime, seed: int) -> str:
    """The ledger after one wait is a day longer; the files are put back."""
    file = folder / "cadences" / "course.yaml"
    kept = file.read_text("utf-8")
    file.write_text(months.course("5 days"), "utf-8")
    changed, _ = lived.simulated(folder, A_TUESDAY, until, seed=seed)
    file.write_text(kept, "utf-8")
    return changed


def _only(one: str, other: str) -> list[str]:
    """The lines of one ledger that the other has not."""
    left = Counter(json.dumps(line) for line in json.loads(one)) - Counter(
        json.dumps(line) for line in json.loads(other)
    )
    return sorted(left.elements())


def _counted(ledger: str) -> str:
    lines = json.loads(ledger)
    many = Counter(f"{one['channel']} {one['outcome']}" for one in lines)
    return f"{len(lines):,} lines: " + ", ".join(f"{count:,} {what}" for what, count in many.most_common(8))


if __name__ == "__main__":
    sys.exit(main())
