"""Simulate says what the daemon does: the same ledger, byte for byte, under a fake clock with the same answers."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from nurture import commands
from nurture.copied import copied
from nurture.daemon.simulate import Simulation, report, simulated
from nurture.daemon.simulate import ledger as simulated_ledger
from nurture.daemon.simulate.acts import Act
from nurture.daemon.simulate.responses import Model
from nurture.domain.errors import RequestError
from nurture.domain.experience import Experience
from nurture.domain.ledger import Happened
from nurture.domain.response import Kind, Response
from nurture.wiring import App, open_app
from tests.builders import a_sent_touch
from tests.fakes import A_TUESDAY, FixedClock, OutboxFake
from tests.journeys import lived, months

UNTIL = A_TUESDAY + timedelta(days=11)


def said(lines: Sequence[Happened]) -> str:
    """The ledger as text, so that equal means equal byte for byte."""
    return "\n".join(
        json.dumps([one.at.isoformat(), one.lead, one.cadence, one.step, one.channel, one.outcome]) for one in lines
    )


@contextmanager
def a_simulation(app: App, *, seed: int = 3, acts: list[Act] | None = None) -> Iterator[Simulation]:
    """Some weeks of the future."""
    heard = acts.append if acts is not None else lambda act: None
    with simulated(app, until=UNTIL, seed=seed, heard=heard) as done:
        yield done


def forecast(app: App, *, seed: int = 3, acts: list[Act] | None = None) -> str:
    """The ledger of a simulation."""
    with a_simulation(app, seed=seed, acts=acts) as done:
        return said(list(simulated_ledger.lines(done.watched, done.start, done.end)))


@pytest.mark.timeout(600)
def test_a_daemon_on_postgresql_does_what_simulate_said(tmp_path: Path, postgres_url: str) -> None:
    """A process of its own under a clock that is set; responses come over HTTP. In full: benchmarks.simulate_daemon."""
    folder, start = tmp_path / "ws", A_TUESDAY + timedelta(hours=3)
    until = start + timedelta(days=14)
    months.a_workspace(folder, postgres_url, leads=24, tick="6 hours", more=lived.KEYS).close()
    before = contents(postgres_url)
    expected, acts = lived.simulated(folder, start, until, seed=5)
    assert contents(postgres_url) == before
    assert {act.what for act in acts} >= {"task", "click", "visit", "auto_reply", "bounce", "unsubscribe"}
    assert "skipped:holdout" in expected
    assert lived.lived(folder, start, until, acts) == expected


@dataclass(frozen=True)
class Told:
    """Everything that one simulation says."""

    folder: Path
    ledger: str
    acts: list[Act]
    page: str
    text: str
    deliveries: int
    asked: int
    files_before: dict[str, str]
    files_after: dict[str, str]


@contextmanager
def no_network() -> Iterator[None]:
    """Whoever asks for an address or a connection fails."""

    def refuse(*what: object, **how: object) -> None:
        raise AssertionError(f"the network was asked for: {what}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield


def contents(url: str) -> list[str]:
    """A hash of each table."""
    engine = create_engine(url)
    with engine.connect() as db:
        names = db.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).scalars()
        hashed = "SELECT md5(string_agg(one::text, ' ' ORDER BY one::text)) FROM {} AS one"
        found = [f"{name} {db.execute(text(hashed.format(name))).scalar_one()}" for name in names.all()]
    engine.dispose()
    return found


def hashes(folder: Path) -> dict[str, str]:
    """What the files of a folder hold."""
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.is_file()}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One simulation, looked at from all sides."""
    folder = tmp_path_factory.mktemp("told") / "ws"
    crm = '[crm]\nwebhook = "https://crm.acme.example/leads"\n'
    months.a_workspace(folder, "sqlite:///nurture.db", more=crm).close()
    before = hashes(folder)
    mailer, acts = OutboxFake(), list[Act]()
    app = open_app(folder, clock=FixedClock(), mailer=mailer)
    with no_network(), a_simulation(app, acts=acts) as done, done.app.store.unit(write=False) as work:
        lines = said(list(simulated_ledger.lines(done.watched, done.start, done.end)))
        waiting = len(work.sales.deliveries_due(UNTIL + timedelta(days=400), 10))
        page, text = report.html(done), report.text(done)
    app.close()
    return Told(folder, lines, acts, page, text, waiting, len(mailer.asked), before, hashes(folder))


def test_the_database_is_not_written_and_nothing_leaves(told: Told) -> None:
    assert told.files_after == told.files_before
    assert told.asked == 0
    assert told.deliveries == 0


def test_another_seed_is_other_people(told: Told) -> None:
    app, acts = open_app(told.folder, clock=FixedClock()), list[Act]()
    with simulated(app, until=A_TUESDAY + timedelta(days=8), seed=4, heard=acts.append):
        app.close()
    assert acts != [act for act in told.acts if act.at < A_TUESDAY + timedelta(days=8)]


def test_one_other_wait_makes_another_ledger_before_it_is_applied(told: Told, tmp_path: Path) -> None:
    folder = tmp_path / "ws"
    app = months.a_workspace(folder, "sqlite:///nurture.db")
    (folder / "cadences" / "course.yaml").write_text(months.course("5 days"))
    with a_simulation(app) as done:
        assert done.changed_files == 1
        assert said(list(simulated_ledger.lines(done.watched, done.start, done.end))) != told.ledger
    app.close()


def test_people_answer_as_this_workspace_has_seen_where_there_is_enough(tmp_path: Path) -> None:
    app = months.a_workspace(tmp_path / "ws", "sqlite:///nurture.db", leads=1)
    with app.store.unit() as work:
        mails = [a_sent_touch(work, lead=1, cadence="course", template="course/hello") for _ in range(300)]
        for number, mail in enumerate(mails[:150]):
            click = Response(Kind.CLICK, A_TUESDAY + timedelta(hours=1, minutes=number), 1, mail.id)
            work.responses.add(click, key=mail.id, recorded_at=A_TUESDAY, by="test")
        work.commit()
    with copied(app, A_TUESDAY, seed=1) as (twin, _, watched):
        readiness, tick = twin.rules.in_force().workspace.readiness, twin.policy.tick
        usual, seen = (Model(1, one, readiness, tick) for one in (Experience(), watched.experience()))
    clicks = [
        sum(one.kind is Kind.CLICK for mail in mails for one in it.after_mail(mail, UNTIL)) for it in (usual, seen)
    ]
    assert clicks[0] < 40 < 90 < clicks[1]
    app.close()


def test_a_caller_makes_no_more_calls_a_day_than_agreed(told: Told) -> None:
    days = [act.at.date() for act in told.acts if act.what == "task" and act.by == "cal@acme.example"]
    assert days
    assert max(days.count(day) for day in days) <= 4


def test_the_report_stands_alone_and_names_what_matters(told: Told) -> None:
    assert "<svg" in told.page
    assert not re.search(r"(?:src|href)=|https?://(?!www\.w3\.org)", told.page)
    both = ("Calls by caller and week", "Where leads leave", "Cal", "The busiest day is")
    for words in ("Touches by day and channel", "Promoted by week", "room of the reps: 1", "possible: 20", *both):
        assert words in told.page
    for words in ("Contacts by week", "Leads to sales by week", *both):
        assert words in told.text


def test_the_command_says_the_same_of_the_same_workspace_made_anew(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    months.a_workspace(tmp_path / "ws", "sqlite:///nurture.db").close()
    begin = ["--workspace", str(tmp_path / "ws"), "simulate", "--from", A_TUESDAY.isoformat(), "--seed", "3", "--json"]
    commands.app([*begin, "--until", UNTIL.isoformat()], standalone_mode=False)
    printed = capsys.readouterr().out
    rows = json.loads(printed)
    assert [list(row) for row in rows[:1]] == [["at", "lead", "cadence", "step", "channel", "outcome"]]
    assert said([Happened(datetime.fromisoformat(row.pop("at")), **row) for row in json.loads(printed)]) == told.ledger
    assert printed == json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("until", [A_TUESDAY, A_TUESDAY - timedelta(days=1), A_TUESDAY + timedelta(days=4000)])
def test_a_date_that_makes_no_sense_is_refused(told: Told, until: datetime) -> None:
    app = open_app(told.folder, clock=FixedClock())
    with pytest.raises(RequestError, match=r"future|ten years"), simulated(app, until=until, seed=1):
        pass
    app.close()
