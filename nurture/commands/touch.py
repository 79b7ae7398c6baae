"""touch list, show, resolve, ledger; send pause, resume; mailer; link: what went out, and what holds it back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.choosing import word
from nurture.commands.context import AsJson, DryRun, Session, moment, session
from nurture.commands.output import say, show, show_json, show_rows
from nurture.domain.errors import RequestError, UnknownNameError

if TYPE_CHECKING:
    from nurture.domain.touch import Touch

COLUMNS = ("id", "email", "cadence", "step", "channel", "state", "reason", "due_at", "sent_at", "attempt")
MAILERS = ("outbox", "smtp", "sendgrid")
TouchId = Annotated[str, typer.Argument(metavar="ID", help="Of a touch: see touch list.")]


def mount(app: typer.Typer) -> None:
    """Add the groups."""
    group = typer.Typer(no_args_is_help=True, help="What was sent, waits, or was not made.")
    group.command("list")(list_touches)
    group.command("show")(show_touch)
    group.command("resolve")(resolve)
    group.command("ledger")(ledger)
    app.add_typer(group, name="touch")
    send = typer.Typer(no_args_is_help=True, help="All sending at once.")
    send.command("pause")(pause_sending)
    send.command("resume")(resume_sending)
    app.add_typer(send, name="send")
    mailer = typer.Typer(no_args_is_help=True, help="What carries the mail.")
    mailer.command("list")(list_mailers)
    mailer.command("resume")(resume_mailer)
    app.add_typer(mailer, name="mailer")
    link = typer.Typer(no_args_is_help=True, help="Links in mails, also in those that were delivered.")
    link.command("list")(list_links)
    link.command("repair")(repair_link)
    app.add_typer(link, name="link")


def rows_of(current: Session, touches: list[Touch]) -> list[dict[str, Any]]:
    """Touches as JSON has them; a planned one is shown as due once it is."""
    now = current.now()
    with current.app.store.unit(write=False) as work:
        people = work.leads.get({one.lead for one in touches})
    return [
        {
            "id": one.id,
            "lead": str(one.lead),
            "email": people[one.lead].email if one.lead in people else None,
            "cadence": one.cadence or None,
            "step": one.step,
            "channel": one.channel.value,
            "state": "due" if one.state == "planned" and one.due_at <= now else one.state.value,
            "reason": one.reason.value if one.reason else None,
            "due_at": one.due_at,
            "sent_at": one.sent_at,
            "attempt": one.attempt,
            "outcome": one.outcome,
            "template": one.template or None,
        }
        for one in touches
    ]


def list_touches(
    ctx: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(metavar="S", help="sent, due, planned, in_doubt, skipped...")] = None,
    lead: Annotated[str | None, typer.Option(metavar="LEAD", help="With one lead.")] = None,
    cadence: Annotated[str | None, typer.Option(metavar="NAME", help="Of one cadence.")] = None,
    step: Annotated[str | None, typer.Option(metavar="STEP", help="Of one step.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Created since then.")] = None,
    as_json: AsJson = False,
) -> None:
    """List touches."""
    from nurture.domain.touch import State

    current = session(ctx)
    only_due = state == "due"
    wanted = State.PLANNED if only_due else word(State, state, what="state") if state is not None else None
    who = current.lead(lead).id if lead is not None else None
    if cadence is not None and cadence not in (known := current.app.rules.in_force().versions):
        raise UnknownNameError("cadence", cadence, sorted(known), otherwise="Run: nurture cadence list")
    after = moment(since, zone=current.app.policy.timezone, what="--since")
    with current.app.store.unit(write=False) as work:
        found = work.touches.select(state=wanted, lead=who, cadence=cadence, step=step, since=after)
    rows = rows_of(current, found)
    if only_due:
        rows = [row for row in rows if row["state"] == "due"]
    show_rows(rows, COLUMNS, as_json=as_json, empty="No touches.")


def show_touch(ctx: typer.Context, touch: TouchId, *, as_json: AsJson = False) -> None:
    """Show one touch: what became of it, its text as sent, and what it was answered with."""
    from nurture.domain.touch import SENTENCES

    current = session(ctx)
    with current.app.store.unit(write=False) as work:
        one = work.touches.get([touch]).get(touch)
        if one is None:
            raise UnknownNameError("touch", touch, (), otherwise="Run: nurture touch list")
        text = work.touches.text(touch)
        answers = work.responses.of_touch(touch)
    (row,) = rows_of(current, [one])
    row |= {
        "version": one.version or None,
        "because": one.because or (SENTENCES[one.reason] if one.reason else None),
        "created_at": one.created_at,
        "intent_at": one.intent_at,
        "mailer": one.mailer,
        "provider_id": one.provider_id,
        "message_id": one.message_id,
        "address": one.address,
        "assigned": one.assigned,
        "claimed_by": one.claimed_by,
        "script": one.script,
        "note": one.note,
        "subject": text[0] if text else None,
        "text": text[2] if text else None,
        "responses": [{"at": a.at, "kind": a.kind, "grade": a.grade, "url": a.url or None} for a in answers],
    }
    if as_json:
        show_json({**row, "html": text[1] if text else None})
        return
    long = ("subject", "text", "script", "responses")
    for name, value in row.items():
        if name not in long and value not in (None, ""):
            spoken = f"{value:%Y-%m-%d %H:%M:%S} UTC" if hasattr(value, "strftime") else value
            show(f"{name.replace('_', ' '):<12} {spoken}")
    for answer in answers:
        show(f"{answer.kind.value:<12} {answer.at:%Y-%m-%d %H:%M} UTC, {answer.grade.replace('_', ' ')} {answer.url}")
    if text is not None:
        show(f"\nSubject: {text[0]}\n\n{text[2]}")
    elif one.script:
        show(f"\n{one.script}")


def resolve(
    ctx: typer.Context,
    touch: TouchId,
    *,
    sent: Annotated[bool, typer.Option("--sent", help="It went out.")] = False,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It did not; it is planned again.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send it, whatever became of it.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Settle a touch in doubt: nobody knows whether it went out, and you found out."""
    from nurture.flow.dispatch import settle

    current = session(ctx)
    if [sent, not_sent, resend].count(True) != 1:
        raise RequestError("What became of it?", hint="Give one of --sent, --not-sent, --resend.")
    settlement: settle.Settlement = "sent" if sent else "not_sent" if not_sent else "resend"
    after = settle.resolve(
        touch, settlement, store=current.app.store, now=current.now(), by=current.person, dry_run=dry_run
    )
    if as_json:
        show_json(rows_of(current, [after])[0])
    else:
        show(f"Touch {touch} {'would be' if dry_run else 'is'} {after.state}.")


def ledger(
    ctx: typer.Context,
    *,
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="From this moment.")],
    until: Annotated[str, typer.Option(metavar="TIME", help="Before this moment.")],
    as_json: AsJson = False,
) -> None:
    """What happened between two moments, in the keys and the order of simulate."""
    from nurture.domain import ledger as domain

    current = session(ctx)
    zone = current.app.policy.timezone
    first, last = moment(since, zone=zone, what="--from"), moment(until, zone=zone, what="--until")
    assert first is not None
    assert last is not None
    if last <= first:
        raise RequestError("--until is not after --from.", hint="Name a later moment.")
    with current.app.store.unit(write=False) as work:
        touches = work.touches.over(first, last)
    rows = [
        {"at": one.at, "lead": one.lead, "cadence": one.cadence or None, "step": one.step}
        | {"channel": one.channel, "outcome": one.outcome}
        for one in domain.ledger(touches, since=first, until=last)
    ]
    columns = ("at", "lead", "cadence", "step", "channel", "outcome")
    show_rows(rows, columns, as_json=as_json, empty="Nothing happened.")


# What holds sending back -------------------------------------------------------------------------------------------


def switch(
    current: Session, name: str, *, pause: bool, reason: str = "", dry_run: bool = False, as_json: bool = False
) -> None:
    """Pause something, or let it go on; saying it twice changes nothing."""
    from nurture.flow import switches

    store, now, by = current.app.store, current.now(), current.person
    if pause:
        changed = switches.pause(name, reason=reason, store=store, now=now, by=by, dry_run=dry_run)
    else:
        changed = switches.resume(name, store=store, now=now, by=by, dry_run=dry_run)
    words = "paused" if pause else "resumed"
    if as_json:
        show_json({"name": name, "paused": pause, "changed": changed})
    elif changed:
        show(f"{switches.spoken(name)} {'would be' if dry_run else 'is'} {words}.")
    else:
        show(f"Nothing to do: {name.replace(':', ' ')} {'is paused already' if pause else 'was not paused'}.")


Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; shown by status and why.")]


def pause_sending(
    ctx: typer.Context, *, reason: Reason = "by hand", dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Stop all sending, between two mails."""
    switch(session(ctx), "send", pause=True, reason=reason, dry_run=dry_run, as_json=as_json)


def resume_sending(ctx: typer.Context, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Let sending go on."""
    switch(session(ctx), "send", pause=False, dry_run=dry_run, as_json=as_json)


def list_mailers(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the mailers: which one is used, what is paused, and what each sent in the last day."""
    current = session(ctx)
    now = current.now()
    with current.app.store.unit(write=False) as work:
        switches = {name: one for name, one in work.control.switches().items() if one.holds(now)}
        carried = work.touches.carried(now - timedelta(days=1))
    rows = []
    for name in MAILERS:
        held = switches.get(f"mailer:{name}") or switches.get("mailer")
        used = current.app.settings.mail.provider == name
        rows.append(
            {
                "name": name,
                "used": used,
                "paused": held is not None and used,
                "reason": held.reason if held and used else None,
                "until": held.until if held and used else None,
                "sent_last_day": carried[name].mails if name in carried else 0,
            }
        )
    show_rows(rows, ("name", "used", "paused", "reason", "until", "sent_last_day"), as_json=as_json)


def resume_mailer(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="outbox, smtp or sendgrid.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let a mailer go on that was paused because of a problem with the account."""
    if name not in MAILERS:
        raise UnknownNameError("mailer", name, MAILERS, otherwise=f"One of: {', '.join(MAILERS)}.")
    current = session(ctx)
    with current.app.store.unit(write=False) as work:
        paused = work.control.switches()
    key = f"mailer:{name}" if f"mailer:{name}" in paused or "mailer" not in paused else "mailer"
    switch(current, key, pause=False, dry_run=dry_run, as_json=as_json)


def list_links(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the links of all mails, with where they lead today."""
    with session(ctx).app.store.unit(write=False) as work:
        rows = [{"id": key, "url": url, "target": target} for key, url, target in work.touches.links()]
    show_rows(rows, ("id", "url", "target"), as_json=as_json, empty="No links were sent.")


def repair_link(
    ctx: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The address as written in the mail, or its target.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Where it leads from now on.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Lead a link elsewhere, also in mail that was delivered already."""
    from nurture.flow import switches

    current = session(ctx)
    changed = switches.repair_link(
        old, new, store=current.app.store, now=current.now(), by=current.person, dry_run=dry_run
    )
    if as_json:
        show_json({"old": old, "new": new, "links": changed})
    else:
        leads = "would lead" if dry_run else "leads" if changed == 1 else "lead"
        show(f"{changed} link{'s' * (changed != 1)} {leads} to {new}.")
    if not changed:
        say("See: nurture link list")
