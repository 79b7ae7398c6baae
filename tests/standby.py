"""A primary and a standby of throwaway PostgreSQL servers: killed, promoted and made anew while others use them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests import postgres

SETTINGS = postgres.SETTINGS | {"wal_level": "replica", "max_wal_senders": "8", "synchronous_commit": "on"}
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass
class Node:
    """One server: its files, its socket, its process."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The folder of its socket."""
        return self.folder / "s"

    def says(self, statement: str) -> object:
        """The one value that a statement gives; None where it gives none."""
        with psycopg.connect(
            host=str(self.socket), user=postgres.USER, dbname="postgres", autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def kill(self) -> None:
        """kill -9 to all of its processes, as when the machine is gone."""
        if self.process is not None:
            pids = [self.process.pid, *_children(self.process.pid)]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            while any(postgres.alive(pid) for pid in pids):
                time.sleep(0.005)


@dataclass
class Pair:
    """A primary that is followed by a standby. `synchronous`: a commit is on both before it counts."""

    room: Path
    programs: Path
    synchronous: bool
    made: int = 0
    nodes: list[Node] = field(default_factory=list)  # primary, standby

    @property
    def primary(self) -> Node:
        """Who takes writes."""
        return self.nodes[0]

    @property
    def standby(self) -> Node:
        """Who follows."""
        return self.nodes[1]

    def url(self, database: str) -> str:
        """The address of a database, wherever it is."""
        places = ",".join(quote(str(self.room / name / "s"), safe="") for name in ("a", "b"))
        return f"postgresql+psycopg://{postgres.USER}@/{database}?host={places}&target_session_attrs=read-write"

    def begin(self) -> None:
        """Make both."""
        first = self._node("a")
        self._run("initdb", first, "-U", postgres.USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._start(first)
        self.nodes = [first]
        self.follow()

    def follow(self) -> None:
        """Make a standby of the primary, where the last one was killed or there was none."""
        names = {"a", "b"} - {self.primary.folder.name}
        node = self._node(names.pop())
        self._run("pg_basebackup", node, "-h", str(self.primary.socket), "-U", postgres.USER, "-R", "-c", "fast", "-N")
        self._start(node)
        self.nodes = [self.primary, node]
        self._until(lambda: self.primary.says("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"))
        if self.synchronous:
            self.primary.says("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.primary.says("SELECT pg_reload_conf()")
            self._until(lambda: self.primary.says("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"))

    def cut_off(self) -> None:
        """The standby hears nothing any more, and does not know what it misses."""
        self.standby.says("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.says("SELECT pg_reload_conf()")
        self._until(lambda: not self.primary.says("SELECT count(*) FROM pg_stat_replication"))

    def fail_over(self) -> None:
        """The primary is killed, and the standby takes its place."""
        gone, new = self.nodes
        gone.kill()
        new.says("SELECT pg_promote()")
        self.nodes = [new]

    def end(self) -> None:
        """Kill both."""
        for node in self.nodes:
            node.kill()

    def _node(self, name: str) -> Node:
        folder = self.room / name
        account = postgres.unprivileged()
        self.made += 1
        if folder.exists():
            folder.rename(self.room / f"gone{self.made}")
        folder.mkdir(mode=0o711)
        for private in (folder / "data", folder / "s"):
            private.mkdir(mode=0o700)
            if account:
                os.chown(private, *account)
        return Node(folder)

    def _start(self, node: Node) -> None:
        settings = SETTINGS | {"unix_socket_directories": str(node.socket)}
        node.process = self._popen("postgres", node, *(w for n, v in settings.items() for w in ("-c", f"{n}={v}")))
        self._until(lambda: postgres.answers(node.socket))

    def _run(self, program: str, node: Node, *arguments: str) -> None:
        if self._popen(program, node, *arguments).wait():
            raise postgres.NoPostgresError(f"{program} failed: {(self.room / 'log').read_text(errors='replace')}")

    def _popen(self, program: str, node: Node, *arguments: str) -> subprocess.Popen[bytes]:
        user, group = postgres.unprivileged() or (None, None)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        with (self.room / "log").open("ab") as out:
            return subprocess.Popen(
                [str(self.programs / program), "-D", str(node.folder / "data"), *arguments],
                stdout=out,
                stderr=out,
                user=user,
                group=group,
                extra_groups=[] if user else None,
                env=environment | {"LC_ALL": "C", "HOME": str(self.room)},
                cwd=self.room,
                start_new_session=True,  # Ctrl-C is for us
                preexec_fn=_die_with_us,
            )

    def _until(self, happened: object) -> None:
        give_up = time.monotonic() + postgres.START_SECONDS
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                if happened():  # type: ignore[operator]
                    return
            if time.monotonic() > give_up:
                raise postgres.NoPostgresError(f"no answer: {(self.room / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)


@contextlib.contextmanager
def a_pair(*, synchronous: bool) -> Iterator[Pair]:
    """Both servers for as long as the block. Raises NoPostgresError."""
    room = postgres.room()
    programs = postgres.binaries()
    if postgres.unprivileged() and not postgres.reachable_by_others(programs):
        programs = postgres.copied(programs, room)
    pair = Pair(room, programs, synchronous)
    try:
        pair.begin()
        yield pair
    finally:
        pair.end()
        subprocess.run(["rm", "-rf", str(room)], check=False)


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGQUIT)


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[-1].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found
