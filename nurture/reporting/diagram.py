"""A cadence as a picture: boxes from top to bottom, branches side by side, in one SVG that stands by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from textwrap import wrap
from typing import Final

from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
    If,
    PersonTask,
    Set,
    Split,
    Step,
    Stop,
    Stream,
    Wait,
    WaitFor,
    WaitUntil,
)
from nurture.domain.storyboard import introduction, spoken, told, waiting

WIDTH: Final = 240  # of a box
LETTERS: Final = 32  # in a line of a box
LINE: Final = 17
PAD: Final = 10
GAP: Final = 26  # between boxes, where the lines are
BETWEEN: Final = 28  # between branches
MARGIN: Final = 24
HEAD: Final = 18

# fill, border: dark text stands out on each, and the words in the box say what it is.
COLORS: Final = {
    "email": ("#e3eefb", "#2f6db3"),
    "person": ("#fdecd2", "#b3670b"),
    "wait": ("#f4f4f2", "#8a8a84"),
    "if": ("#efe7fa", "#6f4bb0"),
    "end": ("#e2f3e4", "#2e7d3a"),
    "other": ("#ffffff", "#6b6b66"),
}


@dataclass(slots=True)
class _Block:
    """A part of the picture with its size. `exits` are where lines leave it; none where the cadence ends in it."""

    width: float
    height: float
    middle: float  # x of where the line enters
    shapes: list[str] = field(default_factory=list)
    exits: list[tuple[float, float]] = field(default_factory=list)


def diagram(cadence: Cadence, version: int) -> str:
    """The SVG. Its title and description tell the same in words."""
    begin = _box("Enters the cadence", "end")
    body = _column(cadence.steps)
    whole = _under([begin, body])
    if whole.exits:
        whole = _under([whole, _box("Completed", "end")])
    title = f"{cadence.name}, version {version}"
    about = [line for text in introduction(cadence) for line in wrap(text, 92)]
    top = MARGIN + 28 + LINE * len(about) + 16
    width = max(whole.width, 640) + 2 * MARGIN
    height = whole.height + top + MARGIN
    left = (width - whole.width) / 2
    words = " ".join(["  " * line.depth + line.text for line in told(cadence)])
    texts = [
        f'<text x="{MARGIN}" y="{MARGIN + 28 + LINE * number}" class="about">{escape(text)}</text>'
        for number, text in enumerate(about, 1)
    ]
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
                f'height="{height:.0f}" role="img" aria-labelledby="title description">'
            ),
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(" ".join(words.split()))}</desc>',
            (
                "<style>text{font:13px system-ui,sans-serif;fill:#1d1d1b}.about{fill:#4a4a46}"
                ".name{font-size:20px;font-weight:600}.way{fill:none;stroke:#6b6b66;stroke-width:1.4}"
                ".word{font-size:12px;fill:#4a4a46}</style>"
            ),
            (
                '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
                'orient="auto"><path d="M0 0 8 4 0 8z" fill="#6b6b66"/></marker></defs>'
            ),
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
            f'<text x="{MARGIN}" y="{MARGIN + 16}" class="name">{escape(title)}</text>',
            *texts,
            f'<g transform="translate({left:.1f} {top:.1f})">',
            *whole.shapes,
            "</g>",
            "</svg>",
        ]
    )


def _column(steps: Sequence[Step]) -> _Block:
    """Steps one under the other."""
    blocks = [_step(step) for step in steps]
    return _under(blocks) if blocks else _Block(WIDTH / 2, 0, WIDTH / 4, [], [(WIDTH / 4, 0)])


def _step(step: Step) -> _Block:
    match step:
        case If(condition=condition, then=then, otherwise=otherwise):
            question = _box(f"if {condition.text}", "if")
            return _fork(question, [("yes", _column(then)), ("no", _column(otherwise))])
        case Split(id=name, arms=arms):
            ways = [(f"{arm.percent:g} %", _column(arm.steps)) for arm in arms]
            return _fork(_box(f"by chance ({name})", "if"), ways)
        case Wait() | WaitUntil() | WaitFor():
            return _box(waiting(step), "wait")
        case Enroll() | Stop():
            block = _box(spoken(step), "end")
            block.exits = []
            return block
        case _:
            return _box(spoken(step), _kind(step))


def _kind(step: Step) -> str:
    match step:
        case Email() | Stream():
            return "email"
        case PersonTask():
            return "person"
        case Set():
            return "other"
        case _:
            return "other"


def _box(text: str, kind: str) -> _Block:
    lines = wrap(text, LETTERS, break_on_hyphens=False) or [""]
    height = LINE * len(lines) + 2 * PAD - 4
    fill, border = COLORS[kind]
    round_ = {"wait": height / 2 if len(lines) == 1 else 14, "end": 14}.get(kind, 5)
    shapes = [f'<rect x="0" y="0" width="{WIDTH}" height="{height}" rx="{round_:g}" fill="{fill}" stroke="{border}"/>']
    for number, line in enumerate(lines):
        y = PAD + 11 + LINE * number
        shapes.append(f'<text x="{WIDTH / 2:g}" y="{y}" text-anchor="middle">{escape(line)}</text>')
    return _Block(WIDTH, height, WIDTH / 2, shapes, [(WIDTH / 2, height)])


def _moved(block: _Block, x: float, y: float) -> list[str]:
    if not block.shapes:
        return []
    return [f'<g transform="translate({x:.1f} {y:.1f})">', *block.shapes, "</g>"]


def _way(start: tuple[float, float], end: tuple[float, float], *, tip: bool) -> str:
    """A line down, across and down."""
    (x, y), (to_x, to_y) = start, end
    bend = to_y - GAP / 2
    path = f"M{x:.1f} {y:.1f}V{to_y:.1f}" if abs(x - to_x) < 1 else (
        f"M{x:.1f} {y:.1f}V{bend:.1f}H{to_x:.1f}V{to_y:.1f}"
    )  # fmt: skip
    return f'<path class="way" d="{path}"' + (' marker-end="url(#tip)"' if tip else "") + "/>"


def _under(blocks: Sequence[_Block]) -> _Block:
    """Blocks one under the other, each entered from all exits of the one above."""
    middle = max(block.middle for block in blocks)
    width = middle + max(block.width - block.middle for block in blocks)
    shapes: list[str] = []
    exits: list[tuple[float, float]] = []
    y = 0.0
    for number, block in enumerate(blocks):
        if number:
            y += GAP
            shapes += [_way(start, (middle, y), tip=bool(block.height)) for start in exits]
        x = middle - block.middle
        shapes += _moved(block, x, y)
        exits = [(x + at, y + down) for at, down in block.exits]
        y += block.height
    return _Block(width, y, middle, shapes, exits)


def _fork(question: _Block, ways: Sequence[tuple[str, _Block]]) -> _Block:
    """A question, and its branches side by side."""
    total = sum(block.width for _, block in ways) + BETWEEN * (len(ways) - 1)
    middle = max(total / 2, question.width / 2)
    top = question.height + GAP + HEAD
    shapes = _moved(question, middle - question.middle, 0)
    exits: list[tuple[float, float]] = []
    x, height = middle - total / 2, top
    for word, block in ways:
        enters = (x + block.middle, top)
        shapes.append(_fork_way((middle, question.height), enters, tip=bool(block.height)))
        shapes.append(f'<text class="word" x="{enters[0] + 5:.1f}" y="{top - 8:.1f}">{escape(word)}</text>')
        shapes += _moved(block, x, top)
        exits += [(x + at, top + down) for at, down in block.exits]
        height = max(height, top + block.height)
        x += block.width + BETWEEN
    # All branches leave at the bottom, so that their lines do not cross a longer one.
    shapes += [f'<path class="way" d="M{at:.1f} {down:.1f}V{height:.1f}"/>' for at, down in exits if down < height]
    return _Block(max(total, question.width), height, middle, shapes, [(at, height) for at, _ in exits])


def _fork_way(start: tuple[float, float], end: tuple[float, float], *, tip: bool) -> str:
    (x, y), (to_x, to_y) = start, end
    path = f"M{x:.1f} {y:.1f}V{y + GAP / 2:.1f}H{to_x:.1f}V{to_y:.1f}"
    return f'<path class="way" d="{path}"' + (' marker-end="url(#tip)"' if tip else "") + "/>"
