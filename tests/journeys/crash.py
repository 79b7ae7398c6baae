"""Real processes, killed at random moments while they send to a local provider that records what it accepts."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from aiohttp import web

from nurture.domain.response import Kind
from nurture.domain.touch import State, Touch, TouchId
from nurture.flow import enroll, respond
from nurture.flow.dispatch import settle
from nurture.flow.respond import Report
from nurture.ports.store import Consent
from nurture.wiring import App, open_app
from tests.flow.loop import a_cadence
from tests.journeys import workspace
from tests.mail.servers import SendGridDouble

# Everything is real, time among it: only the leases are short, so that the dead are missed soon.
LEASE = timedelta(seconds=1.5)
MAIL = "timeout = 0.6\nlease = 1.2\nsettle_after = 1\nworkers = 6"  # seconds
BATCH = 24
PATIENCE = 120.0  # seconds until a run that makes no progress is given up

# A server process that has everything loaded makes a new worker in milliseconds; a worker is a process of its own.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.journeys.crash", "nurture.daemon.tick", "nurture.adapters.mail.sendgrid"])


@dataclass
class Provider(SendGridDouble):
    """SendGrid's double, which takes a few milliseconds before it accepts a mail, and a few before it says so."""

    seed: int = 1

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        dice = random.Random(f"{self.seed} {len(self.requests)}")
        await asyncio.sleep(dice.random() * 0.01)
        self.accepted.append(body)  # also where whoever sent it is dead by now
        await asyncio.sleep(dice.random() * 0.02)
        return web.Response(status=202, headers={"X-Message-Id": f"id-{len(self.accepted)}"})


@dataclass
class Outcome:
    """What a run came to."""

    touches: int
    kills: int = 0
    in_doubt: int = 0  # after the last kill, before anything was settled; unknown ones among them
    proved: int = 0  # settled by events, as the provider's webhook brings them
    sent_again: int = 0  # settled as not accepted, from the provider's log
    unknown: int = 0
    accepted: Counter[TouchId] = field(default_factory=Counter)
    states: Counter[State] = field(default_factory=Counter)
    lost: int = 0  # neither at the provider nor shown as in doubt or unknown
    unlisted: int = 0  # at the provider, and not known here as sent, in doubt or unknown

    @property
    def doubled(self) -> int:
        """Touches that the provider accepted more than once."""
        return sum(times > 1 for times in self.accepted.values())


def work(folder: str, key: str, give_up: float) -> None:
    """What a worker process does until it is killed: passes."""
    os.environ["NURTURE_SENDGRID__API_KEY"] = key
    from nurture.daemon import tick

    app = _opened(Path(folder), give_up)
    while True:
        tick.run(app)
        time.sleep(0.01)


def _opened(folder: Path, give_up: float) -> App:
    span = timedelta(seconds=give_up)
    return workspace.hurried(open_app(folder), lease=LEASE, batch=BATCH, give_up_after=span)


def run(
    folder: Path, *, touches: int, kills: int, database: str, daemons: int, give_up: float = 26 * 3600.0, seed: int = 1
) -> Outcome:
    """Send `touches` while killing a worker `kills` times, settle what is in doubt, and count.

    `give_up` (seconds): short, and what no event settles is unknown; long, and the provider's log settles it.
    """
    dice = random.Random(seed)
    outcome = Outcome(touches)
    with Provider(seed=seed) as provider:
        workspace.make(
            folder,
            {"course": a_cadence("- email: one")},
            mails=("course/one",),
            provider="sendgrid",
            mail=MAIL,
            more=f'[sendgrid]\nhost = "{provider.url}"',
            database=database,
        )
        app = _opened(folder, give_up)
        try:
            prepare(app, folder, touches)
            _killed(app, folder, provider, dice, outcome, kills=kills, daemons=daemons, give_up=give_up)
            _settled(app, folder, provider, outcome, give_up=give_up)
            _count(app, provider, outcome)
        finally:
            app.close()
    return outcome


def prepare(app: App, folder: Path, touches: int) -> None:
    workspace.opened(folder).close()
    now = app.clock.now()
    with app.store.unit() as work:
        values = {"status": "nurturing", "stage": "unknown", "created_at": now, "arrived_at": now, "changed_at": now}
        leads = [work.leads.add({"email": f"p{n}@c{n}.example", **values}) for n in range(touches)]
        for lead in leads:
            work.leads.add_consent(lead, Consent("opt_in", now))
        work.commit()
    common: dict[str, Any] = {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy, "now": now}
    answers = enroll.by_hand(leads, "course", by="tester", **common)
    assert all(answer.may_enter for answer in answers.values())


@contextlib.contextmanager
def _workers(folder: Path, key: str, daemons: int, give_up: float) -> Iterator[list[BaseProcess]]:
    """Running workers; whoever is put in the list is ended with it."""
    running: list[BaseProcess] = []
    try:
        running += [_started(folder, key, give_up) for _ in range(daemons)]
        yield running
    finally:
        for process in running:
            process.kill()
            process.join()


def _started(folder: Path, key: str, give_up: float) -> BaseProcess:
    process = context.Process(target=work, args=(str(folder), key, give_up), daemon=True)
    process.start()
    return process


def _killed(
    app: App,
    folder: Path,
    provider: Provider,
    dice: random.Random,
    outcome: Outcome,
    *,
    kills: int,
    daemons: int,
    give_up: float,
) -> None:
    """Kill one worker after the other while there is something to send, each after a few more mails."""
    until = time.monotonic() + PATIENCE
    with _workers(folder, provider.key, daemons, give_up) as running:
        while outcome.kills < kills and time.monotonic() < until:
            # The moment lies a few mails and some fraction of a mail ahead, wherever the worker then is.
            seen = len(provider.requests)
            enough = seen + dice.randrange(1, max(2, 2 * (outcome.touches - seen) // (3 * (kills - outcome.kills) + 1)))
            while len(provider.requests) < enough and time.monotonic() < until:
                time.sleep(0.001)
            time.sleep(dice.random() * 0.04)
            victim = running.pop(dice.randrange(len(running)))
            victim.kill()
            victim.join()
            outcome.kills += 1
            running.append(_started(folder, provider.key, give_up))
        _await(lambda: _waiting(app) == 0)
    outcome.in_doubt = sum(_is_open(one) or one.state is State.UNKNOWN for one in touches_of(app))


def _settled(app: App, folder: Path, provider: Provider, outcome: Outcome, *, give_up: float) -> None:
    """The provider's events arrive; what has none is given up, or settled from the provider's log and sent."""
    taken = set(provider.touches)
    for one in touches_of(app):
        if one.state is State.IN_DOUBT and one.id in taken:
            now = app.clock.now()
            report = Report(Kind.DELIVERED, now, touch=one.id)
            common: dict[str, Any] = {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy}
            respond.record([report], new_id=app.clock.new_id, by="webhook", now=now, **common)
            outcome.proved += 1
    if give_up > PATIENCE:
        for one in touches_of(app):
            if one.state is State.IN_DOUBT:
                settle.resolve(one.id, "not_sent", store=app.store, now=app.clock.now(), by="tester")
                outcome.sent_again += 1
    with _workers(folder, provider.key, 1, give_up):
        _await(lambda: not any(_is_open(one) or one.state is State.PLANNED for one in touches_of(app)))


def _count(app: App, provider: Provider, outcome: Outcome) -> None:
    made = touches_of(app)
    outcome.accepted = Counter(provider.touches)
    outcome.states = Counter(one.state for one in made)
    outcome.unknown = outcome.states[State.UNKNOWN]
    known = {one.id for one in made if one.state in (State.SENT, State.UNKNOWN)}
    sent = {one.id for one in made if one.state is State.SENT}
    outcome.lost = outcome.touches - len(known) + len(sent - outcome.accepted.keys())
    outcome.unlisted = len(outcome.accepted.keys() - known)


def touches_of(app: App) -> list[Touch]:
    with app.store.unit(write=False) as work:
        return work.touches.select()


def _is_open(one: Touch) -> bool:
    return one.state in (State.SENDING, State.IN_DOUBT)


def _waiting(app: App) -> int:
    """Touches that somebody still has to send or to miss."""
    with app.store.unit(write=False) as work:
        due = sum(one.next_at is not None for one in work.enrollments.select())
    return due + sum(one.state in (State.SENDING, State.PLANNED) for one in touches_of(app))


def _await(done: Any) -> None:
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, "no progress"
        time.sleep(0.05)
