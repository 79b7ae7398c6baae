"""What a simulation says: in words for the terminal, and as a page with charts that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from textwrap import fill
from typing import Final

from nurture.daemon.simulate import findings
from nurture.daemon.simulate.run import Simulation
from nurture.reporting import charts, page

MOST_ROWS: Final = 12
MOST_DAYS: Final = 400  # of a chart in which one still sees a day


def text(done: Simulation) -> str:
    """The findings for a terminal."""
    found = findings.of(done)
    parts = [found.headline, fill(found.basis, 79)]
    parts.append(_by_week("Contacts by week", found.weeks, found.channels) + _below([found.busiest]))
    parts.append(_by_week("Calls by caller and week", found.weeks, found.callers) + _below(found.rooms))
    parts.append(_by_week("Leads to sales by week", found.weeks, found.sales) + _below([found.capacity]))
    held = [(name, f"{count:,}", words) for name, count, words in found.held]
    parts.append(_table("Put off to a later moment, or left out", ("reason", "touches", ""), held))
    if found.dry:
        parts.append("Streams that run dry" + _below(found.dry))
    left = [(f"{count:,}", cadence, how, step) for cadence, how, step, count in found.left[:MOST_ROWS]]
    parts.append(_table("Where leads leave", ("leads", "cadence", "how", "after"), left))
    return "\n\n".join(part for part in parts if part)


def html(done: Simulation) -> str:
    """The findings as a page."""
    found = findings.of(done)
    weeks = [f"{week:%d %b}" for week in found.weeks]
    if len(found.days) <= MOST_DAYS:
        days = [f"{day:%d %b}" for day in found.days]
        contacts = charts.stacked("Touches by day and channel", days, _drawn(found.by_day, found.days), unit="touches")
    else:
        contacts = charts.stacked("Touches by week and channel", weeks, _drawn(found.channels, found.weeks))
    possible = charts.Bar("possible", found.calls_possible) if found.calls_possible is not None else None
    called = _drawn(found.callers, found.weeks)
    calls = charts.stacked("Calls by caller and week", weeks, called, unit="calls", limit=possible)
    promoted = charts.stacked(
        "Promoted by week", weeks, _drawn({"promoted": found.sales[findings.PROMOTED]}, found.weeks), unit="leads"
    )
    sales = charts.stacked(
        "Offered to sales by week",
        weeks,
        _drawn({name: many for name, many in found.sales.items() if name != findings.PROMOTED}, found.weeks),
        unit="leads",
    )
    desk = charts.stacked(
        "At sales when a week is over",
        weeks,
        _drawn(found.desk, found.weeks),
        unit="leads",
        limit=charts.Bar("room of the reps", found.room),
    )
    parts = [
        page.tiles({label: f"{value:,}" for label, value in found.totals.items()}),
        page.section("What goes out", contacts, page.paragraph(found.busiest)),
        page.section("Who calls", calls, *(page.paragraph(line) for line in found.rooms)),
        page.section("What reaches sales", promoted, sales, desk, page.paragraph(found.capacity)),
    ]
    if found.held:
        bars = [charts.Bar(name.replace("_", " "), count) for name, count, _ in found.held]
        rows = [(name, f"{count:,}", words) for name, count, words in found.held]
        table = page.table(("Reason", "Touches", "What it means"), rows, numbers=frozenset({1}))
        parts.append(page.section("What holds touches back", charts.bars("Touches by reason", bars), table))
    dry = page.items(found.dry) if found.dry else page.paragraph("No stream runs out of items.")
    parts.append(page.section("Streams that run dry", dry))
    leaving = [(cadence, how, step, f"{count:,}") for cadence, how, step, count in found.left]
    if leaving:
        head = ("Cadence", "How", "After", "Leads")
        parts.append(page.section("Where leads leave", page.table(head, leaving, numbers=frozenset({3}))))
    parts.append(page.section("What this rests on", page.paragraph(found.basis)))
    footer = "Made by nurture simulate. The same seed on the same data gives the same numbers; people do as they like."
    return page.page("What will happen", found.headline, parts, footer=footer)


def _below(sentences: Sequence[str]) -> str:
    """Sentences below a table, as far in as its rows."""
    return "".join("\n" + fill(one, 79, initial_indent="  ", subsequent_indent="  ") for one in sentences)


def _drawn(series: Mapping[str, Counter[date]], weeks: Sequence[date]) -> dict[str, list[float]]:
    """The series for a chart: the largest keep their names, the rest are put together."""
    order = sorted(series, key=lambda name: (-sum(series[name].values()), name))
    kept, rest = order[: charts.COLORS], order[charts.COLORS :]
    if rest:
        kept, rest = order[: charts.COLORS - 1], order[charts.COLORS - 1 :]
    drawn = {name: [float(series[name][week]) for week in weeks] for name in kept}
    if rest:
        drawn["others"] = [float(sum(series[name][week] for name in rest)) for week in weeks]
    return drawn or {"none": [0.0 for _ in weeks]}


def _by_week(title: str, weeks: Sequence[date], series: Mapping[str, Counter[date]]) -> str:
    names = sorted(name for name in series if series[name])
    if not names:
        return f"{title}\n  none"
    rows = [(f"{week}", *(f"{series[name][week]:,}" if series[name][week] else "" for name in names)) for week in weeks]
    rows.append(("together", *(f"{sum(series[name].values()):,}" for name in names)))
    return _table(title, ("week of", *names), rows)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return f"{title}\n  none"
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [
            cell.rjust(wide) if _is_number(rows, place) else cell.ljust(wide)
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join([title, *lines])


def _is_number(rows: Sequence[Sequence[str]], place: int) -> bool:
    return all(not row[place] or row[place].replace(",", "").isdigit() for row in rows)
