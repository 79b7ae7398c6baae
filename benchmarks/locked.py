"""A SQLite database that another process keeps locked for a whole minute while a daemon sends from it.

`python -m benchmarks.locked [--size PEOPLE] [--quick]`. A real `nurture daemon` with the settings as they come: it
waits for the lock for 30 seconds, then gives up and comes again. Nothing may be lost, doubled or in doubt, the log and
/readyz must say that nothing goes on and why, and it must go on by itself.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

from benchmarks.result import Options, Result, alone
from nurture.domain.touch import State
from nurture.wiring import open_app
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace

TOP: Final = Path(__file__).resolve().parents[1]
MAIL: Final = "workers = 4\nfirst_wave = 0"
MORE: Final = '[sendgrid]\nhost = "{host}"\n[scheduler]\ntick = 2'
AGAIN: Final = 35.0  # seconds after the lock until mail must go out: what was waiting for it may have to come again


@dataclass
class Outcome:
    """What a run came to."""

    states: Counter[State] = field(default_factory=Counter)
    mails: Counter[str] = field(default_factory=Counter)
    before: int = 0  # mails that had gone out when it was locked
    said: list[str] = field(default_factory=list)  # why nothing went on, as the log has it
    not_ready: int = 0  # times that /readyz said so
    again: float = 0.0  # seconds after the lock until the next mail


def rows(options: Options) -> Iterator[Result]:
    """What it comes to."""
    if "sqlite" not in options.databases:
        return
    people, seconds = options.size(1_000, 200), options.pick(60, 35)
    done = ran(people, seconds)
    print(f"{dict(done.states)}, {done.before} before, on after {done.again:.1f} s; {Counter(done.said)}")
    what = f"{people:,} people, locked for {seconds} s after {done.before} mails"
    yield Result(f"lost: {what}", "", people - len(done.mails), at_most=0)
    yield Result(f"doubled: {what}", "", sum(times > 1 for times in done.mails.values()), at_most=0)
    yield Result(f"not known as sent: {what}", "", people - done.states[State.SENT], at_most=0)
    yield Result("log lines that say why", "", len(done.said), at_least=1)
    yield Result("times that /readyz said that it does not work", "", done.not_ready, at_least=1)
    yield Result("seconds after the lock until it goes on by itself", "", done.again, at_most=AGAIN)


def ran(people: int, seconds: int) -> Outcome:
    """Run once."""
    logging.getLogger("aiohttp.server").disabled = True
    done = Outcome()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        provider = stack.enter_context(crash.Provider())
        course = {"course": a_cadence("- email: one")}
        more = MORE.format(host=provider.url)
        folder = workspace.make(place / "w", course, mails=("course/one",), provider="sendgrid", mail=MAIL, more=more)
        os.environ["NURTURE_SENDGRID__API_KEY"] = provider.key
        stack.callback(os.environ.pop, "NURTURE_SENDGRID__API_KEY")
        app = open_app(folder)
        stack.callback(app.close)
        crash.prepare(app, folder, people)
        log = folder / "log"
        out = stack.enter_context(log.open("wb"))
        environment = os.environ | {"PYTHONPATH": str(TOP), "NURTURE_WEB__BIND": "127.0.0.1:8125"}
        command = [sys.executable, "-m", "nurture", "-w", str(folder), "daemon", "--json"]
        daemon = subprocess.Popen(command, cwd=TOP, env=environment, stdout=out, stderr=out)
        stack.callback(daemon.wait)
        stack.callback(daemon.kill)
        until(lambda: len(provider.accepted) >= people // 5, 120, log)
        with closing(sqlite3.connect(folder / "nurture.db", isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN EXCLUSIVE")
            done.before, end = len(provider.accepted), time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(2)
                done.not_ready += not ready("http://127.0.0.1:8125/readyz")
            meanwhile = len(provider.accepted)
            other.execute("ROLLBACK")
        unlocked = time.monotonic()
        until(lambda: len(provider.accepted) > meanwhile, 120, log)
        done.again = time.monotonic() - unlocked
        until(lambda: states(app)[State.SENT] >= people, 60 + people / 10, log)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        done.states = states(app)
        done.mails = Counter(one["personalizations"][0]["to"][0]["email"] for one in provider.accepted)
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        done.said = [one["what"] for one in lines if one["event"] == "job_refused"]
        assert "Traceback" not in log.read_text(), log.read_text()
    return done


def states(app: Any) -> Counter[State]:
    return Counter(one.state for one in crash.touches_of(app))


def ready(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except HTTPError as problem:
        print(problem.read().decode())  # why
        return False


def until(happened: Callable[[], Any], seconds: float, log: Path) -> None:
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, f"it does not go on: {log.read_text()[-2000:]}"
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
