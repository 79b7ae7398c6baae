"""promise list, add, done, kept: what we told a lead we would do on a date."""

from __future__ import annotations

from typing import Annotated

import typer

from nurture.commands.choosing import number
from nurture.commands.context import AsJson, DryRun, LeadArgument, day_or_moment, session
from nurture.commands.output import say, show, show_json, show_rows


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    promise = typer.Typer(no_args_is_help=True, help="What we told a lead we would do on a date.")
    promise.command("list")(list_promises)
    promise.command("add")(add_promise)
    promise.command("done")(done_promise)
    promise.command("kept")(kept_promises)
    app.add_typer(promise, name="promise")


def list_promises(
    ctx: typer.Context,
    *,
    lead: Annotated[str | None, typer.Option(metavar="LEAD", help="Of one lead.")] = None,
    as_json: AsJson = False,
) -> None:
    """List promises, by their date."""
    current = session(ctx)
    who = current.lead(lead).id if lead is not None else None
    with current.app.store.unit(write=False) as work:
        found = work.notes.promises(lead=who)
        people = work.leads.get({row["lead_id"] for row in found})
    rows = [
        {
            "id": str(row["id"]),
            "lead": str(row["lead_id"]),
            "email": people[row["lead_id"]].email if row["lead_id"] in people else None,
            "on": row["due_on"],
            "at": row["due_at"],
            **{key: row[key] for key in ("text", "sentence", "state", "source", "made_at", "made_by", "kept_at")},
        }
        for row in found
    ]
    show_rows(rows, ("id", "on", "email", "state", "text", "sentence"), as_json=as_json, empty="No promises.")


def add_promise(
    ctx: typer.Context,
    lead: LeadArgument,
    *,
    on: Annotated[str, typer.Option(metavar="DATE", help="On which day, or when: 2027-01-15T10:00.")],
    text: Annotated[str, typer.Option(help="What we promised.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a promise down; on its day it opens a call, and it outranks every cadence."""
    from nurture.flow import promises

    current = session(ctx)
    person = current.lead(lead)
    when = day_or_moment(on, zone=current.zone_of(person), what="--on")
    assert when is not None
    made = promises.add(person.id, on=when, text=text, by=current.person, dry_run=dry_run, **current.common())
    if as_json:
        show_json({"id": str(made), "lead": str(person.id), "email": person.email, "on": on, "text": text})
    else:
        show(f"{'Would promise' if dry_run else 'Promised'} {person.name} on {on.replace('T', ' ')}: {text}")


def done_promise(
    ctx: typer.Context,
    promise: Annotated[str, typer.Argument(metavar="ID", help="Of a promise: see promise list.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """A promise was kept."""
    from nurture.flow import promises

    current = session(ctx)
    chosen = number(promise, what="promise", see="nurture promise list")
    promises.done(chosen, store=current.app.store, now=current.now(), dry_run=dry_run)
    if as_json:
        show_json({"id": str(chosen), "state": "kept"})
    else:
        show(f"Promise {chosen} {'would be' if dry_run else 'is'} kept.")


def kept_promises(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """How many promises were kept in time, of those whose day has come."""
    from nurture.flow import promises

    current = session(ctx)
    found = promises.share(store=current.app.store, now=current.now())
    if as_json:
        names = ("kept", "late", "share", "low", "high", "waiting", "dropped")
        show_json({name: getattr(found, name) for name in names})
        return
    if found.share is None or found.low is None or found.high is None:
        show("No promise has come due yet.")
    else:
        due = found.kept + found.late
        show(f"{found.kept} of {due} kept in time: {found.share:.0%} (likely {found.low:.0%} to {found.high:.0%}).")
    if found.waiting or found.dropped:
        say(f"{found.waiting} wait for their call; {found.dropped} dropped: nobody is to be contacted.")
