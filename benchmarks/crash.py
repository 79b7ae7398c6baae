"""Kill -9, the longer form: `python -m benchmarks.crash --touches 5000 --kills 1000`, on SQLite.

With PostgreSQL also many daemons, freezes (SIGSTOP for 0.3 to 30 s) and immediate restarts of the database:
`--database postgresql --daemons 4 --touches 10000 --kills 200 --freezes 200 --restarts 50`. Prints what was lost,
doubled and in doubt; the exit code is 1 when something was lost, doubled or stuck, or a daemon ended by itself.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.result import Options, Result
from tests.journeys import crash
from tests.postgres import Server, running_postgres

WHOLE: Final = {
    "sqlite": "--touches 5000 --kills 1000",
    "postgresql": "--database postgresql --daemons 4 --touches 10000 --kills 200 --freezes 200 --restarts 50",
}
QUICK: Final = {
    "sqlite": "--touches 300 --kills 15",
    "postgresql": "--database postgresql --daemons 4 --touches 300 --kills 10 --freezes 3 --restarts 2",
}


def rows(options: Options) -> Iterator[Result]:
    """What the worst that we try does, on each database."""
    for database in options.databases:
        outcome = ran(arguments().parse_args((QUICK if options.quick else WHOLE)[database].split()))
        what = f"{outcome.touches:,} touches, {outcome.kills} kills, {database}"
        for name, count in (("lost", outcome.lost), ("doubled", outcome.doubled), ("stuck", outcome.listed)):
            yield Result(f"{name} of {what}", "", count, at_most=0)


def main() -> int:
    """Run once, with what the command line says."""
    given = arguments().parse_args()
    outcome = ran(given)
    stuck = outcome.listed if given.in_doubt == "settle" else 0
    return 1 if outcome.lost or outcome.doubled or outcome.unlisted or stuck or outcome.died else 0


def arguments() -> argparse.ArgumentParser:
    """What can be said about a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--touches", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=150)
    parser.add_argument("--freezes", type=int, default=0, help="SIGSTOP for 0.3 to 30 s")
    parser.add_argument("--restarts", type=int, default=0, help="immediate ones; with --database postgresql")
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql (a throwaway server), or an address")
    parser.add_argument("--daemons", type=int, default=1, help="at once; more than one needs PostgreSQL")
    parser.add_argument(
        "--give-up", type=float, default=26 * 3600.0, help="seconds; short: what nothing settles is unknown"
    )
    parser.add_argument("--faults", type=float, default=0.02, help="share of requests that get no clear yes")
    parser.add_argument("--in-doubt", choices=("settle", "hold"), default="settle")
    parser.add_argument("--patience", type=float, default=0.0, help="seconds that it may take; more on a busy machine")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser


def ran(given: argparse.Namespace) -> crash.Outcome:
    """Run once, and print what became of everything."""
    if given.database == "sqlite" and given.daemons > 1:
        arguments().error("one daemon on SQLite; more of them need --database postgresql")
    if given.restarts and given.database != "postgresql":
        arguments().error("only a throwaway server is restarted: --database postgresql")
    logging.getLogger("aiohttp.server").disabled = True  # the provider's clients are killed in the middle of a request
    crash.PATIENCE = given.patience or 60.0 + given.kills + given.touches / 10 + (300 if given.freezes else 0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        url = {"sqlite": "sqlite:///nurture.db"}.get(given.database, given.database)
        server: Server | None = None
        if url == "postgresql":
            server = stack.enter_context(running_postgres())
            url = stack.enter_context(server.database())
            server.keeps(url)
        outcome = crash.run(
            folder / "w",
            touches=given.touches,
            kills=given.kills,
            database=url,
            daemons=given.daemons,
            give_up=given.give_up,
            faults=given.faults,
            in_doubt=given.in_doubt,
            seed=given.seed,
            freezes=given.freezes,
            restarts=given.restarts,
            server=server,
        )
    print(f"touches       {outcome.touches}   (seed {given.seed})")
    print(f"kills         {outcome.kills}, freezes {outcome.freezes}, restarts {outcome.restarts}")
    print(f"died          {outcome.died} daemons by themselves")
    print(f"in doubt      {outcome.in_doubt} were seen so; {outcome.sent_again} were not taken and sent again")
    print(f"listed        {outcome.listed} in doubt at the end")
    print(f"unknown       {outcome.unknown}")
    print(f"accepted      {len(outcome.accepted)} different touches")
    print(f"lost          {outcome.lost}")
    print(f"doubled       {outcome.doubled}")
    return outcome


if __name__ == "__main__":
    sys.exit(main())
