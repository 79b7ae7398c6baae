"""All contacts of the bank in one cadence for six months: `python -m benchmarks.bank [FILE] [--leads 4119]`.

Against a real mail server on loopback. Prints what became of every touch; an assertion fails where one is not accounted
for, went out twice, or broke a limit or a window. Without FILE: rows of the same shape.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.result import Options, Result
from tests.journeys import bank


def rows(options: Options) -> Iterator[Result]:
    """Nothing is lost, doubled or over a limit: an assertion would have failed."""
    touches = lived(bank.REAL if bank.REAL.exists() else None, options.size(0, 200) or None)
    yield Result(f"{touches:,} touches in six months, each accounted for", "", 0, at_most=0)


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=bank.REAL if bank.REAL.exists() else None)
    parser.add_argument("--leads", type=int, help="so many, where not all")
    given = parser.parse_args()
    lived(given.file, given.leads)


def lived(real: Path | None, leads: int | None) -> int:
    """Run once; the number of touches."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = real or bank.rows_of_the_same_shape(folder / "bank.csv", leads or 4119)
        began = time.perf_counter()
        contacts, house, touches = bank.journey(folder, file, hours=(10, 16), at_most=leads)
        took = time.perf_counter() - began
        bank.accounted(min(contacts, leads or contacts), house, touches)
        bank.within_limits_and_windows(house, touches)
    states = Counter(one.state for one in touches)
    print(f"{contacts} contacts, {len(touches)} touches, six months in {took / 60:.1f} minutes")
    print(", ".join(f"{count} {state}" for state, count in states.most_common()))
    print(f"{len(house.server.mails)} mails at the server, each once; limits and windows kept")
    return len(touches)


if __name__ == "__main__":
    main()
