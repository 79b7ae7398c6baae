"""The report of a demo as one HTML page: the funnel, the months, who was promoted and why, one complete brief."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nurture.daemon.demo.numbers import Numbers
from nurture.reporting import charts, page

_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def html(numbers: Numbers, *, brief: str) -> str:
    """The page. `brief` is HTML, or empty."""
    counts = dict(numbers.funnel)
    won = " + ".join(f"{value:,.0f} {currency}" for currency, value in numbers.won.items())
    tiles = {
        "leads": charts.number(counts["Leads"]),
        "touches": charts.number(sum(sum(values) for values in numbers.touches.values())),
        "promoted to sales": charts.number(counts["Promoted"]),
        "accepted": charts.number(counts["Accepted by sales"]),
        "won": charts.number(counts["Won"]),
    }
    span = " to ".join(f"{day.day} {day:%B %Y}" for day in (numbers.start, numbers.end))
    lead = (
        f"{numbers.leads} invented leads, {numbers.days} days, {numbers.passes:,} passes of the code that the daemon "
        f"runs. Few leads, each one worth the call: {counts['Promoted']} were promoted"
        f" ({charts.share(counts['Promoted'], counts['Leads'])})."
    )
    parts = [page.tiles(tiles)]
    parts.append(
        page.section(
            "How far the leads came",
            charts.funnel(
                "Leads by the furthest step they reached",
                [charts.Bar(name, count) for name, count in numbers.funnel],
                note=f"At the end {numbers.stages['unknown']} are unknown, {numbers.stages['long_term']} long-term and "
                f"{numbers.stages['near_term']} near-term. Clicks of machines and opens count for nothing here."
                + (f" Won: {won}." if won else ""),
            ),
        )
    )
    parts.append(
        page.section(
            "Touches by month",
            charts.stacked(
                "Touches made, by month and channel",
                [_month(one) for one in numbers.months],
                {_spoken(name): values for name, values in numbers.touches.items()},
                unit="touches",
            ),
            charts.bars(
                "What came back",
                [
                    charts.Bar("Conversation" if name == "call" else _spoken(name), count)
                    for name, count in numbers.responses.items()
                ],
                unit="Responses",
            ),
        )
    )
    parts.append(page.section("Promoted to sales, and what sales answered", _promoted(numbers)))
    if brief:
        parts.append(page.section("One complete brief", f'<div class="brief">{brief}</div>'))
    parts.append(page.section("Where the leads came from", _sources(numbers)))
    told = page.items(numbers.warnings) if numbers.warnings else page.paragraph("Nothing.")
    parts.append(page.section("Worth knowing", told))
    parts.append(page.section("Accounting", page.paragraph(numbers.accounting.sentence)))
    footer = f"Made by: nurture demo --seed {numbers.seed} --leads {numbers.leads} --days {numbers.days}. {span}."
    return page.page("A year of nurture" if numbers.days >= 360 else "Months of nurture", lead, parts, footer=footer)


def _promoted(numbers: Numbers) -> str:
    if not numbers.promoted:
        return page.paragraph("Nobody was ready yet.")
    rows = [
        (f"{one.at:%Y-%m-%d}", f"{one.name}, {one.title}" if one.title else one.name, one.company, one.why, one.answer)
        for one in numbers.promoted
    ]
    return page.table(("Date", "Lead", "Company", "Why", "Sales"), rows)


def _sources(numbers: Numbers) -> str:
    head = ("Source", "Leads", "Near-term", "Accepted", "Won", "Cost", "Per accepted", "Verdict")
    rows = [
        (
            one["source"],
            one["leads"],
            one["near_term"],
            one["accepted"],
            one["won"],
            _money(one, "cost"),
            _money(one, "cost_per_accepted"),
            one["verdict"],
        )
        for one in numbers.sources
    ]
    return page.table(head, rows, numbers=frozenset(range(1, 7)))


def _money(row: Mapping[str, Any], key: str) -> str:
    return f"{row[key]:,.0f} {row['currency']}" if row[key] is not None else ""


def _month(text: str) -> str:
    year, month = text.split("-")
    name = _MONTHS[int(month) - 1]
    return f"{name} {year}" if name == "Jan" else name


def _spoken(name: str) -> str:
    special = {"email": "E-mail", "linkedin": "LinkedIn", "sms": "Text message", "auto_reply": "Out of office"}
    special["machine_click"] = "Click of a machine (ignored)"
    return special.get(name, name.replace("_", " ").capitalize())
