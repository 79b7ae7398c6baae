"""suppression: who must not be contacted; in from files and from the provider, out to others, and lifted."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.context import AsJson, DryRun, Session, session
from nurture.commands.output import say, show, show_json, show_rows
from nurture.domain.errors import RequestError

if TYPE_CHECKING:
    from nurture.flow.suppressing import Taken


def mount(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Addresses that must not be contacted.")
    group.command("list")(list_all)
    group.command("import")(take)
    group.command("fetch")(fetch)
    group.command("export")(export)
    group.command("remove")(remove)
    app.add_typer(group, name="suppression")


def _suppressions(current: Session, *, as_json: bool) -> list[dict[str, Any]]:
    from nurture.flow.shown import with_emails

    with current.app.store.unit(write=False) as work:
        rows = [
            {
                "address": one.address,
                "scope": one.scope,
                "reason": one.reason,
                "at": one.at,
                "lead": str(one.lead) if one.lead is not None else None,
            }
            for one in work.suppressions.all()
        ]
        return with_emails(work, rows) if as_json else rows


def list_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the addresses that must not be contacted."""
    columns = ("address", "scope", "reason", "at", "lead")
    show_rows(_suppressions(session(ctx), as_json=as_json), columns, as_json=as_json, empty="Nobody is suppressed.")


def export(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Write them as CSV, for another workspace or provider. A lead without an address means nothing to them."""
    from nurture.domain.lead import OWN
    from nurture.domain.spreadsheet import cell

    rows = [row for row in _suppressions(session(ctx), as_json=as_json) if not row["address"].startswith(OWN)]
    if as_json:
        show_json(rows)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("address", "scope", "reason", "at"))
    writer.writerows([[row["address"], row["scope"], cell(row["reason"]), cell(row["at"])] for row in rows])


def take(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One address a line, or our own export.")],
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Where the file says none.")] = "imported",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Suppress every address of a file."""
    from nurture.flow import suppressing

    current = session(ctx)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        because = problem.strerror if isinstance(problem, OSError) else problem
        raise RequestError(f"{file} cannot be read: {because}.", hint="It must be a text file in UTF-8.") from None
    made = suppressing.take(
        list(csv.reader(text.splitlines())),
        reason=reason,
        store=current.app.store,
        now=current.now(),
        by=current.person,
        dry_run=dry_run,
    )
    _tell(made, dry_run=dry_run, as_json=as_json)


def fetch(ctx: typer.Context, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Read SendGrid's own lists back: unsubscribes (of groups and of everything), complaints, dead addresses."""
    from nurture.flow import suppressing

    current = session(ctx)
    made = suppressing.take(
        list(current.app.provider_lists()),
        reason="sendgrid",
        store=current.app.store,
        now=current.now(),
        by=current.person,
        dry_run=dry_run,
    )
    _tell(made, dry_run=dry_run, as_json=as_json)


def _tell(made: Taken, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        refused = [{"line": line, "reason": why} for line, why in made.refused]
        show_json({"added": made.added, "known": made.known, "refused": refused})
        return
    for line, why in made.refused:
        say(f"line {line}: {why}")
    show(f"{made.added} {'would be ' if dry_run else ''}added, {made.known} known, {len(made.refused)} refused.")


def remove(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address or phone number.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Lift the suppression of an address: only when its owner asks."""
    from nurture.flow import suppressing

    current = session(ctx)
    lifted = suppressing.lift(address, store=current.app.store, now=current.now(), by=current.person, dry_run=dry_run)
    if as_json:
        show_json({"address": address, "removed": lifted})
    else:
        show(f"{address} {'would be' if dry_run else 'is'} free again." if lifted else f"{address} is not suppressed.")
