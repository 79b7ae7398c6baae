"""handoff; scoring; response rejudge: what sales answers, and what is learned from it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from nurture.commands.choosing import handoff_id
from nurture.commands.context import AsJson, DryRun, LeadArgument, Session, moment, session
from nurture.commands.output import say, show, show_json, show_rows
from nurture.domain.errors import RequestError, UnknownNameError

if TYPE_CHECKING:
    from nurture.flow.handoff import Answered, Desk

HandoffId = Annotated[str, typer.Argument(metavar="ID", help="Of a handoff, or the address of its lead.")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="The date that the lead stated.")]
COLUMNS = ("id", "email", "rep", "state", "offered_at", "due_at", "reason")
COLLEAGUES = ("continue", "pause", "take")


def mount(app: typer.Typer) -> None:
    """Add the groups."""
    group = typer.Typer(no_args_is_help=True, help="What sales was offered, and what it answers.")
    group.command("list")(list_handoffs)
    group.command("show")(show_handoff)
    group.command("brief")(brief)
    group.command("accept")(accept)
    group.command("reject")(reject)
    group.command("contacted")(contacted)
    group.command("won")(won)
    group.command("lost")(lost)
    group.command("import")(import_outcomes)
    app.add_typer(group, name="handoff")
    response = typer.Typer(help="Responses that were recorded.", no_args_is_help=True)
    response.callback()(_group)
    response.command("rejudge")(rejudge)
    app.add_typer(response, name="response")


def _group() -> None:
    """Responses that were recorded."""


def desk_of(current: Session, *, dry_run: bool = False) -> Desk:
    """What every answer of sales works with."""
    from nurture.flow.handoff import Desk

    crm = bool(current.app.settings.crm.webhook)
    common = current.common()
    return Desk(**common, new_id=current.app.clock.new_id, by=current.person, crm=crm, dry_run=dry_run)


def list_handoffs(
    ctx: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(metavar="S", help="queued, offered, accepted, rejected...")] = None,
    as_json: AsJson = False,
) -> None:
    """List handoffs."""
    from nurture.commands.choosing import word
    from nurture.domain.handoff import State
    from nurture.flow import handoff

    states = [word(State, state, what="state").value] if state is not None else None
    rows = handoff.listed(session(ctx).app.store, states=states)
    show_rows(rows, COLUMNS, as_json=as_json, empty="No handoffs.")


def show_handoff(ctx: typer.Context, handoff: HandoffId, *, as_json: AsJson = False) -> None:
    """Show one handoff."""
    from nurture.flow import handoff as arrow

    chosen = str(handoff_id(session(ctx), handoff))
    row = next((one for one in arrow.listed(session(ctx).app.store) if one["id"] == chosen), None)
    if row is None:
        raise UnknownNameError("handoff", chosen, (), otherwise="Run: nurture handoff list")
    if as_json:
        show_json(row)
        return
    for name, value in row.items():
        if value is not None:
            spoken = f"{value:%Y-%m-%d %H:%M} UTC" if hasattr(value, "strftime") else value
            show(f"{name.replace('_', ' '):<14} {f'{value:,.2f}' if name == 'amount' else spoken}")
    say(f"The brief: nurture handoff brief {row['lead']}")


def brief(
    ctx: typer.Context,
    lead: LeadArgument,
    *,
    html: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write it as a page.")] = None,
    as_json: AsJson = False,
) -> None:
    """The brief of a lead as it is now: what is known with its source, what is not, and why now."""
    from nurture.flow import handoff as arrow

    current = session(ctx)
    made = arrow.brief(desk_of(current), current.lead(lead).id).as_json()
    if html is not None:
        try:
            html.write_text(current.app.brief_page(made), encoding="utf-8")
        except OSError as problem:
            raise RequestError(f"{html} cannot be written: {problem.strerror}.", hint="Name another file.") from problem
        say(f"The page: {html}")
    if as_json:
        show_json(made)
    elif html is None:
        show(current.app.brief_text(made))


def _tell(desk: Desk, answered: Answered, *, dry_run: bool, as_json: bool) -> None:
    row = answered.handoff
    people = desk.rules.workspace
    rep, speaker = (people.person(who) if who else None for who in (row["rep"], desk.by))
    if rep is not None and speaker is not None and rep != speaker and answered.changed:
        say(f"It was offered to {rep.name}: {speaker.name} answers in their place.")
    if as_json:
        from nurture.flow import handoff as arrow

        with desk.store.unit(write=False) as work:
            (shown,) = arrow.rows(work, [row])
        show_json(shown | {"changed": answered.changed, "text": answered.text})
    else:
        words = f"Would be: {answered.text}" if dry_run else answered.text[:1].upper() + answered.text[1:]
        show(f"{words}." if answered.changed else f"Nothing to do: {answered.text}.")


def accept(
    ctx: typer.Context,
    handoff: HandoffId,
    *,
    colleagues: Annotated[str, typer.Option(help="What becomes of them: continue, pause or take.")] = "continue",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a lead: it is yours, and its cadences stop."""
    from nurture.flow import handoff as arrow

    if colleagues not in COLLEAGUES:
        raise UnknownNameError("choice", colleagues, COLLEAGUES, otherwise=f"One of: {', '.join(COLLEAGUES)}.")
    choice = cast("Literal['continue', 'pause', 'take']", colleagues)
    chosen = handoff_id(session(ctx), handoff)
    desk = desk_of(session(ctx), dry_run=dry_run)
    answered = arrow.accept(desk, chosen, colleagues=choice)
    _tell(desk, answered, dry_run=dry_run, as_json=as_json)
    if answered.changed and not dry_run and not as_json:
        say(f"Speak with them by {arrow.due_words(desk, answered)}.\nThen: nurture handoff contacted {chosen}")


def _day(current: Session, text: str | None) -> date | None:
    from nurture.domain import calendar

    zone = current.app.policy.timezone
    when = moment(text, zone=zone, what="--until")
    return calendar.local_day(when, calendar.zone(zone)) if when is not None else None


def reject(
    ctx: typer.Context,
    handoff: HandoffId,
    *,
    reason: Annotated[str, typer.Option(metavar="R", help="One of those agreed in readiness.yaml.")],
    until: Until = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="What you found out.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Say no to a lead, and why; it comes back when the reason says so."""
    from nurture.flow import handoff as arrow

    current = session(ctx)
    chosen = handoff_id(session(ctx), handoff)
    word = reason.strip().casefold().replace("-", "_").replace(" ", "_")
    desk = desk_of(current, dry_run=dry_run)
    answered = arrow.reject(desk, chosen, word, until=_day(current, until), note=note)
    _tell(desk, answered, dry_run=dry_run, as_json=as_json)


def contacted(ctx: typer.Context, handoff: HandoffId, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """You spoke with the lead for the first time."""
    from nurture.flow import handoff as arrow

    chosen = handoff_id(session(ctx), handoff)
    desk = desk_of(session(ctx), dry_run=dry_run)
    answered = arrow.contacted(desk, chosen)
    _tell(desk, answered, dry_run=dry_run, as_json=as_json)
    if answered.changed and not dry_run and not as_json:
        say(f"When it has ended: nurture handoff won {chosen} --value '12500 EUR', or: nurture handoff lost {chosen}")


def won(
    ctx: typer.Context,
    handoff: HandoffId,
    *,
    value: Annotated[str | None, typer.Option(metavar="'AMOUNT CURRENCY'", help="For so much: '12500 EUR'.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """The deal is done."""
    from nurture.flow import handoff as arrow

    chosen = handoff_id(session(ctx), handoff)
    desk = desk_of(session(ctx), dry_run=dry_run)
    answered = arrow.won(desk, chosen, value=value)
    _tell(desk, answered, dry_run=dry_run, as_json=as_json)


def lost(
    ctx: typer.Context,
    handoff: HandoffId,
    *,
    reason: Annotated[str | None, typer.Option(metavar="R", help="One of those agreed in readiness.yaml.")] = None,
    until: Until = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """The deal is lost; a reason brings the lead back later."""
    from nurture.flow import handoff as arrow

    current = session(ctx)
    chosen = handoff_id(session(ctx), handoff)
    word = reason.strip().casefold().replace("-", "_").replace(" ", "_") if reason is not None else None
    desk = desk_of(current, dry_run=dry_run)
    answered = arrow.lost(desk, chosen, reason=word, until=_day(current, until))
    _tell(desk, answered, dry_run=dry_run, as_json=as_json)


def import_outcomes(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CRM export with outcomes.")],
    *,
    currency: Annotated[str, typer.Option(metavar="EUR", help="Of amounts that name none.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take outcomes from a CRM export: by address or CRM id, its stage, date, amount and loss reason."""
    from nurture.doors import read_deals
    from nurture.flow import handoff as arrow

    current = session(ctx)
    lines = read_deals(current.app, file, currency=currency)
    told = arrow.tell(desk_of(current, dry_run=dry_run), lines)
    if as_json:
        counts = {"changed": told.changed, "unchanged": told.unchanged, "still_open": dict(told.open_)}
        show_json({**counts, "refused": told.refused})
        return
    for line, why in told.refused:
        say(f"line {line}: {why}")
    going = f", {told.open_.total()} still open ({', '.join(told.open_)})" if told.open_ else ""
    words = "would change" if dry_run else "changed"
    show(f"{told.changed} {words}, {told.unchanged} known{going}, {len(told.refused)} refused.")


def rejudge(
    ctx: typer.Context,
    *,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Responses since then.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Judge recorded responses again, after a rule changed: clicks, opens, and mails that are kept."""
    from nurture.flow import rejudge as judging
    from nurture.flow.shown import with_emails

    current = session(ctx)
    app = current.app
    after = moment(since, zone=app.policy.timezone, what="--since")
    done = judging.run(
        reader=app.mail_reader,
        new_id=app.clock.new_id,
        by=current.person,
        since=after,
        dry_run=dry_run,
        **current.common(),
    )
    if as_json:
        named = [
            {**asdict(one), "response": str(one.response), "lead": str(one.lead) if one.lead is not None else None}
            for one in done.changed
        ]
        with app.store.unit(write=False) as work:
            changed = with_emails(work, named)
        show_json({"looked_at": done.looked_at, "gone": done.gone, "changed": changed})
        return
    columns = ("at", "lead", "kind", "was", "now", "why")
    rows = [{name: getattr(one, name) for name in columns} for one in done.changed]
    show_rows(rows, columns, as_json=False, empty="Every verdict is the same as before.")
    gone = f" {done.gone} mails are no longer kept." if done.gone else ""
    words = "would change" if dry_run else "changed"
    say(f"{done.looked_at} judged again, {len(done.changed)} {words}.{gone}")
