"""The launcher of a checkout: makes `.venv` on first use, then hands over to the program or to the tests.

    python3 cli.py test [pytest arguments]     everything a reviewer runs
    python3 cli.py ...                         the same as an installed `nurture ...`

Only the standard library, and only syntax of Python 3.6: an older Python must be able to read this file to the
end, to find a newer one or to say what is missing. Hence the quotes around annotations.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Iterator, NoReturn  # noqa: UP035 (what an older Python has)

if sys.platform != "win32":
    import fcntl

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
READY = VENV / "nurture-ready.json"  # written last: which locks are installed, for which interpreter
UNFINISHED = VENV / "nurture-unfinished"  # written first: what is there may be half of something
LOCKS = {"runtime": ROOT / "requirements" / "runtime.lock", "dev": ROOT / "requirements" / "dev.lock"}

OLDEST = (3, 11)
NEWER_NAMES = ("python3.13", "python3.12", "python3.11", "python3.14")
WRONG, UNREACHABLE, INTERRUPTED = 2, 3, 130

# Each is run with the Python of .venv, never by its script: a script's first line breaks in some folders.
CHECKS = (
    ("ruff check", ["-m", "ruff", "check"]),
    ("ruff format --check", ["-m", "ruff", "format", "--check"]),
    ("mypy", ["-m", "mypy"]),
    ("lint-imports", ["-c", "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"]),
)


class CannotError(Exception):
    """What is wrong and what to do, with the exit code."""

    def __init__(self, message: str, code: int = WRONG) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: "list[str]") -> int:
    """Set up what is missing, then run; returns an exit code when it does not become the program itself."""
    testing = arguments[:1] == ["test"]
    needed = "dev" if testing else "runtime"
    try:
        if not is_ready(needed):
            leave_an_unfit_python(shutil.which("uv"))
            set_up(needed)
        if testing:
            return run_tests(arguments[1:])
        become([str(PYTHON), "-P", "-m", "nurture", *arguments])
    except CannotError as problem:
        say(str(problem))
        return problem.code
    except KeyboardInterrupt:
        say("interrupted. The next start carries on from a clean state.")
        return INTERRUPTED


def say(message: str) -> None:
    """Print for a person, beside the results."""
    sys.stdout.flush()
    print("nurture: " + message, file=sys.stderr, flush=True)


def become(command: "list[str]") -> NoReturn:
    """Replace this process, so that signals reach the program itself."""
    sys.stdout.flush()
    if os.name == "nt":  # there, exec returns to the shell while the program still runs
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


# The Python that starts us


def leave_an_unfit_python(uv: "str | None") -> None:
    """Start again under a Python that is new enough and can make a virtual environment, if this one is not."""
    new_enough = sys.version_info >= OLDEST
    if new_enough and (uv or importlib.util.find_spec("ensurepip")):
        return
    needs = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    if not uv:
        needs = "import ensurepip; " + needs
    for name in NEWER_NAMES:
        found = shutil.which(name)
        if found and subprocess.call([found, "-c", needs], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            become([found, str(ROOT / "cli.py"), *sys.argv[1:]])
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if new_enough:
        raise CannotError(
            f"this Python ({sys.executable}, {version}) cannot make a virtual environment: ensurepip is missing.\n"
            f"  On Debian and Ubuntu: apt-get install python{version}-venv (as root). Elsewhere, install uv.\n"
            "  Then run the same command again."
        )
    raise CannotError(
        f"Python 3.11 or newer is needed; this is {version} ({sys.executable}), and no usable python3.11 to "
        "python3.14 is on PATH.\n  Install one (on Debian and Ubuntu: apt-get install python3 python3-venv, as root) "
        "and run the same command again."
    )


# The virtual environment


def fingerprint(level: str) -> str:
    """What is to be installed for this level, as a hash."""
    try:
        return hashlib.sha256(LOCKS[level].read_bytes()).hexdigest()
    except OSError as error:
        raise CannotError("cannot read the lock file: " + str(error)) from error


def read_ready() -> "dict[str, str]":
    """What is installed; empty when nothing is, or when its interpreter has gone or has been replaced."""
    try:
        content = json.loads(READY.read_text("utf-8"))
        if content["python"] == os.path.realpath(str(PYTHON)) and PYTHON.exists():
            return dict(content)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}


def is_ready(level: str) -> bool:
    """True when .venv holds exactly what the lock of this level asks for."""
    return read_ready().get(level) == fingerprint(level)


def set_up(level: str) -> None:
    """Make or renew .venv, one process at a time."""
    with only_one() as lock:
        if is_ready(level):
            return  # another process has just done it
        started = time.monotonic()
        say("setting up " + str(VENV) + " (first use, or its lock file changed; about half a minute)")
        try:
            build(level, lock)
        except OSError as error:
            raise CannotError(
                "cannot set up " + str(VENV) + ": " + str(error) + "\n  It needs a checkout that you can write to: "
                "clone it into a folder of your own, or run this command once as its owner."
            ) from error
        say(f"ready after {time.monotonic() - started:.0f} s")


@contextlib.contextmanager
def only_one() -> "Iterator[int]":
    """Hold the right to change .venv. This file is what is locked: nothing to write, nothing left behind."""
    lock = os.open(str(ROOT / "cli.py"), os.O_RDONLY)
    try:
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("another process is setting up .venv; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def build(level: str, lock: int) -> None:
    """Install with uv where it works, else with pip. Whatever ends this early leaves UNFINISHED behind."""
    # The installer inherits the lock: when we are killed, nobody starts over while it is still writing.
    inherited = () if os.name == "nt" else (lock,)
    # Settings that would send packages elsewhere, or bring foreign ones in.
    unwanted = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "__PYVENV_LAUNCHER__")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}

    def run(*command: str) -> bool:
        # Its own group, so that Ctrl-C ends it and its children without a traceback of each.
        process = subprocess.Popen(
            command, stdout=sys.stderr, pass_fds=inherited, env=environment, cwd=str(ROOT), start_new_session=True
        )
        try:
            return process.wait() == 0
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError):  # it may just have ended
                if sys.platform == "win32":
                    process.terminate()
                else:
                    os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise

    # Inside a virtual environment (perhaps the very one that is to be made again), its origin.
    base = getattr(sys, "_base_executable", None) or sys.executable
    uv = shutil.which("uv")
    if uv and subprocess.call([uv, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        uv = None  # a version manager's empty promise
    kept = may_be_kept(with_pip=uv is None)
    earlier = READY.read_bytes() if kept and is_ready("runtime") else b""
    had = installed() if earlier else set()
    if uv:
        start_over_unless(kept)
        made = kept or run(uv, "venv", "-q", "--allow-existing", "--python", base, str(VENV))
        packages = ("-r", str(LOCKS[level]))
        if made and run(uv, "pip", "install", "-q", "--python", str(PYTHON), "--require-hashes", *packages):
            return finish(level)
        # What works is not thrown away: offline, nothing could take its place.
        kept = bool(earlier) and installed() == had
        if kept and not may_be_kept(with_pip=True, unfinished=True):
            raise not_installed(earlier)  # what uv has made, pip cannot add to
        say("uv could not do it; trying pip")
    start_over_unless(kept)
    if not kept and not run(base, "-m", "venv", str(VENV)):
        raise CannotError("the virtual environment could not be made; the reason is above.")
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q", "--no-compile")
    if not run(str(PYTHON), *pip, "--require-hashes", "-r", str(LOCKS[level])):
        raise not_installed(earlier if kept and installed() == had else b"")
    return finish(level)


def not_installed(earlier: bytes) -> CannotError:
    """What to say; `earlier`: what READY held and is still true, so that the program runs as before."""
    if earlier:
        READY.write_bytes(earlier)
        UNFINISHED.unlink()
    return CannotError(
        "the packages could not be installed; the reason is above.\n  The first use needs a way to a package "
        "index (see pip's settings for mirrors and proxies); later ones do not.",
        UNREACHABLE,
    )


def may_be_kept(with_pip: bool, unfinished: bool = False) -> bool:
    """True when .venv is whole, so that what is missing can be added to it. `unfinished`: it is by us, right now."""
    if (UNFINISHED.exists() and not unfinished) or not PYTHON.exists():
        return False
    if READY.exists() and not is_ready("runtime"):
        return False  # its Python has gone, or packages that are no longer asked for would stay
    fit = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    return subprocess.call([str(PYTHON), "-c", "import pip; " * with_pip + fit], stderr=subprocess.DEVNULL) == 0


def start_over_unless(kept: bool) -> None:
    """Empty .venv unless it is kept, and mark it as unfinished."""
    if not kept and VENV.is_symlink():
        VENV.unlink()
    elif not kept and VENV.exists():
        shutil.rmtree(str(VENV))
    VENV.mkdir(exist_ok=True)
    UNFINISHED.write_text("Set-up has begun and has not ended. The next start of cli.py begins again.\n")
    with contextlib.suppress(FileNotFoundError):
        READY.unlink()


def finish(level: str) -> None:
    """Put the checkout itself on the path of .venv, then say that it is whole."""
    packages = site_packages()
    # Relative, so that a checkout may be moved.
    (packages / "nurture-checkout.pth").write_text(os.path.relpath(str(ROOT), str(packages)) + "\n")
    # The development lock holds all of the runtime lock, in the same versions.
    levels = ["runtime", "dev"] if level == "dev" else ["runtime"]
    content = {"python": os.path.realpath(str(PYTHON)), **{name: fingerprint(name) for name in levels}}
    draft = READY.with_suffix(".draft")
    draft.write_text(json.dumps(content), "utf-8")
    os.replace(str(draft), str(READY))
    UNFINISHED.unlink()


def site_packages() -> Path:
    """Where .venv keeps its packages."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.check_output([str(PYTHON), "-c", ask], universal_newlines=True).strip())


def installed() -> "set[str]":
    """What .venv holds, by file names, besides pip itself."""
    return {name for name in os.listdir(str(site_packages())) if not name.startswith("pip")}


# The tests


def run_tests(arguments: "list[str]") -> int:
    """Run every check and then the tests; 0 only when all of them pass."""
    with tempfile.TemporaryDirectory(prefix="nurture-test-") as folder:
        report = Path(folder) / "report.xml"
        pytest = ["-m", "pytest", "--junitxml", str(report), *workers(arguments), *arguments]
        steps = [*CHECKS, ("pytest", pytest)]
        results = [(name, *run_step(name, command)) for name, command in steps]
        counts = count(report)
    print("\nSummary")
    for name, code, seconds in results:
        print(f"  {name:<20} {outcome(code):<24} {seconds:6.1f} s")
    print(counts, flush=True)
    return 0 if all(code == 0 for _, code, _ in results) else 1


def workers(arguments: "list[str]") -> "list[str]":
    """Three processes for two cores, unless the arguments decide that or want a debugger.

    Tests wait for much: for servers, for processes of their own, for the disk, for a time limit to pass.
    """
    if any(argument.startswith(("-n", "--numprocesses", "--pdb", "--trace")) for argument in arguments):
        return []
    return ["-n", str(min((3 * cores() + 1) // 2, 8)), "--dist", "worksteal"]


def cores() -> int:
    """On how many cores this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_step(name: str, command: "list[str]") -> "tuple[int, float]":
    """Run one check in the checkout; its exit code and how long it took, in seconds."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    # Else each program that a test starts would compile every library anew.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([str(PYTHON), *command], cwd=str(ROOT), env=environment)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.wait()  # it has been interrupted as well, and cleans up
        raise
    seconds = time.monotonic() - started
    print(f"== {name}: {outcome(code)}, {seconds:.1f} s", flush=True)
    return code, seconds


def outcome(code: int) -> str:
    """An exit code in words."""
    return "ok" if code == 0 else f"FAILED (exit code {code})"


def count(report: Path) -> str:
    """The result of pytest in one line, in plain words."""
    try:
        suites = list(ElementTree.parse(str(report)).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return "0 passed, 1 failed, 0 skipped"  # pytest did not get as far as a report
    total, failures, errors, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return f"{total - failures - errors - skipped} passed, {failures + errors} failed, {skipped} skipped"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
