"""The command line: the table of contents. Every command group is mounted here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nurture.commands import (
    cadence,
    change,
    company,
    daemon,
    enrollment,
    handoff,
    lead,
    report,
    scoring,
    simulate,
    suppression,
    task,
    token,
    touch,
    workspace,
)
from nurture.commands.context import Session, default_person
from nurture.commands.output import fail, say
from nurture.domain.errors import NurtureError

app = typer.Typer(
    name="nurture",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    help="Long-term lead nurture: few leads, each one worth the call.",
)


@app.callback()
def root(
    ctx: typer.Context,
    workspace: Annotated[
        Path, typer.Option("--workspace", "-w", envvar="NURTURE_WORKSPACE", help="Folder of the workspace.")
    ] = Path(),
    person: Annotated[str, typer.Option("--as", envvar="NURTURE_USER", help="Who acts; every change records it.")] = "",
) -> None:
    """Long-term lead nurture."""
    ctx.obj = Session(workspace, person or default_person())
    ctx.call_on_close(ctx.obj.close)


for group in (
    workspace,
    change,
    simulate,
    daemon,
    lead,
    company,
    enrollment,
    cadence,
    touch,
    task,
    handoff,
    suppression,
    report,
    scoring,
    token,
):
    group.mount(app)


def main() -> None:
    """Run the command line: an error for a person is one sentence and an exit code, a bug keeps its traceback."""
    try:
        app(standalone_mode=True, prog_name="nurture")
    except NurtureError as problem:
        sys.exit(fail(problem))
    except KeyboardInterrupt:
        say("nurture: stopped.")
        sys.exit(130)
