"""What a reviewer would look for in every file, looked for by the machine."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "nurture").rglob("*.py"))
LONGEST = 450
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

# In pieces, so that this file does not find itself. A lock file with a registry's address in it installs from that
# registry for ever, past every mirror; a path of the machine where something was written exists nowhere else.
REGISTRIES = [
    "pypi" + ".org",
    "files.python" + "hosted",
    "registry." + "npmjs",
    "registry." + "yarnpkg",
    "/sim" + "ple/",
]
MACHINE_PATHS = [
    "/wo" + "rk/",
    "/tmp/bash" + "_jobs",
    "/tmp/te" + "am",
    "/ro" + "ot/",
    "/home" + "/user",
    "/Us" + "ers/",
]


def kept_files() -> list[Path]:
    """What git keeps, and what it would keep; every file where there is no git (an unpacked archive)."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not (ROOT / ".git").exists():
        hidden = {".venv", "__pycache__", ".hypothesis"}
        return [path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.parts)]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def mentions(words: list[str]) -> list[str]:
    """Where one of these words stands, as file:line."""
    pattern = re.compile("|".join(map(re.escape, words)).encode())
    found = []
    for path in kept_files():
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line[:120]!r}")
    return found


def test_no_file_names_a_package_registry() -> None:
    assert mentions(REGISTRIES) == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert mentions(MACHINE_PATHS) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_in_its_first_line(path: Path) -> None:
    charter = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
    assert charter.endswith((".", "?", "!")), f"{path.name} begins with {charter!r}"


def test_no_module_has_a_name_that_says_nothing() -> None:
    nouns = [(path, set(part.split("_"))) for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts]
    assert [str(path) for path, words in nouns if words & NAMES_THAT_SAY_NOTHING] == []


def test_no_module_is_too_long_to_hold_in_the_head() -> None:
    # A step of the schema is written once, by the machine, and is never changed.
    written = [path for path in MODULES if path.parent.name != "versions"]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in written}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_a_lock_holds_every_dependency_with_its_hash(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"]]
    for extra in ("postgres", "demo"):
        wanted += project["project"]["optional-dependencies"][extra]
    if lock == "dev":
        wanted += project["dependency-groups"]["dev"]
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8")
    locked = {
        match[1].lower() for match in re.finditer(r"^([\w.-]+)==[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)
    }
    names = {re.split(r"[\[<>=;! ]", line)[0].lower().replace(".", "-").replace("_", "-") for line in wanted}
    assert names - locked == set()


def test_the_development_lock_holds_the_runtime_lock_in_the_same_versions() -> None:
    pins = [
        set(
            re.findall(r"^[\w.-]+==[^\\\n]*", (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8"), re.MULTILINE)
        )
        for lock in ("runtime", "dev")
    ]
    assert pins[0] - pins[1] == set()


def every_command() -> Iterator[str]:
    """The full names of all commands that are not hidden: `lead import`."""
    from typer.core import TyperGroup

    from nurture.commands import CONTENTS, commands_of

    for module in dict.fromkeys(module for module, _ in CONTENTS.values()):
        for name, command in commands_of(module).commands.items():
            assert CONTENTS[name][0] == module, f"{name} is not in the table of contents"
            if isinstance(command, TyperGroup):
                yield from (f"{name} {inner}" for inner, one in command.commands.items() if not one.hidden)
            elif not command.hidden:
                yield name


def test_every_command_is_shown_in_the_readme() -> None:
    from nurture.commands import CONTENTS

    readme = (ROOT / "README.md").read_text("utf-8")
    known = sorted(every_command())
    assert {command.split()[0] for command in known} == CONTENTS.keys()
    assert known
    assert [command for command in known if not re.search(rf"(?<![\w-]){re.escape(command)}(?![\w-])", readme)] == []
