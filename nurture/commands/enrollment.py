"""enroll, pause, resume, stop, why; enrollment list."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nurture.commands.choosing import Where, condition, leads_of
from nurture.commands.context import AsJson, DryRun, LeadArgument, Session, moment, session
from nurture.commands.output import say, show, show_beside, show_json, show_rows
from nurture.domain.errors import RequestError, UnknownNameError

if TYPE_CHECKING:
    from nurture.domain.enrollment import Enrollment
    from nurture.domain.lead import Lead, LeadId
    from nurture.moves.entry import Answer

OneLead = Annotated[str | None, typer.Argument(metavar="[LEAD]", help="E-mail address or lead id.")]
NAMED: Final = 20  # of more who are refused, each reason is said once with how many
MAY_ENTER: Final = "may enter"
COLUMNS = ("id", "email", "cadence", "version", "step", "state", "next_at", "held_out")


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(enroll)
    app.command()(pause)
    app.command()(resume)
    app.command()(stop)
    app.command()(why)
    group = typer.Typer(no_args_is_help=True, help="Who is in which cadence.")
    group.command("list")(list_enrollments)
    app.add_typer(group, name="enrollment")


def enroll(
    ctx: typer.Context,
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="A lead; with --where, the cadence.")],
    cadence: Annotated[str | None, typer.Argument(metavar="CADENCE")] = None,
    *,
    where: Where = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Enroll a lead in a cadence by hand: its rate does not hold it back. With --where, only the CADENCE is named."""
    from nurture.flow import enroll as arrow

    current = session(ctx)
    if cadence is None:
        if where is None:
            raise RequestError("Which cadence?", hint="Write: nurture enroll LEAD CADENCE")
        _enroll_where(current, where, lead, dry_run=dry_run, as_json=as_json)
        return
    [person] = leads_of(current, lead, where)
    answers = arrow.by_hand([person.id], cadence, by=current.person, dry_run=dry_run, **current.common())
    answer = answers[person.id]
    if as_json:
        show_json([_asked(person.id, person.email, cadence, answer)])
    elif answer.may_enter:
        show(f"1 {'would be ' if dry_run else ''}enrolled in {cadence}.")
    else:
        say(f"{person.email or person.id}: {answer.text}")
    in_it_already = answer.code == "exclusive" and f"in {cadence} already" in answer.text
    if not answer.may_enter and not in_it_already:  # nothing left to do is no refusal
        raise typer.Exit(1)


def _enroll_where(current: Session, where: str, cadence: str, *, dry_run: bool, as_json: bool) -> None:
    """Everybody for whom it holds. Of many who are refused, they are counted by reason."""
    from nurture.flow import enroll as arrow

    chosen = condition(where)
    assert chosen is not None
    taken, few, rows = 0, list[str](), list[dict[str, Any]]()
    reasons: Counter[str] = Counter()
    for batch in arrow.by_hand_where(chosen, cadence, by=current.person, dry_run=dry_run, **current.common()):
        taken += batch.enrolled
        for lead, email, answer in batch.refused:
            reasons[answer.text] += 1
            if len(few) <= NAMED:
                few.append(f"{email or lead}: {answer.text}")
        if as_json:
            refused = {lead: answer for lead, _, answer in batch.refused}
            with current.app.store.unit(write=False) as work:
                known = work.leads.reach(batch.leads)
            rows += [_asked(one, known[one][0], cadence, refused.get(one)) for one in batch.leads]
    if as_json:
        show_json(rows)
        return
    for line in few if len(few) <= NAMED else (f"{many:,} leads: {text}" for text, many in reasons.most_common()):
        say(line)
    show(f"{taken} {'would be ' if dry_run else ''}enrolled in {cadence}.")


def _asked(lead: LeadId, email: str | None, cadence: str, answer: Answer | None) -> dict[str, Any]:
    return {
        "lead": str(lead),
        "email": email,
        "cadence": cadence,
        "enrolled": answer is None or answer.may_enter,
        "code": (answer.code if answer else None) or None,
        "text": answer.text if answer else MAY_ENTER,
        "clears_at": answer.clears_at if answer else None,
    }


def pause(
    ctx: typer.Context,
    lead: OneLead = None,
    *,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="A date, 2027-01-15; else until resumed.")] = None,
    where: Where = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Stop touching a lead for a while, in every cadence it is in. What is left of each wait is kept."""
    from nurture.flow import enroll as arrow

    current = session(ctx)
    when = moment(until, zone=current.app.policy.timezone, what="--until")
    people = leads_of(current, lead, where)
    ids = [one.id for one in people]
    done = arrow.pause(ids, until=when, store=current.app.store, now=current.now(), by=current.person, dry_run=dry_run)
    words = f"paused until {when:%Y-%m-%d}" if when else "paused until resumed"
    _tell(current, done, people, words, dry_run=dry_run, as_json=as_json)


def resume(
    ctx: typer.Context,
    lead: OneLead = None,
    *,
    where: Where = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let a lead go on that somebody paused. Other reasons for a pause (an open offer, a reply) stay."""
    from nurture.flow import enroll as arrow

    current = session(ctx)
    people = leads_of(current, lead, where)
    ids = [one.id for one in people]
    done = arrow.resume(ids, store=current.app.store, now=current.now(), by=current.person, dry_run=dry_run)
    _tell(current, done, people, "resumed", dry_run=dry_run, as_json=as_json)
    if not as_json:
        for one in done:
            if one.pauses:
                say(f"{one.cadence} stays paused: {', '.join(one.pauses).replace('_', ' ')}.")


def stop(
    ctx: typer.Context,
    lead: OneLead = None,
    cadence: Annotated[str | None, typer.Argument(metavar="[CADENCE]", help="Else all of them.")] = None,
    *,
    where: Where = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """End the enrollments of a lead, all or those in one cadence. With --where, the first argument is the CADENCE."""
    from nurture.flow import enroll as arrow

    current = session(ctx)
    if where is not None and cadence is None:
        lead, cadence = None, lead
    if cadence is not None and cadence not in (known := current.app.rules.in_force().versions):
        raise UnknownNameError("cadence", cadence, sorted(known), otherwise="Run: nurture cadence list")
    people = leads_of(current, lead, where)
    done = arrow.stop(
        [one.id for one in people],
        cadence=cadence,
        store=current.app.store,
        now=current.now(),
        by=current.person,
        dry_run=dry_run,
    )
    _tell(current, done, people, "stopped", dry_run=dry_run, as_json=as_json)


def _tell(
    current: Session, done: list[Enrollment], people: list[Lead], words: str, *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        show_json(rows_of(current, done))
        return
    names = {one.id: one.email or one.name for one in people}
    for one in done:
        show(f"{names.get(one.lead, one.lead)}: {one.cadence} {'would be ' if dry_run else ''}{words}")
    if not done:
        say("Nothing to do: no such enrollment is open.")


def rows_of(current: Session, enrollments: list[Enrollment]) -> list[dict[str, Any]]:
    """Enrollments as JSON has them."""
    from nurture.flow.shown import enrollment_rows

    with current.app.store.unit(write=False) as work:
        return enrollment_rows(work, current.app.rules.in_force(), enrollments)


def list_enrollments(
    ctx: typer.Context,
    *,
    lead: Annotated[str | None, typer.Option(metavar="LEAD", help="Of one lead.")] = None,
    cadence: Annotated[str | None, typer.Option(metavar="NAME", help="In one cadence.")] = None,
    as_json: AsJson = False,
) -> None:
    """List enrollments."""
    current = session(ctx)
    who = current.lead(lead).id if lead is not None else None
    if cadence is not None and cadence not in (known := current.app.rules.in_force().versions):
        raise UnknownNameError("cadence", cadence, sorted(known), otherwise="Run: nurture cadence list")
    with current.app.store.unit(write=False) as work:
        found = work.enrollments.select(lead=who, cadence=cadence)
    show_rows(rows_of(current, found), COLUMNS, as_json=as_json, empty="No enrollments.")


def why(ctx: typer.Context, lead: LeadArgument, *, as_json: AsJson = False) -> None:
    """Why a lead is or is not in a cadence, was or was not contacted, is or is not with sales."""
    from nurture.flow import why as arrow

    current = session(ctx)
    person = current.lead(lead)
    answers = arrow.why(person.id, **current.common())
    if as_json:
        show_json(answers)
        return
    show(f"{person.name}: {person.status}, {person.stage.replace('_', '-')}")
    titles = {"enrollment": "Cadences", "touch": "Touches", "promotion": "Sales"}
    for about, title in titles.items():
        found = [one for one in answers if one.about == about]
        if found:
            show(f"\n{title}")
        for one in found:
            version = f", version {one.version}" if one.version else ""
            place = f"  [{one.place}{version}]" if one.place else ""
            show_beside(f"  {one.code:<18} ", f"{one.text}{place}")
            if one.missing:
                show_beside(f"  {'':<18} ", f"missing: {', '.join(one.missing)}")
            until = f"{one.clears_at:%Y-%m-%d %H:%M} UTC" if one.clears_at is not None else ""
            if one.clears_at is not None and one.clears_at > current.now() and until not in one.text:
                show(f"  {'':<18} not before {until}")
