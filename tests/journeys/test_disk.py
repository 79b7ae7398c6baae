"""A disk that is full or read-only, a file that others keep locked: it is said, and nothing is lost or doubled."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from nurture.adapters.store.engine import WRITES
from nurture.daemon import tick
from nurture.domain.errors import UnreachableError
from nurture.domain.touch import State
from nurture.flow.dispatch.handover import Handover
from nurture.wiring import App, open_app
from tests.fakes import OutboxFake
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace

LEADS = 30


@dataclass
class Interrupted(OutboxFake):
    """Something happens once it has sent, before that is recorded."""

    meanwhile: Callable[[], object] = list


@dataclass
class Case:
    """An opened workspace with mail to send."""

    app: App
    mailer: Interrupted
    file: Path

    def says(self, pragma: str) -> int:
        """What a pragma gives, on the one connection."""
        with self.app.sql.engine.connect() as db:
            done = db.execution_options(**{WRITES: False}).exec_driver_sql(f"PRAGMA {pragma}")
            return int(done.scalar_one()) if done.returns_rows else 0

    def goes_on(self) -> None:
        """Everybody has got the mail once, and the database knows it."""
        tick.run(self.app)
        assert Counter(one.to for one in self.mailer.sent) == {f"p{n}@c{n}.example": 1 for n in range(LEADS)}
        assert Counter(one.state for one in crash.touches_of(self.app)) == {State.SENT: LEADS}


@pytest.fixture(params=["sqlite:///nurture.db"])
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else request.param
    cadence = {"course": a_cadence("- email: one")}
    folder = workspace.make(
        tmp_path / "w", cadence, mails=("course/one",), mail="first_wave = 0\nworkers = 1", database=url
    )
    mailer = Interrupted()
    land = Handover._land

    def land_then(over: Handover) -> object:
        known = len(over.landed)
        said = land(over)
        if len(over.landed) > known:
            mailer.meanwhile()
        return said

    monkeypatch.setattr(Handover, "_land", land_then)
    app = workspace.hurried(open_app(folder, mailer=mailer), batch=10, group=4)
    crash.prepare(app, folder, LEADS)
    yield Case(app, mailer, folder / "nurture.db")
    app.close()


def test_a_full_disk(case: Case) -> None:
    pages, problems = case.says("page_count"), []
    for room in range(200):
        case.says(f"max_page_count = {pages + room}")
        try:
            tick.run(case.app)
            break
        except UnreachableError as problem:
            problems.append(str(problem))
    assert len(problems) > 2
    assert all("disk is full" in one and "Make room" in one for one in problems)
    case.goes_on()


def test_a_disk_that_becomes_full_while_mail_goes_out(case: Case) -> None:
    case.mailer.meanwhile = lambda: case.says(f"max_page_count = {case.says('page_count')}")
    with pytest.raises(UnreachableError, match="full"):
        tick.run(case.app)
    assert case.mailer.sent
    case.mailer.meanwhile = list
    case.says("max_page_count = 1000000")
    case.goes_on()


def test_a_mark_that_cannot_be_written_beside_the_database(case: Case) -> None:
    tick.run(case.app, now=case.app.clock.now().replace(year=2020))  # nothing is due then; the folder is there
    marks = case.app.settings.state_dir / "high-water"
    marks.rename(marks.with_name("away"))
    marks.touch()
    with pytest.raises(UnreachableError, match="cannot be written"):
        tick.run(case.app)
    assert case.mailer.sent == []
    assert not [one for one in crash.touches_of(case.app) if one.state is not State.PLANNED]  # none in doubt later
    marks.unlink()
    marks.with_name("away").rename(marks)
    case.goes_on()


@pytest.mark.parametrize("while_it_sends", [False, True])
def test_a_read_only_disk(case: Case, while_it_sends: bool) -> None:
    case.mailer.meanwhile = lambda: case.says("query_only = ON")
    if not while_it_sends:
        case.mailer.meanwhile()
    for _ in range(3):
        with pytest.raises(UnreachableError, match="readonly") as problem:
            tick.run(case.app)
        assert "Let this user write" in problem.value.hint
    assert len(case.mailer.sent) == (8 if while_it_sends else 0)  # a second group was intended by then
    case.mailer.meanwhile = list
    case.says("query_only = OFF")
    case.goes_on()


@pytest.mark.parametrize("while_it_sends", [False, True])
def test_a_file_that_others_keep_locked(case: Case, while_it_sends: bool) -> None:
    """For three times as long as we wait; `benchmarks.locked` does it with the usual 30 s, for a whole minute."""
    case.says("busy_timeout = 20")
    with sqlite3.connect(case.file, isolation_level=None) as other:
        case.mailer.meanwhile = lambda: other.in_transaction or other.execute("BEGIN EXCLUSIVE")
        if not while_it_sends:
            case.mailer.meanwhile()
        for _ in range(3):
            with pytest.raises(UnreachableError, match="locked") as problem:
                tick.run(case.app)
            assert "holds the lock" in problem.value.hint
        assert len(case.mailer.sent) == (8 if while_it_sends else 0)  # a second group was intended by then
        case.mailer.meanwhile = list
        other.execute("ROLLBACK")
    other.close()
    case.goes_on()


@pytest.mark.parametrize("case", ["postgresql"], indirect=True)
def test_a_server_that_takes_no_writes_for_a_while(case: Case) -> None:
    engine = case.app.sql.engine
    name = engine.url.database

    def becomes_read_only() -> None:
        with engine.begin() as db:
            db.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        with engine.connect() as db:
            db.execute(text("SET default_transaction_read_only = on"))  # as it is for those who are connected
            db.commit()
        case.mailer.meanwhile = list

    case.mailer.meanwhile = becomes_read_only
    with pytest.raises(UnreachableError):
        tick.run(case.app)
    with pytest.raises(UnreachableError, match="read-only"):
        tick.run(case.app)
    server = engine.url.set(database="postgres")
    outside = create_engine(server)
    with outside.begin() as db:
        db.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
    outside.dispose()
    case.goes_on()
