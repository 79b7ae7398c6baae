"""report sources, funnel, cadences, limits, handoffs, agreement."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, Final

import typer

from nurture.commands.context import AsJson, Session, session
from nurture.commands.output import plain, say, show, show_json, show_rows
from nurture.domain.errors import RequestError

AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page.")]
Rows = Sequence[Mapping[str, Any]]
_SHARES: Final = frozenset({"of_all", "of_previous", "likely", "expected", "lift", "accepted_lift"})
_COSTS: Final = ("cost_per_lead", "cost_per_accepted", "cost_per_won")


def mount(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="What became of leads, and of what was sent.")
    for command in (sources, funnel, cadences, limits, handoffs, agreement):
        group.command()(command)
    app.add_typer(group, name="report")


def _print(
    current: Session,
    name: str,
    rows: Rows,
    columns: Sequence[str],
    *,
    as_json: bool,
    as_csv: bool,
    html: Path | None,
    empty: str,
    short: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> None:
    """`short`: the columns that a screen has room for; `notes`: the statistics, in words below the table."""
    if html is not None:
        from nurture.reporting import results

        _write(html, results.html(name, rows, columns, at=current.now()))
    if as_json:
        show_json(list(rows))
    elif as_csv:
        from nurture.domain.spreadsheet import cell

        names = list(rows[0]) if rows else list(columns)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[cell(plain(_counts(row.get(name)))) for name in names] for row in rows])
    elif html is None:
        show_rows([_in_words(row) for row in rows], short or columns, as_json=False, empty=empty)
        if rows and short:
            more = "Every column: --csv or --json. A page with charts: --html FILE."
            show("\n" + "\n".join(fill(note, 79, subsequent_indent="  ") for note in (*notes, more)))


def _in_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """As a person writes it: counts by name (no_fit 3, unreachable 1), shares in percent, amounts with currency."""
    told = {key: _counts(value) for key, value in row.items()}
    told |= {key: f"{row[key]:.0%}" for key in _SHARES & row.keys() if row[key] is not None}
    amounts = [key for key in ("value", "cost", *_COSTS) if row.get(key)]
    return told | {key: f"{row[key]:,.0f} {row.get('currency') or ''}".rstrip() for key in amounts}


def _counts(value: Any) -> Any:
    """Counts by name as one text, anything else as it is."""
    return ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, Mapping) else value


def _bounds(row: Mapping[str, Any]) -> str:
    return f"{row['low']:.0%} to {row['high']:.0%}"


def sources(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """Each source judged by what sales accepted and won. `low` and `high` bound the share of accepted leads.

    `likely`: that share, small sources pulled toward all; `expected`: once every lead had its time; `reliability`: how
    far its data can be trusted, as sources.yaml says.
    """
    from nurture.flow import sources as arrow

    current = session(ctx)
    rows = arrow.sources(store=current.app.store, rules=current.app.rules.in_force(), now=current.now())
    columns = (
        *("source", "leads", "contacted", "near_term", "offered", "accepted", "rejected", "won", "value", "cost"),
        *(
            "currency",
            "cost_per_lead",
            "cost_per_accepted",
            "cost_per_won",
            "return",
            "low",
            "high",
            "likely",
            "expected",
            "reliability",
            "verdict",
        ),
    )
    empty = "No leads and no sources."
    short = ("source", "leads", "accepted", "won", "cost_per_accepted", "verdict")
    notes = [
        f"{row['source']}: {row['accepted']} of {row['leads']} accepted; from so many one may expect {_bounds(row)}."
        for row in rows
        if row["leads"]
    ]
    _print(
        current,
        "sources",
        rows,
        columns,
        as_json=as_json,
        as_csv=as_csv,
        html=html,
        empty=empty,
        short=short,
        notes=notes,
    )


def funnel(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """How many leads came how far."""
    from nurture.flow import sources as arrow

    current = session(ctx)
    rows = arrow.funnel(store=current.app.store)
    columns = ("step", "leads", "of_all", "of_previous")
    _print(current, "funnel", rows, columns, as_json=as_json, as_csv=as_csv, html=html, empty="No leads.")


def cadences(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """What each cadence did. `lift`: how much more of those in it reached near-term than of those held out."""
    from nurture.flow import cadence_results as arrow

    current = session(ctx)
    rows = arrow.cadences(store=current.app.store, rules=current.app.rules.in_force())
    columns = (
        *("cadence", "version", "enrolled", "active", "paused", "done", "stopped", "goal_met", "held_out", "sent"),
        *("tasks_done", "skipped", "clicked", "replied", "near_term", "accepted", "lift", "low", "high", "verdict"),
        *("accepted_lift", "accepted_verdict"),
    )
    short = ("cadence", "enrolled", "held_out", "sent", "replied", "near_term", "accepted", "lift", "verdict")
    notes = [
        f"{row['cadence']}: the lift to near-term lies between {_bounds(row)}; to accepted: {row['accepted_verdict']}."
        for row in rows
        if row["low"] is not None
    ]
    _print(
        current,
        "cadences",
        rows,
        columns,
        as_json=as_json,
        as_csv=as_csv,
        html=html,
        empty="No cadences.",
        short=short,
        notes=notes,
    )


def limits(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """What waits and until when, what was not made, and why."""
    from nurture.flow import held_back as arrow

    current = session(ctx)
    rows = arrow.limits(store=current.app.store, now=current.now())
    columns = ("reason", "state", "touches", "leads", "oldest_due_at", "late_days", "next_at", "until")
    _print(current, "limits", rows, columns, as_json=as_json, as_csv=as_csv, html=html, empty="Nothing is held back.")


def handoffs(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """What became of what each rep was offered."""
    from nurture.flow import reports as arrow
    from nurture.reporting.results import STANDS

    current = session(ctx)
    rows = arrow.handoffs(store=current.app.store, rules=current.app.rules.in_force())
    states = ("offered", "accepted", "rejected", "expired", "won", "lost")
    columns = ("rep", "handed", *states, "answer_hours", "reasons")
    told = [_in_words(row) for row in rows if row["reasons"]]
    why = [f"{row['name'] or row['rep']} rejected: {row['reasons'].replace('_', ' ')}." for row in told]
    _print(
        current,
        "handoffs",
        rows,
        columns,
        as_json=as_json,
        as_csv=as_csv,
        html=html,
        empty="Nothing was handed over.",
        short=("rep", "handed", *states, "answer_hours"),
        notes=[*why, STANDS],
    )


def agreement(ctx: typer.Context, *, as_csv: AsCsv = False, html: Html = None, as_json: AsJson = False) -> None:
    """What became of what marketing and sales agreed, by month, and one change to it as a diff, backtested."""
    from nurture.flow import agreement as arrow

    current = session(ctx)
    app = current.app
    rules = app.rules.in_force()
    made = arrow.page(store=app.store, rules=rules, now=current.now(), check=app.read_readiness)
    found, readiness = made.proposal, rules.workspace.readiness
    by = f" by {', '.join(readiness.agreed_by)}" if readiness.agreed_by else ""
    agreed = f"Agreed on {readiness.agreed_on}{by}." if readiness.agreed_on else "No date of the agreement is given."
    if html is not None:
        from nurture.reporting import agreement as drawn

        sentence, text = found.sentence if found else None, app.applied_text("readiness.yaml")
        page = drawn.html(made.months, sentence, made.diff, agreed=agreed, file=text, at=current.now())
        _write(html, page)
    if as_json:
        proposal = None
        if found is not None:
            counts = {name: getattr(found, name) for name in ("offered", "rejects", "dropped", "lost", "accepted")}
            proposal = {"words": found.sentence, **counts, "diff": made.diff}
        said = {"on": readiness.agreed_on, "by": readiness.agreed_by}
        show_json({"agreed": said, "months": made.months, "proposal": proposal})
        return
    columns = (
        *("month", "promoted", "accepted", "rejected", "won", "lost", "unanswered", "answer_hours", "contact_hours"),
        "reasons",
    )
    empty = "Nothing was offered to sales in the past year."
    if as_csv or html is None:
        _print(current, "agreement", made.months, columns, as_json=False, as_csv=as_csv, html=None, empty=empty)
    if html is None and not as_csv:
        show(f"\n{agreed.strip()}")
        show(
            "\n"
            + (found.sentence if found else "No change is proposed: nothing that was rejected has enough in common.")
        )
        if found is not None:
            show(made.diff or "Change readiness.yaml by hand: it is written in a way that we cannot change a line of.")


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise RequestError(f"{file} cannot be written: {problem.strerror}.", hint="Name another file.") from problem
    say(f"The page: {file}")
