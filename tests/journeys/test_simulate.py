"""Simulate says what the daemon does: the same ledger, byte for byte, under a fake clock with the same answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from nurture import commands
from nurture.daemon.simulate import Simulation, report, simulated
from nurture.daemon.simulate import ledger as simulated_ledger
from nurture.daemon.simulate.acts import Act
from nurture.domain.errors import RequestError
from nurture.domain.ledger import Happened
from nurture.wiring import App, open_app
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


def test_a_daemon_on_postgresql_does_what_simulate_said(tmp_path: Path, postgres_url: str) -> None:
    """A process of its own under a clock that is set; responses come over HTTP. In full: benchmarks.simulate_daemon."""
    folder, until = tmp_path / "ws", A_TUESDAY + timedelta(days=21)
    months.a_workspace(folder, postgres_url, leads=24, tick="3 hours", more=lived.KEYS).close()
    expected, acts = lived.simulated(folder, A_TUESDAY, until, seed=11)
    assert {act.what for act in acts} >= {"task", "click", "reply", "bounce", "accept", "contacted"}
    assert "skipped:holdout" in expected
    assert lived.lived(folder, A_TUESDAY, until, acts) == expected


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


def hashes(folder: Path) -> dict[str, str]:
    """What the files of a folder hold."""
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.is_file()}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One simulation, looked at from all sides."""
    folder = tmp_path_factory.mktemp("told") / "ws"
    months.a_workspace(folder, "sqlite:///nurture.db").close()
    before = hashes(folder)
    mailer, acts = OutboxFake(), list[Act]()
    app = open_app(folder, clock=FixedClock(), mailer=mailer)
    with a_simulation(app, acts=acts) as done, done.app.store.unit(write=False) as work:
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
