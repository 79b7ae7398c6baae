"""Rates with their doubt as inline SVG: a dot for what was seen, a bar for where the truth may lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from nurture.reporting import page

_WIDTH: Final = 720
_LETTER: Final = 6.6  # about the width of a letter at 12 px
_ROW: Final = 30
_STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Span:
    """What was seen, and the interval around it; all three are rates, 0.25 is 25 %. `note` stands behind it."""

    label: str
    seen: float
    low: float
    high: float
    note: str = ""


def percent(rate: float, *, sign: bool = False) -> str:
    """A rate in per cent; one digit after the point below ten."""
    digits = 1 if 0 < abs(rate) < 0.0995 else 0
    return f"{100 * rate:{'+' if sign and rate else ''}.{digits}f}\N{NO-BREAK SPACE}%"


def spans(
    title: str, values: Sequence[Span], *, line: float | None = None, line_label: str = "", sign: bool = False
) -> str:
    """One row for each value, on one scale. `line` is drawn through all: what they are compared with."""
    if not values:
        return ""
    left = max(len(one.label) for one in values) * _LETTER + 12
    right = max(len(one.note) for one in values) * _LETTER + 16
    low, high, step = _scale([*(one.low for one in values), *(one.high for one in values), *_given(line)])
    room = max(_WIDTH - left - right, 120)

    def x(rate: float) -> float:
        return left + room * (rate - low) / (high - low)

    bottom = len(values) * _ROW
    parts = []
    for place in range(round((high - low) / step) + 1):
        rate = low + place * step
        parts.append(f'<line x1="{x(rate):.1f}" x2="{x(rate):.1f}" y1="0" y2="{bottom}" class="grid"/>')
        told = percent(round(rate, 4), sign=sign)
        parts.append(f'<text x="{x(rate):.1f}" y="{bottom + 16}" class="middle small">{told}</text>')
    if line is not None:
        parts.append(f'<rect x="{x(line) - 1:.1f}" y="0" width="2" height="{bottom}" class="c2"/>')
    for row, one in enumerate(values):
        middle = row * _ROW + _ROW / 2
        wide = max(x(one.high) - x(one.low), 2)
        parts.append(f'<text x="{left - 8:.0f}" y="{middle + 4:.0f}" class="end">{escape(one.label)}</text>')
        parts.append(f'<rect x="{x(one.low):.1f}" y="{middle - 2:.0f}" width="{wide:.1f}" height="4" class="c6"/>')
        parts.append(f'<circle cx="{x(one.seen):.1f}" cy="{middle:.0f}" r="6" class="c1"/>')
        parts.append(f'<text x="{left + room + 12:.0f}" y="{middle + 4:.0f}" class="value">{escape(one.note)}</text>')
    words = "; ".join(f"{one.label} {_told(one, sign=sign)}" for one in values)
    rows = [(one.label, *(percent(rate, sign=sign) for rate in (one.seen, one.low, one.high))) for one in values]
    keys = [("c1", "seen"), ("c6", "19 times in 20 the truth is here")] + ([("c2", line_label)] if line_label else [])
    legend = "".join(
        f'<li><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" class="{color}"/></svg>'
        f"{escape(name)}</li>"
        for color, name in keys
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><ul class="legend">{legend}</ul>'
        f'<div class="wide">'
        f'<svg viewBox="0 0 {_WIDTH} {bottom + 24}" role="img" aria-label="{escape(f"{title}. {words}.", quote=True)}">'
        f"<title>{escape(title)}</title><desc>{escape(words)}</desc>{''.join(parts)}</svg></div>"
        f"<details><summary>The numbers</summary>"
        f"{page.table(('', 'Seen', 'From', 'To'), rows, numbers=frozenset((1, 2, 3)))}</details></figure>\n"
    )


def _given(line: float | None) -> list[float]:
    return [] if line is None else [line]


def _told(one: Span, *, sign: bool) -> str:
    return f"{percent(one.seen, sign=sign)} ({percent(one.low, sign=sign)} to {percent(one.high, sign=sign)})"


def _scale(rates: Sequence[float]) -> tuple[float, float, float]:
    """From a round number to a round number around all rates and zero, and the step between the lines."""
    least, most = min(0.0, *rates), max(0.0, *rates)
    step = next((one for one in _STEPS if most - least <= 6 * one), _STEPS[-1])
    low, high = step * (least // step), step * -(-most // step)
    return low, max(high, low + step), step
