"""All contacts of the bank in one cadence for six months: `python -m benchmarks.bank [FILE] [--leads 4119]`.

Against a real mail server on loopback. Prints what became of every touch; an assertion fails where one is not accounted
for, went out twice, or broke a limit or a window. Without FILE: rows of the same shape.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.journeys import bank


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=bank.REAL if bank.REAL.exists() else None)
    parser.add_argument("--leads", type=int, help="so many, where not all")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = given.file or bank.rows_of_the_same_shape(folder / "bank.csv", given.leads or 4119)
        began = time.perf_counter()
        contacts, lived, touches = bank.journey(folder, file, hours=(10, 16), at_most=given.leads)
        took = time.perf_counter() - began
        bank.accounted(min(contacts, given.leads or contacts), lived, touches)
        bank.within_limits_and_windows(lived, touches)
    states = Counter(one.state for one in touches)
    print(f"{contacts} contacts, {len(touches)} touches, six months in {took / 60:.1f} minutes")
    print(", ".join(f"{count} {state}" for state, count in states.most_common()))
    print(f"{len(lived.server.mails)} mails at the server, each once; limits and windows kept")


if __name__ == "__main__":
    main()
