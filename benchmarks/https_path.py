"""The whole path to a provider over HTTPS that answers after 50 ms, beside sending alone and beside the naive way.

`python -m benchmarks.https_path [--quick] [--size N] [--database sqlite|postgresql]`. All are measured in turn in one
run, and only their ratios mean anything. The provider is a process of its own on the same machine.

whole path   the daemon's pass: claim, load, decide, render (by a second process), intents, pooled sends, record;
             with as many in flight as the bare sends
bare         ready requests through a pool of connections, 256 in flight; nothing else is done
one by one   the client of the package `sendgrid` as it comes: for each touch rendered, sent, written down, committed
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sendgrid import SendGridAPIClient
from sqlalchemy import insert, text

from benchmarks.https_provider import HttpsProvider, https_provider
from benchmarks.result import Options, Result, alone
from benchmarks.scores import analyze, server
from benchmarks.touches import a_touch, a_workspace
from nurture.adapters.clock import SystemClock
from nurture.adapters.mail.pool import Pool
from nurture.adapters.mail.sendgrid_payload import encoded, payload
from nurture.adapters.rendering import Templates
from nurture.adapters.rendering.process import RenderProcess
from nurture.adapters.store.tables import consents
from nurture.adapters.store.tables import leads as leads_table
from nurture.daemon import tick
from nurture.domain.enrollment import started
from nurture.domain.lead import LeadId
from nurture.moves import scene as scenes
from nurture.moves.rendering import render_email
from nurture.moves.scene import Scene
from nurture.wiring import App, open_app

ONE_BY_ONE: Final = 100.0
OF_BARE: Final = 0.5
IN_FLIGHT: Final = 256
KEY: Final = "SG.local.key"


@dataclass(slots=True)
class Bench:
    """A workspace whose mail goes to the provider; its leads are used up round by round."""

    app: App
    provider: HttpsProvider
    leads: list[LeadId]

    def enroll(self, count: int) -> None:
        """So many more are enrolled, and due."""
        now = self.app.clock.now()
        cadence = self.app.rules.in_force().workspace.cadences["evergreen-note"]
        with self.app.store.unit() as work:
            for _ in range(count):
                work.enrollments.add(started(cadence, lead=self.leads.pop(), version=1, now=now), by="benchmark")
            work.commit()

    def scene(self, count: int) -> Scene:
        """The scene of so many who are not enrolled."""
        with self.app.store.unit(write=False) as work:
            return scenes.load(
                work,
                [self.leads.pop() for _ in range(count)],
                rules=self.app.rules.in_force(),
                policy=self.app.policy,
                now=self.app.clock.now(),
            )


@contextmanager
def settings(values: dict[str, str]) -> Iterator[None]:
    """The environment with these values."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def crowd(app: App, count: int) -> list[LeadId]:
    """So many leads who may be written to; their ids."""
    assert app.store is app.sql
    now = app.clock.now()
    ids = list(range(1, count + 1))
    people: list[dict[str, Any]] = [
        {"id": n, "email": f"p{n}@c{n}.example", "first_name": f"Pat {n}", "last_name": "Doe", "status": "nurturing",
         "title": "plant manager", "timezone": "America/New_York", "stage": "unknown", "created_at": now,
         "arrived_at": now, "changed_at": now} for n in ids
    ]  # fmt: skip
    agreed = [{"lead_id": n, "basis": "opt_in", "at": now, "source": "", "text": ""} for n in ids]
    with app.sql.engine.begin() as db:
        db.execute(insert(leads_table), people)
        db.execute(insert(consents), agreed)
    analyze(app.sql)
    return ids


@contextmanager
def bench(database: str, leads: int, *, workers: int = 0) -> Iterator[Bench]:
    """So many leads on a database, and the provider."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(https_provider(folder))
        url = stack.enter_context(server(database, folder))
        values = {
            "NURTURE_DATABASE__URL": url,
            "NURTURE_MAIL__PROVIDER": "sendgrid",
            "NURTURE_SENDGRID__API_KEY": KEY,
            "NURTURE_SENDGRID__HOST": provider.url,
            "SSL_CERT_FILE": str(provider.trusted),
        }
        if workers:
            values["NURTURE_MAIL__WORKERS"] = str(workers)
        stack.enter_context(settings(values))
        a_workspace(folder / "w", 0).close()
        app = open_app(folder / "w", clock=SystemClock())
        stack.callback(app.close)
        everybody = crowd(app, leads)
        rules = app.rules.in_force()
        rules.program("evergreen-note", 1)
        assert isinstance(app.renderer, RenderProcess)
        assert isinstance(rules.templates, Templates)
        app.renderer.start(rules.templates, wait=True)
        yield Bench(app, provider, everybody)


def whole_path(place: Bench, count: int) -> float:
    """Touches a second of a pass that sends so many."""
    place.enroll(count)
    gc.collect()
    began = time.perf_counter()
    done = tick.run(place.app)
    took = time.perf_counter() - began
    assert done.touches.sent == count, done
    return count / took


def ready(place: Bench, count: int) -> list[bytes]:
    """So many requests, made before."""
    scene = place.scene(count)
    made = []
    for lead in scene.leads:
        mail = render_email(a_touch(place.app, scene, lead), scene.leads[lead], scene, place.app.links)
        made.append(encoded(payload(mail.message)))
    return made


def bare(place: Bench, requests: Sequence[bytes]) -> float:
    """Ready requests a second, through a pool of connections that are open."""
    pool = Pool(
        f"{place.provider.url}/v3/mail/send",
        [f"Authorization: Bearer {KEY}", "Content-Type: application/json", "User-Agent: bare"],
        in_flight=IN_FLIGHT,
        boottime=place.app.clock.boottime,
        trusted=place.provider.trusted,
    )
    until = place.app.clock.boottime() + 300.0
    pool.post(requests[:IN_FLIGHT], seconds=30.0, deadline=until)  # the connections
    gc.collect()
    began = time.perf_counter()
    answers = pool.post(requests, seconds=30.0, deadline=until)
    took = time.perf_counter() - began
    pool.close()
    assert {answer.status for _, answer in answers} == {202}
    return len(requests) / took


def one_by_one(place: Bench, count: int) -> float:
    """Touches a second without any of our care: rendered, sent by the package's client, written down, committed."""
    scene = place.scene(count)
    client = SendGridAPIClient(KEY, host=place.provider.url)
    with place.app.sql.engine.begin() as db:
        db.execute(text("CREATE TABLE IF NOT EXISTS written_down (lead INTEGER, answer INTEGER)"))
    began = time.perf_counter()
    for lead in scene.leads:
        touch = a_touch(place.app, scene, lead)
        mail = render_email(touch, scene.leads[lead], scene, place.app.links)
        answer = client.client.mail.send.post(request_body=payload(mail.message))
        assert answer.status_code == 202
        with place.app.sql.engine.begin() as db:
            db.execute(text("INSERT INTO written_down VALUES (:lead, :answer)"), {"lead": lead, "answer": 202})
    return count / (time.perf_counter() - began)


def rounds_of(place: Bench, count: int, rounds: int) -> list[tuple[float, float, float]]:
    """Touches a second of each way, in turn: whole path, bare, one by one."""
    few = max(count // 100, 10)
    whole_path(place, count // 4)  # connections are open, and the process renders
    found = []
    for _ in range(rounds):
        whole = whole_path(place, count)
        alone_ = bare(place, ready(place, count))
        naive = one_by_one(place, few)
        found.append((whole, alone_, naive))
        print(f"whole path {whole:,.0f}/s, bare {alone_:,.0f}/s, one by one {naive:.1f}/s", flush=True)
    return found


def rows(options: Options) -> Iterator[Result]:
    """How many times as fast as one by one, and as what part of bare sends, on each database."""
    count, rounds = options.size(2_000, 600), options.pick(5, 1)
    for database in options.databases:
        with bench(database, count * (2 * rounds + 1) + (count // 100 + 10) * rounds, workers=IN_FLIGHT) as place:
            found = rounds_of(place, count, rounds)
            assert max(place.provider.taken().values()) <= 2  # the pool's connections take the first ones twice
        path = f"{count:,} touches, HTTPS at 50 ms, {database}"
        naive = statistics.median(whole / naive for whole, _, naive in found)
        yield Result(path, "`sendgrid` as shipped, one touch and one commit at a time", naive, at_least=ONE_BY_ONE)
        of_bare = statistics.median(whole / bare for whole, bare, _ in found)
        yield Result(path, f"bare pooled sends, {IN_FLIGHT} in flight", of_bare, at_least=OF_BARE)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
