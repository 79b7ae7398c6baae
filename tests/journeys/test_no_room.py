"""A disk without room: who is told, in which words, and what is left half done. `benchmarks.disk` uses real ones."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters import disk
from nurture.adapters.forgotten_book import ForgottenFile
from nurture.adapters.high_water import HighWaterFiles
from nurture.adapters.mail.mail_folder import MailFolder
from nurture.commands.workspace import init
from nurture.daemon import room, state
from nurture.daemon.outage import PATIENCE, Outage
from nurture.domain.errors import RefusedError, RequestError, UnreachableError
from nurture.domain.verdict import Again
from nurture.wiring import App, open_app
from tests.fakes import A_TUESDAY, FixedClock, OutboxFake, taken
from tests.journeys import workspace

TOP = Path(__file__).resolve().parents[2]
FULL, READ_ONLY = OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EROFS, "Read-only file system")


@pytest.fixture
def mailer() -> OutboxFake:
    return OutboxFake()


@pytest.fixture
def app(tmp_path: Path, mailer: OutboxFake) -> Iterator[App]:
    folder = workspace.make(tmp_path / "w", {}, mails=(), more='[alerts]\nemail = "ops@acme.example"')
    app = open_app(folder, clock=FixedClock(), mailer=mailer)
    yield app
    app.close()


def refusing(problem: OSError) -> Any:
    def refuse(*_: object, **__: object) -> None:
        raise problem

    return refuse


@pytest.mark.parametrize(("problem", "words"), [(FULL, "The disk is full"), (READ_ONLY, "The disk is read-only")])
def test_the_disk_says_what_is_wrong_and_so_does_the_status(
    app: App, monkeypatch: pytest.MonkeyPatch, problem: OSError, words: str
) -> None:
    assert disk.trouble(app.settings.folder / "not" / "there") is None
    assert state.of(app)["problems"] == []
    monkeypatch.setattr(tempfile, "TemporaryFile", refusing(problem))
    (said,) = state.of(app)["problems"]  # once, though three folders are on that disk
    assert said.startswith(f"{words}: {app.settings.folder.resolve()}. Make ")


def test_a_database_that_cannot_be_opened_is_a_disk_that_is_full(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "w" / "nurture.db").mkdir()  # it cannot be opened, as where there is no room for its index
    monkeypatch.setattr(tempfile, "TemporaryFile", refusing(FULL))
    with pytest.raises(UnreachableError, match=r"The disk is full, where the database is: .*/w\. Make room") as problem:
        _ = app.store
    assert problem.value.exit_code == 3
    monkeypatch.undo()
    with pytest.raises(UnreachableError, match="unable to open database file"):
        _ = app.store


def test_somebody_is_told_of_passes_that_fail_once_and_when_they_go_on(app: App, mailer: OutboxFake) -> None:
    clock = app.clock
    assert isinstance(clock, FixedClock)
    outage = Outage(app)
    for _ in range(5):
        outage.failed(UnreachableError("The disk is full: /data.", hint="Make room there."))
        clock.advance(seconds=PATIENCE.total_seconds() / 2)
    (alert,) = mailer.sent
    assert (alert.to, alert.subject) == ("ops@acme.example", "Nothing is sent")
    assert "The disk is full: /data. Make room there." in alert.text
    outage.worked()
    outage.worked()
    assert [one.subject for one in mailer.sent] == ["Nothing is sent", "It goes on"]
    outage.failed(UnreachableError("A restart.", hint=""))
    outage.worked()
    assert len(mailer.sent) == 2


def test_two_alerts_of_one_second_are_two_mails_to_whoever_carries_them(app: App, mailer: OutboxFake) -> None:
    clock, outage = app.clock, Outage(app)
    assert isinstance(clock, FixedClock)
    outage.failed(UnreachableError("A restart.", hint=""))
    clock.advance(seconds=PATIENCE.total_seconds())
    outage.failed(UnreachableError("A restart.", hint=""))
    outage.worked()
    assert len({one.message_id for one in mailer.sent}) == 2


def test_somebody_is_told_of_a_mistake_that_ends_each_pass(app: App, mailer: OutboxFake) -> None:
    clock = app.clock
    assert isinstance(clock, FixedClock)
    outage = Outage(app)
    for _ in range(4):
        outage.failed(KeyError("subject"))
        clock.advance(seconds=PATIENCE.total_seconds() / 2)
    (alert,) = mailer.sent
    assert alert.subject == "Passes fail"
    assert "each ends with KeyError" in alert.text


def test_an_alert_that_nobody_took_is_tried_again_and_a_pass_that_tells_itself_needs_none(
    app: App, mailer: OutboxFake
) -> None:
    clock = app.clock
    assert isinstance(clock, FixedClock)
    outage, away = Outage(app), UnreachableError("The database is away.", hint="")
    for problem in [RefusedError("The clock went back.", hint=""), away, away]:
        outage.failed(problem)
        clock.advance(seconds=PATIENCE.total_seconds())
    assert len(mailer.sent) == 1
    outage.worked()
    mailer.answers = lambda _: Again("not now")
    outage.failed(away)
    clock.advance(seconds=PATIENCE.total_seconds())
    outage.failed(away)
    mailer.answers = taken
    outage.failed(away)
    outage.failed(away)
    assert [one.subject for one in mailer.sent[1:]] == ["It goes on", "Nothing is sent"]


def test_a_disk_that_does_not_even_say_what_is_on_it(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", refusing(OSError(errno.EIO, "Input/output error")))
    monkeypatch.setattr(shutil, "disk_usage", refusing(OSError(errno.EIO, "Input/output error")))
    assert disk.trouble(app.settings.folder) == (
        "The disk fails",
        "Look into the system's log. Nothing that was committed was lost.",
    )
    assert room.narrow(app) == []


def test_little_room_is_told_before_there_is_none(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LITTLE", 2**60)
    for hours in range(3):
        room.tell(app, A_TUESDAY + timedelta(hours=hours))
    with app.store.unit(write=False) as work:
        (alert,) = work.sales.deliveries_due(A_TUESDAY + timedelta(hours=3), 10)
    assert alert["kind"] == "alert"
    assert "MB of disk are free" in alert["payload"]["text"]
    monkeypatch.setattr(socket, "gethostname", lambda: "other")  # another machine has another disk
    room.tell(app, A_TUESDAY)
    room.tell(app, A_TUESDAY + timedelta(days=1))
    with app.store.unit(write=False) as work:
        assert len(work.sales.deliveries_due(A_TUESDAY + timedelta(days=1), 10)) == 3


def test_a_mark_is_written_before_the_commit_that_it_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    water = HighWaterFiles(tmp_path, "d1")
    water.keep(A_TUESDAY)
    assert water.rise(A_TUESDAY) == 1
    assert water.read() == {"d1": 0}
    monkeypatch.setattr(Path, "write_text", refusing(FULL))
    water.keep(A_TUESDAY)  # takes no room any more
    assert water.read() == {"d1": 1}
    with pytest.raises(UnreachableError, match="No space left"):
        water.rise(A_TUESDAY)


def test_a_hash_of_which_half_fits_is_not_taken_for_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, write, left = ForgottenFile(tmp_path / "forgotten"), os.write, [10]

    def nearly_full(handle: int, data: bytes) -> int:
        if not left:
            raise FULL
        return write(handle, data[: left.pop()])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(UnreachableError, match="Nobody was forgotten"):
        book.add([f"sha256:{'a' * 64}"])
    monkeypatch.undo()
    book.add([f"sha256:{'b' * 64}"])
    assert book.read() == {f"sha256:{'b' * 64}"}


def test_a_mail_that_cannot_be_put_aside_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.eml").write_bytes(b"From: a@b.example\n\nHello")
    monkeypatch.setattr(os, "replace", refusing(READ_ONLY))
    with pytest.raises(UnreachableError, match="cannot be put aside: Read-only"):
        MailFolder(tmp_path).done("one.eml")
    assert (tmp_path / "one.eml").exists()


def test_a_workspace_that_cannot_be_made_whole_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "templates").write_text("no folder")
    with pytest.raises(RequestError, match="Nothing was left there"):
        init(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "templates"}


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_disk_that_takes_a_file_and_nothing_in_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("wb"))  # noqa: SIM115 (by it)
    said = disk.trouble(tmp_path)
    assert said is not None
    assert said[0] == "The disk is full"


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_result_that_finds_no_room_is_one_sentence() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "nurture", "schema", "people"], cwd=TOP, env=environment, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 3
    assert ran.stderr.startswith("nurture: Not all could be written: No space left on device.")
    assert len(ran.stderr.splitlines()) == 1
