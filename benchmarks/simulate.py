"""How much simulating costs over the daemon's own passes for the same touches, and whether its memory grows.

    python -m benchmarks.simulate [--leads 10000] [--days 365] [--tick '1 hour'] [--profile]

A simulation is run once and writes down its moments and what people did. Then the bare passes are run at those moments
on another copy, with the same people: what a daemon would do, without its mail. The mark is a ratio of CPU time of at
most 1.5. Memory is what the process holds after a third, two thirds and all of the time.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.result import Options, Result
from nurture.copied import copied
from nurture.daemon import tick
from nurture.daemon.simulate import Progress, simulated
from nurture.daemon.simulate.acts import MAILED, REPORTED, Act, come_in, perform
from nurture.domain.errors import RefusedError
from nurture.domain.touch import State
from nurture.wiring import App
from tests.fakes import A_TUESDAY
from tests.journeys import months

AIM = 1.5


def held() -> int:
    """The memory that this process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def rows(options: Options) -> Iterator[Result]:
    """CPU of a simulation beside that of its passes, on SQLite."""
    leads, days = options.size(10_000, 40), options.pick(365, 30)
    with TemporaryDirectory() as place:
        app = months.a_workspace(Path(place) / "workspace", "sqlite:///nurture.db", leads=leads, tick="1 hour")
        ratio = compared(app, A_TUESDAY + timedelta(days=days), None)
        app.close()
    yield Result(f"simulating {leads:,} leads for {days} days", "its bare passes", ratio, at_most=AIM)


def main() -> int:
    """Print the seconds of both, the ratio, and the memory; 1 when the mark is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--tick", default="1 hour")
    parser.add_argument("--profile", action="store_true", help="Say where the time of the simulation goes.")
    given = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place) / "workspace"
        app = months.a_workspace(folder, "sqlite:///nurture.db", leads=given.leads, tick=given.tick)
        ratio = compared(app, A_TUESDAY + timedelta(days=given.days), cProfile.Profile() if given.profile else None)
        app.close()
    return ratio > AIM


def compared(app: App, until: datetime, profile: cProfile.Profile | None) -> float:
    """The CPU time of a simulation over that of its bare passes."""
    moments: list[datetime] = []
    acts: list[Act] = []
    memory: list[int] = []

    def watch(progress: Progress) -> None:
        moments.append(progress.at)
        if progress.done >= (len(memory) + 1) / 3:
            memory.append(held())

    if profile is not None:
        profile.enable()
    began = time.process_time()
    with simulated(app, until=until, start=A_TUESDAY, seed=1, watch=watch, heard=acts.append) as done:
        whole = time.process_time() - began
        if profile is not None:
            profile.disable()
            pstats.Stats(profile).sort_stats("cumtime").print_stats(60)
        touches = sum(1 for _ in done.watched.ledger(done.start, done.end))
        print(f"{done.volume.sent:,} mails, {touches:,} touches in all, {done.passes:,} passes")
    bare = daemon(app, moments[:-1], acts)
    ratio = whole / bare
    print(f"simulated in {whole:.1f} s of CPU, the passes alone {bare:.1f} s: {1000 * whole / touches:.1f} ms a touch")
    print(f"ratio {ratio:.2f} (at most {AIM}); memory {' -> '.join(f'{one} MB' for one in memory)}")
    return ratio


def daemon(app: App, moments: list[datetime], acts: list[Act]) -> float:
    """CPU seconds of the bare passes at the same moments, with the same people."""
    happened = {act.at for act in acts}
    left = list(reversed(acts))
    kept: list[Act] = []
    with copied(app, A_TUESDAY, seed=1) as (twin, clock, _):
        began = time.process_time()
        for at in moments:
            clock.set(at)
            if at in happened:
                while left and left[-1].at <= at:
                    act = named_here(twin, left.pop())
                    if act.what in MAILED | REPORTED:
                        kept.append(act)
                        continue
                    with suppress(RefusedError):
                        perform(twin, act)
                continue
            for act in kept:
                come_in(twin, [act], at)
            kept = []
            tick.run(twin, now=at)
        return time.process_time() - began


def named_here(app: App, act: Act) -> Act:
    """The act about the touch of this copy. Handoffs have the same numbers in both."""
    if act.step == "handoff" and not act.cadence:
        return act
    with app.store.unit(write=False) as work:
        made = work.touches.of_leads([act.lead]).get(act.lead, [])
    place = (act.cadence, act.step, act.occurrence)
    found = [one for one in made if (one.cadence, one.step, one.occurrence) == place and one.state is not State.SKIPPED]
    return replace(act, subject=found[-1].id) if found else act


if __name__ == "__main__":
    sys.exit(main())
