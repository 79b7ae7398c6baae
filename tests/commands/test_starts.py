"""What a command imports is what it needs: help is given before anything heavy is read.

How long a start takes is measured by `benchmarks/starts.py`; what it reads says the same on every machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "sqlalchemy",
    "jinja2",
    "yaml",
    "pycurl",
    "fastapi",
    "sendgrid",
    "apscheduler",
    "alembic",
    "holidays",
}


# What no command reads that looks at the files, or at what is in the database.
FOREIGN = (HEAVY - {"sqlalchemy", "jinja2", "yaml"}) | {
    "pydantic",
    "nurture.moves.rendering",
    "phonenumbers",
    "psycopg",
    "rapidfuzz",
    "rich",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm",
    "structlog",
    "uvicorn",
}
LOOKING = ("lead", "list", "--limit", "5"), ("cadence", "list"), ("task", "list")


def imported(*arguments: str, workspace: Path = Path()) -> set[str]:
    """The names of all modules that a call of the command line has read."""
    code = (
        "import atexit, sys; atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr));"
        f"sys.argv = ['nurture', *{arguments!r}]; from nurture.commands import main; main()"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NURTURE_")}
    there = {**kept, "NURTURE_WORKSPACE": str(workspace)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=there)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines())


def test_help_reads_nothing_heavy() -> None:
    found = imported("--help")
    assert "typer" in found
    assert found.isdisjoint(HEAVY | {"pydantic", "nurture.wiring", "nurture.settings", "nurture.ports"})


def test_the_version_is_that_of_the_package_and_asks_for_no_workspace(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nurture", "-w", str(tmp_path / "none"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"nurture \d+\.\d+\.\d+\n", done.stdout)
    assert done.stdout.split()[1] in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("command", [("status",), ("lead", "list")])
def test_the_help_of_a_command_reads_what_the_command_line_needs_and_no_more(command: tuple[str, ...]) -> None:
    found = imported(*command, "--help")
    assert found.isdisjoint({"sqlalchemy", "fastapi", "pycurl", "jinja2", "yaml", "sendgrid", "apscheduler", "alembic"})


def test_check_reads_nothing_of_the_database_where_no_cadence_is_rehearsed(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    shutil.copytree(made, folder)
    for one in (folder / "cadences").glob("*.test.yaml"):
        one.unlink()
    found = imported("check", workspace=folder)
    assert {"yaml", "jinja2"} <= found
    assert found & (FOREIGN | {"asyncio", "nurture.adapters.store", "nurture.flow", "sqlalchemy"}) == set()


def test_the_status_reads_neither_files_nor_what_they_are_made_of(made: Path) -> None:
    found = imported("status", workspace=made)
    assert "sqlalchemy" in found
    assert (
        found & (FOREIGN | {"jinja2", "nurture.domain.condition", "nurture.flow", "nurture.ports.people", "yaml"})
        == set()
    )


@pytest.mark.parametrize("command", LOOKING)
def test_what_lists_reads_cadences_but_no_templates(made: Path, command: tuple[str, ...]) -> None:
    found = imported(*command, workspace=made)
    assert {"sqlalchemy", "yaml"} <= found
    assert found & (FOREIGN | {"jinja2"}) == set()


def test_no_command_walks_through_all_that_it_imported_before_it_ends() -> None:
    code = (
        "import atexit, gc, sys; atexit.register(lambda: print(gc.get_freeze_count(), file=sys.stderr));"
        "sys.argv = ['nurture', '--help']; from nurture.commands import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stderr) > 1000
