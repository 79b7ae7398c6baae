"""task list, next, release, done: the queue of calls and other work of people."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.choosing import open_task, pairs, word
from nurture.commands.context import AsJson, DryRun, day_or_moment, session
from nurture.commands.output import say, show, show_json, show_rows
from nurture.commands.respond import tell_recorded

if TYPE_CHECKING:
    from nurture.flow.tasks import Item

TaskId = Annotated[str, typer.Argument(metavar="ID", help="Of a task, or the address of its lead.")]
COLUMNS = ("id", "email", "name", "channel", "step", "due_at", "assigned", "claimed_by")


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    task = typer.Typer(no_args_is_help=True, help="The queue of calls and other work of people.")
    task.command("list")(list_tasks)
    task.command("next")(next_task)
    task.command("release")(release)
    task.command("done")(done)
    app.add_typer(task, name="task")


def row_of(item: Item) -> dict[str, Any]:
    """A task as JSON has it."""
    from nurture.flow.shown import task_row

    return task_row(item.touch, item.lead, item.questions)


def list_tasks(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List open tasks, the longest due first."""
    from nurture.flow import tasks

    current = session(ctx)
    app = current.app
    found = tasks.listed(store=app.store, rules=app.rules.in_force(), now=current.now())
    rows = [row_of(item) for item in found]
    show_rows(rows, COLUMNS, as_json=as_json, empty="No open tasks.")


def next_task(ctx: typer.Context, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Take the next task: yours until it is done or released. Say who you are with --as."""
    from nurture.domain import calendar
    from nurture.domain.touch import BY_PHONE
    from nurture.flow import tasks
    from nurture.flow.shown import next_row

    current = session(ctx)
    item = tasks.next_for(current.person, dry_run=dry_run, **current.common())
    if item is None:
        show_json(None) if as_json else say("Nothing to do now: no task is open that may be done at this hour.")
        return
    one, lead = item.touch, item.lead
    if as_json:
        show_json(next_row(one, lead, questions=item.questions, history=item.history))
        return
    company = f", {lead.company.name}" if lead.company else ""
    by_phone = one.channel in BY_PHONE
    reached = lead.phone if by_phone else " ".join(way for way in (lead.email, lead.phone) if way)
    show(f"{one.channel.value.upper()} {lead.name}{company}   {reached or ''}".rstrip())
    zone = current.zone_of(lead)
    due, there = (at.astimezone(calendar.zone(zone)) for at in (one.due_at, current.now()))
    show(f"task {one.id}, due {due:%Y-%m-%d %H:%M}" + (f", from {one.cadence}" if one.cadence else ""))
    show(f"it is {there:%A %H:%M} there ({zone})")
    show("\n" + (one.script or "(no script)").strip())
    if item.history:
        show("\nSo far:")
    for entry in item.history:
        day = f"{entry.at.astimezone(calendar.zone(zone)):%Y-%m-%d}  "
        show(fill(entry.text, 79, initial_indent=day, subsequent_indent=" " * len(day)))
    if item.questions:
        show("\nStill to ask: " + ", ".join(name.replace("_", " ") for name in item.questions))
    ended = "connected" if by_phone else "replied"
    say(f"\nThen: nurture task done {one.id} --outcome {ended} --note '...' --fact budget='...'")


def release(ctx: typer.Context, task: TaskId, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Give a task back to the queue."""
    from nurture.flow import tasks

    current = session(ctx)
    app = current.app
    item = tasks.release(
        open_task(current, task), store=app.store, rules=app.rules.in_force(), now=current.now(), dry_run=dry_run
    )
    one = item.touch
    if as_json:
        show_json(row_of(item))
    else:
        show(f"Task {one.id} {'would be' if dry_run else 'is'} free again.")


def done(
    ctx: typer.Context,
    task: TaskId,
    *,
    outcome: Annotated[str, typer.Option(help="connected, voicemail, no_answer, callback, not_interested...")],
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When to call back or to meet, where the lead is.")
    ] = None,
    note: Annotated[str, typer.Option(help="What was said.")] = "",
    facts: Annotated[list[str] | None, typer.Option("--fact", metavar="NAME=VALUE", help="What was learned.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Say how a task ended. Score, stage, consent and the cadence follow at once."""
    from nurture.domain.response import CallOutcome
    from nurture.flow import tasks

    current = session(ctx)
    chosen = word(CallOutcome, outcome, what="outcome")
    task = open_task(current, task)
    with current.app.store.unit(write=False) as work:
        touch = work.touches.get([task]).get(task)
        lead = work.leads.get([touch.lead])[touch.lead] if touch is not None else None
    zone = current.zone_of(lead) if lead is not None else current.app.policy.timezone
    until = day_or_moment(at, zone=zone, what="--at")
    recorded = tasks.done(
        task,
        chosen,
        until=until,
        note=note,
        facts=pairs(facts or [], what="fact"),
        new_id=current.app.clock.new_id,
        by=current.person,
        dry_run=dry_run,
        **current.common(),
    )
    tell_recorded(current, recorded.lead, recorded.response, recorded.note, dry_run=dry_run, as_json=as_json, task=task)
