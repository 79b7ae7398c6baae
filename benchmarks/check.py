"""What checking costs beside parsing the same YAML with the C loader: 200 cadences of 50 steps, no templates rendered.

`python -m benchmarks.check [--size N] [--quick] [--profile]`. Both are measured in turn in one run, and only
their ratio means anything: machines differ and are noisy. Exit code 1 when it misses its mark.

check   every problem of all files: nodes, shapes, conditions, names across files, the limits on pressure
parse   `yaml.load` of the same texts with CSafeLoader, which knows no places and asks nothing
"""

from __future__ import annotations

import cProfile
import gc
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import yaml

from benchmarks.result import Options, Result, alone
from nurture.adapters.cadence_files import values
from nurture.adapters.cadence_files.workspace import read_files
from nurture.domain import possibility

AT_MOST: Final = 3.0
LIMITS: Final = {1: 1, 7: 2, 30: 6}
# What is remembered from one check to the next: each round begins without.
KEPT: Final = (values._condition, values._duration, possibility._can_hold, possibility._words, possibility._spans)
HEAD: Final = """\
name: plan-{n}
description: What leads of segment {n} get, over more than a year.
owner: dana@acme.example
enroll:
  when: stage in ['unknown', 'long_term'] and x.segment == '{n}' and employees >= {n}
  again: after 180 days
  rate: 200 per day
priority: {priority}
window: {{days: mon-fri, hours: "09:00-16:30"}}
goal: stage == 'near_term' or visited('/pricing/{n}')
stop_on: [meeting]
holdout: 5%
steps:
"""
# Ten steps, branches included; five of these make a cadence. Conditions are as many and as long as in the starter
# library, and no two of them are the same.
TEN: Final = """\
  - email: note-{n}-{i}
  - wait_for: clicked('note-{n}-{i}')
    timeout: 10 days
  - wait: 6 business days
  - if: clicked('note-{n}-{i}') and fit >= {i}
    then:
      - call: talk-{n}-{i}
        within: 2 business days
        ask: [timeline, budget]
      - wait: 3 weeks
    else:
      - wait: 1 month
  - if: not (outcome('talk-{n}-{i}') in ['connected', 'callback', 'not_interested'])
    then:
      - email: sorry-{n}-{i}
  - wait: 5 weeks
"""


def sources(cadences: int) -> dict[str, str]:
    """The texts of so many cadences, each with names and conditions of its own."""
    found = {}
    for n in range(cadences):
        blocks = "".join(TEN.format(n=n, i=i) for i in range(1, 6))
        found[f"cadences/plan-{n}.yaml"] = HEAD.format(n=n, priority=n % 100) + blocks + "  - stop: finished\n"
    return found


def templates(cadences: int) -> frozenset[str]:
    """The paths of the templates that they name."""
    ends = {"note": "html", "talk": "md", "sorry": "html"}
    return frozenset(
        f"plan-{n}/{what}-{n}-{i}.{end}" for n in range(cadences) for i in range(1, 6) for what, end in ends.items()
    )


def seconds(work: Callable[[], object]) -> float:
    """Of this process, so that what others do beside it counts less."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def rows(options: Options) -> Iterator[Result]:
    """What checking costs beside parsing."""
    cadences, rounds = options.size(200, 20), options.pick(5, 3)
    times = [(seconds(check), seconds(parse)) for check, parse in [both(cadences)] * rounds]
    ratio = statistics.median(checked / parsed for checked, parsed in times)
    yield Result(f"checking {cadences} cadences of 50 steps", "parsing them with the C loader", ratio, at_most=AT_MOST)


def both(cadences: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Checking so many cadences, and parsing them."""
    texts = sources(cadences)
    known = templates(cadences)

    def check() -> None:
        for kept in KEPT:
            kept.cache_clear()
        _, problems = read_files(texts, templates=known, webhooks=(), senders=(), limits=LIMITS)
        assert not [one for one in problems if one.severity == "error"], problems[0]

    def parse() -> None:
        for text in texts.values():
            yaml.load(text, yaml.CSafeLoader)

    return check, parse


if __name__ == "__main__":
    if "--profile" in sys.argv:
        profile = cProfile.Profile()
        profile.runcall(both(200)[0])
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    else:
        sys.exit(alone(__doc__, rows))
