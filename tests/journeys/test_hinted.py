"""A daemon that looks once an hour: what a command or a program brings is done at once all the same, on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nurture.commands import app as commands
from nurture.web.app import make_app
from nurture.wiring import open_app
from tests.flow.loop import a_cadence
from tests.journeys import workspace
from tests.journeys.test_outage import a_daemon, events, until
from tests.web.house import TestClient

BY_FORM = 'enroll:\n  when: source == "web"\n'


@pytest.mark.timeout(60)
def test_what_is_enrolled_is_sent_at_once(tmp_path: Path, postgres_url: str) -> None:
    folder = workspace.make(
        tmp_path / "w",
        {"course": a_cadence("- email: one"), "form": a_cadence("- email: one", name="form", more=BY_FORM)},
        mails=("course/one", "form/one"),
        mail='first_wave = 0\nwithout_basis = "send"',
        more="[scheduler]\ntick = 3600",
        database=postgres_url,
    )
    workspace.opened(folder).close()
    sent, log = folder / "outbox", tmp_path / "log"
    log.touch()

    def nurture(*words: str) -> None:
        done = CliRunner().invoke(commands, ["-w", str(folder), *words])
        assert done.exit_code == 0, (done.output, done.exception)

    (folder / "leads.csv").write_text("email\nann@plant.example\n")
    nurture("lead", "import", str(folder / "leads.csv"), "--source", "show")
    with a_daemon(folder, "", log):
        until(lambda: any(one["event"] == "started" for one in events(log)), "it did not start")
        nurture("enroll", "ann@plant.example", "course")
        until(lambda: len(list(sent.glob("*.eml"))) == 1, "a command waits for the next pass")
        app = open_app(folder)
        token = app.create_token("a form", by="tester")
        with TestClient(make_app(app)) as web:
            form = {"email": "bob@plant.example", "source": "web", "form": "contact"}
            answer = web.post("/api/v1/forms", data=form, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code < 300, answer.text
        app.close()
        until(lambda: len(list(sent.glob("*.eml"))) == 2, "a form waits for the next pass")
    assert "Traceback" not in log.read_text()
