"""daemon, tick, status, doctor, database, demo: what runs by itself, and how it is doing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.context import AsJson, DryRun, session
from nurture.commands.demo import demo
from nurture.commands.output import say, show, show_beside, show_json
from nurture.domain.errors import RefusedError

if TYPE_CHECKING:
    from nurture.wiring import App

FORMER = 3  # daemons that are no more: each restart leaves one
TRIPPED = "   no clear answers from the mail provider: one mail is tried every 30 s"


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(daemon)
    app.command()(tick)
    app.command()(status)
    app.command()(doctor)
    app.command()(demo)
    database = typer.Typer(help="The database: schema, checks, backup.", no_args_is_help=True)
    database.command()(upgrade)
    database.command(name="check")(check_database)
    database.command()(backup)
    database.command()(accept)
    app.add_typer(database, name="database")


def daemon(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Run until stopped: the scheduler, the web, the webhooks. Logs one line for each thing that happened."""
    from nurture.daemon import lifecycle
    from nurture.web import server
    from nurture.web.app import make_app
    from nurture.web.warm import warm

    def serve(app: App) -> lifecycle.Handle:
        web = make_app(app)
        warm(web)
        return server.start(web, app.settings.web.bind)

    current = session(ctx)
    current.runs_passes = True
    lifecycle.run(current.app, as_json=as_json, serve=serve)


def tick(ctx: typer.Context, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Run one pass and what is due beside it (digest, backup, retention), then exit.

    With --dry-run the pass runs on a throwaway copy of the data, and reaches nobody.
    """
    from nurture.copied import copied
    from nurture.daemon import housekeeping
    from nurture.daemon import tick as passes

    current = session(ctx)
    current.runs_passes = True
    if dry_run:
        with copied(current.app, now := current.now(), seed=0) as (twin, _clock, _watched):
            done = passes.run(twin, now=now)
    else:
        done = passes.run(current.app)
        housekeeping.run(current.app)
    if as_json:
        show_json(done)
        return
    touches = done.touches
    show_beside(
        f"Pass{' on a copy' if dry_run else ''} at {done.at:%Y-%m-%d %H:%M:%S} UTC: ",
        f"{done.enrolled} enrolled, {touches.sent} sent, "
        f"{touches.tasks} tasks opened, {touches.skipped} skipped, {touches.failed} failed, "
        f"{touches.in_doubt} in doubt, {done.promoted} promoted, {done.offered} offered.",
    )


def status(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what waits: queue depths, lateness, daemons, what is paused or in doubt."""
    from nurture.daemon import state

    found = state.of(session(ctx).app)
    if as_json:
        show_json(found)
        return
    for problem in found["problems"]:
        show_beside("problem       ", problem)
    show(f"due now       {found['due']}" + (f", the oldest {found['late_seconds']:.0f} s late" if found["due"] else ""))
    show(f"sending       {found['sending']}")
    show(
        f"in doubt      {found['in_doubt']}"
        + ("   see: nurture touch list --state in_doubt" if found["in_doubt"] else "")
    )
    show(f"unknown       {found['unknown']}")
    show(f"open tasks    {found['open_tasks']}")
    alive = [one for one in found["daemons"] if one["alive"]]
    what = "   see: nurture doctor" if any(one["state"] == "late" for one in alive) else ""
    show(f"daemons       {len(alive)} alive" + (what if alive else "   start one: nurture daemon"))
    over = [one for one in found["daemons"] if not one["alive"]]
    for one in [*alive, *over[:FORMER]]:
        show(f"  {_daemon(one)}")
    if len(over) > FORMER:
        show(f"  and {len(over) - FORMER} more that were here in the last week: nurture status --json")
    show(f"breaker       {found['breaker']}" + (TRIPPED if found["breaker"] == "open" else ""))
    if not found["pauses"]:
        show("paused        nothing")
    for name, span in found["pauses"].items():
        show_beside("paused        ", f"{name} {span}.", "See: nurture doctor")
    for name, because in found["held"].items():
        show_beside("held          ", f"{name}: {because}.", "See: nurture doctor")


def _daemon(one: Mapping[str, Any]) -> str:
    """One daemon: how it is doing, its lag, its share."""
    share = f" ({one['share']:.0%})" if one["share"] is not None else ""
    if one["alive"]:
        when = f"last pass {one['lag_seconds']:.0f} s ago" if one["passed_at"] else "no pass yet"
    else:
        when = f"last seen {one['seen_at']:%Y-%m-%d %H:%M} UTC"
    return f"{one['state']:8} {one['host']} {one['pid']:>7}  {when}, sent {one['sent']:,}{share}"


def doctor(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Look for what would go wrong: settings, mail domains, keys, schema, clock, disk, leads without a next thing."""
    from nurture.daemon import doctor as examination

    findings = examination.examine(session(ctx).app)
    if as_json:
        show_json(findings)
    else:
        for one in findings:
            show_beside(f"{one.severity:8}", one.what, one.hint)
    if any(one.severity == "error" for one in findings):
        raise typer.Exit(1)


def upgrade(ctx: typer.Context, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Bring the schema to this program's version."""
    steps = session(ctx).app.upgrade(dry_run=dry_run)
    if as_json:
        show_json({"steps": steps})
    else:
        show(f"Schema steps made: {', '.join(steps)}." if steps else "The schema is up to date.")


def check_database(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Check the schema and the file; exit 1 if something is wrong."""
    problems = session(ctx).app.check_database()
    if as_json:
        show_json(problems)
    else:
        for one in problems:
            show(one)
        if not problems:
            show("The database is sound.")
    if problems:
        raise typer.Exit(1)


def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Copy a SQLite database while it is in use."""
    if file.exists():
        raise RefusedError(f"{file} exists.", hint="Name a new file.")
    if not dry_run:
        session(ctx).app.backup(file)
    if as_json:
        show_json({"file": str(file)})
    else:
        show(f"{'Would copy' if dry_run else 'Copied'} the database to {file}.")
    say("The copy holds personal data: keep it as safe as the original.")


def accept(ctx: typer.Context, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Take a restored database as it is: what was due since is in doubt, and sending goes on."""
    from nurture.daemon import restored

    current = session(ctx)
    current.runs_passes = True
    since, doubted = restored.accept(current.app, by=current.person, dry_run=dry_run)
    if as_json:
        show_json({"since": since, "in_doubt": doubted})
    elif dry_run:
        show(f"Would put in doubt what was due since {since:%Y-%m-%d %H:%M} UTC." if since else "Nothing ran here yet.")
    else:
        show(f"Accepted. {doubted} mails that were due since are in doubt: nurture touch list --state in_doubt")
