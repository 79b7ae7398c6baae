"""report sources, funnel, cadences, limits, handoffs, agreement."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Annotated, Any

import typer

from nurture.commands.context import AsJson, session
from nurture.commands.output import plain, say, show_json, show_rows
from nurture.domain.errors import RequestError

AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page.")]
Rows = Sequence[Mapping[str, Any]]


def mount(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="What became of leads, and of what was sent.")
    for command in (sources, funnel, cadences, limits, handoffs, agreement):
        group.command()(command)
    app.add_typer(group, name="report")


def _print(
    title: str, rows: Rows, columns: Sequence[str], *, as_json: bool, as_csv: bool, html: Path | None, empty: str
) -> None:
    if html is not None:
        try:
            html.write_text(_page(title, rows, columns), encoding="utf-8")
        except OSError as problem:
            raise RequestError(f"{html} cannot be written: {problem.strerror}.", hint="Name another file.") from problem
        say(f"The page: {html}")
    if as_json:
        show_json(list(rows))
    elif as_csv:
        from nurture.domain.spreadsheet import cell

        names = list(rows[0]) if rows else list(columns)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[cell(plain(row.get(name))) for name in names] for row in rows])
    elif html is None:
        show_rows(rows, columns, as_json=False, empty=empty)


def _page(title: str, rows: Rows, columns: Sequence[str]) -> str:
    """A page that needs nothing else."""
    head = "".join(f"<th scope=col>{escape(name.replace('_', ' '))}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(row.get(name)))}</td>" for name in columns) + "</tr>" for row in rows
    )
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:75rem}table{border-collapse:collapse}"
        "th,td{padding:.35rem .8rem;border-bottom:1px solid #ccc;text-align:left}"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{style}</style>"
        f"<h1>{escape(title)}</h1><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></html>\n"
    )


def _cell(value: Any) -> str:
    shown = plain(value)
    if shown is None:
        return ""
    if isinstance(shown, dict):
        return ", ".join(f"{name} {count}" for name, count in shown.items())
    return f"{shown:g}" if isinstance(shown, float) else str(shown)


def sources(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """Each source judged by what sales accepted and won. `low` and `high` bound the rate of accepted leads."""
    from nurture.flow import reports

    rows = reports.sources(**session(ctx).common())
    columns = (
        *("source", "leads", "contacted", "near_term", "offered", "accepted", "rejected", "won", "value", "cost"),
        *("currency", "cost_per_accepted", "return", "low", "high", "verdict"),
    )
    _print("Sources", rows, columns, as_json=as_json, as_csv=as_csv, html=html, empty="No leads and no sources.")


def funnel(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """How many leads came how far."""
    from nurture.flow import reports

    current = session(ctx)
    rows = reports.funnel(store=current.app.store, now=current.now())
    columns = ("step", "leads", "of_all", "of_previous")
    _print("Funnel", rows, columns, as_json=as_json, as_csv=as_csv, html=html, empty="No leads.")


def cadences(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """What each cadence did."""
    from nurture.flow import reports

    current = session(ctx)
    rows = reports.cadences(store=current.app.store, rules=current.app.rules.in_force())
    columns = (
        *("cadence", "version", "enrolled", "active", "paused", "done", "stopped", "goal_met", "held_out"),
        *("sent", "tasks_done", "skipped", "replied"),
    )
    _print("Cadences", rows, columns, as_json=as_json, as_csv=as_csv, html=html, empty="No cadences.")


def limits(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """What waits or was not made, and why."""
    from nurture.flow import reports

    current = session(ctx)
    rows = reports.limits(store=current.app.store, now=current.now())
    columns = ("reason", "state", "touches", "oldest_due_at", "late_days")
    _print("Limits", rows, columns, as_json=as_json, as_csv=as_csv, html=html, empty="Nothing is held back.")


def handoffs(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """What each rep did with what was offered."""
    from nurture.flow import reports

    current = session(ctx)
    rows = reports.handoffs(store=current.app.store, rules=current.app.rules.in_force())
    columns = (
        *("rep", "handed", "offered", "accepted", "rejected", "expired", "won", "lost", "answer_hours", "reasons"),
    )
    _print("Handoffs", rows, columns, as_json=as_json, as_csv=as_csv, html=html, empty="Nothing was handed over.")


def agreement(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """How marketing and sales keep what they agreed. Not there yet."""
    raise RequestError("This report is not there yet.", hint="See: nurture report handoffs")
