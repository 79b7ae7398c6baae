"""What a table looks like: on a screen ids and addresses are never broken, and in a file it is as rich prints it."""

from __future__ import annotations

import io
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from nurture.commands import progress
from nurture.commands.output import WIDEST, Column, show_beside, show_rows, table_lines

ROW = {
    "id": "cmy4msra3cft42zylnpkvlzvm3",
    "email": "ann.berg@plantworks.example",
    "due_at": datetime(2026, 11, 23, 2, 35, tzinfo=UTC),
    "because": "Nobody has said yet what it would cost, and the year is nearly over",
    "reason": None,
}


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 80, 100, 120, 200])
@pytest.mark.parametrize("columns", [["id", "email"], ["id", "email", "due_at", "because", "reason"]])
def test_nothing_that_is_copied_is_broken(width: int, columns: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    rows: list[dict[str, Any]] = [ROW, ROW]
    show_rows(rows, columns, as_json=False)
    text = screen.getvalue()
    assert text.count(str(ROW["id"])) == 2
    assert text.count(str(ROW["email"])) == 2
    if "due_at" in columns:
        assert text.count("2026-11-23 02:35") == 2
        assert "(UTC)" in text
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert max(len(line) for line in lines) <= max(width, 82)  # as wide as the longest value, one a line


def test_a_long_text_goes_on_below_its_own_beginning_and_is_one_line_for_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = "[cadences/manufacturing-long-term.yaml:8, version 1]"
    show_beside("not_matching  ", f"Its condition does not hold.  {place}")
    assert capsys.readouterr().out == f"not_matching  Its condition does not hold.  {place}\n"
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "60")
    show_beside("not_matching  ", f"Its condition does not hold.  {place}")
    first, *rest = screen.getvalue().splitlines()
    assert first == "not_matching  Its condition does not hold."
    assert [line[:14] for line in rest] == [" " * 14] * len(rest)
    assert "cadences/manufacturing-long-term.yaml:8," in " ".join(rest).split("[")[1]


def test_a_hint_that_does_not_fit_begins_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def on(width: int) -> list[str]:
        screen = Screen()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setenv("COLUMNS", str(width))
        show_beside("warning ", "No backup is made.", "Run: nurture database backup FILE")
        show_beside("ok      ", "The files have no problem.", "")
        return screen.getvalue().splitlines()

    fine = "ok      The files have no problem."
    assert on(80) == ["warning No backup is made. Run: nurture database backup FILE", fine]
    assert on(50) == ["warning No backup is made.", "        Run: nurture database backup FILE", fine]


def test_numbers_stand_on_the_right_and_heads_are_broken_before_a_table_becomes_a_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    rows = [
        {"rep": "lee@acme.example", "won": 12, "answer_hours": 15.8, "share_won": "8%", "reason": None},
        {"rep": "kim@acme.example", "won": 3, "answer_hours": None, "share_won": "100%", "reason": None},
    ]
    show_rows(rows, ["rep", "won", "answer_hours", "share_won", "reason"], as_json=False)
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()]
    assert lines == [
        "                       answer  share",
        "rep               won   hours    won",
        "lee@acme.example   12    15.8     8%",
        "kim@acme.example    3           100%",
    ]


texts = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=":"), max_size=30).map(str.rstrip)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1)),
    st.sets(st.integers(0, 4)),
)
def test_a_table_that_goes_into_a_file_is_as_rich_would_print_it(rows: list[list[str]], numbers: set[int]) -> None:
    table = Table(box=None, pad_edge=False)
    for place in range(len(rows[0])):
        side: Literal["left", "right"] = "right" if place in numbers else "left"
        table.add_column(f"head {place}", overflow="fold", no_wrap=True, justify=side)
    for row in rows:
        table.add_row(*row)
    printed = io.StringIO()
    Console(file=printed, soft_wrap=True, width=WIDEST, markup=False).print(table)
    columns = zip(*rows, strict=True)
    lines = table_lines([Column(f"head {place}", cells, place in numbers) for place, cells in enumerate(columns)])
    assert lines is not None
    assert "\n".join(lines) + "\n" == printed.getvalue()


@pytest.mark.parametrize("cell", ["日本", "two\nlines", "x" * 250])
def test_a_table_of_wide_letters_lines_or_columns_is_left_to_rich(cell: str) -> None:
    assert table_lines([Column("name", [cell])]) is None


def test_who_watches_is_told_what_takes_long_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SLOW", 0.0)
    screen, pipe = Screen(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with progress.slow("judging"):
        monkeypatch.setattr(sys, "stderr", screen)
        with progress.slow("judging"):
            while not screen.getvalue().endswith("\n"):
                time.sleep(0.001)
    assert (screen.getvalue(), pipe.getvalue()) == ("judging\n", "")
