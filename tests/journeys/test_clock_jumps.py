"""A clock that jumps: nothing runs on it, somebody is told, and it goes on when it is right or a person says so."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from nurture.adapters.store.tables import deliveries
from nurture.adapters.store.unit import SqlStore
from nurture.daemon import doctor, state, tick
from nurture.daemon.watch import Watch
from nurture.domain.errors import RefusedError
from nurture.flow import switches
from nurture.moves.clock import AHEAD, BACK
from nurture.wiring import App, open_app, virtual_clock
from tests.fakes import A_TUESDAY, OutboxFake
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace

STEPS = "- email: one\n- wait: 2 days\n- email: two\n"
LEADS = 3


class Daemon:
    """A daemon's passes: a date that can be set, and a boot-time clock that only runs."""

    def __init__(self, folder: Path) -> None:
        self.mailer = OutboxFake()
        self.folder = folder
        self.date: datetime = A_TUESDAY
        self.booted = 1000.0
        self.app = self.started()
        crash.prepare(self.app, folder, LEADS)

    def started(self) -> App:
        self.watch = Watch()
        return open_app(self.folder, clock=virtual_clock(self.date, seed=1), mailer=self.mailer)

    def set_date(self, **by: float) -> None:
        self.date += timedelta(**by)

    def wait(self, **span: float) -> None:
        self.set_date(**span)
        self.booted += timedelta(**span).total_seconds()

    def one_pass(self) -> None:
        tick.run(self.app, now=self.date, expected=self.watch.expected(self.booted))
        self.watch.saw(self.date, self.booted)

    def resume(self) -> None:
        assert switches.resume("send", store=self.app.store, now=self.date, by="dana")

    def held(self) -> list[str]:
        with self.app.store.unit(write=False) as work:
            return sorted(name for name in work.control.switches() if name.startswith("clock"))

    def alerts(self) -> list[str]:
        assert isinstance(self.app.store, SqlStore)
        with self.app.store.engine.connect() as db:
            rows = db.execute(select(deliveries.c.payload).where(deliveries.c.kind == "alert"))
            return [row.payload["subject"] for row in rows]


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    folder = workspace.make(tmp_path / "w", {"course": a_cadence(STEPS)}, mails=("course/one", "course/two"))
    daemon = Daemon(folder)
    daemon.one_pass()
    assert len(daemon.mailer.sent) == LEADS
    return daemon


def test_nothing_goes_out_early_because_the_date_was_set_ahead(daemon: Daemon) -> None:
    daemon.wait(seconds=30)
    daemon.set_date(days=3)
    for _ in range(3):
        with pytest.raises(RefusedError, match="by the time that has passed"):
            daemon.one_pass()
        daemon.wait(seconds=30)
    assert len(daemon.mailer.sent) == LEADS
    assert daemon.held() == [AHEAD]
    assert state.of(daemon.app)["paused"] == [AHEAD]
    assert any(one.severity == "error" and "has passed" in one.what for one in doctor.examine(daemon.app))


def test_it_goes_on_by_itself_when_the_date_is_right_again(daemon: Daemon) -> None:
    daemon.set_date(days=3)
    with pytest.raises(RefusedError):
        daemon.one_pass()
    daemon.set_date(days=-3)
    daemon.wait(seconds=30)
    daemon.one_pass()
    assert daemon.held() == []
    daemon.wait(days=2)
    daemon.one_pass()
    assert len(daemon.mailer.sent) == 2 * LEADS


def test_a_date_that_was_set_back_only_a_little_is_still_ahead(daemon: Daemon) -> None:
    daemon.set_date(days=3)
    with pytest.raises(RefusedError):
        daemon.one_pass()
    daemon.set_date(days=-1)
    with pytest.raises(RefusedError, match="by the time that has passed"):
        daemon.one_pass()


def test_a_person_can_say_that_the_new_date_is_the_right_one(daemon: Daemon) -> None:
    daemon.set_date(days=3)
    with pytest.raises(RefusedError):
        daemon.one_pass()
    daemon.wait(minutes=20)
    daemon.resume()
    daemon.wait(seconds=30)
    daemon.one_pass()
    assert len(daemon.mailer.sent) == 2 * LEADS
    daemon.set_date(days=3)  # which says nothing about the next jump
    with pytest.raises(RefusedError):
        daemon.one_pass()


def test_a_daemon_that_starts_while_the_date_is_ahead_does_not_take_it_for_right(daemon: Daemon) -> None:
    daemon.set_date(days=3)
    with pytest.raises(RefusedError):
        daemon.one_pass()
    daemon.app.close()
    daemon.app = daemon.started()
    with pytest.raises(RefusedError):
        daemon.one_pass()
    assert len(daemon.mailer.sent) == LEADS


def test_a_machine_that_slept_for_days_is_not_suspected(daemon: Daemon) -> None:
    daemon.wait(days=3)  # the boot-time clock counts sleep
    daemon.one_pass()
    assert len(daemon.mailer.sent) == 2 * LEADS
    assert daemon.held() == []


def test_a_clock_that_is_set_by_a_few_minutes_is_let_go_on(daemon: Daemon) -> None:
    daemon.set_date(minutes=4)
    daemon.one_pass()
    daemon.set_date(seconds=-40)
    daemon.one_pass()
    assert daemon.held() == []


def test_one_alert_says_that_the_clock_went_back_and_a_person_can_accept_that(daemon: Daemon) -> None:
    daemon.set_date(days=-1)
    for _ in range(3):
        with pytest.raises(RefusedError, match="but a pass ran at"):
            daemon.one_pass()
        daemon.wait(seconds=30)
    assert daemon.held() == [BACK]
    assert daemon.alerts() == ["Nothing runs: the clock is wrong"]
    daemon.resume()
    for _ in range(8):  # a day that is lived through for the second time, and the days after it
        daemon.one_pass()
        daemon.wait(hours=12)
    assert daemon.held() == []
    assert set(Counter((one.to, one.subject) for one in daemon.mailer.sent).values()) == {1}  # nothing twice
    assert len(daemon.mailer.sent) == 2 * LEADS


def test_a_clock_that_went_back_is_noticed_to_be_right_again(daemon: Daemon) -> None:
    daemon.set_date(days=-1)
    with pytest.raises(RefusedError):
        daemon.one_pass()
    daemon.set_date(days=1)
    daemon.one_pass()
    assert daemon.held() == []
