"""The loop: the daemon's own passes at every point of the grid at which there is work; idle time costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from nurture.copied import copied
from nurture.daemon import grid, tick
from nurture.daemon.simulate.acts import Act
from nurture.daemon.simulate.people import People
from nurture.daemon.simulate.responses import Model
from nurture.daemon.simulate.volume import Volume
from nurture.domain import calendar
from nurture.domain.errors import RequestError
from nurture.domain.experience import Experience
from nurture.domain.handoff import ON_DESK
from nurture.domain.handoff import State as Handoff
from nurture.flow import enroll, rescoring
from nurture.flow import plan as plans
from nurture.ports.simulation import Watched
from nurture.wiring import App

HOUR: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a simulation is; `done` goes from 0 to 1."""

    at: datetime
    done: float
    sent: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """Time that has passed on a copy, while the copy is still there. `changed_files` are not in force yet."""

    app: App
    watched: Watched
    start: datetime
    end: datetime
    seed: int
    passes: int
    volume: Volume
    people: People
    experience: Experience
    changed_files: int


@contextmanager
def simulated(
    app: App,
    *,
    until: datetime,
    seed: int,
    start: datetime | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
    heard: Callable[[Act], None] = lambda act: None,
) -> Iterator[Simulation]:
    """Live from `start` until `until` on a throwaway copy, for as long as the `with` lasts.

    Without `start` it begins with the current hour, or with what was stored last if that is later: so a second run on
    the same data says the same. The files of the workspace are in force on the copy. `watch` is told how far it is,
    `heard` what people do.

    Raises RequestError for an `until` that makes no sense, FilesError when the files have errors.
    """
    now = app.clock.now()
    with copied(app, start or now, seed=seed) as (twin, clock, watched):
        first = _beginning(watched, start, now, twin.policy.tick)
        if until <= first:
            raise RequestError(f"{until:%Y-%m-%d %H:%M} UTC is not in the future.", hint="Name a later day: --until.")
        if until - first > LONGEST:
            raise RequestError("More than ten years are not simulated.", hint="Name an earlier day: --until.")
        clock.set(first)
        changed = _put_in_force(twin, first)
        experience = watched.experience()
        model = Model(seed, experience, twin.rules.in_force().workspace.readiness, twin.policy.tick)
        people = People(twin, model, heard=heard)
        volume = Volume(calendar.zone(twin.policy.timezone))
        watched.news()  # what apply itself moved is no news
        people.begin(first)
        loop = _Loop(twin, watched, people, volume)
        for at in loop.moments(first, until):
            clock.set(at)
            loop.step(at)
            watch(Progress(at, (at - first) / (until - first), volume.sent))
        loop.close_week()
        watch(Progress(until, 1.0, volume.sent))
        yield Simulation(twin, watched, first, until, seed, loop.passes, volume, people, experience, changed)


def _beginning(watched: Watched, start: datetime | None, now: datetime, step: timedelta) -> datetime:
    latest = watched.latest()
    if start is None:
        start = grid.at_or_before(now, HOUR)
        if latest is not None and latest <= now:
            start = max(start, latest)
        elif latest is not None:
            start = now
    return grid.at_or_after(start, step)


def _put_in_force(app: App, now: datetime) -> int:
    """Apply the files of the workspace on the copy, as `apply` would; how many are not in force yet."""
    sources, problems = app.read_files()
    with app.store.unit(write=False) as work:
        same = not problems and work.control.files() == sources
    if same:
        return 0
    common: dict[str, Any] = {"store": app.store, "policy": app.policy, "now": now}
    made = plans.plan(sources, files=app.files, unread=problems, rules=app.rules.in_force(), **common)
    if made.is_empty:
        return 0
    plans.apply(made, by="simulate", before=app.rules.in_force().workspace, **common)
    rules = app.rules.in_force()
    rescoring.run(store=app.store, rules=rules, now=now)
    enroll.reconsider(store=app.store)
    return len(made.files)


class _Loop:
    """Finds the next moment with work, and does it."""

    def __init__(self, app: App, watched: Watched, people: People, volume: Volume) -> None:
        self._app = app
        self._watched = watched
        self._people = people
        self._volume = volume
        self._tick = app.policy.tick
        self._zone = calendar.zone(app.policy.timezone)
        self._last_pass: datetime | None = None
        self._week: date | None = None
        self.passes = 0

    def moments(self, first: datetime, until: datetime) -> Iterator[datetime]:
        """Every moment at which a pass has work or somebody does something, before `until`."""
        at: datetime = first
        while at < until:
            yield at
            answer, work = self._people.next_at, self._next_pass(at)
            at = min(answer, work) if answer is not None else work

    def step(self, at: datetime) -> None:
        """A pass, or what somebody does."""
        if self._week != self._volume.week(at):
            self.close_week()
            self._week = self._volume.week(at)
        if self._people.next_at is not None and self._people.next_at <= at:
            promoted = self._people.act()
        else:
            if self._people.has_kept:
                self._people.come_in(at)
            done = tick.run(self._app, now=at)
            self._last_pass = at
            self.passes += 1
            promoted = done.promoted
        if promoted:
            self._volume.promoted[self._volume.week(at)] += promoted
        news = self._watched.news()
        if news:
            touches, handoffs = self._people.expect(news, at)
            self._volume.add(news, touches, handoffs, at)

    def close_week(self) -> None:
        """Note how full the desks of sales are when a week is over."""
        if self._week is not None:
            waiting = self._watched.count("handoffs", [Handoff.QUEUED.value])
            desk = self._watched.count("handoffs", ON_DESK)
            self._volume.desk[self._week] = (desk, waiting)

    def _next_pass(self, at: datetime) -> datetime:
        """The first point of the grid, after the last pass and not before `at`, at which a pass finds work."""
        earliest = grid.at_or_after(at, self._tick)
        if self._last_pass is not None:
            earliest = max(earliest, self._last_pass + self._tick)
        due, is_marked, is_queued = self._watched.next_work()
        if is_marked or self._people.has_kept or (due is not None and due <= earliest):
            return earliest
        moments = [self._next_night(self._last_pass or at)]
        if due is not None:
            moments.append(due)
        if is_queued:
            moments += self._next_offers(at)
        return max(earliest, grid.at_or_after(min(moments), self._tick))

    def _next_night(self, at: datetime) -> datetime:
        """When the nightly job is next due."""
        day = calendar.local_day(at, self._zone)
        hour = at.astimezone(self._zone).hour
        if hour >= tick.NIGHTLY_AT:
            day += timedelta(days=1)
        return calendar.at_local(day, time(tick.NIGHTLY_AT), self._zone)

    def _next_offers(self, at: datetime) -> list[datetime]:
        """When a queued lead may find a rep though nobody does anything: a new day somewhere, a refusal forgotten."""
        people = self._app.rules.in_force().workspace.people.values()
        zones = {calendar.zone(person.timezone or self._app.policy.timezone) for person in people} | {self._zone}
        moments = [calendar.day_bounds(calendar.local_day(at, zone), zone)[1] for zone in zones]
        again = self._watched.may_be_offered_again(at)
        return [*moments, again] if again is not None else moments
