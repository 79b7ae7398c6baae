"""task list, next, release, done; respond; inbox; promise: what people do and hear."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.choosing import number, open_task, pairs, word
from nurture.commands.context import AsJson, DryRun, LeadArgument, Session, moment, session
from nurture.commands.output import say, show, show_json, show_rows
from nurture.domain.errors import RequestError

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
    app.command()(respond)
    inbox = typer.Typer(no_args_is_help=True, help="What a person must look at first.")
    inbox.command("list")(list_inbox)
    inbox.command("show")(show_inbox)
    inbox.command("settle")(settle)
    app.add_typer(inbox, name="inbox")
    promise = typer.Typer(no_args_is_help=True, help="What we told a lead we would do on a date.")
    promise.command("list")(list_promises)
    promise.command("add")(add_promise)
    promise.command("done")(done_promise)
    promise.command("kept")(kept_promises)
    app.add_typer(promise, name="promise")


def row_of(item: Item) -> dict[str, Any]:
    """A task as JSON has it."""
    from nurture.flow.shown import task_row

    return task_row(item.touch, item.lead)


def list_tasks(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List open tasks, the longest due first."""
    from nurture.flow import tasks

    rows = [row_of(item) for item in tasks.listed(store=session(ctx).app.store)]
    show_rows(rows, COLUMNS, as_json=as_json, empty="No open tasks.")


def next_task(ctx: typer.Context, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Take the next task: yours until it is done or released. Say who you are with --as."""
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
    show(f"{one.channel.value.upper()} {lead.name}{company}   {lead.phone or lead.email or ''}")
    show(f"task {one.id}, due {one.due_at:%Y-%m-%d %H:%M} UTC" + (f", from {one.cadence}" if one.cadence else ""))
    show("\n" + (one.script or "(no script)").strip())
    if item.history:
        show("\nSo far:")
    for entry in item.history:
        show(f"{entry.at:%Y-%m-%d}  {entry.text}")
    if item.questions:
        show("\nStill to ask: " + ", ".join(name.replace("_", " ") for name in item.questions))
    say(f"\nThen: nurture task done {one.id} --outcome connected --note '...' --fact budget='...'")


def release(ctx: typer.Context, task: TaskId, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Give a task back to the queue."""
    from nurture.flow import tasks

    current = session(ctx)
    one = tasks.release(open_task(current, task), store=current.app.store, dry_run=dry_run)
    if as_json:
        show_json({"id": one.id, "claimed_by": one.claimed_by})
    else:
        show(f"Task {one.id} {'would be' if dry_run else 'is'} free again.")


def _day_or_moment(current: Session, text: str | None, what: str) -> date | datetime | None:
    """A day where only a day is given."""
    found = moment(text, zone=current.app.policy.timezone, what=what)
    return date.fromisoformat(text) if found is not None and text is not None and len(text) == 10 else found


def done(
    ctx: typer.Context,
    task: TaskId,
    *,
    outcome: Annotated[str, typer.Option(help="connected, voicemail, no_answer, callback, not_interested...")],
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When to call back, or when the meeting is.")] = None,
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
    recorded = tasks.done(
        task,
        chosen,
        until=_day_or_moment(current, at, "--at"),
        note=note,
        facts=pairs(facts or [], what="fact"),
        new_id=current.app.clock.new_id,
        by=current.person,
        dry_run=dry_run,
        **current.common(),
    )
    _tell_recorded(
        current, recorded.lead, recorded.response, recorded.note, dry_run=dry_run, as_json=as_json, task=task
    )


def _tell_recorded(
    current: Session,
    lead: int | None,
    response: int | None,
    note: str,
    *,
    dry_run: bool,
    as_json: bool,
    task: str | None = None,
) -> None:
    """Where the lead stands after a response."""
    with current.app.store.unit(write=False) as work:
        person = work.leads.get([lead]).get(lead) if lead is not None else None
    if as_json:
        show_json(
            {
                "response": str(response) if response is not None and not dry_run else None,
                "lead": str(lead) if lead is not None else None,
                "email": person.email if person else None,
                "touch": task,
                "note": note or None,
                "stage": person.stage if person else None,
                "status": person.status if person else None,
            }
        )
        return
    if response is None:
        show(f"Nothing changed: {note}.")
    elif dry_run:
        show("It could be recorded; nothing was stored.")
    elif person is not None:
        stage = person.stage.replace("_", " ")
        points = person.fit + person.engagement
        show(f"Recorded. {person.name} is {stage}, {points:.0f} points, {person.status}.")
        if note:
            show(f"{note[:1].upper()}{note[1:]}.")


def respond(
    ctx: typer.Context,
    lead: LeadArgument,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="reply, click, form, visit, unsubscribe, meeting...")],
    *,
    touch: Annotated[str | None, typer.Option(metavar="ID", help="The touch it answers.")] = None,
    intent: Annotated[str | None, typer.Option(metavar="I", help="request, interested, question, not_now...")] = None,
    url: Annotated[str, typer.Option(metavar="U", help="The link, page or form.")] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="What was said.")] = "",
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When; now, if not given.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="A date that they named.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="MAIL.eml", help="The mail itself.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Record what a lead did. Score, stage, consent and enrollments follow at once."""
    from nurture.domain import calendar
    from nurture.domain.response import Intent, Kind
    from nurture.flow import respond as arrow
    from nurture.moves.promises import refuse_past

    current = session(ctx)
    person = current.lead(lead)
    chosen = word(Kind, kind, what="kind of response")
    zone = current.app.policy.timezone
    when = moment(at, zone=zone, what="--at") or current.now()
    if when > current.now():
        raise RequestError(f"{when:%Y-%m-%d} is in the future.", hint="Record it when it has happened.")
    if touch is not None:
        _check_touch(current, touch, person.id)
    back = _day_or_moment(current, until, "--until")
    if back is not None and chosen is not Kind.AUTO_REPLY:  # of an absence that is over one may still be told
        refuse_past(back, current.now(), calendar.zone(zone))
    if file is not None:
        _take_file(current, file, as_json=as_json, dry_run=dry_run)
        return
    detail: dict[str, Any] = {
        "intent": word(Intent, intent, what="intent").value if intent is not None else None,
        {Kind.VISIT: "page", Kind.FORM: "form"}.get(chosen, "url"): url,
        "text": note,
        "until": back.isoformat() if back is not None else None,
    }
    kept = {name: value for name, value in detail.items() if value}
    report = arrow.Report(chosen, when, person.id, touch, detail=kept, why="recorded by hand")
    (recorded,) = arrow.record(
        [report],
        new_id=current.app.clock.new_id,
        by=current.person,
        dry_run=dry_run,
        **current.common(),
    )
    _tell_recorded(
        current, recorded.lead, recorded.response, recorded.note, dry_run=dry_run, as_json=as_json, task=touch
    )


def _check_touch(current: Session, touch: str, lead: int) -> None:
    with current.app.store.unit(write=False) as work:
        found = work.touches.get([touch]).get(touch)
    if found is None or found.lead != lead:
        raise RequestError(f"No touch of this lead is named {touch!r}.", hint="Run: nurture touch list --lead LEAD")


def _take_file(current: Session, file: Path, *, as_json: bool, dry_run: bool) -> None:
    """Hand a mail to the arrow that reads replies."""
    try:
        body = file.read_bytes()
    except OSError as problem:
        raise RequestError(f"{file} cannot be read: {problem.strerror}.", hint="Name an .eml file.") from problem
    if dry_run:
        raise RequestError("A mail cannot be tried out.", hint="Give --intent and --note instead of --file.")
    from nurture.flow import replies

    app, now = current.app, current.now()
    if replies.take_mail([(file.name, body)], store=app.store, now=now) == [False]:
        show("Nothing changed: this mail was recorded before.")
        return
    handled = replies.process(
        app.store,
        reader=app.mail_reader,
        tokens=app.links,
        rules=app.rules.in_force(),
        policy=app.policy,
        new_id=app.clock.new_id,
        now=now,
        by=current.person,
    )
    if as_json:
        show_json(handled)
    else:
        for one in handled:
            show(f"{one.what}: {'; '.join(one.why)}")


def list_inbox(
    ctx: typer.Context,
    *,
    settled: Annotated[bool, typer.Option("--settled", help="What was settled, instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person to look at."""
    with session(ctx).app.store.unit(write=False) as work:
        rows = [_inbox_row(row) for row in work.notes.inbox(settled=settled)]
    show_rows(rows, ("id", "at", "kind", "lead", "sender", "subject", "why"), as_json=as_json, empty="Nothing waits.")


def _inbox_row(row: dict[str, Any]) -> dict[str, Any]:
    lead = row["lead_id"]
    kept = {key: value for key, value in row.items() if key not in ("id", "lead_id", "key")}
    return {"id": str(row["id"]), "lead": str(lead) if lead is not None else None, **kept}


EntryId = Annotated[str, typer.Argument(metavar="ID", help="Of an entry: see inbox list.")]


def show_inbox(ctx: typer.Context, entry: EntryId, *, as_json: AsJson = False) -> None:
    """Show one entry of the inbox."""
    from nurture.flow import inbox

    chosen = number(entry, what="entry of the inbox", see="nurture inbox list")
    row = _inbox_row(inbox.entry(chosen, store=session(ctx).app.store))
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
            **{key: row[key] for key in ("text", "sentence", "state", "source", "made_at", "made_by", "kept_at")},
        }
        for row in found
    ]
    show_rows(rows, ("id", "on", "email", "state", "text", "sentence"), as_json=as_json, empty="No promises.")


def add_promise(
    ctx: typer.Context,
    lead: LeadArgument,
    *,
    on: Annotated[str, typer.Option(metavar="DATE", help="On which day.")],
    text: Annotated[str, typer.Option(help="What we promised.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a promise down; on its day it opens a call, and it outranks every cadence."""
    from nurture.flow import promises

    current = session(ctx)
    person = current.lead(lead)
    company = person.company.timezone if person.company else None
    when = moment(on, zone=person.timezone or company or current.app.policy.timezone, what="--on")
    assert when is not None
    made = promises.add(person.id, on=when, text=text, by=current.person, dry_run=dry_run, **current.common())
    if as_json:
        show_json({"id": str(made), "lead": str(person.id), "email": person.email, "on": on[:10], "text": text})
    else:
        show(f"{'Would promise' if dry_run else 'Promised'} {person.name} on {on[:10]}: {text}")


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
