"""A standby takes over from a primary that is killed (-9), while three daemons on machines of their own send.

`python -m benchmarks.standby [--failovers 8] [--size 2000]`: a synchronous standby is promoted again and again, and
nothing may be lost, doubled or stuck; one that follows asynchronously is promoted without the latest commits, and
nothing may go out until a person accepts that, and nothing twice then.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.result import Options, Result, options, table
from tests.journeys import crash, failover
from tests.standby import a_pair

DAEMONS = 3


def rows(asked: Options, *, failovers: int = 0, seed: int = 1) -> Iterator[Result]:
    """What both kinds of standby come to."""
    if "postgresql" not in asked.databases:
        return
    logging.getLogger("aiohttp.server").disabled = True  # the provider's clients are cut off in the middle
    people = asked.size(2_000, 300)
    crash.PATIENCE = 120.0 + people / 10
    for synchronous in (True, False):
        times = (failovers or asked.pick(8, 2)) if synchronous else 1
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place, a_pair(synchronous=synchronous) as pair:
            done = failover.run(Path(place) / "w", pair, people=people, daemons=DAEMONS, failovers=times, seed=seed)
        what = f"{people:,} people, {done.failovers} failovers, {'synchronous' if synchronous else 'asynchronous'}"
        print(f"{what}: {dict(done.states)}, {done.refusals} passes refused, {done.behind} mails not in the standby")
        for name, count in (("lost", done.lost), ("doubled", done.doubled), ("stuck", done.stuck)):
            yield Result(f"{name}: {what}", "", count, at_most=0)
        if not synchronous:
            yield Result(f"held until accepted: {what}", "", done.held, at_least=1)


def main() -> int:
    """Run once, with what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failovers", type=int, default=0, help="of the synchronous standby")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked, given = options(parser, None)
    found = list(rows(asked, failovers=given.failovers, seed=given.seed))
    print(*table(found), sep="\n")
    return any(one.missed for one in found)


if __name__ == "__main__":
    sys.exit(main())
