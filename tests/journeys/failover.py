"""Daemons on machines of their own send to a local provider while a standby takes over from a killed primary."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from nurture.daemon import lifecycle, restored
from nurture.domain.errors import UnreachableError
from nurture.domain.touch import State
from nurture.wiring import App, open_app
from tests.flow.loop import a_cadence
from tests.forked import context
from tests.journeys import crash, workspace
from tests.journeys.test_outage import Web
from tests.standby import Pair

MAIL = "timeout = 1\nlease = 3\nsettle_after = 4\nworkers = 6\nfirst_wave = 0"
LEASE = timedelta(seconds=4)
STILL = 3.0  # seconds in which a fleet that is held sends nothing


@dataclass
class Outcome:
    """What a run came to. People are counted, not touches: a lost touch comes again under another id."""

    people: int
    failovers: int = 0
    accepted: Counter[str] = field(default_factory=Counter)  # by address
    states: Counter[State] = field(default_factory=Counter)
    behind: int = 0  # mails that had gone out when they were lost from the database
    held: bool = False  # nothing went out until a person accepted the database
    refusals: int = 0  # what the daemons said meanwhile

    @property
    def doubled(self) -> int:
        """People who got a mail twice."""
        return sum(times > 1 for times in self.accepted.values())

    @property
    def lost(self) -> int:
        """People who got none, and of whom nobody is told."""
        listed = self.states[State.IN_DOUBT] + self.states[State.UNKNOWN]
        return max(0, self.people - len(self.accepted) - listed)

    @property
    def stuck(self) -> int:
        """Touches on which nothing is decided, and those that nobody will hear of."""
        return self.states[State.PLANNED] + self.states[State.SENDING] + self.people - sum(self.states.values())


def work(folder: str, machine: int, key: str) -> None:
    """A whole daemon on a machine of its own; only what the dead leave behind is missed sooner."""
    os.environ |= {
        "NURTURE_SENDGRID__API_KEY": key,
        "NURTURE_STATE__DIR": f"machine{machine}",
        "NURTURE_WEB__SECRET_KEY": (Path(folder) / ".nurture/secret.key").read_text(),
    }
    sys.stderr = (Path(folder) / f"log{machine}").open("a", buffering=1)
    lifecycle.HEARTBEAT = timedelta(seconds=1)  # type: ignore[misc]
    app = workspace.hurried(open_app(Path(folder)), lease=LEASE, batch=crash.BATCH)
    lifecycle.run(app, as_json=True, serve=lambda _: Web())


@contextlib.contextmanager
def a_fleet(folder: Path, key: str, daemons: int) -> Iterator[list[BaseProcess]]:
    """Running daemons."""
    running: list[BaseProcess] = [context.Process(target=work, args=(str(folder), one, key)) for one in range(daemons)]
    try:
        for process in running:
            process.start()
        yield running
    finally:
        for process in running:
            process.kill()
            process.join()


def run(folder: Path, pair: Pair, *, people: int, daemons: int, failovers: int, seed: int = 1) -> Outcome:
    """Send to `people` while the primary is killed `failovers` times; with an asynchronous standby once, behind.

    Then the fleet must hold, and is let go on as a person would.
    """
    dice = random.Random(seed)
    outcome = Outcome(people)
    pair.primary.says("CREATE DATABASE nurture")
    with crash.Provider(seed=seed) as provider:
        workspace.make(
            folder,
            {"course": a_cadence("- email: one")},
            mails=("course/one",),
            provider="sendgrid",
            mail=MAIL,
            more=f'[sendgrid]\nhost = "{provider.url}"\n[scheduler]\ntick = 0.3',
            database=pair.url("nurture"),
        )
        os.environ["NURTURE_SENDGRID__API_KEY"] = provider.key
        app = open_app(folder)
        try:
            crash.prepare(app, folder, people)
            with a_fleet(folder, provider.key, daemons):
                _until(lambda: provider.accepted, "nobody sends")
                for number in range(failovers):
                    enough = people * (number + 1) // (failovers + 1)
                    _until(lambda least=enough: len(provider.accepted) >= least, "nobody goes on")  # type: ignore[misc]
                    if not pair.synchronous:
                        _fall_behind(pair, app, provider, outcome)
                    time.sleep(dice.random() * 0.2)
                    pair.fail_over()
                    outcome.failovers += 1
                    if pair.synchronous:
                        pair.follow()
                    else:
                        _held(app, provider, outcome, folder)
                _until(lambda: _at_rest(app, provider, dice, outcome), "somebody is stuck", seconds=crash.PATIENCE)
            outcome.accepted = Counter(one["personalizations"][0]["to"][0]["email"] for one in provider.accepted)
            outcome.refusals = sum(log.read_text().count("job_refused") for log in folder.glob("log*"))
            assert not any("Traceback" in log.read_text() for log in folder.glob("log*"))
        finally:
            app.close()
            del os.environ["NURTURE_SENDGRID__API_KEY"]
    return outcome


def _fall_behind(pair: Pair, app: App, provider: crash.Provider, outcome: Outcome) -> None:
    """Let mails go out that the standby will not know."""
    _until(lambda: app.store.now(app.clock.now()) and _servers(app), "no heartbeat")
    pair.cut_off()
    before = len(provider.accepted)
    _until(lambda: len(provider.accepted) > before + 2 * crash.BATCH, "nothing went out")
    outcome.behind = len(provider.accepted) - before


def _servers(app: App) -> bool:
    with app.store.unit(write=False) as work:
        return work.control.mark("server") is not None


def _held(app: App, provider: crash.Provider, outcome: Outcome, folder: Path) -> None:
    """Nobody sends until a person accepts the database as it is."""
    logs = list(folder.glob("log*"))
    _until(lambda: all("older copy" in log.read_text() or "unknown" in log.read_text() for log in logs), "unnoticed")
    before = len(provider.accepted)
    time.sleep(STILL)
    outcome.held = len(provider.accepted) == before
    restored.accept(app, by="tester")


def _at_rest(app: App, provider: crash.Provider, dice: random.Random, outcome: Outcome) -> bool:
    """Whether nothing will happen any more by itself; the provider tells of what it took meanwhile."""
    try:
        made = crash.touches_of(app)
        if outcome.behind == 0:
            provider.webhook(app, dice)
    except UnreachableError:
        return False
    outcome.states = Counter(one.state for one in made)
    left = {State.PLANNED, State.SENDING} | (set() if outcome.behind else {State.IN_DOUBT})
    return len(made) >= outcome.people and not any(outcome.states[state] for state in left)


def _until(happened: Callable[[], Any], what: str, *, seconds: float = 60.0) -> None:
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, what
        time.sleep(0.02)
