"""Charts from plain numbers: a funnel, stacked bars over time, bars. No script, no picture files.

Each chart is a <figure>: the picture has a description for those who do not see it, and the numbers follow as a table.
Lying bars are HTML, as wide as the screen has room; upright ones are inline SVG. Colors come from the page (`--c1` to
`--c6`), so that they suit a light and a dark screen alike; the parts of a bar are told apart by a pale line between
them too, and the legend names them in the order of the bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import Final

COLORS: Final = 6  # `--c1` to `--c6` of the page
_WIDTH: Final = 720
_LETTER: Final = 6.6  # about the width of a letter at 12 px
_SPACE: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its value, and a few words that stand behind the number."""

    label: str
    value: float
    note: str = ""


def number(value: float) -> str:
    """A number as people read it: 1,234 or 12.5."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def share(part: float, whole: float) -> str:
    """A share in per cent; one digit after the point below ten, nothing where there is no whole."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.1f}{_SPACE}%" if 0 < percent < 10 else f"{percent:.0f}{_SPACE}%"


def funnel(title: str, steps: Sequence[Bar], *, note: str = "") -> str:
    """Bars that get shorter from step to step, each with its number and its share of the first."""
    whole = steps[0].value if steps else 0
    rows = [
        (one.label, number(one.value), share(one.value, whole) if place else "", one.note)
        for place, one in enumerate(steps)
    ]
    told = ", ".join(f"{label} {count}" for label, count, _, _ in rows)
    shown = [f"{count} \N{MIDDLE DOT} {of}" if of else count for _, count, of, _ in rows]
    drawn = _rows(steps, shown, escape(f"{title}. Funnel: {told}.", quote=True))
    head = ("Step", "Leads", "Of all")
    table = _table(head, [(label, count, of) for label, count, of, _ in rows])
    return _figure(title, drawn, table, note=note)


def bars(title: str, values: Sequence[Bar], *, unit: str = "", note: str = "") -> str:
    """Horizontal bars, one for each value, in the order given."""
    shown = [f"{number(one.value)}{f'  {one.note}' if one.note else ''}" for one in values]
    told = ", ".join(f"{one.label} {number(one.value)}" for one in values)
    table = _table(("", unit or "Number"), [(one.label, number(one.value)) for one in values])
    drawn = _rows(values, shown, escape(f"{title}. Bars: {told}.", quote=True))
    return _figure(title, drawn, table, note=note)


def stacked(
    title: str,
    columns: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    unit: str = "",
    note: str = "",
    limit: Bar | None = None,
) -> str:
    """Upright bars, one for each column (a month, say), each made of one part for each of the series.

    `limit` is drawn as a line across them, and named beside the series.

    Raises ValueError when a series has not one value for each column, or when there are more series than colors.
    """
    if len(series) > COLORS:
        raise ValueError(f"{len(series)} series, but only {COLORS} colors: put the smallest together.")
    for name, values in series.items():
        if len(values) != len(columns):
            raise ValueError(f"{name!r} has {len(values)} values for {len(columns)} columns.")
    totals = [sum(values[place] for values in series.values()) for place in range(len(columns))]
    head = ("", *series, "Together")
    body = [
        (name, *(number(values[place]) for values in series.values()), number(totals[place]))
        for place, name in enumerate(columns)
    ]
    if not any(totals):
        return f'<figure><figcaption>{escape(title)}</figcaption><p class="note">None.</p></figure>\n'
    together = "; ".join(f"{name} {number(sum(values))}" for name, values in series.items())
    told = f"Stacked bars from {columns[0]} to {columns[-1]}{f', {unit}' if unit else ''}. Together: {together}."
    return _figure(
        title,
        _svg(title, told, *_upright(columns, series, totals, limit)),
        _table(head, body),
        legend=list(series),
        line=f"{limit.label}: {number(limit.value)}" if limit is not None else "",
        note=note,
    )


def _rows(values: Sequence[Bar], shown: Sequence[str], told: str) -> str:
    """Lying bars with their labels before them and their numbers behind; all are drawn to one scale.

    A bar that is too short to be seen is drawn two pixels wide.
    """
    most = max((one.value for one in values), default=0) or 1
    letters = max((len(text) for text in shown), default=0)
    parts = []
    for one, text in zip(values, shown, strict=True):
        wide = f"calc((100% - {letters + 2}ch) * {one.value / most:.4f})"
        bar = f'<i style="width: {wide}"></i>' if one.value else ""
        parts.append(f'<p>{escape(one.label)}</p><div class="bar">{bar}{escape(text)}</div>')
    return f'<div class="bars" role="img" aria-label="{told}">{"".join(parts)}</div>'


def _upright(
    columns: Sequence[str], series: Mapping[str, Sequence[float]], totals: Sequence[float], limit: Bar | None
) -> tuple[str, int]:
    """Upright stacked bars over a scale of round numbers."""
    top, tall, left = 18, 220, 44
    step, most = _scale(max([*totals, limit.value if limit else 0], default=0))
    parts = []
    value = 0.0
    while value <= most:
        y = top + tall - tall * value / most
        parts.append(f'<line x1="{left}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" class="end small">{number(value)}</text>')
        value += step
    room = (_WIDTH - left) / max(len(columns), 1)
    wide = min(room * 0.7, 60)
    for place, name in enumerate(columns):
        x = left + room * place + (room - wide) / 2
        y = float(top + tall)
        for color, values in enumerate(series.values(), start=1):
            high = tall * values[place] / most
            if high <= 0:
                continue
            y -= high
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" class="c{color} part"/>'
            )
        center = x + wide / 2
        if totals[place] and room > 6 * _LETTER:
            parts.append(f'<text x="{center:.1f}" y="{y - 5:.1f}" class="middle small">{number(totals[place])}</text>')
        if place % (1 + int((len(name) + 1) * _LETTER // room)) == 0:
            parts.append(f'<text x="{center:.1f}" y="{top + tall + 18}" class="middle small">{escape(name)}</text>')
    if limit is not None:
        y = top + tall - tall * limit.value / most
        parts.append(f'<line x1="{left}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="limit"/>')
    return "".join(parts), top + tall + 26


def _scale(most: float) -> tuple[float, float]:
    """Four to eight round steps up to a round number that holds the largest value."""
    if most <= 1:
        return 1, 1
    size = 10 ** floor(log10(most))
    step = next(size * factor for factor in (0.2, 0.25, 0.5, 1, 2, 4) if most <= size * factor * 6)
    step = max(step, 1)  # what is counted has no halves
    return step, step * -(-most // step)


def _svg(title: str, told: str, content: str, height: int) -> str:
    words = escape(f"{title}. {told}", quote=True)
    return (
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{words}">'
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>{content}</svg></div>"
    )


def _figure(title: str, drawn: str, table: str, *, legend: Sequence[str] = (), line: str = "", note: str = "") -> str:
    keys = "".join(
        f'<li><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" class="c{color}"/></svg>'
        f"{escape(name)}</li>"
        for color, name in enumerate(legend, start=1)
    )
    if line:
        mark = '<svg width="22" height="12" aria-hidden="true"><line x2="22" y1="6" y2="6" class="limit"/></svg>'
        keys += f"<li>{mark}{escape(line)}</li>"
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        + (f'<ul class="legend">{keys}</ul>' if keys else "")
        + drawn
        + (f'<p class="note">{escape(note)}</p>' if note else "")
        + f"<details><summary>The numbers</summary>{table}</details></figure>\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    body = "".join(
        "<tr>"
        f'<th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="number">{escape(one)}</td>' for one in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
