"""Real processes, killed at random moments while they send to a local provider that records what it accepts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

from nurture.adapters.mail.sendgrid_log import SendGridLog
from nurture.domain.errors import UnreachableError
from nurture.domain.touch import State, Touch, TouchId
from nurture.flow import enroll, provider_events
from nurture.ports.store import Consent
from nurture.wiring import App, open_app
from tests.flow.loop import a_cadence
from tests.forked import context
from tests.journeys import workspace
from tests.mail.servers import SendGridDouble
from tests.postgres import Server

# Everything is real, time among it: only the leases are short, so that the dead are missed soon.
LEASE = timedelta(seconds=1.5)
MAIL = "timeout = 0.6\nlease = 1.2\nsettle_after = {settle_after}\nworkers = 6"  # seconds
FREEZE = (0.3, 30.0)  # seconds; what is in doubt is asked for after the longest one
BATCH = 24
A_MOMENT = timedelta(seconds=0.2)
PATIENCE = 120.0  # seconds until a run that makes no progress is given up

Policy = Literal["settle", "hold"]


@dataclass
class Provider(SendGridDouble):
    """SendGrid's double, which takes a few milliseconds before it accepts a mail, and a few before it says so.

    `faults` is the share of requests that get no clear answer, or a clear no; half of the unclear ones were taken.
    """

    seed: int = 1
    faults: float = 0.0
    told: int = 0  # of the accepted ones, how many the webhook has told of

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        dice = random.Random(f"{self.seed} {len(self.requests)}")
        await asyncio.sleep(dice.random() * 0.01)
        fault = dice.choice(["503", "reset", "429"]) if dice.random() < self.faults else ""
        if fault != "429" and (not fault or dice.random() < 0.5):
            self.accepted.append(body)  # also where whoever sent it is dead by now
        await asyncio.sleep(dice.random() * 0.02)
        if fault == "reset" and request.transport is not None:
            request.transport.abort()
        if fault:
            return web.Response(status=int(fault) if fault != "reset" else 500)
        return web.Response(status=202, headers={"X-Message-Id": f"id-{len(self.accepted)}"})

    def webhook(self, app: App, dice: random.Random) -> None:
        """Tell of what was accepted since the last time: each event twice, in disorder, in several deliveries."""
        new = list(zip(self.accepted, self.accepted.times, strict=False))[self.told :]
        self.told += len(new)
        events = []
        for body, at in new:
            person = body["personalizations"][0]
            common = {"email": person["to"][0]["email"], "timestamp": int(at.timestamp()), **person["custom_args"]}
            events += [
                {**common, "event": kind, "sg_event_id": str(dice.random())} for kind in ("processed", "delivered")
            ]
        events += [{**one, "sg_event_id": str(dice.random())} for one in events]
        dice.shuffle(events)
        for start in range(0, len(events), 40):
            body_ = json.dumps(events[start : start + 40]).encode()
            provider_events.take_batch(body_, store=app.store, now=app.clock.now())


@dataclass
class Outcome:
    """What a run came to."""

    touches: int
    kills: int = 0
    freezes: int = 0
    restarts: int = 0  # of the database
    died: int = 0  # workers that ended by themselves, which none may
    in_doubt: int = 0  # that were ever seen in doubt
    sent_again: int = 0  # that were settled as not taken, and took more than one attempt
    listed: int = 0  # in doubt at the end: under `hold` all that no event has proved
    unknown: int = 0
    accepted: Counter[TouchId] = field(default_factory=Counter)
    states: Counter[State] = field(default_factory=Counter)
    lost: int = 0  # neither at the provider nor shown as in doubt or unknown
    unlisted: int = 0  # at the provider, and not known here as sent, in doubt or unknown

    @property
    def doubled(self) -> int:
        """Touches that the provider accepted more than once."""
        return sum(times > 1 for times in self.accepted.values())


def work(folder: str, key: str, give_up: float, in_doubt: Policy) -> None:
    """What a worker process does until it is killed: passes."""
    os.environ["NURTURE_SENDGRID__API_KEY"] = key
    from nurture.daemon import tick
    from nurture.domain import verdict

    verdict.FIRST_WAIT = timedelta(seconds=0.5)  # type: ignore[misc]  # who was told to wait is not waited for
    app = _opened(Path(folder), key, give_up, in_doubt)
    while True:
        try:
            done = tick.run(app)
            time.sleep(0.01 if done.touches.sent else 0.05)  # who only waits for a lease leaves others the machine
        except UnreachableError:  # as the daemon does: the next pass comes
            time.sleep(0.1)


def _opened(folder: Path, key: str, give_up: float, in_doubt: Policy) -> App:
    span = timedelta(seconds=give_up)
    app = workspace.hurried(open_app(folder), lease=LEASE, batch=BATCH, give_up_after=span, in_doubt=in_doubt)
    # One clock for both sides here; and what is given up soon is not settled from the log.
    log = SendGridLog(key, host=app.settings.sendgrid.host, skew=timedelta(0))
    app.send_log = log if give_up > PATIENCE else None
    return app


def run(
    folder: Path,
    *,
    touches: int,
    kills: int,
    database: str,
    daemons: int,
    give_up: float = 26 * 3600.0,
    faults: float = 0.0,
    in_doubt: Policy = "settle",
    seed: int = 1,
    freezes: int = 0,
    restarts: int = 0,
    server: Server | None = None,
) -> Outcome:
    """Send `touches` while killing a worker `kills` times, let what is in doubt be settled, and count.

    `freezes` times a worker stands still for a while, `restarts` times the `server` of the database is cut off.
    `give_up` (seconds): short, and what no event settles is unknown; long, and the provider's log settles it.
    """
    dice = random.Random(seed)
    outcome = Outcome(touches)
    with Provider(seed=seed, faults=faults) as provider:
        workspace.make(
            folder,
            {"course": a_cadence("- email: one")},
            mails=("course/one",),
            provider="sendgrid",
            mail=MAIL.format(settle_after=FREEZE[1] + 5 if freezes else 1),
            more=f'[sendgrid]\nhost = "{provider.url}"',
            database=database,
        )
        os.environ["NURTURE_SENDGRID__API_KEY"] = provider.key
        app = _opened(folder, provider.key, give_up, in_doubt)
        stage = Stage(app, folder, provider, dice, outcome, give_up, in_doubt, server)
        try:
            prepare(app, folder, touches)
            stage.play(["kill"] * kills + ["freeze"] * freezes + ["restart"] * restarts, daemons=daemons)
            _count(app, provider, outcome)
        finally:
            app.close()
            del os.environ["NURTURE_SENDGRID__API_KEY"]
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


@dataclass
class Stage:
    """One run: the workers, who kills them, and the provider who tells what it took."""

    app: App
    folder: Path
    provider: Provider
    dice: random.Random
    outcome: Outcome
    give_up: float
    in_doubt: Policy
    server: Server | None = None
    doubted: set[TouchId] = field(default_factory=set)
    thaws: list[threading.Timer] = field(default_factory=list)

    def play(self, acts: list[str], *, daemons: int) -> None:
        """Do one harm after the other while there is something to send, each after a few more mails; then wait."""
        outcome, provider, dice = self.outcome, self.provider, self.dice
        until = time.monotonic() + PATIENCE + 0.5 * len(acts)
        dice.shuffle(acts)
        with self._workers(daemons) as running:
            for number, act in enumerate(acts):
                if time.monotonic() >= until:
                    break
                # The moment lies a few mails and some fraction of a mail ahead, wherever the worker then is.
                seen = len(provider.requests)
                left = max(outcome.touches - seen, 0)
                enough = seen + dice.randrange(1, max(2, 2 * left // (3 * (len(acts) - number) + 1)))
                patience = time.monotonic() + 1.0  # near the end nothing may be left to send
                while len(provider.requests) < enough and time.monotonic() < min(patience, until):
                    time.sleep(0.001)
                time.sleep(dice.random() * 0.04)
                {"kill": self._kill, "freeze": self._freeze, "restart": self._restart}[act](running)
                for ended in [one for one in running if not one.is_alive()]:
                    outcome.died += 1
                    running[running.index(ended)] = self._started()
                if number % 5 == 4:
                    self._look()
            for thaw in self.thaws:
                thaw.join()
            _await(self._at_rest)
        outcome.in_doubt = len(self.doubted)

    def _kill(self, running: list[BaseProcess]) -> None:
        victim = running.pop(self.dice.randrange(len(running)))
        victim.kill()
        victim.join()
        self.outcome.kills += 1
        running.append(self._started())

    def _freeze(self, running: list[BaseProcess]) -> None:
        """Let a worker stand still; most of the times are short."""
        victim = self.dice.choice(running)
        _tell(victim, signal.SIGSTOP)
        shortest, longest = FREEZE
        seconds = shortest * (longest / shortest) ** self.dice.random()
        self.thaws.append(threading.Timer(seconds, _tell, (victim, signal.SIGCONT)))
        self.thaws[-1].start()
        self.outcome.freezes += 1

    def _restart(self, running: list[BaseProcess]) -> None:
        """Cut the database off in the middle of whatever it does; it recovers."""
        assert self.server is not None
        with self.server.away(at_once=True):
            time.sleep(self.dice.random() * 0.5)
        self.outcome.restarts += 1

    @contextlib.contextmanager
    def _workers(self, daemons: int) -> Iterator[list[BaseProcess]]:
        """Running workers; whoever is put in the list is ended with it."""
        running: list[BaseProcess] = []
        try:
            running += [self._started() for _ in range(daemons)]
            yield running
        finally:
            for process in running:
                process.kill()
                process.join()

    def _started(self) -> BaseProcess:
        arguments = (str(self.folder), self.provider.key, self.give_up, self.in_doubt)
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
        return process

    def _look(self) -> list[Touch]:
        """See who is in doubt, and let the webhook tell what was taken meanwhile, later than the answers."""
        while True:
            try:
                return self._seen()
            except UnreachableError:  # who froze holds SQLite's one lock
                time.sleep(0.1)

    def _seen(self) -> list[Touch]:
        made = touches_of(self.app)
        self.doubted |= {one.id for one in made if one.state in (State.IN_DOUBT, State.UNKNOWN)}
        self.provider.webhook(self.app, self.dice)
        return made

    def _at_rest(self) -> bool:
        """Whether nothing will happen any more by itself."""
        made = self._look()
        states = Counter(one.state for one in made)
        if len(made) < self.outcome.touches or states[State.PLANNED] or states[State.SENDING]:
            return False
        if self.in_doubt == "hold":
            taken = set(self.provider.touches)
            return not any(one.state is State.IN_DOUBT and one.id in taken for one in made)
        # The log of a provider to whom nothing was sent later has not come so far: something is sent by others.
        now = datetime.now(UTC)
        if states[State.IN_DOUBT] and self.give_up > PATIENCE and now - self.provider.accepted.times[-1] > A_MOMENT:
            self.provider.accepted.append({"personalizations": [{"to": [{"email": "x@y.example"}], "custom_args": {}}]})
        return not states[State.IN_DOUBT]


def _count(app: App, provider: Provider, outcome: Outcome) -> None:
    made = touches_of(app)
    outcome.accepted = Counter(provider.touches)
    outcome.states = Counter(one.state for one in made)
    outcome.unknown, outcome.listed = outcome.states[State.UNKNOWN], outcome.states[State.IN_DOUBT]
    outcome.sent_again = sum(one.attempt > 1 for one in made)
    known = {one.id for one in made if one.state in (State.SENT, State.UNKNOWN, State.IN_DOUBT)}
    sent = {one.id for one in made if one.state is State.SENT}
    outcome.lost = outcome.touches - len(known) + len(sent - outcome.accepted.keys())
    outcome.unlisted = len(outcome.accepted.keys() - known)


def touches_of(app: App) -> list[Touch]:
    with app.store.unit(write=False) as work:
        return work.touches.select()


def _tell(process: BaseProcess, number: signal.Signals) -> None:
    """Stop a worker, or let it go on; one that was killed meanwhile needs nothing."""
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, number)


def _await(done: Any) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        began = time.monotonic()
        if done():
            return
        assert began < until, "no progress"
        time.sleep(max(0.05, time.monotonic() - began))  # to look takes time from those who work
