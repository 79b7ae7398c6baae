"""What a daemon does beside its passes: a digest, copies, the archive; once each, and as the settings say."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.daemon import housekeeping, tick
from nurture.domain.errors import RefusedError, RequestError
from nurture.domain.response import Grade, Kind
from nurture.domain.rotation import DAYS, NEWEST, WEEKS, kept
from nurture.flow import respond
from nurture.flow.provider_events import RESTORED
from nurture.ports.store import Switch
from nurture.wiring import App, open_app, virtual_clock
from tests.fakes import A_TUESDAY, OutboxFake
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace

STEPS = "- email: one\n- wait: 2 days\n- email: two\n"
SETTINGS = '[digest]\nat = "08:30"\n[backup]\nevery = "1 day"\n[alerts]\nemail = "ops@acme.example"\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workspace with a digest on both databases, and copies where they are ours to make."""
    where: dict[str, Any] = {"more": SETTINGS}
    if request.param == "postgresql":
        where = {"more": SETTINGS.replace('[backup]\nevery = "1 day"\n', "")}
        where["database"] = request.getfixturevalue("postgres_url")
    made = workspace.make(tmp_path / "w", {"course": a_cadence(STEPS)}, mails=("course/one", "course/two"), **where)
    app = opened(made, at(7))
    crash.prepare(app, made, 3)
    app.close()
    return made


def opened(folder: Path, at: datetime, mailer: OutboxFake | None = None) -> App:
    return open_app(folder, clock=virtual_clock(at, seed=at.minute), mailer=mailer or OutboxFake())


def at(hour: int, minute: int = 0, *, day: int = 0) -> datetime:
    """An hour of a day in Paris, in winter."""
    return A_TUESDAY.replace(hour=hour - 1, minute=minute) + timedelta(days=day)


def test_the_digest_goes_once_a_day_and_fleet_and_says_what_happened_and_what_needs_a_person(folder: Path) -> None:
    mailer = OutboxFake()
    app = opened(folder, at(8, 0), mailer)
    tick.run(app, now=at(8, 0))
    lead = crash.touches_of(app)[0].lead
    report = respond.Report(Kind.REPLY, at(8, 5), lead, detail={"intent": "question"})
    respond.record(
        [report],
        store=app.store,
        rules=app.rules.in_force(),
        policy=app.policy,
        new_id=app.clock.new_id,
        now=at(8, 5),
        by="tester",
    )
    mailer.sent.clear()
    assert not housekeeping.run(app, now=at(8, 29)).digest
    fleet = [opened(folder, at(8, 31)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda one: housekeeping.run(one, now=at(8, 31)).digest, fleet))
    assert sorted(done) == [False, False, True]
    assert not housekeeping.run(app, now=at(23)).digest
    tick.run(app, now=at(8, 32))
    (mail,) = [one for one in mailer.sent if one.to == "ops@acme.example"]
    assert "Tuesday" in mail.subject
    assert "mails sent: 3" in mail.text
    assert "replies: 1" in mail.text
    assert "enrolled" in mail.text
    assert housekeeping.run(app, now=at(9, day=1)).digest
    for one in (*fleet, app):
        one.close()


def test_a_quiet_day_is_told_as_one_and_a_pause_is_told(folder: Path) -> None:
    app = opened(folder, at(9, day=40), mailer := OutboxFake())
    with app.store.unit() as work:
        work.control.set_mark("digest", "", at(8, day=39))
        work.commit()
    assert housekeeping.run(app, now=at(9, day=40)).digest
    with app.store.unit(write=False) as work:
        (alert,) = [one for one in work.sales.deliveries_due(at(10, day=40), 9) if one["kind"] == "alert"]
    assert "Nothing." in alert["payload"]["text"]
    assert not mailer.sent
    app.close()


def copies(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / ".nurture" / "backups").glob("*"))


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_copy_is_made_when_the_last_is_old_enough_and_it_opens(folder: Path) -> None:
    app = opened(folder, at(9))
    made = housekeeping.run(app, now=at(9)).backup
    assert made is not None
    assert made.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(made) as db:
        assert db.execute("SELECT count(*) FROM leads").fetchone() == (3,)
    db.close()
    assert housekeeping.run(app, now=at(9, day=1) - timedelta(minutes=1)).backup is None
    assert housekeeping.run(app, now=at(9, day=1)).backup is not None
    assert len(copies(folder)) == 2
    for day in range(1, 60):  # as if there had been one each day
        (folder / ".nurture" / "backups" / f"nurture-{at(9, day=-day):%Y%m%dT%H%M%SZ}.db").touch()
    housekeeping.run(app, now=at(9, day=2))
    assert DAYS < len(copies(folder)) <= DAYS + WEEKS
    app.close()


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_copy_that_cannot_be_made_is_told_once_a_day_and_tried_again_in_an_hour(folder: Path) -> None:
    app = opened(folder, at(9))
    wall = folder / ".nurture" / "backups"
    wall.touch()
    for moment in (at(9), at(9, 1), at(10)):
        assert housekeeping.run(app, now=moment).backup is None
    with app.store.unit(write=False) as work:
        found = [
            one for one in work.sales.deliveries_due(at(10), 9) if one["payload"]["subject"] == "No backup was made"
        ]
    assert len(found) == 1
    wall.unlink()
    assert housekeeping.run(app, now=at(10, 59)).backup is None
    assert housekeeping.run(app, now=at(11)).backup is not None
    app.close()


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_an_older_copy_that_was_put_back_replaces_no_backup(folder: Path) -> None:
    app = opened(folder, at(9))
    tick.run(app, now=at(9))
    housekeeping.run(app, now=at(9))
    with app.store.unit() as work:
        work.control.switch(Switch(RESTORED, "a mail that nobody knows", at(10), None, by="daemon"))
        work.commit()
    with pytest.raises(RefusedError):
        housekeeping.run(app, now=at(10, day=2))
    assert len(copies(folder)) == 1
    app.close()


def test_old_events_move_without_anybody_asking(folder: Path) -> None:
    app = opened(folder, at(9))
    tick.run(app, now=at(9))
    touch = crash.touches_of(app)[0]
    reports = [
        respond.Report(Kind.OPEN, at(9, minute), touch.lead, touch.id, Grade.MACHINE, key=f"open {minute}")
        for minute in range(5)
    ]
    respond.record(
        reports,
        store=app.store,
        rules=app.rules.in_force(),
        policy=app.policy,
        new_id=app.clock.new_id,
        now=at(9, 9),
        by="tester",
    )
    assert housekeeping.run(app, now=at(9, day=719)).responses == 0
    assert housekeeping.run(app, now=at(9, 30, day=721)).responses == 4  # the newest row stays where it is
    assert housekeeping.run(app, now=at(9, 31, day=721)).responses == 0
    app.close()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[retention]\nevents = "1 hour"', "a day at least"),
        ('[digest]\nat = "8 in the morning"', "time of the day"),
        ('[digest]\nat = "08:00"', "nobody would get"),
        ('[backup]\nevery = "1 day"\n[alerts]\nemail = ""', "PostgreSQL has its own tools"),
    ],
)
def test_a_setting_that_cannot_be_obeyed_is_refused(tmp_path: Path, more: str, said: str) -> None:
    database = "postgresql+psycopg://nobody@nowhere/x" if "backup" in more else "sqlite:///nurture.db"
    folder = workspace.make(tmp_path / "w", {}, mails=(), more=more, database=database)
    with pytest.raises(RequestError, match=said):
        open_app(folder)


MOMENTS = st.lists(
    st.integers(0, 24 * 200).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
)


@given(made=MOMENTS)
def test_the_newest_copies_and_one_for_each_day_and_week_are_kept(made: list[datetime]) -> None:
    found = kept(made)
    assert len(found) <= NEWEST + DAYS + WEEKS
    assert set(sorted(set(made), reverse=True)[:NEWEST]) <= found
    assert len({at.date() for at in found}) >= min(DAYS, len({at.date() for at in made}))
    assert len({at.isocalendar()[:2] for at in found}) >= min(WEEKS, len({at.isocalendar()[:2] for at in made}))
    assert kept(found) == found  # to remove twice removes nothing more


def test_a_daemon_that_was_not_seen_for_a_month_is_forgotten(folder: Path) -> None:
    app = opened(folder, at(9))
    tick.run(app, now=at(9))  # from here on its own marks say that nothing was set back
    with app.store.unit() as work:
        for days in (29, 31):
            work.control.beat(f"{days} days", host="h", pid=1, now=at(9, day=-days), sent=0)
        work.commit()
    housekeeping.run(app, now=at(9))
    with app.store.unit(write=False) as work:
        assert [one["id"] for one in work.control.daemons()] == ["29 days"]
    app.close()
