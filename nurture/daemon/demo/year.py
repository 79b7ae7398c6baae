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
from nurture.moves import first_wave
from nurture.ports.world import SetClock
from nurture.wiring import App, open_app, virtual_clock

# A Tuesday: a week before the autumn's first show, so that a year holds both shows and a budget season.
START: Final = datetime(2026, 9, 1, tzinfo=UTC)
# A day from Berlin's morning to Los Angeles's evening, counted from midnight UTC.
OPENS: Final = timedelta(hours=7, minutes=30)
CLOSES: Final = timedelta(hours=25)
# Between two passes. The daemon takes seconds; a demo that should not take an hour puts what is due together.
GAP: Final = timedelta(hours=5)
_SETTINGS: Final = {
    'provider = "outbox"': 'provider = "smtp"\nworkers = 8',
    '# pause_at_complaints = "0.1%"': 'pause_at_complaints = "0%"\n#',  # nobody is there to let it go on
    '# pause_at_hard_bounces = "3%"': 'pause_at_hard_bounces = "0%"\n#',
    '# public_url = ""': 'public_url = "https://n.acme.example"\n#',
    '# folder = ""': 'folder = "replies"\n#',
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
        (folder / "replies").mkdir(exist_ok=True)
        clock = virtual_clock(START, seed=seed)
        app = open_app(folder, clock=clock, durable=False)
        app.high_water = None  # nobody restores a demo
        try:
            market = Market(app, server, Chance(seed), START, days)
            market.expect(batches(Chance(seed), leads, START, days))
            _apply(app)
            passes = _passes(app, market, clock, days, watch)
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
    rules, policy = app.rules.in_force(), app.policy
    made = plans.plan(sources, files=app.files, store=app.store, rules=rules, policy=policy, now=START)
    plans.apply(made, store=app.store, policy=policy, now=START, by="demo")
    enroll.reconsider(store=app.store)


def _passes(app: App, market: Market, clock: SetClock, days: int, watch: Watch) -> int:
    """A pass each working morning, and one whenever something is due; how many there were."""
    passes = sent = promoted = 0
    for day in range(days):
        midnight = START + timedelta(days=day)
        now: datetime | None = midnight + OPENS
        while now is not None and midnight.weekday() < 5:
            market.act(now)
            clock.set(now)
            if now == midnight + OPENS:
                _look_at_what_is_held(app, now)
            done = tick.run(app, now=now)
            market.look(now)
            passes += 1
            sent += done.touches.sent
            promoted += done.promoted
            now = _next(app, market, now, midnight + CLOSES)
        watch(Progress(midnight, (day + 1) / days, sent, promoted))
    return passes


def _look_at_what_is_held(app: App, now: datetime) -> None:
    """An operator reads the e-mails that are held after their first mails, and finds nothing wrong with them."""
    with app.store.unit() as work:
        first_wave.let_go_on(work, work.pacing.waves(), now=now)
        work.commit()


def _next(app: App, market: Market, now: datetime, closes: datetime) -> datetime | None:
    """The next moment with work, on the grid of the daemon's tick; None when the day is over.

    It is a moment at which something is due, and not a fixed hour: a fixed hour could always come after the end of the
    window of the same leads.
    """
    with app.store.unit(write=False) as work:
        due = work.enrollments.next_due()
    wanted = [moment for moment in (due, market.next_at) if moment is not None]
    if not wanted:
        return None
    tick = app.policy.tick.total_seconds()
    at = max(min(wanted), now + GAP)
    at = START + timedelta(seconds=tick * -(-(at - START).total_seconds() // tick))
    return at if at <= closes else None
