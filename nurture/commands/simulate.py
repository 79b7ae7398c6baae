"""simulate: what will happen to whom and when, on a copy, before anything goes out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from nurture.commands.context import AsJson, moment, session
from nurture.commands.output import plain, say, show
from nurture.domain.errors import RequestError

if TYPE_CHECKING:
    from nurture.daemon.simulate import Progress, Simulation
    from nurture.daemon.simulate.acts import Act


def mount(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)


def simulate(
    ctx: typer.Context,
    *,
    until: Annotated[str, typer.Option(metavar="DATE", help="A date, 2027-11-22.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same ledger.")] = 1,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Begin then; default this hour.")] = None,
    report: Annotated[str, typer.Option(metavar="FILE.html", help="Write a report with charts.")] = "",
    responses: Annotated[str, typer.Option(metavar="FILE", help="Write what people did, a JSON line each.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run the daemon's own passes on a copy, with a clock that jumps, answers by chance, and no network.

    Nothing is sent and nothing is written to the database. The files of the workspace are in force on the copy.
    """
    from nurture.daemon import simulate as daemon
    from nurture.daemon.simulate import report as words

    current = session(ctx)
    zone = current.app.policy.timezone
    end, start = moment(until, zone=zone, what="--until"), moment(since, zone=zone, what="--from")
    assert end is not None
    with _file(responses, "--responses") as acts, _file(report, "--report") as page:
        heard = _writer(acts)
        with (
            _bar() as watch,
            daemon.simulated(current.app, until=end, start=start, seed=seed, watch=watch, heard=heard) as done,
        ):
            if done.changed_files:
                say(f"{done.changed_files} files are not in force yet. This is what would happen after: nurture apply")
            if as_json:
                _print(done)
            else:
                show(words.text(done))
            if page is not None:
                page.write(words.html(done))
    if report:
        say(f"The report: {report}")


def _print(done: Simulation) -> None:
    """The ledger as one JSON array, as `touch ledger` prints it, a line of it in memory at a time."""
    from nurture.daemon.simulate.ledger import lines

    empty = True
    for one in lines(done.watched, done.start, done.end):
        row = {"at": one.at, "lead": one.lead, "cadence": one.cadence or None, "step": one.step}
        row |= {"channel": one.channel, "outcome": one.outcome}
        text = json.dumps(plain(row), ensure_ascii=False, indent=2)
        sys.stdout.write(("[\n" if empty else ",\n") + indent(text, "  "))
        empty = False
    sys.stdout.write("[]\n" if empty else "\n]\n")


@contextmanager
def _file(path: str, option: str) -> Iterator[TextIO | None]:
    """A file to write, opened before the work begins: a name that cannot be written is told at once.

    It is there once the work is done; until then, and where the work fails, a file of before stays as it was.
    """
    if not path:
        yield None
        return
    target = Path(path)
    is_special = target.is_symlink() or (target.exists() and not target.is_file())  # /dev/stdout, a pipe, a folder
    part = target if is_special else target.with_name(f"{target.name}.part")
    try:
        file = part.open("w", encoding="utf-8")
    except OSError as problem:
        raise RequestError(
            f"{option}: {path} cannot be written: {problem.strerror}.", hint="Name another file."
        ) from None
    try:
        with file:
            yield file
        part.replace(target)
    finally:
        if part != target:
            part.unlink(missing_ok=True)


def _writer(file: TextIO | None) -> Callable[[Act], None]:
    """Writes what people do; names of touches are those of the ledger, as the ids of a copy mean nothing elsewhere."""

    def write(act: Act) -> None:
        if file is None:
            return
        row: dict[str, Any] = {"at": act.at, "lead": str(act.lead), "cadence": act.cadence or None, "step": act.step}
        row |= {"occurrence": act.occurrence, "what": act.what, "by": act.by, "detail": act.detail}
        file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")

    return write


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr, where somebody looks."""
    if not sys.stderr.isatty():
        with nullcontext():
            yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.fields[day]}"), BarColumn(), TextColumn("{task.fields[sent]:,} sent"))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, day="", sent=0)

        def watch(progress: Progress) -> None:
            bar.update(task, completed=progress.done, day=f"{progress.at:%Y-%m-%d}", sent=progress.sent)

        yield watch
