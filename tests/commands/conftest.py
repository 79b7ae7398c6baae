"""A workspace of starter files in force, and commands run in it as a person would: streams and exit codes apart."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from nurture import commands
from nurture.commands.workspace import starter
from nurture.domain.cadence import structure
from nurture.flow import intake
from nurture.wiring import open_app
from tests.fakes import A_TUESDAY

LEADS = """\
email,first_name,last_name,title,company,employees,country,phone,industry,consent_basis,x.tier
ada@acme-plants.example,Ada,Byron,Director Facilities,Acme Plants,900,US,+1 415 555 2671,manufacturing,opt_in,=1+1
bob@other.example,Bob,Low,Student,Other,20,US,,education,,
not-an-address,X,Y,,,,,,,,
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Nurture = Callable[..., Ran]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose files are in force; copied for each test."""
    folder = tmp_path_factory.mktemp("made") / "workspace"
    folder.mkdir()
    for name in ("nurture.toml", "people.yaml", "sources.yaml", "scoring.yaml", "readiness.yaml"):
        (folder / name).write_bytes(starter(name).read_bytes())
    for name in ("cadences", "templates"):
        _copy(starter(name), folder / name)
    (folder / ".nurture").mkdir()
    key = folder / ".nurture" / "secret.key"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    app = open_app(folder)
    try:
        sources, problems = app.read_files()
        assert not problems
        workspace, _ = app.files.read(sources)
        with app.store.unit() as work:
            for name, cadence in workspace.cadences.items():
                text = sources[f"cadences/{name}.yaml"]
                shape = structure(cadence)
                work.control.put_version(name, 1, structure=shape, content=text, at=A_TUESDAY, by="test")
            work.control.put_files(sources, at=A_TUESDAY, by="test")
            work.commit()
    finally:
        app.close()
    return folder


def _copy(source: Any, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for one in source.iterdir():
        if one.is_dir():
            _copy(one, target / one.name)
        else:
            (target / one.name).write_bytes(one.read_bytes())


@pytest.fixture(scope="session")
def peopled(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with two leads in it: Ada is 1, Bob is 2. Never changed: for requests that are refused."""
    folder = tmp_path_factory.mktemp("peopled") / "workspace"
    _copy(made, folder)
    (folder / ".nurture" / "secret.key").chmod(0o600)
    (folder / "leads.csv").write_text(LEADS)
    app = open_app(folder)
    try:
        rows = app.read_rows(folder / "leads.csv", source="website")
        rules, now = app.rules.in_force(), app.clock.now()
        intake.take(
            rows,
            file="leads.csv",
            source="website",
            store=app.store,
            rules=rules,
            policy=app.policy,
            now=now,
            by="test",
        )
    finally:
        app.close()
    return folder


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workspace of the test's own; with leads in it where the test asks for `ada`."""
    source: Path = request.getfixturevalue("peopled" if "ada" in request.fixturenames else "made")
    target = tmp_path / "workspace"
    _copy(source, target)
    (target / ".nurture" / "secret.key").chmod(0o600)
    (target / "leads.csv").write_text(LEADS)
    return target


@pytest.fixture
def ada() -> str:
    """The id of a lead that is there, with another."""
    return "1"


@pytest.fixture(scope="session")
def built_once() -> Any:
    """The tree of all commands, which Typer builds anew for each call."""
    return typer.main.get_command(commands.app)


def _runner(
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    built_once: Any,
) -> Nurture:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NURTURE_USER", "otto@acme.example")
    monkeypatch.setattr(commands, "app", built_once)

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["nurture", *arguments])
        code = 0
        try:
            commands.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def nurture(
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    built_once: Any,
) -> Nurture:
    """Run a command in the workspace. Whatever is no NurtureError comes out as it is: a test sees a bug."""
    return _runner(folder, capfd, monkeypatch, built_once)


@pytest.fixture
def refused(
    peopled: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    built_once: Any,
) -> Nurture:
    """The same in the workspace that all tests share: for requests that change nothing."""
    return _runner(peopled, capfd, monkeypatch, built_once)
