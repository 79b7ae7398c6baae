"""inbox list, show, settle: what a person must look at first."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nurture.commands.choosing import number, word
from nurture.commands.context import AsJson, DryRun, moment, session
from nurture.commands.output import show, show_json, show_rows
from nurture.domain.errors import RequestError

EntryId = Annotated[str, typer.Argument(metavar="ID", help="Of an entry: see inbox list.")]


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    inbox = typer.Typer(no_args_is_help=True, help="What a person must look at first.")
    inbox.command("list")(list_inbox)
    inbox.command("show")(show_inbox)
    inbox.command("settle")(settle)
    app.add_typer(inbox, name="inbox")


def list_inbox(
    ctx: typer.Context,
    *,
    settled: Annotated[bool, typer.Option("--settled", help="What was settled, instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person to look at."""
    from nurture.flow.shown import with_emails

    with session(ctx).app.store.unit(write=False) as work:
        rows = with_emails(work, [_inbox_row(row) for row in work.notes.inbox(settled=settled)])
    show_rows(rows, ("id", "at", "kind", "lead", "sender", "subject", "why"), as_json=as_json, empty="Nothing waits.")


def _inbox_row(row: dict[str, Any]) -> dict[str, Any]:
    lead = row["lead_id"]
    kept = {key: value for key, value in row.items() if key not in ("id", "lead_id", "key")}
    return {"id": str(row["id"]), "lead": str(lead) if lead is not None else None, **kept}


def show_inbox(ctx: typer.Context, entry: EntryId, *, as_json: AsJson = False) -> None:
    """Show one entry of the inbox."""
    from nurture.flow import inbox
    from nurture.flow.shown import with_emails

    chosen, store = number(entry, what="entry of the inbox", see="nurture inbox list"), session(ctx).app.store
    row = _inbox_row(inbox.entry(chosen, store=store))
    with store.unit(write=False) as work:
        (row,) = with_emails(work, [row])
    if as_json:
        show_json(row)
        return
    show(f"{row['why']}\n\nFrom {row['sender'] or '?'} on {row['at']:%Y-%m-%d}: {row['subject']}\n\n{row['text']}")


def settle(
    ctx: typer.Context,
    entry: EntryId,
    *,
    lead: Annotated[str | None, typer.Option(metavar="LEAD", help="Whose it is.")] = None,
    discard: Annotated[bool, typer.Option("--discard", help="It is nobody's.")] = False,
    intent: Annotated[str | None, typer.Option(metavar="I", help="What a reply wants.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The date that was meant.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Settle an entry of the inbox: whose it is and what it means, or that it is nothing."""
    from nurture.domain import calendar
    from nurture.domain.response import Intent
    from nurture.flow import inbox

    current = session(ctx)
    chosen = number(entry, what="entry of the inbox", see="nurture inbox list")
    if (lead is None) == (not discard):
        raise RequestError("Whose is it?", hint="Give --lead LEAD, or --discard.")
    zone = current.app.policy.timezone
    when = moment(until, zone=zone, what="--until")
    words = inbox.settle(
        chosen,
        lead=current.lead(lead).id if lead is not None else None,
        intent=word(Intent, intent, what="intent") if intent is not None else None,
        until=calendar.local_day(when, calendar.zone(zone)) if when is not None else None,
        new_id=current.app.clock.new_id,
        by=current.person,
        dry_run=dry_run,
        **current.common(),
    )
    if as_json:
        show_json({"id": str(chosen), "settled_as": words})
    else:
        show(f"{'Would be settled' if dry_run else 'Settled'}: {words}.")
