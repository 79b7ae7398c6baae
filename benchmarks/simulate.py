"""How much simulating costs over the daemon's own passes for the same touches, and whether its memory grows.

    python -m benchmarks.simulate WORKSPACE [DAYS]

A simulation is run once and writes down its moments and what people did. Then the bare passes are run at those moments
on another copy, with the same people: what a daemon would do, without its mail. The aim is a ratio of at most 1.5.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from nurture.copied import copied
from nurture.daemon import tick
from nurture.daemon.simulate import Progress, simulated
from nurture.daemon.simulate.people import Act, perform
from nurture.domain.errors import RefusedError
from nurture.domain.touch import State
from nurture.wiring import App, open_app

AIM = 1.5


def peak() -> int:
    """The most memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> int:
    """Print the seconds of both, the ratio, and the memory at a third and at the end; 1 when the aim is missed."""
    folder, days = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 365
    app = open_app(folder)
    until = app.clock.now() + timedelta(days=days)
    moments: list[datetime] = []
    acts: list[Act] = []
    early: list[int] = []

    def watch(progress: Progress) -> None:
        moments.append(progress.at)
        if not early and progress.done > 1 / 3:
            early.append(peak())

    began = time.process_time()
    with simulated(app, until=until, seed=1, watch=watch, heard=acts.append) as done:
        whole = time.process_time() - began
        sent, passes, start = done.volume.sent, done.passes, done.start
    late = peak()
    bare = daemon(app, moments, acts, start)
    ratio = whole / bare
    print(f"{sent:,} mails in {passes:,} passes: simulated in {whole:.1f} s, the passes alone {bare:.1f} s")
    third = early[0] if early else late
    print(f"ratio {ratio:.2f} (aim: at most {AIM}); memory {third} MB at a third, {late} MB at the end")
    return ratio > AIM


def daemon(app: App, moments: list[datetime], acts: list[Act], start: datetime) -> float:
    """Seconds of the bare passes at the same moments. The folder's files must be in force."""
    happened = {act.at for act in acts}
    left = list(reversed(acts))
    with copied(app, start, seed=1) as (twin, clock, _):
        began = time.process_time()
        for at in moments[:-1]:
            clock.set(at)
            if at not in happened:
                tick.run(twin, now=at)
                continue
            while left and left[-1].at <= at:
                act = named_here(twin, left.pop())
                try:
                    perform(twin, act)
                except RefusedError:
                    continue
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
