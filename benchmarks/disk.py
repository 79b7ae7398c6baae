"""A real disk that is full, and one that becomes read-only, while a daemon sends from it.

`python -m benchmarks.disk [--size PEOPLE] [--quick] [--database sqlite|postgresql]`, as root on Linux: small disks are
mounted for it (a tmpfs; a file with ext4 that is told that it failed). The daemon is a process of its own. Nothing may
be lost, doubled or in doubt; its log, /readyz, `status` and an alert by mail say why nothing goes on.
"""

from __future__ import annotations

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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final
from unittest.mock import patch

from benchmarks.locked import TOP, ready, states, until
from benchmarks.result import Options, Result, alone
from nurture.adapters.mail.sendgrid_log import SendGridLog
from nurture.daemon import tick
from nurture.domain.touch import State
from nurture.wiring import open_app
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace
from tests.postgres import Server, answers, running_postgres

MAIL: Final = "workers = 4\nfirst_wave = 0\nsettle_after = 2\ntimeout = 5\nlease = 10"
OPS: Final = "ops@acme.example"
ALERT: Final = "Nothing is sent"
OTHERS: Final = "x@y.example"  # whom the provider's log has later than everybody of ours
MORE: Final = f'[sendgrid]\nhost = "{{host}}"\n[scheduler]\ntick = 2\n[alerts]\nemail = "{OPS}"'
BIND: Final = "127.0.0.1:8126"
ALERT_AFTER: Final = 60  # seconds
AGAIN: Final = 10.0  # seconds after there is room until mail must go out
MB: Final = 1024 * 1024


@dataclass
class Stage:
    """A workspace, a provider, and what a run came to."""

    folder: Path
    people: int
    provider: crash.Provider
    log: Path  # on another disk
    before: int = 0  # mails that had gone out when it began
    during: int = 0  # that went out in it
    not_ready: int = 0  # times that /readyz said so
    again: float = 0.0  # seconds from when there was room until the next mail
    status: str = ""  # the first line of `nurture status` in it
    restarts: int = 0  # of a database server that had ended because of it
    states: Counter[State] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)  # why passes did not go through, as the log has it

    @property
    def mails(self) -> Counter[str]:
        """How often who got one."""
        to = Counter(one["personalizations"][0]["to"][0]["email"] for one in list(self.provider.accepted))
        del to[OPS], to[OTHERS]
        return to

    @property
    def alerts(self) -> int:
        """How often somebody was told that nothing goes on."""
        return sum(one["personalizations"][0].get("subject", one["subject"]) == ALERT for one in self.provider.accepted)

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """One that works; it is asked to end, and does so in order."""
        environment = os.environ | {"PYTHONPATH": str(TOP), "NURTURE_WEB__BIND": BIND}
        command = [sys.executable, "-m", "nurture", "-w", str(self.folder), "daemon", "--json"]
        with self.log.open("ab") as out:
            daemon = subprocess.Popen(command, cwd=TOP, env=environment, stdout=out, stderr=out)
        try:
            yield daemon
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(30) == 0, self.log.read_text()[-2000:]
            text = self.log.read_text()
            assert "Traceback" not in text, text
            lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
            self.said = Counter(one["what"] for one in lines if one["event"] == "job_refused")
        finally:
            daemon.kill()
            daemon.wait()

    def some_mails(self) -> None:
        """Wait until a fifth has gone out."""
        until(lambda: len(self.provider.accepted) >= self.people // 5, 120, self.log)
        self.before = len(self.mails)

    def look(self, seconds: float, meanwhile: Callable[[], object]) -> None:
        """Ask how it is doing for so long, and do something meanwhile, again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            meanwhile()
            time.sleep(1)
            self.not_ready += not ready(f"http://{BIND}/readyz")
        status = [sys.executable, "-m", "nurture", "-w", str(self.folder), "status"]
        asked = subprocess.run(status, cwd=TOP, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in asked.stderr, asked.stderr
        self.status = (asked.stderr or asked.stdout).splitlines()[0]
        self.during = len(self.mails) - self.before

    def await_all(self) -> None:
        """Wait until everybody's mail is known as sent."""
        with closing(open_app(self.folder)) as app:
            until(lambda: states(app)[State.SENT] >= self.people, 60 + self.people / 10, self.log)
            self.states = states(app)


def rows(options: Options) -> Iterator[Result]:
    """What it comes to, on each database."""
    if os.geteuid() or not sys.platform.startswith("linux"):
        print("Nothing was measured: small disks are mounted for it, which takes root on Linux.")
        return
    people, seconds = options.size(1_000, 200), options.pick(75, 12)
    cases = [("full", database) for database in options.databases]
    if "sqlite" in options.databases:
        cases.append(("read-only", "sqlite"))
    for harm, database in cases:
        done = full(database, people, seconds) if harm == "full" else read_only(people, seconds)
        print(
            f"{dict(done.states)}, {done.before} before, {done.during} in it, on after {done.again:.1f} s; {done.said}"
        )
        print(f"status: {done.status}", flush=True)
        mails = done.mails
        what = f"disk {harm} for {seconds} s, {people:,} people, {database}"
        yield Result(f"lost: {what}", "", people - len(mails), at_most=0)
        yield Result("doubled", "", sum(times > 1 for times in mails.values()), at_most=0)
        yield Result("not known as sent", "", people - done.states[State.SENT], at_most=0)
        yield Result("log lines that say why", "", done.said.total(), at_least=1)
        yield Result("times that /readyz said that it does not work", "", done.not_ready, at_least=1)
        if seconds > ALERT_AFTER:
            yield Result("alerts by mail", "", done.alerts, at_least=1)
        if harm == "full":
            yield Result("seconds until it goes on by itself", "", done.again, at_most=AGAIN)
            yield Result("starts of the server by hand", "", done.restarts)


def full(database: str, people: int, seconds: int) -> Stage:
    """The disk of the database fills while mail goes out, stays full, and is freed."""
    with ExitStack() as stack:
        disk = stack.enter_context(
            mounted("-t", "tmpfs", "-o", f"size={32 if database == 'sqlite' else 320}m", "tmpfs")
        )
        server = stack.enter_context(_on(disk)) if database == "postgresql" else None
        url = stack.enter_context(server.database()) if server is not None else ""
        if server is not None:
            server.keeps(url)
        done = stack.enter_context(stage(None if url else disk, people, url or "sqlite:///nurture.db"))
        with done.daemon():
            done.some_mails()
            ballast = disk / "ballast"
            done.look(seconds, lambda: _fill(ballast))
            ballast.unlink()
            freed, meanwhile = time.monotonic(), len(done.mails)
            if server is not None and not _lives(server):
                done.restarts += 1
                with server.away():  # it has ended, and the keeper does not know
                    pass
            until(lambda: len(done.mails) > meanwhile, 120, done.log)
            done.again = time.monotonic() - freed
            done.await_all()
    return done


def read_only(people: int, seconds: int) -> Stage:
    """The disk fails and becomes read-only while mail goes out. It takes a daemon that ends to put it right."""
    with ExitStack() as stack:
        image = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "image"
        image.write_bytes(b"")
        os.truncate(image, 64 * MB)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
        with mounted("-o", "loop,errors=remount-ro", str(image)) as disk:
            done = stack.enter_context(stage(disk, people, "sqlite:///nurture.db"))
            with done.daemon():
                done.some_mails()
                device = Path(
                    os.path.realpath(
                        f"/sys/dev/block/{os.major(os.stat(disk).st_dev)}:{os.minor(os.stat(disk).st_dev)}"
                    )
                )
                Path(f"/sys/fs/ext4/{device.name}/trigger_fs_error").write_text("benchmarks.disk")
                done.look(seconds, list)
            subprocess.run(["umount", str(disk)], check=True)
            subprocess.run(["fsck.ext4", "-p", str(image)], check=False, capture_output=True)
            subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True)
            with done.daemon():
                until(lambda: _begun(done) >= people, 60 + people / 10, done.log)
            _settle(done)
            done.await_all()
    return done


@contextmanager
def stage(disk: Path | None, people: int, url: str) -> Iterator[Stage]:
    """A workspace on this disk, or on that of everybody, with people to write to, and a provider."""
    logging.getLogger("aiohttp.server").disabled = True
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        provider = stack.enter_context(crash.Provider())
        course, more = {"course": a_cadence("- email: one")}, MORE.format(host=provider.url)
        folder = (disk or place) / "w"
        workspace.make(folder, course, mails=("course/one",), provider="sendgrid", mail=MAIL, more=more, database=url)
        os.environ["NURTURE_SENDGRID__API_KEY"] = provider.key
        stack.callback(os.environ.pop, "NURTURE_SENDGRID__API_KEY")
        with closing(open_app(folder)) as app:
            crash.prepare(app, folder, people)
        os.sync()
        yield Stage(folder, people, provider, place / "log")


@contextmanager
def mounted(*what: str) -> Iterator[Path]:
    """A disk of one's own, in a new folder that everybody can get into."""
    folder = Path(tempfile.mkdtemp(prefix="nurture-disk-", dir="/tmp"))
    try:
        subprocess.run(["mount", *what, str(folder)], check=True)
        folder.chmod(0o1777)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _on(disk: Path) -> Iterator[Server]:
    """A PostgreSQL server with all its files on a disk."""
    with ExitStack() as stack:
        with patch.dict(os.environ, TMPDIR=str(disk)):  # for the process that keeps it
            server = stack.enter_context(running_postgres(durable=True))
        yield server


def _lives(server: Server) -> bool:
    """Whether it answers, or does so soon: it recovers by itself, where it can."""
    give_up = time.monotonic() + 10
    while not (lives := answers(Path(server.socket_folder))) and time.monotonic() < give_up:
        time.sleep(0.2)
    return lives


def _fill(ballast: Path) -> None:
    """Take what room there is."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        for size in (MB, 4096):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def _begun(done: Stage) -> int:
    """How many are sent, or were handed over by somebody who ended before the answer was stored."""
    with closing(open_app(done.folder)) as app:
        found = states(app)
    return found[State.SENT] + found[State.SENDING] + found[State.IN_DOUBT]


def _settle(done: Stage) -> None:
    """Let the provider tell what it took of the mails that a daemon could not record before it was ended."""
    with closing(open_app(done.folder)) as app:
        app = workspace.hurried(app, settle_after=timedelta(seconds=1))
        app.send_log = SendGridLog(done.provider.key, host=app.settings.sendgrid.host, skew=timedelta(0))
        give_up = time.monotonic() + 180
        while states(app)[State.SENT] < done.people and time.monotonic() < give_up:
            done.provider.webhook(app, random.Random(1))
            later = {"personalizations": [{"to": [{"email": OTHERS}], "custom_args": {}}], "subject": ""}
            done.provider.accepted.append(later)
            tick.run(app)
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
