"""A daemon that is asked to end in the middle of a long pass: soon, with everything recorded and nothing claimed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from nurture.daemon import lifecycle, tick
from nurture.daemon.stopping import StoppingError, StoppingStore
from nurture.domain.touch import State
from nurture.wiring import open_app
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace
from tests.mail.servers import SendGridDouble

TOP = Path(__file__).resolve().parents[2]
PEOPLE, AT_ONCE, EACH = 160, 4, 0.25  # so that a pass takes ten seconds
MORE = '[sendgrid]\nhost = "{host}"\n[scheduler]\ntick = "1 s"'


@dataclass
class Slow(SendGridDouble):
    """A provider that takes its time."""

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(EACH)
        self.accepted.append(body)
        return web.Response(status=202, headers={"X-Message-Id": f"id-{len(self.accepted)}"})


def made(folder: Path, more: str = "", provider: str = "outbox") -> Path:
    mail = f"first_wave = 0\nworkers = {AT_ONCE}"
    cadence = {"course": a_cadence("- email: one")}
    return workspace.make(folder, cadence, mails=("course/one",), provider=provider, mail=mail, more=more)


def test_sigterm_waits_for_the_requests_in_flight_and_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Slow() as provider:
        folder = made(tmp_path / "w", MORE.format(host=provider.url), "sendgrid")
        monkeypatch.setenv("NURTURE_SENDGRID__API_KEY", provider.key)
        monkeypatch.setenv("NURTURE_WEB__BIND", "127.0.0.1:0")
        app = open_app(folder)
        try:
            crash.prepare(app, folder, PEOPLE)
            log = (tmp_path / "log").open("wb")
            command = [sys.executable, "-m", "nurture", "-w", str(folder), "daemon"]
            with log, subprocess.Popen(command, cwd=TOP, env=os.environ, stdout=log, stderr=log) as daemon:
                until = time.monotonic() + 30
                while len(provider.accepted) < 2 * AT_ONCE and time.monotonic() < until:
                    time.sleep(0.02)
                assert len(provider.accepted) >= 2 * AT_ONCE
                asked = time.monotonic()
                daemon.send_signal(signal.SIGTERM)
                assert daemon.wait(30) == 0
            assert time.monotonic() - asked < 5  # the pass alone would go on for ten
            states = Counter(one.state for one in crash.touches_of(app))
            assert states[State.SENT] == len(provider.accepted) < PEOPLE
            assert not states.keys() - {State.SENT, State.PLANNED}
            with app.sql.engine.connect() as db:
                claimed = "SELECT count(*) FROM enrollments WHERE state = 'active' AND next_at = lease_until"
                assert db.execute(text(claimed)).scalar_one() == 0
        finally:
            app.close()


def test_what_a_killed_daemon_had_claimed_is_free_as_soon_as_the_next_one_starts(tmp_path: Path) -> None:
    folder = made(tmp_path / "w")
    app = open_app(folder)
    try:
        crash.prepare(app, folder, 3)
        now = app.clock.now()
        with app.store.unit() as work:
            work.control.beat("killed", host="h", pid=1, now=now, sent=0)
            work.enrollments.claim(now, limit=2, owner="killed", lease_until=now + timedelta(minutes=10))
            work.enrollments.claim(now, limit=1, owner="a-command", lease_until=now + timedelta(minutes=10))
            work.commit()
            assert work.enrollments.count_due(now) == 0
        lifecycle.take_over(app)
        with app.store.unit(write=False) as work:
            assert work.enrollments.count_due(app.clock.now()) == 2
    finally:
        app.close()


def test_a_pass_that_is_asked_to_stop_ends_between_two_transactions(tmp_path: Path) -> None:
    folder = made(tmp_path / "w")
    app = open_app(folder)
    try:
        crash.prepare(app, folder, 3)
        asked: list[bool] = []
        app.stops = lambda: len(asked) > 0
        with StoppingStore(app.store, app.stops).unit() as work:
            asked.append(True)
            work.commit()
        with pytest.raises(StoppingError), StoppingStore(app.store, app.stops).unit():
            raise AssertionError
        done = tick.run(app)  # says nothing of it
        assert done.touches.sent == 0
        asked.clear()
        assert tick.run(app).touches.sent == 3
    finally:
        app.close()
