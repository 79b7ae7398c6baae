"""The pages of `nurture report`: a chart that shows what matters, the table of everything, and how it was counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from nurture.reporting import charts, page
from nurture.reporting.intervals import Span, spans

Row = Mapping[str, Any]
Rows = Sequence[Row]

DRAWN: Final = 25  # rows in a chart; the table has all
WILSON: Final = (
    "From and to: the 95 % interval of Wilson for the share of leads that sales accepted. Too few: under 30 leads. "
    "Too young: half of the leads have not had the time that the agreement allows for an outcome. Each lead counts "
    "once, in the source that brought it first. Likely: the share with small sources pulled toward all, the more the "
    "smaller they are (Morris's empirical Bayes). Expected: the share once every lead had the time for an outcome, the "
    "young ones counted for as long as they are here (Kaplan-Meier)."
)
STANDS: Final = (
    "Each handoff counts once, by where it stands now: one that was accepted and then lost counts as lost. Answer "
    "hours: the middle one of the rep's answers."
)
NEWCOMBE: Final = (
    "Lift: the share of people in the cadence who reached near-term since they were first enrolled, less that share "
    "among the people held out, with the 95 % interval of Newcombe; the same for those whom sales accepted. "
    "Who is held out is decided by a fixed hash, so the two groups differ in nothing else. "
    "Too early: under 30 people in one of them, or fewer than 5 successes in both."
)


def html(name: str, rows: Rows, columns: Sequence[str], *, at: datetime) -> str:
    """The page of a report: `sources`, `funnel`, `cadences`, `limits` or `handoffs`. Raises KeyError for another."""
    title, lead, draw, footnote = PAGES[name]
    drawn = draw(rows) if rows else page.paragraph("Nothing to show yet.")
    parts = [page.section("At a glance", drawn)]
    if rows:
        numbers = frozenset(
            place
            for place, column in enumerate(columns)
            if any(isinstance(row.get(column), int | float) and row.get(column) is not True for row in rows)
        )
        head = [column.replace("_", " ").capitalize() for column in columns]
        body = [[_cell(column, row.get(column)) for column in columns] for row in rows]
        parts.append(page.section("Everything", page.table(head, body, numbers=numbers)))
    if footnote:
        parts.append(page.paragraph(footnote, "note"))
    return page.page(title, lead, parts, footer=f"nurture report {name}, {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")


RATES: Final = frozenset({"low", "high", "likely", "expected", "lift", "of_all", "of_previous", "accepted_lift"})


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {count}" for key, count in value.items())
    if column in RATES:
        return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"
    if isinstance(value, int | float):
        return charts.number(value)
    return str(value).replace("_", " ") if column in ("reason", "step") else str(value)


def _sources(rows: Rows) -> str:
    largest = sorted((row for row in rows if row["leads"]), key=lambda row: -row["leads"])[:DRAWN]
    leads, accepted = (sum(row[name] for row in rows) for name in ("leads", "accepted"))
    values = [
        Span(row["source"], row["accepted"] / row["leads"], row["low"], row["high"], row["verdict"]) for row in largest
    ]
    drawn = [
        spans(
            "Leads that sales accepted, of all leads of the source",
            values,
            line=accepted / leads if leads else None,
            line_label="all sources together",
        )
    ]
    for currency in sorted({row["currency"] for row in rows if row["cost_per_accepted"] is not None}):
        costs = [
            charts.Bar(row["source"], round(row["cost_per_accepted"]), row["verdict"])
            for row in sorted(rows, key=lambda row: row["cost_per_accepted"] or 0)
            if row["cost_per_accepted"] is not None and row["currency"] == currency
        ]
        drawn.append(charts.bars(f"Cost of an accepted lead, {currency}", costs[:DRAWN], unit=str(currency)))
    nothing = [row["source"] for row in rows if row["cost"] and not row["accepted"]]
    if nothing:
        drawn.append(page.paragraph(f"Paid for, and nothing accepted so far: {', '.join(nothing)}."))
    return "".join(drawn)


def _funnel(rows: Rows) -> str:
    steps = [charts.Bar(str(row["step"]).replace("_", " ").capitalize(), row["leads"]) for row in rows]
    return charts.funnel("Leads by every step that they ever reached", steps)


def _cadences(rows: Rows) -> str:
    judged = [row for row in rows if row["lift"] is not None]
    values = [Span(row["cadence"], row["lift"], row["low"], row["high"], row["verdict"]) for row in judged[:DRAWN]]
    drawn = spans("More leads in near-term than among those held out", values, line=0, line_label="no lift", sign=True)
    taken = [
        Span(row["cadence"], row["accepted_lift"], row["accepted_low"], row["accepted_high"], row["accepted_verdict"])
        for row in judged[:DRAWN]
    ]
    drawn += spans(
        "More leads accepted by sales than of those held out", taken, line=0, line_label="no lift", sign=True
    )
    if not judged:
        drawn = page.paragraph("No cadence holds anybody out, so none can show its lift: set holdout: 5% in its file.")
    people = [charts.Bar(row["cadence"], row["enrolled"]) for row in rows if row["enrolled"]]
    people.sort(key=lambda one: -one.value)
    return drawn + charts.bars("People who got each cadence", people[:DRAWN], unit="People")


def _limits(rows: Rows) -> str:
    drawn = []
    for state, title in (("planned", "What waits now, and for what"), ("skipped", "What was left out, and why")):
        shown = [
            charts.Bar(str(row["reason"]).replace("_", " "), row["touches"], _until(row))
            for row in rows
            if row["state"] == state
        ]
        if shown:
            drawn.append(charts.bars(title, shown[:DRAWN], unit="Touches"))
    return "".join(drawn) or page.paragraph("Nothing waits.")


def _until(row: Row) -> str:
    return f"until {row['until']:%Y-%m-%d}" if row["until"] is not None else ""


def _handoffs(rows: Rows) -> str:
    states = ("offered", "accepted", "won", "lost", "rejected", "expired")
    names = [str(row["name"] or row["rep"]) for row in rows]
    series = {state.capitalize(): [float(row[state]) for row in rows] for state in states}
    drawn = charts.stacked("Where it stands now", names, series, unit="handoffs")
    reasons: dict[str, int] = {}
    for row in rows:
        for reason, count in row["reasons"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    if reasons:
        bars = [charts.Bar(name.replace("_", " "), count) for name, count in sorted(reasons.items(), key=_most)]
        drawn += charts.bars("Why leads were rejected", bars, unit="Rejections")
    return drawn


def _most(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


Draw = Callable[[Rows], str]
PAGES: Final[Mapping[str, tuple[str, str, Draw, str]]] = {
    "sources": ("Sources", "Which sources bring leads that sales takes, and what such a lead costs.", _sources, WILSON),
    "funnel": ("Funnel", "How many leads came how far.", _funnel, "A lead that cooled or was rejected stays counted."),
    "cadences": ("Cadences", "What each cadence did, and whether it makes a difference.", _cadences, NEWCOMBE),
    "limits": ("Limits", "What is held back, by what, and until when.", _limits, ""),
    "handoffs": ("Handoffs", "What became of what each rep was offered.", _handoffs, STANDS),
}
