"""company list, show, set, merge, alias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.choosing import pairs
from nurture.commands.context import AsJson, DryRun, session
from nurture.commands.output import show, show_json, show_rows

if TYPE_CHECKING:
    from nurture.domain.lead import Company

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name or domain.")]
FIELDS = ("name", "domain", "industry", "employees", "revenue", "country", "timezone", "fiscal_year_start")


def mount(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The employers of leads.")
    group.command("list")(list_companies)
    group.command("show")(show_company)
    group.command("set")(set_fields)
    group.command("merge")(merge)
    group.command("alias")(alias)
    app.add_typer(group, name="company")


def row_of(one: Company) -> dict[str, Any]:
    """A company as JSON has it."""
    return {"id": str(one.id), **{name: getattr(one, name) for name in FIELDS}}


def list_companies(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List companies."""
    from nurture.flow import companies

    rows = [row_of(one) | {"people": people} for one, people in companies.listed(store=session(ctx).app.store)]
    columns = ("id", "name", "domain", "industry", "employees", "country", "people")
    show_rows(rows, columns, as_json=as_json, empty="No companies.")


def show_company(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a company and its people."""
    from nurture.flow import companies

    current = session(ctx)
    one = companies.named(name, store=current.app.store)
    with current.app.store.unit(write=False) as work:
        people = work.leads.get(work.leads.of_company(one.id))
    shown = [
        {"lead": str(lead.id), "email": lead.email, "name": lead.name, "stage": lead.stage, "status": lead.status}
        for lead in people.values()
    ]
    if as_json:
        show_json(row_of(one) | {"people": shown})
        return
    for field, value in row_of(one).items():
        if value is not None:
            show(f"{field.replace('_', ' '):<18} {value}")
    for lead in people.values():
        show(f"{'lead':<18} {lead.name} ({lead.email or lead.id}), {lead.stage.replace('_', '-')}, {lead.status}")


def set_fields(
    ctx: typer.Context,
    name: Name,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="name, industry, employees...")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set fields of a company."""
    from nurture.flow import companies

    current = session(ctx)
    given = pairs(fields, what="field")
    after = companies.set_values(name, given, **current.common(), by=current.person, dry_run=dry_run)
    if as_json:
        show_json(row_of(after))
    else:
        words = ", ".join(f"{field} = {getattr(after, field)}" for field in given)
        show(f"{after.name}: {'would set ' if dry_run else ''}{words}")


def merge(
    ctx: typer.Context,
    name: Name,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The company that stays.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make two companies one."""
    from nurture.flow import companies

    current = session(ctx)
    other, people = companies.merge(name, into, **current.common(), by=current.person, dry_run=dry_run)
    if as_json:
        show_json(row_of(other) | {"moved": people})
    else:
        show(f"{'Would merge' if dry_run else 'Merged'} {name} into {other.name}: {people} people went along.")


def alias(
    ctx: typer.Context,
    name: Name,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="Another domain of it.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let a domain be another of a company."""
    from nurture.flow import companies

    current = session(ctx)
    one = companies.alias(name, domain, **current.common(), by=current.person, dry_run=dry_run)
    if as_json:
        show_json(row_of(one))
    else:
        show(f"{domain} {'would be' if dry_run else 'is'} {one.name}, too.")
