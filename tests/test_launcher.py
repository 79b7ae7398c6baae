"""The launcher, started for real in a folder with a space, against a package index that is one folder."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

# Stands for ruff, mypy, import-linter and pytest: says how it was called, fails when told to.
TOOL = """
import os, sys
name = os.path.basename(os.path.dirname(__file__))
print("ran", name, *sys.argv[1:])
if name == "pytest":
    report = sys.argv[sys.argv.index("--junitxml") + 1]
    open(report, "w").write('<testsuites><testsuite tests="6" failures="1" errors="1" skipped="1"/></testsuites>')
sys.exit(name in os.environ.get("FAILING", "").split())
"""
TOOLS = {f"{name}/__main__.py": TOOL for name in ("ruff", "mypy", "pytest")}
TOOLS |= {f"{name}/__init__.py": "" for name in ("ruff", "mypy", "pytest", "importlinter")}
TOOLS["importlinter/cli.py"] = "def lint_imports_command():\n    print('ran importlinter')\n    return 0\n"


def wheel(folder: Path, name: str, files: dict[str, str]) -> str:
    """Write a wheel of version 1.0 into `folder`; its line in a lock file."""
    info = f"{name}-1.0.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: nurture\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for at, text in files.items():
            archive.writestr(at, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{at},sha256={digest},{len(text.encode())}")
        archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,"]) + "\n")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A small checkout, and a machine with nothing but Python and uv."""

    root: Path
    index: Path
    path: Path

    def environment(self, **extra: str) -> dict[str, str]:
        online = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.index.as_uri(), "PIP_CONFIG_FILE": os.devnull}
        online |= {"UV_OFFLINE": "1", "UV_FIND_LINKS": self.index.as_uri(), "UV_NO_CONFIG": "1"}
        home = self.root.parent / "home"
        home.mkdir(exist_ok=True)
        return {"HOME": str(home), "PATH": str(self.path), **online, **extra}

    def start(self, *arguments: str, python: tuple[str, ...] = (), **extra: str) -> subprocess.Popen[str]:
        base = str(getattr(sys, "_base_executable", sys.executable))
        return subprocess.Popen(
            [*(python or (base,)), str(self.root / "cli.py"), *arguments],
            cwd=self.root.parent,
            env=self.environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, python: tuple[str, ...] = (), **extra: str) -> tuple[int, str, str]:
        process = self.start(*arguments, python=python, **extra)
        out, err = process.communicate(timeout=100)
        return process.returncode, out, err

    def without_uv(self) -> None:
        """From now on pip has to do it."""
        (self.path / "uv").unlink(missing_ok=True)

    def pull_the_plug(self) -> None:
        """From now on there is nothing to install from."""
        shutil.rmtree(self.index)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, index, path = tmp_path / "a b" / "clone", tmp_path / "index", tmp_path / "bin"
    for folder in (root / "requirements", root / "nurture", index, path):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "cli.py", root)
    (root / "nurture" / "__init__.py").touch()
    program = "import sys, only\nprint('nurture', *sys.argv[1:], only.HERE)\n"
    (root / "nurture" / "__main__.py").write_text(program)
    runtime = wheel(index, "only", {"only.py": "HERE = 'with its dependency'\n"})
    (root / "requirements" / "runtime.lock").write_text(runtime)
    (root / "requirements" / "dev.lock").write_text(runtime + wheel(index, "tools", TOOLS))
    if UV:
        record = path / "uv was called"
        (path / "uv").write_text(f'#!/bin/sh\necho "$@" >> "{record}"\nPATH=/usr/bin:/bin exec "{UV}" "$@"\n')
        (path / "uv").chmod(0o755)
    return Checkout(root, index, path)


def test_an_old_python_can_read_the_launcher() -> None:
    ast.parse((ROOT / "cli.py").read_text("utf-8"), feature_version=(3, 6))


def test_uv_is_used_where_there_is_one(checkout: Checkout) -> None:
    assert UV, "uv comes with the development lock"
    code, out, err = checkout.run("status")
    assert (code, out) == (0, "nurture status with its dependency\n"), err
    assert "trying pip" not in err
    assert "--require-hashes" in (checkout.path / "uv was called").read_text()


def test_two_first_starts_at_once_both_work(checkout: Checkout) -> None:
    both = [checkout.start("status"), checkout.start("status")]
    said = [process.communicate(timeout=100) for process in both]
    assert [out for out, _ in said] == ["nurture status with its dependency\n"] * 2
    assert sum("ready after" in err for _, err in said) == 1


def test_a_set_up_that_was_killed_is_begun_again(checkout: Checkout) -> None:
    process = checkout.start("status")
    marker = checkout.root / ".venv" / "nurture-unfinished"
    while not marker.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (checkout.root / ".venv" / "nurture-ready.json").exists()
    (checkout.root / ".venv" / "half of something").touch()
    code, out, err = checkout.run("status")
    assert (code, out) == (0, "nurture status with its dependency\n"), err
    assert not (checkout.root / ".venv" / "half of something").exists()


@pytest.mark.parametrize("by", ["uv", "pip"])
def test_the_first_start_installs_and_from_then_on_the_program_needs_no_network(checkout: Checkout, by: str) -> None:
    if by == "pip":  # where uv cannot do it, and then where there is none
        (checkout.path / "uv").write_text('#!/bin/sh\n[ "$1" = --version ]\n')
    code, out, err = checkout.run("lead", "show", "an id")
    assert (code, out) == (0, "nurture lead show an id with its dependency\n"), err
    assert ("trying pip" in err) is (by == "pip")
    if by == "pip":
        checkout.without_uv()
    wheel(checkout.index, "tools", TOOLS | {"other.py": ""})
    code, out, err = checkout.run("test")
    assert (code, out) == (3, ""), "a package with another hash was installed"
    assert "could not be installed" in err
    assert "Traceback" not in err
    checkout.pull_the_plug()
    assert checkout.run("status") == (0, "nurture status with its dependency\n", "")
    code, _, err = checkout.run("test")  # tests that cannot be set up, for the second time, leave the program as it was
    assert (code, "could not be installed" in err) == (3, True)
    assert checkout.run("status") == (0, "nurture status with its dependency\n", "")


def test_the_tests_all_run_and_a_failure_of_any_is_the_result(checkout: Checkout) -> None:
    code, out, _ = checkout.run("test", "tests/domain", "-k", "a name", FAILING="mypy")
    order = [line.split()[1:3] for line in out.splitlines() if line.startswith("ran ")]
    assert [words[0] for words in order] == ["ruff", "ruff", "mypy", "importlinter", "pytest"]
    assert "tests/domain -k a name" in out
    assert "== mypy: FAILED (exit code 1)" in out
    assert out.splitlines()[-1] == "3 passed, 2 failed, 1 skipped"
    assert code == 1
    checkout.pull_the_plug()
    assert checkout.run("test")[0] == 0  # twice in a row, offline the second time
    assert checkout.run("status")[1] == "nurture status with its dependency\n"  # the larger set-up serves both


def test_a_python_that_has_gone_is_replaced(checkout: Checkout) -> None:
    assert checkout.run("status")[0] == 0
    ready = checkout.root / ".venv" / "nurture-ready.json"
    ready.write_text(json.dumps(json.loads(ready.read_text()) | {"python": "/gone/python3.11"}))
    code, out, err = checkout.run("status")
    assert (code, out) == (0, "nurture status with its dependency\n")
    assert "ready after" in err


def pretending(statement: str) -> tuple[str, ...]:
    """A Python that runs a script after this statement."""
    base = str(getattr(sys, "_base_executable", sys.executable))
    program = (
        f"import runpy, sys; {statement}; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return (base, "-c", program)


def test_an_old_python_says_what_is_needed(checkout: Checkout) -> None:
    code, out, err = checkout.run("status", python=pretending("sys.version_info = (3, 8, 0)"))
    assert (code, out) == (2, "")
    assert "Python 3.11 or newer is needed; this is 3.8" in err


def test_an_old_python_finds_a_newer_one_beside_it(checkout: Checkout) -> None:
    base = str(getattr(sys, "_base_executable", sys.executable))
    (checkout.path / "python3.13").write_text("#!/bin/sh\nexit 127\n")  # a version manager's empty promise
    (checkout.path / "python3.12").write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
    for name in ("python3.13", "python3.12"):
        (checkout.path / name).chmod(0o755)
    code, out, err = checkout.run("status", python=pretending("sys.version_info = (3, 8, 0)"))
    assert (code, out) == (0, "nurture status with its dependency\n"), err


def test_a_python_without_ensurepip_names_the_package_to_install(checkout: Checkout) -> None:
    checkout.without_uv()
    code, out, err = checkout.run("status", python=pretending("sys.modules['ensurepip'] = None"))
    assert (code, out) == (2, "")
    assert f"apt-get install python3.{sys.version_info.minor}-venv" in err
    assert not (checkout.root / ".venv").exists()


def test_a_checkout_that_cannot_be_written_to_says_so(checkout: Checkout) -> None:
    # A file in the way: root may write to a folder without write permission.
    (checkout.root / ".venv").touch()
    code, out, err = checkout.run("status")
    assert (code, out) == (2, "")
    assert "needs a checkout that you can write to" in err
    assert "Traceback" not in err
