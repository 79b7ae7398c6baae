"""A flood of webhooks while mail goes out: 300 signed requests a second to a daemon, for a minute.

`python -m benchmarks.flood [--quick] [--database sqlite|postgresql]`. The daemon is a process of its own, with its web,
and sends through a provider over HTTPS meanwhile: once it has just begun to listen, once it works. An acknowledgment
counts from the moment at which the request was due to the 200; what is refused comes again after a second, and is given
up after a minute. Lost is what was never stored.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final

import aiohttp
from sqlalchemy import func, insert, select

from benchmarks.https_path import KEY, crowd, settings
from benchmarks.https_provider import https_provider
from benchmarks.result import Options, Result, alone
from benchmarks.scores import analyze, server
from benchmarks.touches import a_workspace
from benchmarks.webhook import ENDPOINT, Signed, batches, body_of
from nurture.adapters.clock import SystemClock
from nurture.adapters.store.tables import enrollments, raw_events, touches
from nurture.wiring import App, open_app
from tests.web.house import PUBLIC

ROOT: Final = Path(__file__).resolve().parents[1]
RATE: Final = 300  # requests a second
EACH: Final = 5  # events of a request
AT_MOST: Final = 2.0  # seconds
PATIENCE: Final = 60.0


@contextmanager
def daemon(database: str, mails: int, due: int) -> Iterator[tuple[App, str]]:
    """A daemon at work, with so many mails that went out before and so many leads who are due; its address."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        provider = stack.enter_context(https_provider(folder))
        with socket.create_server(("127.0.0.1", 0)) as free:
            bind = f"127.0.0.1:{free.getsockname()[1]}"
        values = {
            "NURTURE_DATABASE__URL": stack.enter_context(server(database, folder)),
            "NURTURE_MAIL__PROVIDER": "sendgrid",
            "NURTURE_SENDGRID__API_KEY": KEY,
            "NURTURE_SENDGRID__HOST": provider.url,
            "NURTURE_SENDGRID__EVENT_PUBLIC_KEY": PUBLIC,
            "NURTURE_SCHEDULER__TICK": "1 second",
            "NURTURE_WEB__BIND": bind,
            "SSL_CERT_FILE": str(provider.trusted),
        }
        stack.enter_context(settings(values))
        a_workspace(folder / "w", 0).close()
        app = open_app(folder / "w", clock=SystemClock())
        stack.callback(app.close)
        prepare(app, mails, crowd(app, mails + due))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "nurture", "-w", str(folder / "w"), "daemon"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        try:
            answering(process, bind, folder / "log")
            yield app, f"http://{bind}"
        finally:
            if process.poll() is not None:
                print(
                    f"the daemon ended by itself: {process.returncode}\n{(folder / 'log').read_text('utf-8')[-2000:]}"
                )
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def prepare(app: App, mails: int, leads: Sequence[int]) -> None:
    """The mails that the flood tells of, and enrollments that are due."""
    now = app.clock.now()
    sent = now - timedelta(hours=1)
    out: list[dict[str, Any]] = [
        {"id": f"touch-{n}", "lead_id": lead, "step": "one", "channel": "email", "template": "one", "state": "sent",
         "due_at": sent, "created_at": sent, "intent_at": sent, "sent_at": sent, "counted_at": sent, "attempt": 1,
         "address": f"p{n}@c{n}.example", "mailer": "sendgrid"} for n, lead in enumerate(leads[:mails], 1)
    ]  # fmt: skip
    places: list[dict[str, Any]] = [
        {"lead_id": lead, "cadence": "evergreen-note", "version": 1, "state": "active", "pc": 0, "anchor": now,
         "priority": 50, "next_at": now, "started_at": now, "held_out": False, "slot": lead, "by": "benchmark"}
        for lead in leads[mails:]
    ]  # fmt: skip
    with app.sql.engine.begin() as db:
        db.execute(insert(touches), out)
        db.execute(insert(enrollments), places)
    analyze(app.sql)


def answering(process: subprocess.Popen[bytes], bind: str, log: Path) -> None:
    """Wait until the daemon takes connections."""
    host, _, port = bind.partition(":")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text("utf-8")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text("utf-8"))


async def flood(address: str, requests: Sequence[Signed]) -> tuple[list[float], Counter[str]]:
    """Seconds from when each request was due to its 200; and why others had to come again."""
    waited: list[float] = []
    refused: Counter[str] = Counter()
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def bring(due: float, body: bytes, headers: dict[str, str]) -> None:
            while True:
                try:
                    async with session.post(address + ENDPOINT, data=body, headers=headers) as answer:
                        if answer.status == 200:
                            waited.append(loop.time() - began - due)
                            return
                        assert answer.status == 503, await answer.text()
                        why = "503"
                except (aiohttp.ClientError, TimeoutError) as problem:
                    why = type(problem).__name__
                refused[why] += 1
                if loop.time() - began - due > PATIENCE:
                    refused["given up"] += 1
                    return
                await asyncio.sleep(1)

        async with asyncio.TaskGroup() as under_way:
            for turn, one in enumerate(requests):  # each is made when it is due: thousands at once are late themselves
                await asyncio.sleep(max(0.0, began + turn / RATE - loop.time()))
                under_way.create_task(bring(turn / RATE, *one))
    return waited, refused


def sent_of(app: App) -> int:
    """How many touches of the cadence are sent."""
    with app.sql.engine.connect() as db:
        made = select(func.count()).where(touches.c.cadence == "evergreen-note", touches.c.state == "sent")
        return int(db.execute(made).scalar_one())


def rows(options: Options) -> Iterator[Result]:
    """The 99th percentile of the acknowledgments, and what was lost, on each database."""
    seconds = options.size(60, 20)
    count = seconds * RATE
    mails = count * EACH // 2
    told = [
        event for batch in batches(range(1, mails + 1), datetime.now(UTC) - timedelta(hours=1), 1) for event in batch
    ]
    requests = [body_of(told[turn * EACH : (turn + 1) * EACH]) for turn in range(count)]
    assert len({body for body, _ in requests}) == count
    for database, works in product(options.databases, (False, True)):
        with daemon(database, mails, seconds * 600) as (app, address):
            while works and not sent_of(app):
                time.sleep(0.2)
            before = sent_of(app)
            waited, refused = asyncio.run(flood(address, requests))
            sent = sent_of(app) - before
            with app.sql.engine.connect() as db:
                stored = db.execute(select(func.count()).select_from(raw_events)).scalar_one()
                left = db.execute(select(func.count()).where(raw_events.c.done_at.is_(None))).scalar_one()
        slow = statistics.quantiles(waited, n=100)[98]
        half, last = 1000 * statistics.median(waited), max(waited)
        print(f"{database}: {count:,} requests of {EACH} events in {seconds} s; came again: {dict(refused)}")
        print(
            f"half answered within {half:.0f} ms, the last within {last:.2f} s; {left:,} not worked on yet", flush=True
        )
        when = "to a daemon that works" if works else "from the moment at which the daemon listens"
        path = f"{RATE} webhooks a second for {seconds} s {when}, {database}"
        yield Result(f"{path}: seconds to the acknowledgment", "99 of 100", slow, at_most=AT_MOST)
        yield Result("lost", "", count - stored, at_most=0)
        yield Result("refused, and brought again", "", refused.total(), at_most=0)
        yield Result("mails sent meanwhile", "", sent, at_least=1)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
