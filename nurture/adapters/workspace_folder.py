"""The files of a workspace's folder as texts: YAML and templates. Nothing here is checked for what it means."""

from __future__ import annotations

from pathlib import Path

from nurture.adapters.cadence_files.workspace import read_workspace
from nurture.domain.errors import Problem

MAX_BYTES = 1_000_000
SUFFIXES = (".html", ".txt", ".md")


def read_folder(folder: Path) -> tuple[dict[str, str], list[Problem]]:
    """Path -> text of every YAML file and template, and what cannot be read."""
    read = read_workspace(folder)
    sources, problems = dict(read.sources), list(read.problems)
    for name in sorted(read.templates):
        path = folder / "templates" / name
        if path.suffix not in SUFFIXES:
            continue
        where = f"templates/{name}"
        if path.stat().st_size > MAX_BYTES:
            problems.append(Problem(where, 1, 1, f"the file is larger than {MAX_BYTES:,} bytes"))
            continue
        try:
            sources[where] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            problems.append(Problem(where, 1, 1, "this is not UTF-8: save the file with the encoding UTF-8"))
    return sources, problems
