"""The page that marketing and sales look at once a month: what was agreed, what became of it, one change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from nurture.reporting import charts, page

COLUMNS = ("month", "promoted", "accepted", "rejected", "won", "lost", "unanswered", "answer_hours", "contact_hours")
FOOTNOTE = (
    "Counted by the month of the offer; a lead offered to several reps counts once, with the last answer. Hours are "
    "those of the clock, from the offer to the answer and from there to the first contact; half of all were faster. A "
    "change is proposed only when so many rejects among the leads that it keeps back are no luck (Fisher's exact test, "
    "1 in 100 over all changes tried), and when it keeps back twice as many rejects as leads that sales wanted."
)


def html(
    months: Sequence[Mapping[str, Any]],
    sentence: str | None,
    diff: str | None,
    *,
    agreed: str,
    file: str,
    at: datetime,
) -> str:
    """The page. `sentence` is the proposed change with its backtest, `file` the text of readiness.yaml in force."""
    parts = []
    if months:
        names = [str(row["month"]) for row in months]
        answers = {"Accepted": "accepted", "Rejected": "rejected", "No answer": "unanswered"}
        series = {title: [float(row[name]) for row in months] for title, name in answers.items()}
        sums = {name: sum(row[name] for row in months) for name in ("promoted", "accepted", "rejected", "won")}
        parts.append(page.tiles({name.capitalize(): charts.number(count) for name, count in sums.items()}))
        drawn = charts.stacked("What sales said to what it was offered", names, series, unit="leads")
        reasons: Counter[str] = Counter()
        for row in months:
            reasons.update(row["reasons"])
        if reasons:
            bars = [charts.Bar(name.replace("_", " "), count) for name, count in reasons.most_common()]
            drawn += charts.bars("Why leads were rejected", bars, unit="Rejections")
        parts.append(page.section("The past year", drawn))
    else:
        parts.append(page.section("The past year", page.paragraph("Nothing was offered to sales.")))
    if sentence is None:
        proposed = page.paragraph("No change: nothing that was rejected has enough in common.")
    else:
        proposed = page.paragraph(sentence, "call")
        proposed += f"<pre>{escape(diff)}</pre>" if diff else page.paragraph("Change readiness.yaml by hand.")
    parts.append(page.section("One change to the agreement", proposed))
    if months:
        head = [name.replace("_", " ").capitalize() for name in COLUMNS]
        body = [["" if row[name] is None else row[name] for name in COLUMNS] for row in months]
        numbers = frozenset(range(1, len(COLUMNS)))
        parts.append(page.section("Month by month", page.table(head, body, numbers=numbers)))
    parts.append(page.section("What is agreed", page.paragraph(agreed), f"<pre>{escape(file)}</pre>"))
    parts.append(page.paragraph(FOOTNOTE, "note"))
    footer = f"nurture report agreement, {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return page.page("The agreement", "How marketing and sales keep what they agreed.", parts, footer=footer)
