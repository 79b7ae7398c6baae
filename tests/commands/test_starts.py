"""What a command imports is what it needs: help is given before anything heavy is read."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "sqlalchemy",
    "jinja2",
    "yaml",
    "aiohttp",
    "fastapi",
    "sendgrid",
    "apscheduler",
    "alembic",
    "holidays",
}


def imported(*arguments: str) -> set[str]:
    """The names of all modules that a call of the command line has read."""
    code = (
        "import atexit, sys; atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr));"
        f"sys.argv = ['nurture', *{arguments!r}]; from nurture.commands import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return set(done.stderr.splitlines())


def test_help_reads_nothing_heavy() -> None:
    found = imported("--help")
    assert "typer" in found
    assert found.isdisjoint(HEAVY | {"pydantic", "nurture.wiring", "nurture.settings", "nurture.ports"})


@pytest.mark.parametrize("command", [("status",), ("lead", "list")])
def test_the_help_of_a_command_reads_what_the_command_line_needs_and_no_more(command: tuple[str, ...]) -> None:
    found = imported(*command, "--help")
    assert found.isdisjoint(
        {"sqlalchemy", "fastapi", "aiohttp", "jinja2", "yaml", "sendgrid", "apscheduler", "alembic"}
    )
