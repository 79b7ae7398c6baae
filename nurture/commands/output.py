"""What is printed and where: tables or JSON on stdout, everything else on stderr; exit codes; how an error looks."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from shutil import get_terminal_size
from textwrap import fill
from typing import Any, Final, Literal

from nurture.domain.errors import NurtureError
from nurture.domain.plain import plain

WIDEST: Final = 240  # letters in a line that goes elsewhere than a screen
PROSE: Final = 24  # letters; a longer cell with spaces in it may be broken into lines
_AMOUNT: Final = re.compile(r"-?[\d,.]+(%| [A-Z]{3})")
GAP: Final = 2  # between two columns
NARROWEST: Final = 16  # letters that such a cell is left with
__all__ = ["fail", "plain", "say", "show", "show_beside", "show_json", "show_json_each", "show_rows"]


def show_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def show_json_each(values: Iterable[Any]) -> None:
    """Print one JSON document, an array, element by element as they come."""
    opened = False
    for value in values:
        text = json.dumps(plain(value), ensure_ascii=False, indent=2).replace("\n", "\n  ")
        sys.stdout.write(f"{',' if opened else '['}\n  {text}")
        opened = True
    sys.stdout.write("\n]\n" if opened else "[]\n")


def show_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str = "Nothing to show."
) -> None:
    """Print rows: all keys as JSON, or these columns as a table."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    table = [_column(name, rows) for name in columns]
    if sys.stdout.isatty():
        _show_on_screen(table)
    elif (lines := table_lines(table)) is not None:
        show("\n".join(lines))
    else:
        _show_table([replace(one, wraps=False) for one in table], WIDEST)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table as it is printed. Numbers stand on the right; what `wraps` may be broken into lines.

    `is_text`: words, and no id, address or moment: those are copied from the screen, and never broken.
    """

    head: str
    cells: Sequence[str]
    is_number: bool = False
    is_text: bool = False
    wraps: bool = False

    @property
    def least(self) -> int:
        """How many columns of the screen it needs at least."""
        from rich.cells import cell_len

        parts = self.head.split("\n")
        if self.wraps and max(map(len, self.cells)) > PROSE:
            return max(NARROWEST, *map(cell_len, parts))
        for cell in self.cells:
            parts += cell.split() if self.wraps else [cell]
        return max(map(cell_len, parts))

    @property
    def tight(self) -> Column:
        """With a head of several lines, and all text broken where need be."""
        return replace(self, head=self.head.replace(" ", "\n"), wraps=self.is_text)


def table_lines(table: Sequence[Column]) -> list[str] | None:
    """The lines that rich would print, without rich: to import it is a tenth of such a command. None: ask rich.

    That is where a letter may take two columns, or none, or the table is too wide.
    """
    if not all(cell.isascii() and cell.isprintable() for one in table for cell in (one.head, *one.cells)):
        return None
    widths = [max(map(len, (one.head, *one.cells))) for one in table]
    if sum(widths) + 2 * (len(widths) - 1) > WIDEST:
        return None
    columns = (
        [cell.rjust(width) if one.is_number else cell.ljust(width) for cell in (one.head, *one.cells)]
        for one, width in zip(table, widths, strict=True)
    )
    return ["  ".join(line) for line in zip(*columns, strict=True)]


def _show_on_screen(table: Sequence[Column]) -> None:
    """As a table where it fits, if need be without empty columns and with heads of several lines; else row by row."""
    from rich.console import Console

    width = Console().width
    filled = [one for one in table if any(one.cells)]
    heads = [replace(one, head=one.tight.head) for one in filled]
    for columns, gap in ((table, GAP), (filled, GAP), (heads, GAP), ([one.tight for one in filled], 1)):
        if sum(one.least for one in columns) + gap * (len(columns) - 1) <= width:
            _show_table(columns, width, gap=gap)
            return
    widest = max(len(one.head) for one in filled)
    blocks = (
        "\n".join(f"{one.head:<{widest}}  {one.cells[row]}" for one in filled if one.cells[row])
        for row in range(len(table[0].cells))
    )
    show("\n\n".join(blocks))


def _show_table(columns: Sequence[Column], width: int, *, gap: int = GAP) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap - 1, 0, 1), collapse_padding=False)
    deepest = max(one.head.count("\n") for one in columns)
    for one in columns:
        head = "\n" * (deepest - one.head.count("\n")) + one.head
        side: Literal["left", "right"] = "right" if one.is_number else "left"
        table.add_column(head, overflow="fold", no_wrap=not one.wraps, justify=side, min_width=one.least)
    for row in zip(*(one.cells for one in columns), strict=True):
        table.add_row(*row)
    Console(soft_wrap=not any(one.wraps for one in columns), width=width, markup=False).print(table)


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> Column:
    values = [row.get(name) for row in rows]
    zone = " (UTC)" if any(isinstance(one, datetime) for one in values) else ""
    filled = [one for one in values if one not in (None, "", [])]
    cells = [_cell(one) for one in values]
    is_number = bool(filled) and all(map(_is_number, filled))
    is_text = not is_number and not zone and any(" " in cell for cell in cells)
    return Column(name.replace("_", " ") + zone, cells, is_number, is_text, is_text and max(map(len, cells)) > PROSE)


def _is_number(value: Any) -> bool:
    """Whether it is a count, a share or an amount; an id is a text."""
    if isinstance(value, str):
        return _AMOUNT.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(one) for one in value)
    return str(plain(value))


def show(text: str) -> None:
    """Print a result."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def show_beside(head: str, *texts: str) -> None:
    """Print texts beside their head; what does not fit on a screen goes on below the text's own beginning.

    Each text then begins on a line of its own, so that a command in a hint stays whole.
    """
    show(head + _filled(len(head), [text for text in texts if text], on_screen=sys.stdout.isatty()))


def _filled(left: int, texts: Sequence[str], *, on_screen: bool) -> str:
    width = max(get_terminal_size().columns - left, PROSE)
    if not on_screen or len(" ".join(texts)) <= width:
        return " ".join(texts)
    filled = (fill(text, width, break_long_words=False, break_on_hyphens=False) for text in texts)
    return "\n".join(filled).replace("\n", "\n" + " " * left)


def say(text: str) -> None:
    """Tell the person at the terminal; not part of the result."""
    sys.stderr.write(text.rstrip("\n") + "\n")


def fail(problem: NurtureError) -> int:
    """Print what is wrong and what to do; the exit code."""
    head = "nurture: "
    texts = [text for text in (problem.what, problem.hint) if text]
    if "\n" in problem.what + problem.hint:
        say(head + " ".join(texts))
    else:
        say(head + _filled(len(head), texts, on_screen=sys.stderr.isatty()))
    return problem.exit_code
