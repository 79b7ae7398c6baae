"""An import that was killed, run again with the same file, goes on where it was and changes nothing twice."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.lead_files import process
from nurture.adapters.lead_files.process import read_ahead
from nurture.adapters.lead_files.rows import open_import
from nurture.domain.errors import RefusedError, RequestError
from nurture.flow import intake
from nurture.wiring import open_app
from tests.commands.conftest import Nurture
from tests.fakes import A_TUESDAY

ROWS = 230
BATCH = 50
# The process dies in the middle of a transaction, of its fourth batch: all of it is written and none of it kept.
KILLED = f"""
import os, signal, sys
from nurture import commands
from nurture.adapters.store.imports import ImportRows
from nurture.flow import intake
sys.modules["nurture.flow.intake.take"].BATCH = {BATCH}
advance, batches = ImportRows.advance, []

def dying(self, *given, **more):
    batches.append(given)
    done = advance(self, *given, **more)
    if len(batches) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

ImportRows.advance = dying
sys.argv = ["nurture", "lead", "import", "many.csv"]
commands.main()
"""


def a_file(folder: Path, rows: int = ROWS) -> Path:
    """People, one in ten of whom has no address that could be one."""
    file = folder / "many.csv"
    people = (f"p{n}@c{n % 9}.example" if n % 10 else "nobody" for n in range(rows))
    lines = (f"{email},Person {n},C{n % 9},opt_in,no" for n, email in enumerate(people))
    file.write_text("\n".join(("email,first_name,company,consent_basis,opted_out", *lines, "")))
    return file


def stored(folder: Path) -> dict[str, list[Any]]:
    """What is stored of them."""
    db = sqlite3.connect(folder / "nurture.db")
    try:
        asked = {
            "leads": "SELECT email, first_name, company_id, fit FROM leads ORDER BY id",
            "notes": "SELECT lead_id, text FROM changes WHERE what = 'imported' ORDER BY id",
            "consents": "SELECT lead_id, basis FROM consents ORDER BY id",
            "rows": "SELECT lead_id, line, before FROM import_rows ORDER BY line",
            "refused": "SELECT line, reason FROM import_refusals ORDER BY id",
        }
        return {name: db.execute(query).fetchall() for name, query in asked.items()}
    finally:
        db.close()


@pytest.fixture(scope="module")
def killed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which an import was killed, as it was left."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("killed") / "workspace")
    a_file(folder)
    ran = subprocess.run([sys.executable, "-c", KILLED], cwd=folder, capture_output=True, timeout=60, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    return folder


def test_an_import_that_was_killed_goes_on_where_it_was(nurture: Nurture, killed: Path) -> None:
    folder = shutil.copytree(killed, Path.cwd(), dirs_exist_ok=True)
    assert len(stored(folder)["leads"]) == 3 * BATCH * 9 // 10
    ran = nurture("lead", "import", "many.csv", "--json")
    assert ran.json["batch"] == "1"
    assert (ran.json["created"], ran.json["updated"], len(ran.json["refused"])) == (207, 0, 23)
    assert "Going on with import 1" in ran.err
    done = stored(folder)
    assert len(done["leads"]) == len(done["notes"]) == len(done["consents"]) == len(done["rows"]) == 207
    assert [line for line, _ in done["refused"]] == [row["line"] for row in ran.json["refused"]]
    again = nurture("lead", "import", "many.csv", "--json").json  # it is complete: this is another import
    assert (again["batch"], again["created"], again["unchanged"]) == ("2", 0, 207)


def test_another_file_does_not_go_on_with_it(nurture: Nurture, killed: Path) -> None:
    file = shutil.copytree(killed, Path.cwd(), dirs_exist_ok=True) / "many.csv"
    file.write_text(file.read_text().replace("Person 229", "Someone"))
    ran = nurture("lead", "import", "many.csv", "--json")
    assert ran.json["batch"] == "2"
    assert (ran.json["created"], ran.json["unchanged"]) == (72, 135)


def test_two_who_go_on_with_the_same_import_do_not_both_do_it(
    nurture: Nurture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path.cwd()
    a_file(folder)
    app = open_app(folder)
    try:
        common: dict[str, Any] = {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy}
        monkeypatch.setattr(sys.modules["nurture.flow.intake.take"], "BATCH", BATCH)
        rows = list(app.read_rows(folder / "many.csv").behind())

        def broken_off(behind: int) -> Any:
            yield from [row for row in rows if row.line > behind][: 2 * BATCH]
            raise OSError

        def meanwhile() -> Any:
            for number, row in enumerate(rows):
                if number == 2 * BATCH:  # our first batch is stored, the second in our hands
                    onward = intake.begun("many", store=app.store)
                    assert onward is not None
                    with pytest.raises(OSError):
                        intake.take(broken_off(onward.line), onward=onward, **same)
                yield row

        same: dict[str, Any] = {"file": "f", "source": None, "now": A_TUESDAY, "by": "b", "content": "many", **common}
        with pytest.raises(RefusedError, match="somebody else"):
            intake.take(meanwhile(), **same)
        assert len(stored(folder)["leads"]) == len(stored(folder)["notes"]) == 2 * BATCH * 9 // 10
    finally:
        app.close()


def test_rows_of_a_large_file_are_read_by_another_process_as_they_are_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_file(tmp_path, 6_000)
    monkeypatch.setattr(process, "LARGE", 1)
    rows = open_import(file)
    read = list(read_ahead(rows, Again(file), 5))
    assert read == list(rows.behind(5))
    assert read[0].line == 6


def test_where_the_other_process_is_lost_the_rest_is_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = a_file(tmp_path, 6_000)
    monkeypatch.setattr(process, "LARGE", 1)
    rows = open_import(file)
    assert list(read_ahead(rows, Again(file, dies_at=4_000), 0)) == list(rows)


def test_what_is_wrong_with_a_file_is_told_from_there_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = a_file(tmp_path)
    monkeypatch.setattr(process, "LARGE", 1)
    rows = open_import(file)
    with pytest.raises(RequestError, match="cannot be read"):
        list(read_ahead(rows, Again(tmp_path / "gone.csv", table=file), 0))


class Again:
    """Opens a file in the other process, which may die there."""

    def __init__(self, file: Path, *, dies_at: int = 0, table: Path | None = None) -> None:
        self.file, self.dies_at, self.table = file, dies_at, table

    def __call__(self) -> Any:
        rows = open_import(self.table or self.file)
        if self.table is not None:
            object.__setattr__(rows.table, "path", self.file)
        return Dying(rows, self.dies_at) if self.dies_at else rows


class Dying:
    """Rows whose reader does not live long."""

    def __init__(self, rows: Any, at: int) -> None:
        self.rows, self.at = rows, at

    def behind(self, line: int) -> Any:
        """The rows up to its death."""
        import os

        for row in self.rows.behind(line):
            if row.line > self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield row


def test_an_export_of_many_pages_is_one_table_that_an_import_reads(
    nurture: Nurture, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_file(Path.cwd(), 30)
    nurture("lead", "import", "many.csv")
    whole = nurture("lead", "export").out
    objects = nurture("lead", "export", "--json").out
    monkeypatch.setattr("nurture.flow.looking.PAGE", 4)
    assert nurture("lead", "export").out == whole
    assert nurture("lead", "export", "--json").out == objects
    assert len(json.loads(objects)) == whole.count("\n") - 1 == 27
    Path("again.csv").write_text(whole)
    assert nurture("lead", "import", "again.csv", "--json").json["unchanged"] == 27
