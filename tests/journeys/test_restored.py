"""A database that was set back: noticed before anything is sent, and accepted with what was due since in doubt."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from nurture.adapters.store.tables import deliveries
from nurture.daemon import restored, tick
from nurture.domain.errors import RefusedError
from nurture.domain.touch import State
from nurture.wiring import App, open_app, virtual_clock
from tests.fakes import A_TUESDAY, OutboxFake
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace

STEPS = "- email: one\n- wait: 2 days\n- email: two\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return workspace.make(tmp_path / "w", {"course": a_cadence(STEPS)}, mails=("course/one", "course/two"))


@pytest.fixture
def mailer() -> OutboxFake:
    return OutboxFake()


def opened(folder: Path, mailer: OutboxFake, *, days: float) -> App:
    return open_app(folder, clock=virtual_clock(A_TUESDAY + timedelta(days=days), seed=int(days * 10)), mailer=mailer)


@pytest.fixture
def backup(folder: Path, mailer: OutboxFake) -> Path:
    """A copy of the database after the first mail of ten leads; since then the second has gone out."""
    app = opened(folder, mailer, days=0)
    crash.prepare(app, folder, 10)
    tick.run(app)
    app.close()
    copy = folder / "backup.db"
    shutil.copy(folder / "nurture.db", copy)
    app = opened(folder, mailer, days=2.5)
    tick.run(app)
    app.close()
    assert len(mailer.sent) == 20
    return copy


def set_back(folder: Path, backup: Path) -> None:
    for leftover in folder.glob("nurture.db*"):
        leftover.unlink()
    shutil.copy(backup, folder / "nurture.db")


def test_nothing_is_sent_from_an_older_copy_until_it_is_accepted(
    folder: Path, backup: Path, mailer: OutboxFake
) -> None:
    set_back(folder, backup)
    app = opened(folder, mailer, days=3)
    for _ in range(3):
        with pytest.raises(RefusedError, match="older copy"):
            tick.run(app)
    assert len(mailer.sent) == 20
    with app.sql.engine.connect() as db:
        alerts = [row.payload["subject"] for row in db.execute(select(deliveries).where(deliveries.c.kind == "alert"))]
    assert alerts == ["Nothing is sent: the database is an older copy"]
    since, doubted = restored.accept(app, by="tester")
    assert since is not None
    assert doubted == 10
    tick.run(app)
    assert len(mailer.sent) == 20  # none twice
    assert Counter(one.state for one in crash.touches_of(app)) == {State.SENT: 10, State.IN_DOUBT: 10}
    app.close()
    later = opened(folder, mailer, days=5)
    tick.run(later)
    assert Counter(one.state for one in crash.touches_of(later)) == {State.SENT: 10, State.UNKNOWN: 10}
    later.close()


def test_a_database_whose_marks_are_gone_is_not_trusted_after_an_hour(
    folder: Path, backup: Path, mailer: OutboxFake
) -> None:
    app = opened(folder, mailer, days=3)
    with app.store.unit() as work:
        work.control.beat("another", host="h", pid=1, now=app.clock.now() - timedelta(hours=2), sent=0)
        work.commit()
    shutil.rmtree(folder / ".nurture" / "high-water")
    with pytest.raises(RefusedError, match="marks are not here"):
        tick.run(app)
    restored.accept(app, by="tester")
    tick.run(app)
    app.close()


def test_a_database_that_is_only_used_again_is_not_suspected(folder: Path, backup: Path, mailer: OutboxFake) -> None:
    for days in (3, 10, 40):
        app = opened(folder, mailer, days=days)
        tick.run(app)
        app.close()
    assert len(list((folder / ".nurture" / "high-water").iterdir())) == 1  # old ones are tidied away
