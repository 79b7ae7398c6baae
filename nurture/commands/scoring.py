"""scoring fit, scoring compare: points from past outcomes, and another scoring.yaml judged by them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nurture.commands.context import AsJson, Session, moment, session
from nurture.commands.output import say, show, show_json, show_rows
from nurture.domain.errors import RequestError

Outcomes = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Past outcomes, one lead a row; else the handoffs that sales answered."),
]
Outcome = Annotated[
    str | None, typer.Option("--outcome", metavar="COLUMN", help="The column of FILE that says how it turned out.")
]
At = Annotated[str | None, typer.Option("--at", metavar="COLUMN", help="The column of FILE with the date.")]
Never = Annotated[
    list[str] | None, typer.Option("--never", metavar="COLUMN", help="A column of FILE that is known only afterwards.")
]


def mount(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Scoring rules against past outcomes.")
    group.command()(fit)
    group.command()(compare)
    app.add_typer(group, name="scoring")


def _outcomes(current: Session, file: Path | None, **columns: Any) -> Any:
    if file is None:
        return None
    read = current.app.read_outcomes(file, **columns)
    for note in read.notes:
        say(note)
    return read.examples


def fit(
    ctx: typer.Context,
    *,
    outcomes: Outcomes = None,
    outcome: Outcome = None,
    at: At = None,
    never: Never = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Learn only from what came before; later outcomes can judge it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose points, learned from past outcomes, as a scoring.yaml. Puts nothing in force."""
    from nurture.flow import scoring_fit as arrow

    current = session(ctx)
    examples = _outcomes(current, outcomes, outcome=outcome, at=at, never=never or ())
    learn = current.app.learn
    made = arrow.fit(
        learn=learn,
        store=current.app.store,
        rules=current.app.rules.in_force(),
        outcomes=examples,
        until=moment(until, zone=current.app.policy.timezone, what="--until"),
    )
    for name, why in made.leaks.items():
        say(f"Not used: {name}, {why}.")
    if as_json:
        bands = [
            {
                "feature": band.feature,
                "points": band.points,
                "when": band.condition,
                "leads": band.leads,
                "good": band.good,
                "because": band.because,
            }
            for band in made.table.bands
        ]
        show_json(
            {
                "leads": made.table.leads,
                "good": made.table.good,
                "ahead": made.ahead,
                "points": bands,
                "not_used": [{"feature": name, "because": why} for name, why in made.leaks.items()],
                "scoring": made.text,
            }
        )
    else:
        show(made.text)


def compare(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Another scoring.yaml.")],
    *,
    outcomes: Outcomes = None,
    outcome: Outcome = None,
    at: At = None,
    never: Never = None,
    capacity: Annotated[
        int | None, typer.Option(min=1, help="Leads that sales takes in a month; else as many as it took.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge another scoring.yaml by past outcomes, beside the one in force. Promotes nobody."""
    from nurture.flow import scoring_compare as arrow

    current = session(ctx)
    examples = _outcomes(current, outcomes, outcome=outcome, at=at, never=never or ())
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        because = problem.strerror if isinstance(problem, OSError) else problem
        raise RequestError(f"{file} cannot be read: {because}.", hint="Name a scoring.yaml.") from problem
    rules = current.app.rules.in_force()
    made = arrow.compare(
        current.app.read_scoring(text, file.name),
        store=current.app.store,
        rules=rules,
        now=current.now(),
        outcomes=examples,
        capacity=capacity,
        learned_until=arrow.learned_until(text),
    )
    if as_json:
        show_json(made)
        return
    for line in made.words:
        show(line)
    columns = (
        "period",
        "leads",
        "good",
        "taken",
        "hits",
        "new_hits",
        "expected",
        "lift",
        "new_lift",
        "recall",
        "new_recall",
    )
    show_rows(made.periods, columns, as_json=False)
    for title, rows in (("Promotions gained", made.gained), ("Promotions lost", made.lost)):
        if rows:
            show(f"\n{title}")
            show_rows(rows, ("lead", "email", "at", "outcome", "reason"), as_json=False)
