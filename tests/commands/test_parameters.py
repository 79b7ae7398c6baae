"""Options that pass Typer's validators by mean what they mean with them, and what is wrong is said in its words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from nurture.commands.parameters import unburdened

OPTIONS = ["--number", "--text", "--path", "--many", "--flag"]
WORDS = [*OPTIONS, "a", "b", "", "5", "0", "12", "9" * 5000, "-1", "x", "1_0", "٣", " 7", "-", "~"]


def command(seen: list[Any]) -> Any:
    """A command with an option of each sort; what it was given is added to `seen`."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.command()
    def main(
        required: Annotated[str, typer.Argument()],
        paths: Annotated[list[Path] | None, typer.Argument()] = None,
        *,
        number: Annotated[int | None, typer.Option(min=1, max=10)] = None,
        text: Annotated[str | None, typer.Option()] = None,
        path: Annotated[Path, typer.Option()] = Path("here"),
        many: Annotated[list[str] | None, typer.Option()] = None,
        flag: Annotated[bool, typer.Option("--flag")] = False,
    ) -> None:
        seen.append((required, paths, number, text, path, many, flag))

    return get_command(app)


def answer(made: Any, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and what was said."""
    with pytest.raises(SystemExit) as end:
        made.main(list(arguments), prog_name="it", standalone_mode=True)
    return int(end.value.code or 0), "".join(capsys.readouterr())


def test_every_call_ends_as_it_does_with_typer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    alone: list[Any] = []
    ours: list[Any] = []
    theirs, quick = command(alone), unburdened(command(ours))

    @given(st.lists(st.sampled_from(WORDS), max_size=6))
    def ends_alike(arguments: list[str]) -> None:
        assert answer(quick, arguments, capsys) == answer(theirs, arguments, capsys)
        assert ours == alone

    ends_alike()
    assert alone
    assert answer(quick, ["--help"], capsys)[0] == 0
