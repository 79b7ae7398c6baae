"""How long commands take to start beside importing what they need: `--help`, `check`, and those with a database.

`python -m benchmarks.starts [--quick]`. Each is a process of its own with a warm disk; rivals take turns, the medians
of many. `check` may take on top what parsing its files takes, which is measured in this process, without the imports of
the parsers. Two figures are given: less the YAML (C loader) alone, and less all that is parsed: the YAML, the templates
(Jinja's own parser, nothing looked at or compiled) and the conditions (our reader).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import yaml
from jinja2 import Environment

from benchmarks.result import Options, Result, alone
from nurture.adapters.cadence_files.workspace import read_files
from nurture.domain.condition import Condition, parse
from nurture.domain.walk import program_of

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


def times(ours: list[str], theirs: list[str], folder: Path, rounds: int) -> tuple[float, float]:
    """The medians of both in seconds, in turns."""
    pairs = [(seconds(ours, folder), seconds(theirs, folder)) for _ in range(rounds + 1)][1:]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{' '.join(ours[2:])}: {1000 * mine:.0f} ms, {theirs[-1]}: {1000 * other:.0f} ms", flush=True)
    return mine, other


def ratio(ours: list[str], theirs: list[str], folder: Path, rounds: int) -> float:
    """The median of one beside the median of the other, in turns."""
    mine, other = times(ours, theirs, folder, rounds)
    return mine / other


def parsing_yaml(folder: Path) -> float:
    """Seconds to parse the YAML files of a workspace with the C loader."""
    texts = [path.read_text("utf-8") for path in folder.rglob("*.yaml")]
    return took(lambda: [yaml.load(text, yaml.CSafeLoader) for text in texts])


def parsing(folder: Path) -> float:
    """Seconds to parse all that is in a workspace: its YAML, its templates and its conditions, each once."""
    templates = [path.read_text("utf-8") for path in (folder / "templates").rglob("*.*")]
    conditions = list(conditions_in(folder))
    jinja = Environment(autoescape=True)
    return (
        parsing_yaml(folder)
        + took(lambda: [jinja.parse(text) for text in templates])
        + took(lambda: [parse(text) for text in conditions])
    )


def conditions_in(folder: Path) -> Iterator[str]:
    """The texts of all conditions of a workspace: of cadences, and of the rules for points."""
    workspace, _ = read_files(
        {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.yaml")}
    )
    found: list[Condition | None] = [rule.when for rule in workspace.scoring.fit]
    for cadence in workspace.cadences.values():
        found += [cadence.entry.when, cadence.goal]
        found += [getattr(op, "condition", None) for op in program_of(cadence).ops]
    return (one.text for one in found if one is not None)


def took(work: Callable[[], object]) -> float:
    """The median of the seconds of five times."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


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
            yaml_alone, every = parsing_yaml(folder), parsing(folder)
            print(f"parsing: YAML {1000 * yaml_alone:.0f} ms, with templates and conditions {1000 * every:.0f} ms")
            check, other = times([*NURTURE, "check"], TYPER, folder, turns)
            less_yaml, less_all = (check - yaml_alone) / other, (check - every) / other
            yield Result(f"nurture check {what}, less parsing of YAML", "import typer", less_yaml)
            yield Result(f"nurture check {what}, less all parsing", "import typer", less_all, at_most=CHECK)
        for command in WITH_DATABASE:
            found = ratio([*NURTURE, *command], SQLALCHEMY, starter, rounds)
            yield Result(f"nurture {' '.join(command)}", "import sqlalchemy", found, at_most=DATABASE)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
