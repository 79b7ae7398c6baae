"""What is printed and where: tables or JSON on stdout, everything else on stderr; exit codes; how an error looks."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nurture.domain.errors import NurtureError
from nurture.domain.plain import plain

__all__ = ["fail", "plain", "say", "show", "show_json", "show_rows"]


def show_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


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
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        zone = " (UTC)" if any(isinstance(row.get(column), datetime) for row in rows) else ""
        table.add_column(column.replace("_", " ") + zone, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 240).print(table)


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


def say(text: str) -> None:
    """Tell the person at the terminal; not part of the result."""
    sys.stderr.write(text.rstrip("\n") + "\n")


def fail(problem: NurtureError) -> int:
    """Print what is wrong and what to do; the exit code."""
    say(f"nurture: {problem.what}" + (f" {problem.hint}" if problem.hint else ""))
    return problem.exit_code
