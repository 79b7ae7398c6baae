"""Everything at once: daemons are killed and frozen while people import, undo, edit, pause, ask and opt out.

`python -m benchmarks.storm [--quick] [--database sqlite|postgresql]`. The daemons, every command and the web are real
processes on one database, and so is the provider beside them; one daemon on SQLite, two on PostgreSQL.

lost       mails that are shown as sent and never came, or came and are not shown
doubled    touches that the provider accepted more than once
unwanted   mails that were accepted over `GRACE` seconds after the wish to get none was acknowledged
broken     commands, requests and daemons that ended in a traceback, an exit code or a status that nobody promised
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.result import Options, Result, alone
from tests.journeys import workspace
from tests.mail.servers import SendGridDouble
from tests.postgres import running_postgres
from tests.web.house import PUBLIC, signed

ROOT: Final = Path(__file__).resolve().parents[1]
PEOPLE: Final = 1_500
FIRST: Final = 750  # of them, who are there from the beginning
GRACE: Final = 12.0  # seconds: what was handed over before the wish may still arrive, also from one that was frozen
EXITS: Final = frozenset({0, 1, 2, 3})
MAIL: Final = 'first_wave = 0\ntimeout = 3\nlease = 8\nsettle_after = "15 seconds"\ngive_up_after = "40 seconds"'
MORE: Final = """
[limits]
lead_per_day = 20
lead_per_7_days = 40
lead_per_30_days = 60
company_per_7_days = 400
[sendgrid]
host = "{host}"
event_public_key = "{key}"
[scheduler]
tick = 1
"""
CADENCE: Final = """
name: {name}
description: A few mails within minutes.
enroll: {{when: industry == '{industry}'}}
window: {{days: mon-sun, hours: "00:00-24:00"}}
goal: visited('/pricing')
stop_on: [meeting]
steps:
  - email: one
  - wait_for: clicked('one')
    timeout: {timeout}
  - if: clicked('one')
    then: [{{call: talk, within: 2 days}}]
    else: [{{email: two}}]
  - wait: 1 minute
  - email: three
  - stop: finished
"""
INDUSTRIES: Final = {"alpha": "manufacturing", "beta": "food"}
MAILS: Final = ("one", "two", "three")
HEADERS: Final = "external_id,email,first_name,last_name,company,domain,industry,consent_basis,consent_at"
# What people do to one lead; {other} is another one.
ACTS: Final = (
    *("why {lead}", "touch list --lead {lead}", "lead show {lead}", "pause {lead} --until 2099-01-01", "resume {lead}"),
    *("enroll {lead} alpha", "stop {lead}", "respond {lead} visit --url https://acme.example/pricing"),
    *("respond {lead} reply --intent question --note hello", "lead merge {lead} {other}", "status --json", "plan"),
    *("task list", "task next", "inbox list", "handoff list", "lead export --where fit>10", "report cadences"),
    *("report limits", "report sources", "lead list --limit 5", "check"),
)
WISHES: Final = ("lead suppress {lead}", "lead consent {lead} objection", "respond {lead} unsubscribe")
FORGET: Final = "lead forget {lead} --yes"


def address(number: int) -> str:
    return f"p{number}@c{number % 300}.example"


@dataclass
class Storm:
    """One run."""

    folder: Path
    environment: Mapping[str, str]
    provider: SendGridDouble
    seed: int
    ports: list[int]
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    quiet: dict[str, float] = field(default_factory=dict)  # address -> when its wish was acknowledged
    broken: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command, whose end is looked at."""
        done = subprocess.run(
            [sys.executable, "-m", "nurture", *words], cwd=self.folder, env=self.environment, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        self.done[" ".join(word for word in words[:2] if word.isalpha() or "-" in word)] += 1
        if done.returncode not in EXITS or "Traceback" in done.stderr:
            self.broken.append(f"{words}: {done.returncode} {done.stderr[-2_000:]}")
        return done

    def started(self, number: int) -> subprocess.Popen[bytes]:
        """A daemon; what it says is kept."""
        with self.log(number).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "nurture", "daemon", "--json"], cwd=self.folder, stdout=log, stderr=log,
                env={**self.environment, "NURTURE_WEB__BIND": f"127.0.0.1:{self.ports[number]}"},
                start_new_session=True,
            )  # fmt: skip

    def log(self, number: int) -> Path:
        """What daemons said that had this number, one after the other."""
        return self.folder.parent / f"daemon-{number}.log"

    def end(self) -> None:
        """Nobody is left behind."""
        for one in self.daemons:
            one.kill()

    def post(self, path: str, body: bytes, headers: Mapping[str, str], dice: random.Random) -> bool:
        """Bring something to any of the daemons, until one has it; False if none has before the end."""
        while not self.over.is_set():
            url = f"http://127.0.0.1:{dice.choice(self.ports)}{path}"
            try:
                with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=20):
                    self.done[f"POST {path[:3]}"] += 1
                    return True
            except urllib.error.HTTPError as problem:
                if problem.code != 503:  # it says so itself: come again
                    self.broken.append(f"POST {path}: {problem.code} {problem.read()[:500]!r}")
                    return False
            except OSError:
                pass  # it was killed, or is frozen
            time.sleep(0.3)
        return False

    def kept(self, act: Callable[[], None]) -> None:
        """Do one of what follows, until the storm is over, in a thread of its own."""
        try:
            act()
        except Exception:  # noqa: BLE001  a storm without it would prove less than it says
            self.broken.append(traceback.format_exc())

    def harm(self) -> None:
        """Kill, freeze or stop a daemon; another one takes its place."""
        dice = random.Random(f"{self.seed} harm")
        while not self.over.wait(dice.uniform(4, 20)):
            number = dice.randrange(len(self.daemons))
            victim, act = self.daemons[number], dice.choice(["kill", "kill", "freeze", "stop"])
            self.done[act] += 1
            if victim.poll() is not None:
                self.broken.append(f"a daemon ended by itself: {victim.returncode}")
            elif act == "freeze":
                os.killpg(victim.pid, signal.SIGSTOP)
                time.sleep(dice.uniform(0.5, 8))
                os.killpg(victim.pid, signal.SIGCONT)
                continue
            elif act == "stop":
                victim.terminate()
                if victim.wait(60):
                    self.broken.append(f"a daemon that was asked to stop: {victim.returncode}")
            else:
                os.killpg(victim.pid, signal.SIGKILL)
                victim.wait()
            time.sleep(dice.uniform(0, 2))
            self.daemons[number] = self.started(number)

    def bring(self) -> None:
        """Import files that overlap, and undo some."""
        dice = random.Random(f"{self.seed} files {threading.get_ident()}")
        file = self.folder.parent / f"leads-{threading.get_ident()}.csv"
        while not self.over.wait(dice.uniform(0, 4)):
            write(file, dice.sample(range(PEOPLE), dice.choice([5, 50, 400])))
            self.run("lead", "import", str(file))
            if dice.random() < 0.15 and (known := json.loads(self.run("lead", "imports", "--json").stdout)):
                self.run("lead", "undo-import", str(dice.choice([known[0], known[-1]])["batch"]))

    def operate(self) -> None:
        """Ask, pause, enroll, merge; wish to get no more mail; now and then edit a cadence."""
        dice = random.Random(f"{self.seed} people {threading.get_ident()}")
        while not self.over.wait(dice.uniform(0, 1.5)):
            lead, other = address(dice.randrange(PEOPLE)), address(dice.randrange(PEOPLE))
            act = dice.choice([*ACTS, *WISHES, FORGET, "apply"])
            if act == "apply":
                write_cadence(self.folder, dice.choice([*INDUSTRIES]), dice.choice(["1 minute", "2 minutes"]))
            done = self.run(*(word.format(lead=lead, other=other) for word in act.split()))
            if act in (*WISHES, FORGET) and done.returncode == 0:
                self.quiet.setdefault(lead, time.time())

    def tell(self) -> None:
        """What the provider says of the mails that it took, and what their readers do, some of it twice."""
        dice = random.Random(f"{self.seed} events")
        told = 0
        while not self.over.wait(dice.uniform(0.2, 2)):
            new = list(self.provider.accepted)[told:]
            told += len(new)
            events = [event for mail in new for event in self._events(mail, dice)]
            events += dice.sample(events, len(events) // 4)
            dice.shuffle(events)
            for at in range(0, len(events), 200):
                body = json.dumps(events[at : at + 200]).encode()
                self.post("/webhooks/sendgrid/events", body, signed(body, at=str(int(time.time()))), dice)

    def _events(self, mail: Mapping[str, Any], dice: random.Random) -> Iterator[dict[str, Any]]:
        person = mail["personalizations"][0]
        to = person["to"][0]["email"]
        kinds = ["processed", "delivered", *["open"] * (dice.random() < 0.5), *["click"] * (dice.random() < 0.3)]
        kinds += ["unsubscribe"] * (dice.random() < 0.04)
        for kind in kinds:
            yield {
                **person["custom_args"], "email": to, "event": kind, "timestamp": int(time.time()),
                "sg_event_id": str(dice.random()), "ip": f"203.0.113.{dice.randrange(250)}",
                "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                **({"url": "https://acme.example/one"} if kind == "click" else {}),
            }  # fmt: skip
        listed = {**mail.get("headers", {}), **person.get("headers", {})}.get("List-Unsubscribe", "")
        link = re.search(r"<https://go\.acme\.example(/[^>]+)>", listed)
        if link and dice.random() < 0.05:
            one_click = {"Content-Type": "application/x-www-form-urlencoded"}
            if self.post(link[1], b"List-Unsubscribe=One-Click", one_click, dice):
                self.quiet.setdefault(to, time.time())

    def counts(self) -> dict[str, int]:
        """What went wrong, once nothing is under way any more."""
        mails = [one for one in json.loads(self.run("touch", "list", "--json").stdout) if one["channel"] == "email"]
        known = {one["id"] for one in mails if one["state"] in ("sent", "in_doubt", "unknown")}
        accepted = Counter(self.provider.touches)
        sent = {one["id"] for one in mails if one["state"] == "sent"}
        unwanted = sum(
            at.timestamp() > self.quiet.get(mail["personalizations"][0]["to"][0]["email"], math.inf) + GRACE
            for mail, at in zip(self.provider.accepted, self.provider.accepted.times, strict=True)
        )
        for number in range(len(self.daemons)):
            said = self.log(number).read_text("utf-8", "replace")
            self.broken += re.findall(r".*Traceback.*", said)
            self.broken += [line for line in said.splitlines() if not line.startswith("{")]
        return {
            "lost": len(sent - accepted.keys()) + len(accepted.keys() - known),
            "doubled": sum(times > 1 for times in accepted.values()),
            "unwanted": unwanted,
            "broken": len(self.broken),
        }


def write(file: Path, people: list[int]) -> None:
    """A file with these people."""
    lines = [
        f"X{n},{address(n)},Pat {n},Doe,Company {n % 300},c{n % 300}.example,"
        f"{[*INDUSTRIES.values()][n % 2]},opt_in,2026-01-1{n % 10}T09:00:00Z"
        for n in people
    ]
    file.write_text("\n".join([HEADERS, *lines]) + "\n")


def write_cadence(folder: Path, name: str, timeout: str) -> None:
    """A cadence as somebody has edited it."""
    text = CADENCE.format(name=name, industry=INDUSTRIES[name], timeout=timeout)
    (folder / "cadences" / f"{name}.yaml").write_text(text)


def stormed(database: str, seconds: float, seed: int = 1) -> dict[str, int]:
    """What went wrong in a storm of so many seconds."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        provider = stack.enter_context(SendGridDouble())
        url = "sqlite:///nurture.db"
        if database == "postgresql":
            url = stack.enter_context(stack.enter_context(running_postgres(durable=True)).database())
        cadences = {name: CADENCE.format(name=name, industry=of, timeout="1 minute") for name, of in INDUSTRIES.items()}
        folder = workspace.make(
            place / "w", cadences, mails=tuple(f"{name}/{mail}" for name in cadences for mail in MAILS),
            scripts=tuple(f"{name}/talk" for name in cadences), provider="sendgrid", mail=MAIL, database=url,
            more=MORE.format(host=provider.url, key=PUBLIC),
        )  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NURTURE_SENDGRID__API_KEY": provider.key}
        storm = Storm(folder, environment, provider, seed, [free_port() for _ in range(1 + (database == "postgresql"))])
        write(place / "first.csv", [*range(FIRST)])
        assert storm.run("apply").returncode == storm.run("lead", "import", str(place / "first.csv")).returncode == 0
        storm.daemons += [storm.started(number) for number in range(len(storm.ports))]
        stack.callback(storm.end)
        people: list[Callable[[], None]] = [storm.bring, storm.bring, storm.operate, storm.operate]
        acts = [threading.Thread(target=storm.kept, args=(act,)) for act in (storm.harm, storm.tell, *people)]
        for act in acts:
            act.start()
        time.sleep(seconds)
        storm.over.set()
        for act in acts:
            act.join()
        time.sleep(60)  # what is in doubt is settled
        for one in storm.daemons:
            one.terminate()
            one.wait(60)
        found = storm.counts()
    print(f"{database}: {len(provider.accepted):,} mails, {len(storm.quiet)} wishes to get none; {dict(storm.done)}")
    for line in storm.broken:
        print(line)
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def rows(options: Options) -> Iterator[Result]:
    """What went wrong on each database."""
    seconds = options.pick(600, 60)
    for database in options.databases:
        for name, count in stormed(database, seconds).items():
            yield Result(f"{name} in {seconds} s of everything at once, {database}", "", count, at_most=0)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
