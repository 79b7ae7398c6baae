"""How long commands take to start beside importing what they need: `--help`, `check`, and those with a database.

`python -m benchmarks.starts [--quick]`. Each is a process of its own with a warm disk; rivals take turns, the medians
of many. `check` may take what parsing its files takes on top: that is measured in this process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from benchmarks.result import Options, Result, alone

ROOT: Final = Path(__file__).resolve().parents[1]
NURTURE: Final = ["-m", "nurture"]
TYPER: Final = ["-c", "import typer"]
SQLALCHEMY: Final = ["-c", "import sqlalchemy"]
WITH_DATABASE: Final = (("status",), ("lead", "list", "--limit", "5"), ("cadence", "list"), ("task", "list"))
HELP: Final = 1.5
CHECK: Final = 2.5
DATABASE: Final = 2.0


def seconds(arguments: list[str], folder: Path) -> float:
    """Seconds from the start of a Python with these arguments to its end."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr.decode()
    return took


def ratio(ours: list[str], theirs: list[str], folder: Path, rounds: int, *, besides: float = 0.0) -> float:
    """The median of one beside the median of the other, in turns; `besides`: seconds that are not counted."""
    pairs = [(seconds(ours, folder) - besides, seconds(theirs, folder)) for _ in range(rounds + 1)][1:]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{' '.join(ours[2:])}: {1000 * mine:.0f} ms, {theirs[-1]}: {1000 * other:.0f} ms", flush=True)
    return float(mine / other)


def parsing(folder: Path) -> float:
    """Seconds to parse the files of a workspace with the C loader."""
    texts = [path.read_text("utf-8") for path in folder.rglob("*.yaml")]
    began = time.perf_counter()
    for text in texts:
        yaml.load(text, yaml.CSafeLoader)
    return time.perf_counter() - began


def rows(options: Options) -> Iterator[Result]:
    """Each command beside what it imports, in a workspace as `init` makes it; `check` without rehearsals as well."""
    rounds = options.pick(15, 3)
    with tempfile.TemporaryDirectory() as name:
        starter, small = Path(name) / "starter", Path(name) / "small"
        for folder in (starter, small):
            seconds([*NURTURE, "init", str(folder)], Path(name))
        for one in (small / "cadences").rglob("*.test.yaml"):
            one.unlink()
        seconds([*NURTURE, "apply"], starter)
        yield Result(
            "nurture --help", "import typer", ratio([*NURTURE, "--help"], TYPER, starter, rounds), at_most=HELP
        )
        for folder, what in ((small, "of the starter library"), (starter, "with its rehearsals")):
            turns = rounds if folder is small else options.pick(5, 1)
            check = ratio([*NURTURE, "check"], TYPER, folder, turns, besides=parsing(folder))
            yield Result(f"nurture check {what}, less parsing", "import typer", check, at_most=CHECK)
        for command in WITH_DATABASE:
            found = ratio([*NURTURE, *command], SQLALCHEMY, starter, rounds)
            yield Result(f"nurture {' '.join(command)}", "import sqlalchemy", found, at_most=DATABASE)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
