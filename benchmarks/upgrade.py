"""Daemons of the last released version and of this one side by side on one PostgreSQL, while its schema is upgraded.

`python -m benchmarks.upgrade [--size PEOPLE] [--kills 6] [--old FOLDER]`. The released program is taken out of this
repository's history (so not in a shallow clone; `--old` names a checkout of it instead), gets the libraries of its own
lock, and makes the database. Its daemons send; meanwhile the schema is upgraded and daemons of this version join;
people arrive all the time, the provider tells of each mail twice, and daemons of both are killed (-9). Everybody gets
two mails, each once, and what one version began the other goes on with. At the end the old ones are stopped, as
docs/fleet.md says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tarfile import TarFile
from typing import Any, Final

from aiohttp import web
from sqlalchemy import func, select

from benchmarks.result import Options, Result, options, table
from nurture.adapters.mail.sendgrid_log import SKEW
from nurture.adapters.store import schema
from nurture.adapters.store.tables import responses
from nurture.domain.touch import State
from nurture.wiring import App, open_app
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace
from tests.postgres import running_postgres
from tests.store.next_step import RELEASED

TOP: Final = Path(__file__).resolve().parents[1]
OLD, NEW = "released", "this"
EACH: Final = 2  # daemons of each version
MAIL: Final = "timeout = 6\nlease = 12\nsettle_after = 14\nworkers = 2\nfirst_wave = 0\nwithout_basis = 'send'"
MORE: Final = '[sendgrid]\nhost = "{host}"\n[scheduler]\ntick = 1\n[limits]\nlead_per_day = 0\nlead_per_7_days = 0'
STEPS: Final = "- email: one\n- wait: 15 seconds\n- email: two\n"
LATENCY: Final = 0.1  # seconds for a mail
AT_FIRST: Final = 1.0  # the same until the schema is upgraded, so that mail goes out all the while
# What both versions understand. The dead are missed sooner than in service, and a pass takes few at once.
DAEMON: Final = """
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from nurture.daemon import lifecycle
from nurture.web import server
from nurture.web.app import make_app
from nurture.wiring import open_app

lifecycle.HEARTBEAT = timedelta(seconds=1)
app = open_app(Path(sys.argv[1]))
app.policy = replace(app.policy, lease=timedelta(seconds=15), batch=16)
lifecycle.run(app, as_json=True, serve=lambda one: server.start(make_app(one), "127.0.0.1:0"))
"""


class Slow(crash.Provider):
    """The provider, which thinks about each mail."""

    latency: float = AT_FIRST

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        answer = await super()._answer(request, body)
        await asyncio.sleep(self.latency)
        return answer


@dataclass
class Fleet:
    """Daemons of both versions, each with a machine's state of its own."""

    folder: Path
    trees: dict[str, Path]  # where each version's program lies
    running: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=lambda: {OLD: [], NEW: []})
    machines: int = 0

    def tell(self, version: str, *words: str, machine: str = "desk") -> subprocess.CompletedProcess[str]:
        """Run a command of a version."""
        command = [self._python(version), "-m", "nurture", "-w", str(self.folder), *words]
        return subprocess.run(command, **self._place(version, machine), capture_output=True, text=True)

    def _python(self, version: str) -> str:
        """Each version has the libraries of its own lock."""
        return sys.executable if version == NEW else str(self.trees[version] / ".venv" / "bin" / "python")

    def must(self, version: str, *words: str) -> None:
        """The same, which has to work."""
        done = self.tell(version, *words)
        assert done.returncode == 0, f"{version}: nurture {' '.join(words)}: {done.stderr}"

    def start(self, version: str) -> None:
        """One more daemon."""
        self.machines += 1
        command = [self._python(version), "-c", DAEMON, str(self.folder)]
        with (self.folder / f"log-{version}-{self.machines}").open("ab") as out:
            place = self._place(version, f"machine{self.machines}")
            self.running[version].append(subprocess.Popen(command, **place, stdout=out, stderr=out))

    def kill(self, version: str, dice: random.Random) -> None:
        """One less, without a word."""
        victim = self.running[version].pop(dice.randrange(len(self.running[version])))
        assert victim.poll() is None, "a daemon ended by itself"
        victim.kill()
        victim.wait()

    def stop(self, version: str) -> list[int]:
        """Stop all of a version as a person would; their exit codes."""
        for one in self.running[version]:
            one.send_signal(signal.SIGTERM)
        codes = [one.wait(240) for one in self.running[version]]
        self.running[version].clear()
        return codes

    def end(self) -> None:
        """Leave nothing behind."""
        for one in [*self.running[OLD], *self.running[NEW]]:
            one.kill()
            one.wait()

    def sent(self, version: str) -> int:
        """How many mails the passes of a version have sent, by their logs."""
        lines = [line for log in self.folder.glob(f"log-{version}-*") for line in log.read_text().splitlines()]
        passes = [json.loads(line) for line in lines if line.startswith("{") and '"pass"' in line]
        return sum(one.get("sent", 0) for one in passes)

    def _place(self, version: str, machine: str) -> dict[str, Any]:
        tree = str(self.trees[version])
        key = (self.folder / ".nurture/secret.key").read_text()
        more = {"PYTHONPATH": tree, "NURTURE_STATE__DIR": machine, "NURTURE_WEB__SECRET_KEY": key}
        return {"cwd": tree, "env": os.environ | more}


@dataclass
class Outcome:
    """What a run came to."""

    people: int
    beside: dict[str, int] = field(default_factory=dict)  # mails of each version while both worked
    refused: bool = False  # whether an old program that is started beside the new schema refuses
    kills: Counter[str] = field(default_factory=Counter)
    mails: Counter[tuple[str, str]] = field(default_factory=Counter)  # by address and subject
    states: Counter[State] = field(default_factory=Counter)
    delivered: int = 0  # touches that have a response `delivered`
    unsound: int = 0  # rows and totals that break an invariant

    @property
    def lost(self) -> int:
        """Mails that nobody got and of which nobody is told."""
        return max(0, 2 * self.people - len(self.mails) - self.states[State.IN_DOUBT] - self.states[State.UNKNOWN])

    @property
    def doubled(self) -> int:
        """Mails that somebody got twice."""
        return sum(times > 1 for times in self.mails.values())

    @property
    def stuck(self) -> int:
        """Touches that are not at their end, or were never made."""
        return 2 * self.people - self.states[State.SENT]


def rows(asked: Options, *, kills: int = 0, old: Path | None = None, seed: int = 1) -> Iterator[Result]:
    """What it comes to."""
    if "postgresql" not in asked.databases:
        return
    people = asked.size(1_000, 200)
    kills = kills or asked.pick(12, 4)
    done = ran(people, kills=kills, old=old, seed=seed)
    print(
        f"{dict(done.states)}, killed {dict(done.kills)}, sent while both worked {done.beside}, {done.delivered} told"
    )
    what = f"{people:,} people, {EACH} + {EACH} daemons, {kills} kills"
    for name, count in (("lost", done.lost), ("doubled", done.doubled), ("stuck", done.stuck)):
        yield Result(f"{name}: {what}", "", count, at_most=0)
    yield Result(f"broken invariants, responses missing: {what}", "", wrong(done), at_most=0)
    yield Result("the smaller version's share of the mails while both worked", "", share(done), at_least=0.05)
    yield Result("an old program refuses to start beside the new schema", "", done.refused, at_least=1)


def wrong(done: Outcome) -> int:
    """Rows that should not be, or should."""
    return done.unsound + abs(done.delivered - 2 * done.people)


def share(done: Outcome) -> float:
    """How much of the work the version did that did less of it."""
    return min(done.beside.values()) / max(1, sum(done.beside.values()))


def ran(people: int, *, kills: int, old: Path | None, seed: int) -> Outcome:
    """Run once."""
    dice = random.Random(seed)
    logging.getLogger("aiohttp.server").disabled = True  # the provider's clients are killed in the middle of a request
    crash.PATIENCE = 180.0 + people / 4
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        tree = old or released(place / "old")
        server = stack.enter_context(running_postgres())
        url = stack.enter_context(server.database())
        provider = stack.enter_context(Slow(seed=seed))
        folder = workspace.make(
            place / "w",
            {"course": a_cadence(STEPS, more="enroll: {when: \"stage == 'unknown'\"}\n")},
            mails=("course/one", "course/two"),
            provider="sendgrid",
            mail=MAIL,
            more=MORE.format(host=provider.url),
            database=url,
        )
        os.environ["NURTURE_SENDGRID__API_KEY"] = provider.key
        stack.callback(os.environ.pop, "NURTURE_SENDGRID__API_KEY")
        # Its launcher makes its .venv.
        subprocess.run([sys.executable, "cli.py", "--help"], cwd=tree, stdout=subprocess.DEVNULL, check=True)
        fleet = Fleet(folder, {OLD: tree, NEW: TOP})
        stack.callback(fleet.end)
        return _lived(fleet, provider, dice, people, kills)


def released(to: Path) -> Path:
    """The program that the last released version was, out of the history. Exits where the history lacks it."""
    at = subprocess.run(
        ["git", "log", "--reverse", "--format=%H", "-S", f'RELEASED: Final = "{RELEASED}"', "--", "tests/store"],
        cwd=TOP,
        capture_output=True,
        text=True,
    )
    if at.stdout.strip():
        revision = at.stdout.split()[0]
        archive = subprocess.run(["git", "archive", revision], cwd=TOP, capture_output=True, check=True)
        with TarFile(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(to, filter="data")
        steps = sorted((to / "nurture/adapters/store/migrations/versions").glob("0*.py"))
        if steps[-1].name.startswith(RELEASED):
            return to
    sys.exit("The released program is not in this history (a shallow clone?): name a checkout of it with --old.")


def _lived(fleet: Fleet, provider: Slow, dice: random.Random, people: int, kills: int) -> Outcome:
    outcome = Outcome(people)
    first = people // 5
    (fleet.folder / "people.csv").write_text("email\n" + "".join(f"old{n}@c{n}.example\n" for n in range(first)))
    fleet.must(OLD, "database", "upgrade")
    fleet.must(OLD, "apply")
    fleet.must(OLD, "lead", "import", str(fleet.folder / "people.csv"))
    for _ in range(EACH):
        fleet.start(OLD)
    crash._await(lambda: len(provider.accepted) > first // 10)
    fleet.must(NEW, "database", "upgrade")
    provider.latency = LATENCY
    assert len(provider.accepted) < 2 * first, "the old daemons had nothing to do when the schema changed"
    for _ in range(EACH):
        fleet.start(NEW)
    outcome.refused = fleet.tell(OLD, "status").returncode == 1
    app = open_app(fleet.folder)
    try:
        came, acts, before = first, kills, dict.fromkeys((OLD, NEW), 0)
        patience = time.monotonic() + 60
        while came < people or acts or (min(outcome.beside.values(), default=0) < EACH and time.monotonic() < patience):
            if came < people:
                _arrive(app, f"n{came}", min(10, people - came))
                came = min(people, came + 10)
            time.sleep(0.5)
            provider.webhook(app, dice)
            sent = {version: fleet.sent(version) for version in (OLD, NEW)}
            outcome.beside = {version: sent[version] - before[version] for version in (OLD, NEW)}
            if not sent[NEW]:  # they start
                before = sent
            elif acts and dice.random() < 0.4:
                # Who is killed of the old ones stays away: an old program does not start any more.
                version = OLD if len(fleet.running[OLD]) > 1 and acts <= kills // 2 else NEW
                fleet.kill(version, dice)
                outcome.kills[version] += 1
                acts -= 1
                if version == NEW:
                    fleet.start(NEW)
        assert all(one.poll() is None for one in (*fleet.running[OLD], *fleet.running[NEW])), "a daemon ended by itself"
        began = time.monotonic()
        assert set(fleet.stop(OLD)) == {0}
        print(f"the old ones were through with what they had after {time.monotonic() - began:.0f} s")
        crash._await(lambda: _at_rest(app, provider, dice, outcome))
        assert set(fleet.stop(NEW)) == {0}
        ours = [body for body in provider.accepted if "subject" in body]
        bodies = [body["personalizations"][0] | {"subject": body["subject"]} for body in ours]
        outcome.mails = Counter((one["to"][0]["email"], one["subject"]) for one in bodies)
        with app.store.unit(write=False) as work:
            broken, totals = work.touches.unsound()
        outcome.unsound = len(broken) + len(totals) + len(schema.check(app.sql.engine))
        for log in fleet.folder.glob("log-*"):
            assert "Traceback" not in log.read_text(), f"{log.name}: {log.read_text()[-3000:]}"
    finally:
        app.close()
    return outcome


def _arrive(app: App, name: str, count: int) -> None:
    """People whom a condition takes, whichever daemon looks first."""
    now = app.clock.now()
    values = {"status": "nurturing", "stage": "unknown", "created_at": now, "arrived_at": now, "changed_at": now}
    with app.store.unit() as work:
        for number in range(count):
            work.leads.add({"email": f"{name}-{number}@c{name}{number}.example", "enroll_check": True, **values})
        work.commit()


def _at_rest(app: App, provider: Slow, dice: random.Random, outcome: Outcome) -> bool:
    """Whether nothing will happen any more by itself; the provider tells of what it took meanwhile."""
    provider.webhook(app, dice)
    # The log of a provider to whom nothing was sent later has not come so far: something is sent by others, so much
    # later that no clock can be that wrong.
    provider.accepted.append({"personalizations": [{"to": [{"email": "x@y.example"}], "custom_args": {}}]})
    provider.accepted.times[-1] += 2 * SKEW
    outcome.states = Counter(one.state for one in crash.touches_of(app))
    with app.sql.engine.connect() as db:
        told = select(func.count(responses.c.touch_id.distinct())).where(responses.c.kind == "delivered")
        outcome.delivered = db.execute(told).scalar_one()
    return outcome.states[State.SENT] >= 2 * outcome.people and outcome.delivered >= 2 * outcome.people


def main() -> int:
    """Run once, with what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0, help="of daemons of both versions")
    parser.add_argument("--old", type=Path, help="a checkout of the released version")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked, given = options(parser, None)
    found = list(rows(asked, kills=given.kills, old=given.old, seed=given.seed))
    print(*table(found), sep="\n")
    return any(one.missed for one in found)


if __name__ == "__main__":
    sys.exit(main())
