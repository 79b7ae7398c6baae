"""What is printed and where: tables or JSON on stdout, everything else on stderr; exit codes; how an error looks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from shutil import get_terminal_size
from textwrap import fill
from typing import Any, Final

from nurture.domain.errors import NurtureError
from nurture.domain.plain import plain

WIDEST: Final = 240  # letters in a line that goes elsewhere than a screen
PROSE: Final = 24  # letters; a longer cell with spaces in it may be broken into lines
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
    heads = [_head(column, rows) for column in columns]
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if sys.stdout.isatty():
        _show_on_screen(heads, cells)
    elif (lines := table_lines(heads, cells)) is not None:
        show("\n".join(lines))
    else:
        _show_table(heads, cells, WIDEST, wraps=frozenset())


def table_lines(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str] | None:
    """The lines that rich would print, without rich: to import it is a tenth of such a command. None: ask rich.

    That is where a letter may take two columns, or none, or the table is too wide.
    """
    rows = [heads, *cells]
    if not all(cell.isascii() and cell.isprintable() for row in rows for cell in row):
        return None
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) > WIDEST:
        return None
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _show_on_screen(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """As a table where it fits, with only prose broken into lines; else one row after the other, as `key  value`.

    Ids and addresses are copied from the screen, so they are never broken.
    """
    from rich.console import Console

    width = Console().width
    if _width(heads, cells, frozenset()) > width:
        filled = [place for place in range(len(heads)) if any(row[place] for row in cells)]
        heads, cells = [heads[place] for place in filled], [[row[place] for place in filled] for row in cells]
    prose = frozenset(
        place for place in range(len(heads)) if any(len(row[place]) > PROSE and " " in row[place] for row in cells)
    )
    if _width(heads, cells, prose) <= width:
        _show_table(heads, cells, width, wraps=prose)
        return
    widest = max(len(head) for head in heads)
    blocks = (
        "\n".join(f"{head:<{widest}}  {text}" for head, text in zip(heads, row, strict=True) if text) for row in cells
    )
    show("\n\n".join(blocks))


def _width(heads: Sequence[str], cells: Sequence[Sequence[str]], wraps: frozenset[int]) -> int:
    """How many columns of the screen a table needs at least."""
    from rich.cells import cell_len

    each = (
        NARROWEST if place in wraps else max(cell_len(head), *(cell_len(row[place]) for row in cells))
        for place, head in enumerate(heads)
    )
    return sum(each) + 2 * (len(heads) - 1)


def _show_table(heads: Sequence[str], cells: Sequence[Sequence[str]], width: int, *, wraps: frozenset[int]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, overflow="fold", no_wrap=place not in wraps)
    for row in cells:
        table.add_row(*row)
    Console(soft_wrap=not wraps, width=width, markup=False).print(table)


def _head(column: str, rows: Sequence[Mapping[str, Any]]) -> str:
    zone = " (UTC)" if any(isinstance(row.get(column), datetime) for row in rows) else ""
    return column.replace("_", " ") + zone


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


def show_beside(head: str, text: str) -> None:
    """Print a text beside its head; what does not fit on a screen goes on below the text's own beginning."""
    if sys.stdout.isatty():
        width = max(get_terminal_size().columns, len(head) + PROSE)
        hanging = " " * len(head)
        text = fill(text, width - len(head), break_long_words=False, break_on_hyphens=False).replace(
            "\n", f"\n{hanging}"
        )
    show(head + text)


def say(text: str) -> None:
    """Tell the person at the terminal; not part of the result."""
    sys.stderr.write(text.rstrip("\n") + "\n")


def fail(problem: NurtureError) -> int:
    """Print what is wrong and what to do; the exit code."""
    say(f"nurture: {problem.what}" + (f" {problem.hint}" if problem.hint else ""))
    return problem.exit_code
