"""The loop of the demo: a throwaway workspace, a clock that jumps, and the same passes as the daemon's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from nurture.daemon import tick
from nurture.daemon.demo.chance import Chance
from nurture.daemon.demo.mail_server import MailServer
from nurture.daemon.demo.market import Market
from nurture.daemon.demo.people import batches
from nurture.domain.errors import FilesError, RefusedError
from nurture.flow import enroll
from nurture.flow import plan as plans
from nurture.wiring import App, open_app, virtual_clock

# A Tuesday: a week before the autumn's first show, so that a year holds both shows and a budget season.
START: Final = datetime(2026, 9, 1, tzinfo=UTC)
# Hours of a working day, in UTC, in which somebody somewhere from Berlin to Los Angeles may be written to or works.
HOURS: Final = range(6, 25, 2)
_SETTINGS: Final = {
    'provider = "outbox"': 'provider = "smtp"\nworkers = 2',
    '# public_url = ""': 'public_url = "https://n.acme.example"\n#',
    "[smtp]": '[smtp]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n#',
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a demo is: shown while it runs. `done` goes from 0 to 1."""

    at: datetime
    done: float
    sent: int
    promoted: int


Watch = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Lived:
    """A workspace in which time has passed, with what the world outside counted."""

    app: App
    market: Market
    start: datetime
    end: datetime
    passes: int
    received: int


@contextmanager
def live(folder: Path, *, seed: int, leads: int, days: int, watch: Watch) -> Iterator[Lived]:
    """Live through `days` in the workspace in `folder`; with the workspace still open, for as long as the `with` lasts.

    Raises RefusedError when nothing can be applied, and whatever a pass raises.
    """
    with MailServer() as server:
        write_settings(folder, server.port)
        app = open_app(folder, clock=virtual_clock(START, seed=seed))
        try:
            market = Market(app, server, Chance(seed), START, days)
            market.expect(batches(Chance(seed), leads, START, days))
            _apply(app)
            passes = _passes(app, market, days, watch)
            yield Lived(app, market, START, START + timedelta(days=days), passes, server.received)
        finally:
            app.close()


def write_settings(folder: Path, port: int) -> None:
    """Let the workspace send to a server on this machine, as an operator would: in nurture.toml."""
    path = folder / "nurture.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in _SETTINGS.items():
        if old not in text:
            raise RefusedError(f"{path} has no line {old!r}.", hint="Use the starter files of this version.")
        text = text.replace(old, new.format(port=port), 1)
    path.write_text(text, encoding="utf-8")


def _apply(app: App) -> None:
    sources, problems = app.read_files()
    if problems:
        raise FilesError(problems)
    made = plans.plan(sources, files=app.files, store=app.store, rules=app.rules.in_force())
    plans.apply(made, store=app.store, now=START, by="demo")
    enroll.reconsider(store=app.store, rules=app.rules.in_force(), now=START)


def _passes(app: App, market: Market, days: int, watch: Watch) -> int:
    """A pass at every point of the grid at which something happened or is due, and one each day."""
    clock = app.clock
    passes = sent = promoted = 0
    for day in range(days):
        morning = START + timedelta(days=day)
        hours = HOURS if morning.weekday() < 5 else (12,)
        for place, hour in enumerate(hours):
            now = morning + timedelta(hours=hour)
            if hasattr(clock, "set"):
                clock.set(now)
            happened = market.act(now)
            if place and not happened and not _is_due(app, now):
                continue
            done = tick.run(app, now=now)
            market.look(now)
            passes += 1
            sent += done.touches.sent
            promoted += done.promoted
        watch(Progress(morning, (day + 1) / days, sent, promoted))
    return passes


def _is_due(app: App, now: datetime) -> bool:
    """Whether an enrollment waits for this moment."""
    with app.store.unit(write=False) as work:
        due = work.enrollments.next_due()
    return due is not None and due <= now
