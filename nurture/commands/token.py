"""token create: for the API."""

from __future__ import annotations

from typing import Annotated

import typer

from nurture.commands.context import AsJson, DryRun, session
from nurture.commands.output import say, show, show_json


def mount(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Tokens of the API.")
    group.callback()(_group)
    group.command("create")(create)
    app.add_typer(group, name="token")


def _group() -> None:
    """Tokens of the API."""


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a token for the API. It is shown once; only its hash is kept."""
    current = session(ctx)
    token = None if dry_run else current.app.create_token(name, by=current.person)
    if as_json:
        show_json({"name": name, "token": token})
    elif token is None:
        show(f"Would make a token named {name}.")
    else:
        show(token)
        say("Keep it now: it is not shown again.")
