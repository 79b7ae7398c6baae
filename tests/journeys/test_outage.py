"""The database goes away while mail is being sent, and comes back: the daemon lives on, nothing is lost or doubled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from nurture.daemon import lifecycle, outage
from nurture.domain.errors import UnreachableError
from nurture.domain.touch import State
from nurture.moves import listening
from nurture.wiring import open_app
from tests import postgres
from tests.flow.loop import a_cadence
from tests.forked import context
from tests.journeys import crash, workspace

TOUCHES = 150
MAIL = "timeout = 5\nlease = 20\nsettle_after = 60\nworkers = 6"
ALERTS = '[alerts]\nemail = "ops@acme.example"'


class Web:
    """In the place of the web server, which this journey does not need."""

    is_serving = True

    def stop(self) -> None:
        """Nothing runs."""


def run_daemon(folder: str, key: str, log: str) -> None:
    """A whole daemon, as `nurture daemon` runs it; only what its dead leave behind is missed sooner."""
    os.environ["NURTURE_SENDGRID__API_KEY"] = key
    sys.stderr = Path(log).open("a", buffering=1)  # noqa: SIM115  (for as long as the process lives)
    outage.PATIENCE = timedelta(0)  # type: ignore[misc]
    app = workspace.hurried(open_app(Path(folder)), lease=timedelta(seconds=2), batch=40)
    lifecycle.run(app, as_json=True, serve=lambda _: Web())
    app.close()


@contextlib.contextmanager
def a_daemon(folder: Path, key: str, log: Path) -> Iterator[BaseProcess]:
    process = context.Process(target=run_daemon, args=(str(folder), key, str(log)))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def until(happened: Callable[[], Any], what: str) -> None:
    give_up = time.monotonic() + 40
    while not happened():
        assert time.monotonic() < give_up, what
        time.sleep(0.01)


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


@pytest.mark.timeout(120)
def test_the_daemon_survives_a_database_that_is_briefly_away(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    with postgres.running_postgres() as server, server.database() as url, crash.Provider() as provider:
        folder = workspace.make(
            tmp_path / "w",
            {"course": a_cadence("- email: one")},
            mails=("course/one",),
            provider="sendgrid",
            mail=MAIL,
            more=f'[sendgrid]\nhost = "{provider.url}"\n[scheduler]\ntick = 0.2\n{ALERTS}',
            database=url,
        )
        app = open_app(folder)
        crash.prepare(app, folder, TOUCHES)
        app.close()
        with a_daemon(folder, provider.key, log) as daemon:
            until(lambda: len(provider.accepted) >= 20, "nothing was sent")
            with server.away():
                until(lambda: any(one["event"] == "job_refused" for one in events(log)), "nobody noticed")
                taken = len(provider.accepted)
                with pytest.raises(UnreachableError), open_app(folder).store.unit():
                    pass
                assert taken < TOUCHES
                assert daemon.is_alive()
            until(lambda: len(provider.accepted) >= TOUCHES, "it did not go on")
            app = open_app(folder)
            until(lambda: len(crash.touches_of(app)) == TOUCHES, "a touch is missing")
            until(lambda: all(one.state is State.SENT for one in crash.touches_of(app)), "a result was lost")
            until(lambda: any(one.get("subject") == "It goes on" for one in events(log)), "nobody was told")
            with app.store.unit(write=False) as work:
                assert work.control.mark(listening.UP)
            app.close()
            assert daemon.pid is not None
            os.kill(daemon.pid, signal.SIGTERM)
            daemon.join(20)
            assert daemon.exitcode == 0
    told = [one for one in events(log) if one["event"] == "alert"]
    assert [(one["subject"], one["told"]) for one in told] == [("Nothing is sent", True), ("It goes on", True)]
    assert [touch for touch, times in Counter(provider.touches).items() if times > 1] == []
    assert len(provider.touches) == TOUCHES + len(told)
    assert "Traceback" not in log.read_text()
