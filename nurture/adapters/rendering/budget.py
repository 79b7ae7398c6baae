"""What one rendering may cost: steps, seconds and output. Two nested loops would run for ever in a bare sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from time import monotonic
from typing import Any, Final

from markupsafe import Markup

from nurture.adapters.rendering.holes import Hole, TouchedError, shown
from nurture.adapters.rendering.names import CLOSE, MARK, OPEN

MAX_SECONDS: Final = 2.0
MAX_STEPS: Final = 50_000  # turns of a loop, calls, includes and sums; a real e-mail needs some hundreds
MAX_OUTPUT: Final = 1_000_000  # characters
MAX_RANGE: Final = 1_000
MAX_HOLE: Final = 2_000  # characters of a text in a stencil


class TooMuchError(Exception):
    """A template went over a limit."""


class Run:
    """One rendering: its budget, its tracked links, and (for HTML) its values, which the shape refers to by number.

    `holes`: the sources that the marks in text refer to, where a stencil is made.
    """

    __slots__ = ("_deadline", "_size", "_steps", "holes", "links", "track", "values")

    def __init__(self, track: Callable[[str], Any]) -> None:
        self._deadline = monotonic() + MAX_SECONDS
        self._steps = 0
        self._size = 0
        self.track = track
        self.links: dict[str, Any] = {}  # target -> tracked URL, in order of first use
        self.values: list[Markup | Hole] | None = None  # None: write values in place
        self.holes: list[str] = []

    def spend(self) -> None:
        """Count a step. TooMuchError when steps or seconds are used up."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooMuchError(f"too many steps (more than {MAX_STEPS:,}): a loop is too large")
        if not self._steps % 64 and monotonic() > self._deadline:
            raise TooMuchError(f"too slow (more than {MAX_SECONDS:g} s)")

    def numbered(self, value: Markup) -> Markup:
        """The mark that stands for a value in the shape of the HTML. TooMuchError when all together are too long."""
        values = self.values if self.values is not None else []
        self._grow(len(value))
        values.append(value)
        return Markup(f"{OPEN}{len(values) - 1}{CLOSE}")

    def held(self, hole: Hole) -> str:
        """The mark that stands for a hole. TooMuchError when the longest texts would be too long, all together."""
        self._grow(MAX_HOLE * len("&#34;"))
        if self.values is not None:
            self.values.append(hole)
            return Markup(f"{OPEN}{len(self.values) - 1}{CLOSE}")
        if hole.marked:
            return shown(hole.marked, hole.sources)
        self.holes += hole.sources
        return shown(f"{OPEN}{len(self.holes) - 1}{CLOSE}", hole.sources)

    def pieces(self, text: str) -> list[str | Hole]:
        """A text with its marks as holes. TooMuchError when the longest texts would make it too long."""
        parts = MARK.split(text)
        if len(text) + MAX_HOLE * (len(parts) // 2) > MAX_OUTPUT:
            raise TooMuchError(f"too long (more than {MAX_OUTPUT:,} characters)")
        return [Hole(self.holes[int(part)]) if place % 2 else part for place, part in enumerate(parts)]

    def _grow(self, characters: int) -> None:
        self._size += characters
        if self._size > MAX_OUTPUT:
            raise TooMuchError(f"too long (more than {MAX_OUTPUT:,} characters)")


current: ContextVar[Run | None] = ContextVar("current", default=None)


def spend() -> None:
    """Count a step of the rendering that is under way, if any."""
    if (run := current.get()) is not None:
        run.spend()


def capped(pieces: Iterable[str]) -> str:
    """The pieces as one text. TooMuchError before a text over the limit exists."""
    kept = []
    room = MAX_OUTPUT
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise TooMuchError(f"too long (more than {MAX_OUTPUT:,} characters)")
        kept.append(piece)
    return "".join(kept)


def captured(pieces: Iterable[str]) -> Any:
    """What a macro, a block or a set tag writes, as one text. TooMuchError as for `capped`."""
    text = capped(pieces)
    run = current.get()
    if run is None or run.values is not None or not run.holes or OPEN not in text:
        return text
    held = [piece for piece in run.pieces(text) if isinstance(piece, Hole)]
    return Hole(*(source for hole in held for source in hole.sources), marked=text)


def counted(items: Any) -> Iterable[Any]:
    """The items of a loop, each one a step. A missing value has none."""
    if items is None:
        return
    for item in items:
        spend()
        yield item


def written(value: Any) -> Any:
    """Text captured from a macro or a set block, with its values in place; anything else as it is.

    Filters, tests and comparisons must see the text, not the numbers that stand for values. TouchedError for a hole.
    """
    if isinstance(value, Hole):
        raise TouchedError(value.sources)
    run = current.get()
    if run is None or run.values is None or not isinstance(value, Markup) or OPEN not in value:
        return value
    first, *rest = value.split(OPEN)
    pieces = [str(first)]
    for piece in rest:
        number, _, after = piece.partition(CLOSE)
        pieces += (written(run.values[int(number)]), after)
    return Markup(capped(pieces))
