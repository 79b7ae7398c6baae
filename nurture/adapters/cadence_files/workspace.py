"""The files of a workspace: found in a folder, or held by the database, and read into one value with all problems."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nurture.adapters.cadence_files import cadence, references
from nurture.adapters.cadence_files.nodes import MAX_BYTES, ScalarNode, read_nodes
from nurture.adapters.cadence_files.people import PEOPLE
from nurture.adapters.cadence_files.pressure import pressure_problems
from nurture.adapters.cadence_files.readiness import READINESS
from nurture.adapters.cadence_files.report import Report, TooManyProblemsError, short
from nurture.adapters.cadence_files.schema import WRONG, Shape
from nurture.adapters.cadence_files.scoring import SCORING
from nurture.adapters.cadence_files.sources import SOURCES
from nurture.domain.errors import Problem
from nurture.domain.readiness import Readiness
from nurture.domain.scoring import Scoring
from nurture.domain.workspace import Workspace

# Each of these may be missing or empty; then this is what holds.
SINGLE_FILES: Final[dict[str, tuple[Shape, Callable[[], Any]]]] = {
    "scoring.yaml": (SCORING, Scoring),
    "readiness.yaml": (READINESS, Readiness),
    "people.yaml": (PEOPLE, tuple),
    "sources.yaml": (SOURCES, tuple),
}


@dataclass(frozen=True, slots=True)
class Files:
    """What lies in a workspace's folder: the texts by path, the paths under `templates/`, and what cannot be read."""

    sources: Mapping[str, str]
    templates: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


def read_workspace(folder: Path) -> Files:
    """The YAML files of a workspace as texts. What is too large or not UTF-8 is left out and is a problem."""
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    paths = [folder / name for name in SINGLE_FILES]
    paths += sorted(path for path in (folder / "cadences").glob("*.y*ml") if not path.name.endswith(".test.yaml"))
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".yml":
            problems.append(Problem(name, 1, 1, f"this file is not read; call it {short(path.stem + '.yaml')}"))
        elif path.is_file():
            text = _text(path, name, problems)
            if text is not None:
                sources[name] = text
    templates = folder / "templates"
    found = (path.relative_to(templates).as_posix() for path in templates.rglob("*") if path.is_file())
    return Files(sources, frozenset(found), tuple(problems))


def _text(path: Path, name: str, problems: list[Problem]) -> str | None:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        problems.append(Problem(name, 1, 1, f"the file is larger than {MAX_BYTES:,} bytes"))
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        problems.append(Problem(name, line, column, "this is not UTF-8: save the file with the encoding UTF-8"))
        return None


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Leave Python's garbage collector off: what is read here is kept and has no cycles, so it would walk through all
    of it again and again, a sixth of the time, and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_nothing_collected()
def read_files(
    sources: Mapping[str, str],
    *,
    unread: Sequence[Problem] = (),
    templates: Collection[str] | None = None,
    webhooks: Collection[str] | None = None,
    senders: Collection[str] | None = None,
    limits: Mapping[int, int] | None = None,
    lenient: bool = False,
) -> tuple[Workspace, list[Problem]]:
    """The workspace that these files make, and every problem of all of them in the order of the places.

    `unread` are the problems of files that could not be read as texts; what they hold counts as existing.
    `sources` are texts by path (`cadences/NAME.yaml`, `scoring.yaml`, ...); other paths are passed over. A file with an
    error is not in the workspace. The other arguments are what may be named: paths under `templates/`, and the names
    of the settings; None leaves these unchecked. `limits` are the most touches of a lead by days, such as {7: 2}.
    `lenient`: a cadence that was applied before is loaded whatever is said about it, as long as it has a meaning.
    """
    cadences, reports = {}, {}
    single: dict[str, Any] = {name: default() for name, (_, default) in SINGLE_FILES.items()}
    for path in sorted(sources):
        report = reports[path] = Report(path)
        if path in SINGLE_FILES:
            single[path] = _read_single(sources[path], *SINGLE_FILES[path], report)
        elif cadence_name(path) is not None:
            found = cadence.read(sources[path], report, lenient=lenient)
            if found is not None:
                cadences[found.name] = found
        else:
            del reports[path]
    workspace = Workspace(
        cadences=cadences,
        scoring=single["scoring.yaml"],
        readiness=single["readiness.yaml"],
        people={person.email: person for person in single["people.yaml"]},
        sources={source.name: source for source in single["sources.yaml"]},
    )
    known = references.Known(
        cadences=[name for path in (*reports, *(problem.file for problem in unread)) if (name := cadence_name(path))],
        templates=templates,
        webhooks=webhooks,
        senders=senders,
    )
    references.check(workspace, reports, known)
    for found in cadences.values() if limits else ():
        pressure_problems(found, reports[found.file], limits or {})
    return workspace, sorted([*unread, *(problem for report in reports.values() for problem in report.problems)])


def cadence_name(path: str) -> str | None:
    """The name of the cadence that this path holds, or None when it is another file."""
    pure = PurePosixPath(path)
    if pure.parent.as_posix() != "cadences" or pure.suffix != ".yaml" or pure.stem.endswith(".test"):
        return None
    return pure.stem


def _read_single(text: str, shape: Shape, default: Callable[[], Any], report: Report) -> Any:
    try:
        root = read_nodes(text, report)
        if root is None or (isinstance(root, ScalarNode) and root.is_nothing):
            return default()
        value = shape.read(root, report, report.file.removesuffix(".yaml"))
        references.check_identities(report)
    except TooManyProblemsError:
        return default()
    return value if value is not WRONG and report.is_clean else default()
