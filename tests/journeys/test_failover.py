"""After a failover: who may go on at once, who waits for whom, and what stops everybody. See benchmarks.standby."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from nurture.adapters.store.engine import LINEAGE
from nurture.adapters.store.tables import deliveries
from nurture.daemon import failover, restored, tick
from nurture.domain.durability import Durability
from nurture.domain.errors import RefusedError, UnreachableError
from nurture.domain.message import Message
from nurture.domain.touch import State
from nurture.settings.words import Secret
from nurture.wiring import App, open_app, virtual_clock
from tests.fakes import A_TUESDAY, OutboxFake
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace

LEADS = 6
OLD, NEW = "7/00000001", "7/00000002"
NOT_SYNCHRONOUS = Durability(True, "on", "", 1)
SYNCHRONOUS = Durability(True, "on", "*", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return workspace.make(tmp_path / "w", {"course": a_cadence("- email: one")}, mails=("course/one",))


@pytest.fixture
def mailer() -> OutboxFake:
    return OutboxFake()


@contextmanager
def a_daemon(folder: Path, mailer: OutboxFake, *, machine: str, server: str = OLD, seconds: float = 0) -> Iterator[App]:
    """A daemon on a machine of its own that is connected with a server."""
    clock = virtual_clock(A_TUESDAY + timedelta(seconds=seconds), seed=int(seconds) + ord(machine))
    app = open_app(folder, clock=clock, mailer=mailer)
    app.settings.__dict__["state"] = replace(app.settings.state, dir=f"state-{machine}")
    app.settings.__dict__["web"] = replace(app.settings.web, secret_key=workspace_key(folder))
    on(app, server)
    yield app
    app.close()


def workspace_key(folder: Path) -> Secret:
    return Secret((folder / ".nurture" / "secret.key").read_text())


def on(app: App, server: str) -> None:
    """Its one connection is with this server from now on."""
    with app.sql.engine.connect() as db:
        db.info[LINEAGE] = server


def beat(app: App, found: Durability = NOT_SYNCHRONOUS) -> None:
    now = app.clock.now()
    with app.store.unit() as work:
        work.control.beat(app.owner, host="h", pid=1, now=now, sent=0)
        failover.note(work, found, now)
        work.commit()


def alerts(app: App) -> list[str]:
    with app.sql.engine.connect() as db:
        rows = db.execute(select(deliveries.c.payload).where(deliveries.c.kind == "alert"))
        return [row.payload["subject"] for row in rows]


def test_each_looks_at_its_own_mark_before_any_goes_on(folder: Path, mailer: OutboxFake) -> None:
    with a_daemon(folder, mailer, machine="a") as one, a_daemon(folder, mailer, machine="b") as other:
        crash.prepare(one, folder, LEADS)
        beat(one)
        beat(other)
        on(one, NEW)
        on(other, NEW)
        with pytest.raises(RefusedError, match=other.owner):
            tick.run(one)
        assert mailer.sent == []
        tick.run(other)  # it is the last one to look
        tick.run(one)
        assert len(mailer.sent) == LEADS


def test_a_commit_that_was_on_the_standby_is_not_missed(folder: Path, mailer: OutboxFake) -> None:
    with a_daemon(folder, mailer, machine="a") as one, a_daemon(folder, mailer, machine="b") as other:
        crash.prepare(one, folder, LEADS)
        beat(one, SYNCHRONOUS)
        beat(other, SYNCHRONOUS)
        on(one, NEW)
        tick.run(one)
        assert len(mailer.sent) == LEADS
        with one.store.unit(write=False) as work:
            assert [change.detail for change in work.notes.select(what="failover")] == [{"server": NEW}]


def test_who_is_gone_is_answered_for_by_its_successor_on_the_same_machine(folder: Path, mailer: OutboxFake) -> None:
    with a_daemon(folder, mailer, machine="a") as one, a_daemon(folder, mailer, machine="b") as other:
        crash.prepare(one, folder, LEADS)
        beat(one)
        beat(other)
        tick.run(one)
        tick.run(other)
    for seconds in (30, 200):
        with a_daemon(folder, mailer, machine="a", server=NEW, seconds=seconds) as one:
            with pytest.raises(RefusedError, match="must look"):
                tick.run(one)
            assert alerts(one) == (["Nothing is sent after a failover"] if seconds == 200 else [])
    with a_daemon(folder, mailer, machine="b", server=NEW, seconds=210) as successor:
        tick.run(successor)


def test_a_server_that_lacks_what_one_machine_sent_stops_them_all_until_it_is_accepted(
    folder: Path, mailer: OutboxFake
) -> None:
    with a_daemon(folder, mailer, machine="a") as one, a_daemon(folder, mailer, machine="b") as other:
        crash.prepare(one, folder, LEADS)
        beat(one)
        beat(other)
        tick.run(one)
        tick.run(other)
        assert other.high_water is not None
        for _ in range(3):
            other.high_water.rise(other.clock.now())
        other.high_water.keep(other.clock.now())  # sent, and committed to nobody but the old server
        on(one, NEW)
        on(other, NEW)
        for app in (one, other, one):
            with pytest.raises(RefusedError):
                tick.run(app)
        assert alerts(one) == ["Nothing is sent: the database is an older copy"]
        one.clock.set(one.clock.now() + timedelta(seconds=1))  # type: ignore[attr-defined]
        restored.accept(one, by="tester")
        tick.run(one)
        tick.run(other)  # its own mark is still ahead: that was accepted, on another machine


def test_what_was_claimed_when_the_copy_was_made_is_in_doubt_too(folder: Path, mailer: OutboxFake) -> None:
    with a_daemon(folder, mailer, machine="a") as one:
        crash.prepare(one, folder, LEADS)
        with one.store.unit() as work:
            work.control.set_mark("last_pass", "another", one.clock.now())
            until = one.clock.now() + timedelta(minutes=10)
            assert len(work.enrollments.claim(one.clock.now(), limit=99, owner="another", lease_until=until)) == LEADS
            work.commit()
        assert restored.accept(one, by="tester")[1] == LEADS
        assert mailer.sent == []
        assert {touch.state for touch in crash.touches_of(one)} == {State.IN_DOUBT}


def test_a_pass_that_began_on_the_old_server_sends_nothing_on_the_new_one(folder: Path) -> None:
    class Failing(OutboxFake):
        """While it sends, a standby takes over."""

        def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[object]:  # type: ignore[override]
            on(app, NEW)
            return super().send(messages, deadline=deadline)

    mailer = Failing()
    with a_daemon(folder, mailer, machine="a") as app:
        app.policy = workspace.hurried(app, group=2, batch=3).policy
        crash.prepare(app, folder, LEADS)
        beat(app)
        with pytest.raises(UnreachableError, match="Another server"):
            tick.run(app)
        sent = len(mailer.sent)
        assert sent < LEADS
