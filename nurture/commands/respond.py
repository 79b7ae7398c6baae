"""respond: what a lead did, written down by hand; and what a person is told after any response."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nurture.commands.choosing import word
from nurture.commands.context import AsJson, DryRun, LeadArgument, Session, day_or_moment, moment, session
from nurture.commands.output import say, show, show_json
from nurture.domain.errors import RequestError


def mount(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(respond)


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
    theirs = current.zone_of(person)
    back = day_or_moment(until, zone=theirs, what="--until")
    if back is not None and chosen is not Kind.AUTO_REPLY:  # of an absence that is over one may still be told
        refuse_past(back, current.now(), calendar.zone(theirs))
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
    mails = arrow.mails_answered(chosen, person.id, at=when, store=current.app.store) if touch is None else []
    if len(mails) == 1:  # with several, nobody guesses
        touch = mails[0]
    report = arrow.Report(chosen, when, person.id, touch, detail=kept, why="recorded by hand")
    (recorded,) = arrow.record(
        [report],
        new_id=current.app.clock.new_id,
        by=current.person,
        dry_run=dry_run,
        **current.common(),
    )
    tell_recorded(
        current, recorded.lead, recorded.response, recorded.note, dry_run=dry_run, as_json=as_json, task=touch
    )
    if len(mails) > 1 and not as_json:
        say("It counts for the lead and for none of their mails. Name one with --touch: nurture touch list --lead LEAD")


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


def tell_recorded(
    current: Session,
    lead: int | None,
    response: int | None,
    note: str,
    *,
    dry_run: bool,
    as_json: bool,
    task: str | None = None,
) -> None:
    """Where the lead stands after a response, and all that followed from it."""
    if not dry_run:
        current.follow_up()
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
        stage = person.stage.replace("_", "-")
        points = person.fit + person.engagement
        show(f"Recorded. {person.name} is {stage}, {points:.0f} points, {person.status}.")
        if note:
            show(f"{note[:1].upper()}{note[1:]}.")
