"""demo: a year of nurture in about a minute, its progress on stderr and what it came to on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.context import AsJson
from nurture.commands.output import say, show, show_beside, show_json
from nurture.commands.workspace import make

if TYPE_CHECKING:
    from rich.console import Console

    from nurture.daemon.demo import Demo, Numbers
    from nurture.daemon.demo import Progress as Moment
    from nurture.daemon.demo.year import Watch


def demo(
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 1,
    leads: Annotated[int, typer.Option(min=20, max=5000, help="How many leads.")] = 200,
    days: Annotated[int, typer.Option(min=30, max=1100, help="How many days.")] = 365,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the workspace and the report here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Live through a year of nurture in a minute, on a throwaway database and a local mail server."""
    from nurture.daemon import demo as show_case

    if sys.stderr.isatty():
        say(f"{leads} invented leads, {days} days. The mail server is real, and on this machine.")
    with _progress() as watch:
        lived = show_case.run(seed=seed, leads=leads, days=days, keep=keep, make_workspace=make, watch=watch)
    if as_json:
        show_json(_as_json(lived))
    else:
        _print(lived)


@contextmanager
def _progress() -> Iterator[Watch]:
    """A bar on a terminal, else a line for each month."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.fields[day]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[sent]} sent, {task.fields[promoted]} promoted"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=1.0, day="preparing", sent=0, promoted=0)

            def draw(at: Moment) -> None:
                day = f"{at.at:%d %b %Y}"
                bar.update(task, completed=at.done, day=day, sent=at.sent, promoted=at.promoted)

            yield draw
        return
    months: set[str] = set()

    def tell(at: Moment) -> None:
        month = f"{at.at:%Y-%m}"
        if month not in months:
            months.add(month)
            say(f"{at.at:%Y-%m-%d}  {at.sent} sent, {at.promoted} promoted")

    yield tell


def _as_json(lived: Demo) -> dict[str, Any]:
    from dataclasses import asdict

    found = asdict(lived.numbers)
    found["funnel"] = [{"step": name, "leads": count} for name, count in lived.numbers.funnel]
    found["accounting"]["holds"] = lived.numbers.accounting.holds
    return found | {"report": str(lived.report), "workspace": str(lived.workspace) if lived.workspace else None}


# On the terminal ---------------------------------------------------------------------------------------------------


def _print(lived: Demo) -> None:
    from rich.console import Console

    found = lived.numbers
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    _head(console, f"{found.days} days in the life of {found.leads} leads")
    _funnel(console, found)
    _head(console, "Touches by month and channel")
    _months(console, found)
    _head(console, "Promoted, why, and what sales answered")
    _promoted(console, found)
    if lived.brief:
        _head(console, "One complete brief")
        show(lived.brief)
    _head(console, "Worth knowing")
    for one in found.warnings:
        show_beside("- ", one)
    _head(console, "Accounting")
    show_beside("", found.accounting.sentence)
    show("")
    show(f"Report: {lived.report}")
    if lived.workspace is not None:
        show(f"Workspace: {lived.workspace}   (look around: nurture --workspace {lived.workspace} lead list)")


def _head(console: Console, text: str) -> None:
    console.print()
    console.print(text, style="bold", markup=False)


def _funnel(console: Console, found: Numbers) -> None:
    whole = found.funnel[0][1]
    widest = max(10, min(44, console.width - 38))
    for name, count in found.funnel:
        bar = "█" * max(round(widest * count / whole), 1 if count else 0) if whole else ""
        part = f"{100 * count / whole:5.1f} %" if whole else ""
        console.print(f"  {name:18}{count:6,}  {part}  [green]{bar}[/green]")
    stages = found.stages
    console.print(
        f"  At the end: {stages['unknown']} unknown, {stages['long_term']} long-term, {stages['near_term']} near-term."
    )
    if found.won:
        console.print("  Won: " + ", ".join(f"{value:,.0f} {currency}" for currency, value in found.won.items()))


def _months(console: Console, found: Numbers) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("month")
    for name in (*found.touches, "together"):
        table.add_column(name.replace("_", " "), justify="right")
    for place, month in enumerate(found.months):
        counts = [values[place] for values in found.touches.values()]
        table.add_row(month, *(f"{count:,}" for count in (*counts, sum(counts))))
    sums = [sum(values) for values in found.touches.values()]
    table.add_row("together", *(f"{count:,}" for count in (*sums, sum(sums))), style="bold")
    console.print(table)


def _promoted(console: Console, found: Numbers) -> None:
    from rich.table import Table

    if not found.promoted:
        console.print("Nobody was ready yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, ratio in (("date", None), ("lead", 3), ("why", 5), ("sales", 3)):
        table.add_column(name, ratio=ratio, no_wrap=ratio is None)
    for one in found.promoted:
        who = ", ".join(part for part in (one.name, one.title, one.company) if part)
        table.add_row(f"{one.at:%Y-%m-%d}", who, one.why, one.answer)
    console.print(table, markup=False)
