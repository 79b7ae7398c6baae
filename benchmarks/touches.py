"""Touches through the whole path, beside rendering alone and beside a scheduler with one job for each touch.

`python -m benchmarks.touches [--touches 1000] [--rounds 5] [--profile]`. All are measured in turn in one run, and only
their ratios mean anything: machines differ and are noisy. Exit code 1 when a ratio misses its mark.

whole path     durable commits on SQLite: claim, load, decide, render (by a second process), intent, null mailer, record
rendering      the sandboxed rendering of the same e-mails for the same leads: names, signed links, both parts
templates      the same without making names and links
scheduler      APScheduler, one date job for each touch, SQLite job store; each job renders and "sends" to that mailer
scheduler (m)  the same with its memory job store, which forgets everything when the process ends
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import logging
import pickle
import pstats
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

from benchmarks.result import Options, Result, table
from nurture.adapters.clock import VirtualClock
from nurture.adapters.rendering import Templates
from nurture.adapters.rendering.process import MANY, RenderProcess
from nurture.domain.cadence import structure
from nurture.domain.enrollment import started
from nurture.domain.message import Message
from nurture.domain.policy import Sender
from nurture.domain.touch import Channel, State, Touch, TouchId
from nurture.domain.verdict import Verdict, Yes
from nurture.flow.dispatch import run as dispatch
from nurture.moves import scene as scenes
from nurture.moves.rendering import draft_of, link_id, names_for, render_email
from nurture.moves.scene import Scene
from nurture.ports import Links
from nurture.ports.store import Consent
from nurture.wiring import App, open_app

AT_LEAST_OF_SCHEDULER: Final = 5.0
NOW: Final = datetime(2026, 11, 24, 15, tzinfo=UTC)
CADENCE: Final = """
name: evergreen-note
description: Notes, at any hour.
window: {days: mon-sun, hours: "00:00-24:00"}
steps:
  - email: shared/compressed-air
  - wait: 1 month
  - email: shared/submeters
"""


class NullMailer:
    """Takes everything, and does nothing with it."""

    name: str = "outbox"

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        for message in messages:
            yield message.touch, Yes()

    def finish(self) -> None:
        """Nothing takes long here."""

    def close(self) -> None:
        """Nothing is held open."""


def a_workspace(folder: Path, leads: int) -> App:
    """A workspace with the starter templates, one cadence and so many leads."""
    (folder / ".nurture").mkdir(parents=True)
    key = folder / ".nurture" / "secret.key"
    key.write_text("a key for measurements, and for nothing else")
    key.chmod(0o600)
    (folder / "nurture.toml").write_text(
        '[mail]\nfrom = "Dana <dana@acme.example>"\nreply_domain = "reply.acme.example"\n'
        'postal_address = "Acme, 1 Road"\n[web]\npublic_url = "https://go.acme.example"\n'
    )
    app = open_app(folder, clock=VirtualClock(NOW, seed=1), mailer=NullMailer())
    starter = Path(__file__).resolve().parents[1] / "templates"
    sources = {
        f"templates/{path.relative_to(starter)}": path.read_text(encoding="utf-8")
        for path in sorted(starter.rglob("*"))
        if path.is_file()
    }
    sources["cadences/evergreen-note.yaml"] = CADENCE
    read, _ = app.files.read(sources)
    with app.store.unit() as work:
        shape = structure(read.cadences["evergreen-note"])
        work.control.put_version("evergreen-note", 1, structure=shape, content=CADENCE, at=NOW, by="benchmark")
        work.control.put_files(sources, at=NOW, by="benchmark")
        values = {"status": "nurturing", "stage": "unknown", "created_at": NOW, "arrived_at": NOW, "changed_at": NOW}
        for number in range(leads):
            person = {"email": f"p{number}@c{number}.example", "first_name": f"Pat {number}", "last_name": "Doe"}
            lead = work.leads.add({**person, "title": "plant manager", "timezone": "America/New_York", **values})
            work.leads.add_consent(lead, Consent("opt_in", NOW))
        work.commit()
    return app


def enrolled(app: App) -> Scene:
    """Everybody enrolled and due, and the scene of them all."""
    rules = app.rules.in_force()
    with app.store.unit() as work:
        leads = [lead.id for lead in work.leads.search(None, now=NOW)]
        for lead in leads:
            work.enrollments.add(
                started(rules.workspace.cadences["evergreen-note"], lead=lead, version=1, now=NOW), by="b"
            )
        work.commit()
        return scenes.load(work, leads, rules=rules, policy=app.policy, now=NOW)


def whole_path(app: App, touches: int) -> float:
    """Seconds for a pass that sends every touch."""
    desk = dispatch.Desk(
        app.store,
        app.mailer,
        app.rules.in_force(),
        app.links,
        app.policy,
        app.clock,
        "benchmark",
        NOW,
        renderer=app.renderer,
    )
    began = time.perf_counter()
    tally = dispatch.run(desk)
    took = time.perf_counter() - began
    assert tally.sent == touches, tally
    return took


def a_touch(app: App, scene: Scene, lead: int) -> Touch:
    """The touch that a lead is about to get."""
    return Touch(
        id=app.clock.new_id(),
        lead=lead,
        step="shared/compressed-air",
        channel=Channel.EMAIL,
        state=State.PLANNED,
        due_at=NOW,
        created_at=NOW,
        cadence="evergreen-note",
        version=1,
        template="shared/compressed-air",
        address=scene.leads[lead].email,
    )


def rendering(app: App, scene: Scene, *, bare: bool) -> float:
    """Seconds for rendering every e-mail: subject, preheader and both parts, its names and its signed links.

    `bare`: the templates alone, with names that are at hand and links as they are written.
    """
    templates, sender = scene.rules.templates, next(iter(app.policy.senders.values()))
    scene = replace(scene, _names={})
    touches = [a_touch(app, scene, lead) for lead in scene.leads]
    ready = {touch.lead: _names(app, scene, touch, sender) for touch in touches}
    scene = replace(scene, _names={})
    began = time.perf_counter()
    for touch in touches:
        if bare:
            templates.email(touch.template, ready[touch.lead], str)
            continue
        templates.email(touch.template, _names(app, scene, touch, sender), partial(_tracked, app.links, touch.id))
    return time.perf_counter() - began


def _names(app: App, scene: Scene, touch: Touch, sender: Sender) -> dict[str, Any]:
    names = names_for(scene.leads[touch.lead], scene, sender)
    names["unsubscribe_url"], names["preferences_url"] = (
        app.links.unsubscribe(touch.id),
        app.links.preferences(touch.id),
    )
    return names


def _tracked(links: Links, touch: TouchId, target: str) -> str:
    return links.tracked(touch, link_id(target))


class Work:
    """What the scheduler's jobs do, and how they find it: a job that is stored names a function, not an object."""

    app: App
    scene: Scene
    touches: dict[int, Touch]
    left: int
    done: threading.Event


def job(lead: int) -> None:
    """Render the e-mail of one lead and hand it to the null mailer."""
    touch = Work.touches[lead]
    message = render_email(touch, Work.scene.leads[lead], Work.scene, Work.app.links).message
    for _ in Work.app.mailer.send([message], deadline=0.0):
        Work.left -= 1
    if Work.left == 0:
        Work.done.set()


def scheduler(app: App, scene: Scene, store: BaseJobStore) -> float:
    """Seconds for scheduling one date job for each touch, and for running them all."""
    Work.app, Work.scene, Work.left, Work.done = app, replace(scene, _names={}), len(scene.leads), threading.Event()
    Work.touches = {lead: a_touch(app, scene, lead) for lead in scene.leads}
    waiter = BackgroundScheduler(
        timezone="UTC",
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"misfire_grace_time": None, "max_instances": 1},
    )
    began = time.perf_counter()
    waiter.start(paused=True)
    soon = datetime.now(UTC) - timedelta(seconds=1)
    for lead in scene.leads:
        waiter.add_job(job, "date", run_date=soon, args=[lead])
    waiter.resume()
    assert Work.done.wait(600)
    took = time.perf_counter() - began
    waiter.shutdown()
    return took


@contextmanager
def prepared(touches: int) -> Iterator[tuple[App, Scene, Path]]:
    """A fresh workspace in which everybody is due."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app = a_workspace(folder / "w", touches)
        scene = enrolled(app)
        render_email(a_touch(app, scene, min(scene.leads)), scene.leads[min(scene.leads)], scene, app.links)  # compiled
        assert isinstance(app.renderer, RenderProcess)
        assert isinstance(scene.rules.templates, Templates)
        app.renderer.start(scene.rules.templates, wait=True)
        warm = [draft_of(a_touch(app, scene, min(scene.leads)), scene.leads[min(scene.leads)], scene)] * MANY
        assert len(list(app.renderer.begin(warm, scene.rules.templates))) == MANY
        try:
            yield app, scene, folder
        finally:
            app.close()


def one_round(touches: int) -> dict[str, float]:
    """Seconds of each, one after the other."""
    took: dict[str, float] = {}
    with prepared(touches) as (app, scene, folder):
        contestants: dict[str, Callable[[], float]] = {
            "whole path": lambda: whole_path(app, touches),
            "rendering": lambda: rendering(app, scene, bare=False),
            "bare": lambda: rendering(app, scene, bare=True),
            "scheduler": lambda: scheduler(app, scene, SQLAlchemyJobStore(url=f"sqlite:///{folder / 'jobs.db'}")),
            "scheduler (m)": lambda: scheduler(app, scene, MemoryJobStore()),
        }
        for name, measure in contestants.items():
            gc.collect()
            took[name] = measure()
    return took


def profiled(touches: int) -> None:
    """Where the whole path spends its time."""
    with prepared(touches) as (app, _, _):
        profile = cProfile.Profile()
        profile.enable()
        whole_path(app, touches)
        profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


def rows(options: Options) -> Iterator[Result]:
    """How fast the whole path is beside each of the others, on SQLite."""
    if "sqlite" in options.databases:
        yield from compared(options.size(1_000, 200), options.pick(5, 1))
        yield from dropped(options.pick(10_000, 300))


def compared(touches: int, rounds: int) -> Iterator[Result]:
    """The median ratio of each."""
    times = [one_round(touches) for _ in range(rounds)]
    for name, said, least in (
        ("rendering", "rendering alone", None),
        ("bare", "the templates alone, names at hand", None),
        ("scheduler", "APScheduler, one date job a touch in SQLite", AT_LEAST_OF_SCHEDULER),
        ("scheduler (m)", "the same in memory", None),
    ):
        ratio = statistics.median(one[name] / one["whole path"] for one in times)
        yield Result(f"{touches:,} touches, whole path, SQLite", said, ratio, at_least=least)


def dropped(touches: int) -> Iterator[Result]:
    """Of a burst, what is not sent: by us, and by a scheduler as it comes, which waits a second for a late job."""
    with prepared(touches) as (app, scene, folder):
        jobs = SQLAlchemyJobStore(url=f"sqlite:///{folder / 'jobs.db'}")
        theirs = touches - burst(app, scene, jobs)
        whole_path(app, touches)  # fails where one is not sent
    path = f"dropped of a burst of {touches:,} touches"
    yield Result(f"{path}, SQLite", "", 0, at_most=0)
    yield Result(f"{path}: share", "APScheduler with its default grace, which dropped that", theirs / touches)


def burst(app: App, scene: Scene, store: BaseJobStore) -> int:
    """How many of the scheduler's jobs run that are all due at one moment, at which it is running."""
    Work.app, Work.scene, Work.left, Work.done = app, replace(scene, _names={}), len(scene.leads), threading.Event()
    Work.touches = {lead: a_touch(app, scene, lead) for lead in scene.leads}
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # it says each job that it misses
    waiter = BackgroundScheduler(timezone="UTC", jobstores={"default": store})
    decided = threading.Semaphore(0)
    waiter.add_listener(lambda event: decided.release(), EVENT_JOB_EXECUTED | EVENT_JOB_MISSED | EVENT_JOB_ERROR)
    waiter.start(paused=True)
    # Nothing is due while they are added, which takes minutes; then all of them are due at one moment that comes.
    for lead in scene.leads:
        waiter.add_job(job, "date", run_date=datetime.now(UTC) + timedelta(hours=1), args=[lead], id=str(lead))
    soon = datetime.now(UTC) + timedelta(seconds=5 + len(scene.leads) / 200)
    with store.engine.begin() as db:
        for one in waiter.get_jobs():
            one._modify(next_run_time=soon, trigger=DateTrigger(soon))
            db.execute(
                store.jobs_t.update()
                .where(store.jobs_t.c.id == one.id)
                .values(next_run_time=soon.timestamp(), job_state=pickle.dumps(one.__getstate__()))
            )
    assert datetime.now(UTC) < soon
    waiter.resume()
    for _ in scene.leads:
        assert decided.acquire(timeout=300)
    waiter.shutdown()
    return len(scene.leads) - Work.left


def main() -> int:
    """Measure, print the ratios, and say whether they reach their marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touches", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="say where the whole path spends its time, and stop")
    given = parser.parse_args()
    if given.profile:
        profiled(given.touches)
        return 0
    found = list(compared(given.touches, given.rounds))
    print(*table(found), sep="\n")
    return any(one.missed for one in found)


if __name__ == "__main__":
    sys.exit(main())
