"""init, check, schema: a workspace before anything goes out."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.commands.context import AsJson, DryRun, Session, session
from nurture.commands.output import say, show, show_json
from nurture.domain.errors import Problem, RefusedError, RequestError, UnknownNameError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from nurture.wiring import Checked

KINDS = ("cadence", "scoring", "readiness", "people", "sources")
STARTER_FILES = ("nurture.toml", "people.yaml", "sources.yaml", "scoring.yaml", "readiness.yaml", "README.md")


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(check)
    app.command()(schema)


def starter(name: str) -> Traversable:
    """A starter file or folder: inside the wheel, or at the top of a checkout."""
    from importlib.resources import files

    packed = files("nurture") / "starter" / name
    if packed.is_file() or packed.is_dir():
        return packed
    return Path(__file__).parents[2] / name


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a workspace that works: settings, cadences, templates, scoring, readiness, people, sources."""
    wanted = _starter_files()
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file.", hint="Name a folder.")
    there = [name for name in wanted if (folder / name).exists()]
    if there:
        raise RefusedError(
            f"{folder} already has {', '.join(sorted(there)[:3])}{' and more' if len(there) > 3 else ''}.",
            hint="Name a new folder; nothing was written.",
        )
    if not dry_run:
        known = set(folder.rglob("*")) | {folder} if folder.exists() else set()
        try:
            _write(folder, wanted)
        except OSError as problem:
            _remove(folder, known)
            raise RequestError(
                f"{folder} cannot be written: {problem.strerror}.",
                hint="Nothing was left there: make room, or name another folder.",
            ) from problem
    if as_json:
        show_json({"folder": str(folder), "files": sorted(wanted)})
        return
    show(f"{'Would write' if dry_run else 'Wrote'} {len(wanted)} files into {folder}.")
    if not dry_run:
        say(f"Next: cd {folder}, then: nurture check, nurture plan, nurture apply")


def make(folder: Path) -> None:
    """Write a new workspace, as `init` does. Raises OSError where the folder cannot be written."""
    _write(folder, _starter_files())


def _starter_files() -> dict[str, bytes]:
    """Path -> content of everything that a workspace starts with."""
    wanted = {name: starter(name).read_bytes() for name in STARTER_FILES}
    wanted[".gitignore"] = starter("gitignore").read_bytes()
    for name in ("cadences", "templates"):
        _walk(starter(name), name, wanted)
    return wanted


def _walk(folder: Traversable, path: str, wanted: dict[str, bytes]) -> None:
    for entry in folder.iterdir():
        inner = f"{path}/{entry.name}"
        if entry.is_dir():
            _walk(entry, inner, wanted)
        elif not entry.name.startswith("."):
            wanted[inner] = entry.read_bytes()


def _write(folder: Path, wanted: dict[str, bytes]) -> None:
    import secrets

    from nurture.doors import schema_of

    for name, content in sorted(wanted.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    state = folder / ".nurture"
    (state / "schema").mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (state / "schema" / f"{kind}.json").write_text(_as_text(schema_of(kind)), encoding="utf-8")
    # The key that signs unsubscribe links. It is never printed, and never in Git.
    descriptor = os.open(state / "secret.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())  # mails that go out today depend on it for years


def _remove(folder: Path, known: set[Path]) -> None:
    """Take away what was begun; what was there before stays."""
    for path in sorted({*folder.rglob("*"), folder} - known, reverse=True):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


def _as_text(value: object) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def check(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH...]", help="Only problems of these files.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List all problems of all files at once; exit 2 if there is an error."""
    current = session(ctx)
    checked = current.app.check()
    problems = sorted([*checked.problems, *_rehearsed(current, checked)])
    if paths:
        wanted = _relative(current, paths)
        problems = [
            one for one in problems if any(one.file == path or one.file.startswith(path + "/") for path in wanted)
        ]
    if as_json:
        show_json(problems)
    else:
        for one in problems:
            show(f"{one}" if one.severity == "error" else f"{one.file}:{one.line}:{one.column}: warning: {one.message}")
        errors = sum(one.severity == "error" for one in problems)
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)}" if problems else "No problem"
        them = "it does" if len(problems) == 1 else "they do"
        hint = f"; {them} not stop an apply" if problems and not errors else ""
        say(f"{count} in {checked.files} files{hint}.")
    if any(one.severity == "error" for one in problems):
        raise typer.Exit(2)


def _rehearsed(current: Session, checked: Checked) -> list[Problem]:
    """Run `cadences/*.test.yaml`, once the files that they test are sound."""
    tests, wrong = current.app.rehearsals()
    if not tests or any(one.severity == "error" for one in checked.problems):
        return wrong
    from nurture.daemon import rehearse

    return wrong + rehearse.run(current.app, tests, checked)


def _is_in(file: str, path: str) -> bool:
    return not path or file == path or file.startswith(path + "/")


def _relative(current: Session, paths: list[Path]) -> list[str]:
    found = []
    root = current.workspace.absolute()
    for path in paths:
        full = path if path.is_absolute() else (root / path if (root / path).exists() else Path.cwd() / path)
        if not full.exists():
            raise RequestError(f"{path} does not exist.", hint="Name a file or folder of the workspace.")
        if not full.resolve().is_relative_to(root.resolve()):
            raise RequestError(f"{path} is not in the workspace {current.workspace}.", hint="Use --workspace DIR.")
        found.append(full.resolve().relative_to(root.resolve()).as_posix())
    return ["" if path == "." else path for path in found]


def schema(
    kind: Annotated[str, typer.Argument(metavar="|".join(KINDS), help="Which file.")], *, as_json: AsJson = False
) -> None:
    """Print the JSON Schema of a file, for editors."""
    from nurture.doors import schema_of

    del as_json  # it is JSON either way
    if kind not in KINDS:
        raise UnknownNameError("schema", kind, KINDS, otherwise="Known: " + ", ".join(KINDS))
    show_json(schema_of(kind))
