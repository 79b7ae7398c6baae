"""plan, apply, simulate: what would change, before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.context import AsJson, DryRun, Session, session
from nurture.commands.output import say, show, show_json
from nurture.domain.errors import FilesError, RequestError

if TYPE_CHECKING:
    from nurture.flow.plan import Difference, Plan


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(plan)
    app.command()(apply)
    app.command()(simulate)


def _planned(current: Session) -> Plan:
    from nurture.flow import plan as arrow

    app = current.app
    sources, problems = app.read_files()
    if problems:
        raise FilesError(problems)
    return arrow.plan(sources, files=app.files, store=app.store, rules=app.rules.in_force())


def _rows(made: Plan) -> dict[str, Any]:
    changes = [
        {
            "cadence": one.cadence or None,
            "from_version": one.from_version,
            "to_version": one.to_version,
            "change": one.change,
            "step": one.step or None,
            "leads": one.leads,
            "old_due": one.old_due,
            "new_due": one.new_due,
            "text": one.text or None,
        }
        for one in made.differences
    ]
    return {"changes": changes, "failures": [], "enrollments": []}


SIGNS = {"added": "+", "removed": "-", "text": "~", "retimed": "~", "moved": "~", "stage": "~", "sender": "~"}


def _sentence(one: Difference) -> str:
    subject = one.text if not one.cadence else one.cadence
    version = ""
    new = one.to_version
    if one.to_version is not None and one.to_version != one.from_version:
        version = (
            f" (version {one.to_version})" if one.from_version is None else f" ({one.from_version} -> {one.to_version})"
        )
    step = f", step {one.step}" if one.step else ""
    stay = f"; {one.leads} leads stay on the old version" if one.leads and one.to_version != one.from_version else ""
    words = {"text": "text changed", "retimed": "waits or branches changed"}.get(one.change, one.change)
    return f"{SIGNS[one.change]} {subject}{version}{step}: {words}{stay}"


def plan(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show, like a diff, what apply would do."""
    made = _planned(session(ctx))
    if as_json:
        show_json(_rows(made))
    elif made.is_empty:
        show("No changes.")
    else:
        for one in made.differences:
            show(_sentence(one))
        say("Run: nurture apply")


def apply(
    ctx: typer.Context,
    *,
    migrate: Annotated[bool, typer.Option("--migrate", help="Move leads in flight to the new version.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put the files of the workspace in force."""
    from nurture.flow import crossings, enroll
    from nurture.flow import plan as arrow

    if migrate:
        raise RequestError("--migrate does not exist yet.", hint="Leads in flight stay on their version.")
    current = session(ctx)
    made = _planned(current)
    app = current.app
    if not made.is_empty:
        arrow.apply(made, store=app.store, now=current.now(), by=current.person, dry_run=dry_run)
        if not dry_run:
            common = current.common()
            if "scoring.yaml" in made.files:
                crossings.rescore_all(**common)
            enroll.reconsider(store=app.store, rules=common["rules"], now=common["now"])
    if as_json:
        show_json(_rows(made))
    elif made.is_empty:
        show("No changes: everything is in force already.")
    else:
        for one in made.differences:
            show(_sentence(one))
        show("Nothing was changed (dry run)." if dry_run else f"In force: {len(made.files)} files.")


def simulate(
    ctx: typer.Context,
    *,
    until: Annotated[str, typer.Option(help="A date, 2027-11-22.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same ledger.")] = 1,
    report: Annotated[str, typer.Option(metavar="FILE.html", help="Write a report with charts.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run the same passes on a copy, with a clock that jumps and no network."""
    del ctx, until, seed, report, as_json
    raise RequestError("simulate does not exist yet.", hint="`nurture demo` shows a year on a throwaway workspace.")
