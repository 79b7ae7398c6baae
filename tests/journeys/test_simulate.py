"""Simulate says what the daemon does: the same ledger, byte for byte, under a fake clock with the same answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from nurture import commands
from nurture.daemon import grid, tick
from nurture.daemon.simulate import Simulation, report, simulated
from nurture.daemon.simulate import ledger as simulated_ledger
from nurture.daemon.simulate.people import Act, perform
from nurture.domain.errors import RefusedError, RequestError
from nurture.domain.handoff import State as Handoff
from nurture.domain.ledger import Happened, ledger
from nurture.domain.touch import State
from nurture.wiring import App, open_app
from tests.builders import a_company, a_lead
from tests.fakes import A_TUESDAY, FixedClock, OutboxFake
from tests.journeys import workspace

LEADS = 14
DAYS = 17
UNTIL = A_TUESDAY + timedelta(days=DAYS)

COURSE = """
name: course
enroll: {when: "employees >= 100"}
window: {days: mon-fri, hours: "09:00-16:30"}
holdout: 5%
steps:
  - email: hello
  - wait_for: clicked('hello')
    timeout: 3 days
  - if: clicked('hello')
    then:
      - email: more
  - wait: WAIT
  - call: intro
    within: 2 business days
    ask: [timeline, budget]
  - if: outcome('intro') == 'voicemail'
    then:
      - email: missed-you
  - split:
      - {share: 50%, steps: [{email: short}]}
      - {share: 50%, steps: [{email: long}]}
    id: length
  - enroll: evergreen
"""
EVERGREEN = """
name: evergreen
enroll: {when: "employees < 100", rate: 4 per day}
priority: 20
steps:
  - stream:
      every: 1 week
      items: [one, two, three, four]
"""
QUALIFY = """
name: qualify
enroll: {again: after 30 days}
priority: 90
goal: budget and timeline
steps:
  - call: first
    within: 2 business days
    ask: [budget, timeline]
  - wait: 3 business days
  - email: questions
    repeat: true
"""
FILES = {
    "people.yaml": """
- {name: Cal, email: cal@acme.example, roles: [caller], calls_per_day: 4, timezone: Europe/Paris}
- {name: Lee, email: lee@acme.example, roles: [rep], timezone: Europe/Paris, capacity: 1}
- {name: Sam, email: sam@acme.example, roles: [manager]}
""",
    "scoring.yaml": """
fit:
  - {points: 20, when: employees >= 100, because: large enough}
engagement:
  half_life: 10 days
  rules:
    - {on: click, points: 12, because: read further}
    - {on: call, points: 12, where: "outcome == 'connected'", because: talked with us}
    - {on: reply, points: 20, because: answered}
stages:
  near_term: {enter: engagement >= 10, leave: engagement < 6}
  long_term: {enter: engagement >= 2, leave: engagement < 1}
""",
    "readiness.yaml": """
promote:
  when: stage == 'near_term' and fit >= 20
  require: [budget]
  if_missing: qualify
reject:
  bad_timing: {return: 10 days, into: evergreen}
lost:
  no_decision: {return: 6 months, into: evergreen}
""",
}
MAILS = ("course/hello", "course/more", "course/missed-you", "course/short", "course/long", "qualify/questions")
STREAM = tuple(f"evergreen/{item}" for item in ("one", "two", "three", "four"))


def a_workspace(folder: Path, database: str, *, wait: str = "4 days") -> App:
    """Three cadences in force, and leads of companies in three zones, none of them contacted yet."""
    cadences = {"course": COURSE.replace("WAIT", wait), "evergreen": EVERGREEN, "qualify": QUALIFY}
    scripts = ("course/intro", "qualify/first")
    tick_of_an_hour = '[scheduler]\ntick = "1 hour"\n'
    made = workspace.make(
        folder, cadences, mails=MAILS + STREAM, scripts=scripts, more=tick_of_an_hour, database=database
    )
    for name, text in FILES.items():
        (made / name).write_text(text)
    app = workspace.opened(made, clock=FixedClock(), mailer=OutboxFake())
    zones = ("Europe/Paris", "America/Chicago", "Asia/Tokyo")
    with app.store.unit() as work:
        for number in range(LEADS):
            over: dict[str, Any] = {} if number % 3 else {"phone": f"+3314000{number:04}"}
            company = a_company(work, name=f"Company {number // 2}", employees=40 if number % 5 == 0 else 250)
            zone = zones[number % 3]
            a_lead(
                work, company=company, email=f"p{number}@c{number}.example", timezone=zone, enroll_check=True, **over
            )
        work.commit()
    return app


def said(lines: Sequence[Happened]) -> str:
    """The ledger as text, so that equal means equal byte for byte."""
    return "\n".join(
        json.dumps([one.at.isoformat(), one.lead, one.cadence, one.step, one.channel, one.outcome]) for one in lines
    )


@contextmanager
def a_simulation(app: App, *, seed: int = 3, acts: list[Act] | None = None) -> Iterator[Simulation]:
    """Forty days of the future."""
    heard = acts.append if acts is not None else lambda act: None
    with simulated(app, until=UNTIL, seed=seed, heard=heard) as done:
        yield done


def forecast(app: App, *, seed: int = 3, acts: list[Act] | None = None) -> str:
    """The ledger of a simulation."""
    with a_simulation(app, seed=seed, acts=acts) as done:
        return said(list(simulated_ledger.lines(done.watched, done.start, done.end)))


def lived(app: App, acts: Sequence[Act]) -> str:
    """The ledger after the daemon's own passes, at every point of the grid, while people do what they did."""
    step = app.policy.tick
    at, left = grid.at_or_after(app.clock.now(), step), list(acts)
    start = at
    while at < UNTIL:
        while left and left[0].at <= at:
            act = named_here(app, left.pop(0))
            if act is not None:
                moved(app, act.at)
                with suppress(RefusedError):
                    perform(app, act)
        moved(app, at)
        tick.run(app, now=at)
        at += step
    with app.store.unit(write=False) as work:
        return said(ledger(work.touches.select(until=UNTIL), since=start, until=UNTIL))


def moved(app: App, at: datetime) -> None:
    """The clock, at a later moment."""
    assert isinstance(app.clock, FixedClock)
    app.clock.advance(seconds=(at - app.clock.now()).total_seconds())


def named_here(app: App, act: Act) -> Act | None:
    """What somebody does, about the touch or the handoff of this database that is meant."""
    with app.store.unit(write=False) as work:
        if act.step == "handoff" and not act.cadence:
            wanted = Handoff.OFFERED if act.what in ("accept", "reject") else Handoff.ACCEPTED
            rows = work.sales.handoffs(lead=act.lead, rep=act.by, states=[wanted.value])
            return replace(act, subject=str(rows[-1]["id"])) if rows else None
        place = (act.cadence, act.step, act.occurrence)
        found = [
            one
            for one in work.touches.of_leads([act.lead]).get(act.lead, [])
            if (one.cadence, one.step, one.occurrence) == place and one.state is not State.SKIPPED
        ]
    return replace(act, subject=found[-1].id) if found else None


def test_the_daemon_does_what_simulate_said(tmp_path: Path, database_url: str) -> None:
    app = a_workspace(tmp_path / "ws", database_url)
    acts: list[Act] = []
    expected = forecast(app, acts=acts)
    assert {act.what for act in acts} >= {"task"}
    assert len(expected.splitlines()) > LEADS * 2
    assert lived(app, acts) == expected
    app.close()


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
    a_workspace(folder, "sqlite:///nurture.db").close()
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


def test_the_same_workspace_made_anew_says_the_same(told: Told, tmp_path: Path) -> None:
    app = a_workspace(tmp_path / "ws", "sqlite:///nurture.db")
    assert forecast(app) == told.ledger
    app.close()


def test_another_seed_says_something_else(told: Told) -> None:
    app = open_app(told.folder, clock=FixedClock())
    assert forecast(app, seed=4) != told.ledger
    app.close()


def test_one_other_wait_makes_another_ledger_before_it_is_applied(told: Told, tmp_path: Path) -> None:
    folder = tmp_path / "ws"
    app = a_workspace(folder, "sqlite:///nurture.db")
    (folder / "cadences" / "course.yaml").write_text(COURSE.replace("WAIT", "5 days"))
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
    for words in ("Contacts by week", "Calls by caller and week", "Where leads leave", "Cal"):
        assert words in told.page
        assert words in told.text


def test_the_command_prints_what_touch_ledger_prints(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    begin = ["--workspace", str(told.folder), "simulate", "--from", A_TUESDAY.isoformat(), "--seed", "3", "--json"]
    commands.app([*begin, "--until", UNTIL.isoformat()], standalone_mode=False)
    printed = capsys.readouterr().out
    rows = json.loads(printed)
    assert [list(row) for row in rows[:1]] == [["at", "lead", "cadence", "step", "channel", "outcome"]]
    assert len(rows) == len(told.ledger.splitlines())
    assert printed == json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("until", [A_TUESDAY, A_TUESDAY - timedelta(days=1), A_TUESDAY + timedelta(days=4000)])
def test_a_date_that_makes_no_sense_is_refused(told: Told, until: datetime) -> None:
    app = open_app(told.folder, clock=FixedClock())
    with pytest.raises(RequestError, match=r"future|ten years"), simulated(app, until=until, seed=1):
        pass
    app.close()
