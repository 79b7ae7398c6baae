"""lead: look at leads, change one, merge two, leave one alone, forget one. Files in and out: lead_files."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands import lead_consent, lead_files
from nurture.commands.choosing import Where, condition, pairs
from nurture.commands.context import AsJson, DryRun, LeadArgument, session
from nurture.commands.output import say, show, show_beside, show_json, show_rows
from nurture.domain.errors import RequestError

if TYPE_CHECKING:
    from nurture.domain.scoring import Worth
    from nurture.flow.looking import Listed

COLUMNS = ("id", "email", "first_name", "last_name", "company", "status", "stage", "score")


def mount(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Leads: in, out, and what is known about them.")
    lead_files.mount(group)
    group.command("list")(list_leads)
    group.command("show")(show_lead)
    group.command("timeline")(timeline)
    group.command("score")(score)
    group.command("merge")(merge)
    group.command("set")(set_fields)
    group.command("fact")(fact)
    group.command("consent")(lead_consent.consent)
    group.command("suppress")(suppress)
    group.command("forget")(forget)
    app.add_typer(group, name="lead")


def row_of(one: Listed) -> dict[str, Any]:
    """A lead as JSON has it: its id and every flat name."""
    return {"id": str(one.lead.id), **one.names}


def list_leads(
    ctx: typer.Context,
    *,
    where: Where = None,
    idle: Annotated[bool, typer.Option("--idle", help="Those for whom nothing is planned.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, max=10**9, help="At most so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """List leads, all or those for which a condition holds."""
    from nurture.flow import looking

    current = session(ctx)
    rules = current.app.rules.in_force()
    found = looking.listed(
        condition(where), store=current.app.store, rules=rules, now=current.now(), idle=idle, limit=limit
    )
    rows = [row_of(one) for one in found]
    if as_json:
        show_json(rows)
    else:
        shown = [{**row, "score": round(row["score"])} for row in rows]
        show_rows(shown, COLUMNS, as_json=False, empty="No idle leads." if idle else "No leads.")


def show_lead(ctx: typer.Context, lead: LeadArgument, *, as_json: AsJson = False) -> None:
    """Show all that is known of one lead."""
    from nurture.flow import looking

    current = session(ctx)
    person = current.lead(lead)
    rules = current.app.rules.in_force()
    (found,) = looking.listed(None, store=current.app.store, rules=rules, now=current.now(), only=[person.id])
    with current.app.store.unit(write=False) as work:
        facts = work.leads.facts([person.id]).get(person.id, [])
        scopes = work.suppressions.scopes({one for one in (person.listed_as, person.phone) if one})
        open_ = work.enrollments.open_of([person.id]).get(person.id, [])
    row = row_of(found) | {
        "do_not_call": person.do_not_call,
        "returns_at": person.returns_at,
        "suppressed": sorted({scope for many in scopes.values() for scope in many}),
        "consent": found.consent,
        "cadences": [one.cadence for one in open_],
        "facts": facts,
    }
    if as_json:
        show_json(row)
        return
    known = {one.name.value for one in facts}
    for name, value in row.items():
        if name not in ("facts", "consent") and value not in (None, "", [], False) and name not in known:
            show(f"{name.replace('_', ' '):<16} {_spoken(value)}")
    if found.consent is not None:
        show(f"{'consent':<16} {found.consent.basis} since {found.consent.at:%Y-%m-%d} ({found.consent.source})")
    for one in facts:
        name = one.name.replace("_", " ")
        show(f"{name:<16} {one.value}  [{one.source}, {one.at:%Y-%m-%d}, {one.confidence}]")


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def timeline(ctx: typer.Context, lead: LeadArgument, *, as_json: AsJson = False) -> None:
    """Everything that happened to a lead, oldest first."""
    from nurture.domain import calendar
    from nurture.flow import looking

    current = session(ctx)
    person = current.lead(lead)
    entries = looking.history(person.id, store=current.app.store)
    if as_json:
        show_json(entries)
        return
    company = person.company.timezone if person.company else None
    zone = calendar.zone(person.timezone or company or current.app.policy.timezone)
    if not entries:
        say(f"Nothing has happened to {person.name} yet.")
    else:
        say(f"Times of day in {zone.key}.")
    for one in entries:
        grade = f"  [{one.grade.replace('_', ' ')}]" if one.grade and one.grade != "human" else ""
        head = f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}  {one.what.replace('_', ' '):<12}  "
        show_beside(head, f"{one.text}{grade}")


def score(ctx: typer.Context, lead: LeadArgument, *, as_json: AsJson = False) -> None:
    """The score of a lead with its reasons."""
    from nurture.flow import looking

    current = session(ctx)
    person = current.lead(lead)
    found = looking.score(person.id, **current.common())
    if as_json:
        show_json(
            {
                "lead": str(person.id),
                "email": person.email,
                "score": found.score,
                "fit": found.fit,
                "engagement": found.engagement,
                "stage": person.stage,
                "ledger": found.ledger,
            }
        )
        return
    show(f"{person.name}: {found.score:.0f} points, {person.stage.replace('_', '-')}")
    show(f"\nFit {found.fit:.0f}: who they are")
    for line in found.ledger:
        if line.kind == "fit":
            show(f"  {line.points:+.0f} {line.because}")
    show(f"\nEngagement {found.engagement:.0f}: what they did")
    for line in found.ledger:
        if line.kind != "fit":
            show(f"  {reason(line, current.now())}")
    if not found.ledger:
        say("Nothing speaks for or against this lead yet.")


def reason(line: Worth, now: datetime) -> str:
    """A line of the ledger as a person says it: +25 answered on 3 Mar, worth 11 today."""
    if line.at is None:
        return f"{line.worth:+.0f} {line.because}"
    year = f" {line.at:%Y}" if line.at.year != now.year else ""
    return f"{line.points:+.0f} {line.because} on {line.at.day} {line.at:%b}{year}, worth {line.worth:.0f} today"


def merge(
    ctx: typer.Context,
    lead: LeadArgument,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The lead that stays.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make two leads one. History and old addresses go along; a suppression stays."""
    from nurture.flow import persons

    current = session(ctx)
    one, other = current.lead(lead), current.lead(into)
    made = persons.merge(one.id, other.id, by=current.person, dry_run=dry_run, **current.common())
    if as_json:
        email = one.email if "email" in made.filled else other.email
        about = {"lead": str(other.id), "email": email, "merged": str(one.id)}
        show_json({**about, "filled": made.filled, "ended": made.ended})
        return
    show(f"{'Would merge' if dry_run else 'Merged'} {one.name} ({one.id}) into {other.name} ({other.id}).")
    if made.filled:
        say(f"Taken over: {', '.join(name.replace('_id', '').replace('_', ' ') for name in made.filled)}.")
    if made.ended:
        say(f"Ended, because the other lead is in a cadence: {', '.join(made.ended)}.")


def set_fields(
    ctx: typer.Context,
    lead: LeadArgument,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="x.NAME for fields of your own.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set fields of a lead; no file replaces what a person set. An empty value clears a field."""
    from nurture.flow import leads

    current = session(ctx)
    person = current.lead(lead)
    country = person.country or (person.company.country if person.company else None)
    values = leads.read_values(
        pairs(fields, what="field"), phone=lambda text, given: current.app.read_phone(text, given or country)
    )
    leads.set_values(person.id, values, by=current.person, dry_run=dry_run, **current.common())
    if as_json:
        show_json({"lead": str(person.id), "email": person.email, "set": values})
    else:
        words = ", ".join(f"{name} = {'nothing' if value is None else value}" for name, value in values.items())
        show(f"{person.name}: {'would set ' if dry_run else ''}{words}")


def fact(
    ctx: typer.Context,
    lead: LeadArgument,
    facts: Annotated[list[str], typer.Argument(metavar="NAME=VALUE", help="budget, timeline, people, pain_points...")],
    *,
    source: Annotated[str, typer.Option(help="Where it is from: call, reply, meeting...")] = "by hand",
    confidence: Annotated[str, typer.Option(help="stated, inferred or guess.")] = "stated",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write down what was learned about the purchase; older statements stay."""
    from nurture.flow import leads

    current = session(ctx)
    person = current.lead(lead)
    given = pairs(facts, what="fact")
    learned = leads.learn(
        person.id,
        given,
        source=source,
        confidence=confidence,
        by=current.person,
        dry_run=dry_run,
        **current.common(),
    )
    if as_json:
        show_json({"lead": str(person.id), "email": person.email, "facts": learned})
    else:
        for one in learned:
            show(f"{person.name}: {one.name.replace('_', ' ')}: {one.value} ({one.source}, {one.confidence})")


def suppress(
    ctx: typer.Context,
    lead: LeadArgument,
    *,
    scope: Annotated[str, typer.Option(help="all, email or phone.")] = "all",
    reason: Annotated[str, typer.Option(help="Why.")] = "by hand",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Contact a lead no more. It outlives deletion and import."""
    from nurture.flow import leads

    current = session(ctx)
    person = current.lead(lead)
    new = leads.suppress(
        person.id,
        scope=scope,
        reason=reason,
        store=current.app.store,
        now=current.now(),
        by=current.person,
        dry_run=dry_run,
    )
    if as_json:
        show_json([{"address": one.address, "scope": one.scope, "reason": one.reason, "at": one.at} for one in new])
    elif new:
        words = "Would be suppressed" if dry_run else "Suppressed"
        show(f"{words} ({scope}): {', '.join(one.address for one in new)}")
    else:
        show(f"{person.name} is suppressed already.")


def forget(
    ctx: typer.Context,
    lead: LeadArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; it cannot be undone.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person everywhere. Only a keyed hash stays, so that nobody writes to them again."""
    from nurture.flow import persons

    current = session(ctx)
    person = current.lead(lead)
    asks = not (yes or dry_run) and sys.stdin is not None and sys.stdin.isatty()  # a script means what it says
    if asks and not typer.confirm(f"Erase {person.name} for good?", err=True, default=False):
        raise RequestError("Nothing was erased.", hint="Say yes, or give --yes.")
    app = current.app
    done = persons.forget(
        person.id, store=app.store, book=app.forgotten, now=current.now(), by=current.person, dry_run=dry_run
    )
    if as_json:
        show_json({"lead": str(person.id), "sealed": done.sealed, "out_of_reach": done.out_of_reach})
        return
    show(f"Lead {person.id} {'would be' if dry_run else 'is'} erased; {done.sealed} addresses stay suppressed by hash.")
    say("Out of our reach:")
    for one in done.out_of_reach:
        say(f"- {one}")
