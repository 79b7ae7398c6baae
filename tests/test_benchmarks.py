"""The one command of the benchmarks: what it lists, and the table that it prints."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import contents, main
from benchmarks.result import Result, table


def test_every_benchmark_is_listed_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert {"touches", "crash"} <= contents().keys()
    for name, charter in contents().items():
        assert f"{name} " in printed
        assert charter


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing-of-that-name"])
    assert "there is no nothing-of-that-name" in capsys.readouterr().err


def test_the_table_says_what_misses_its_mark_and_leaves_open_what_has_none() -> None:
    rows = [
        Result("import", "bare load", 1.31, at_most=1.3),
        Result("path", "bare sends", 0.5, at_least=0.5),
        Result("a", "b", 7),
    ]
    lines = list(table(rows))
    assert [one.missed for one in rows] == [True, False, False]
    assert lines[2].split("  ")[-1] == "MISSED"
    assert lines[3].endswith("ok")
    assert lines[4].endswith("7")
