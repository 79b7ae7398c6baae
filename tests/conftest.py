"""What every test can ask for: real databases; and the rule that continuous integration skips nothing."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import postgres

# Where the processes of one test session meet, and the process that all of them belong to.
MEETING_PLACE = pytest.StashKey[tuple[Path, int]]()


# How long one example takes says how busy the machine is; what hangs is ended by pytest-timeout.
# As many examples as a suite of five minutes has room for; --hypothesis-profile=long is for a night.
settings.register_profile("suite", deadline=None, max_examples=60)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Agree with pytest-xdist's workers on a folder; the first that needs PostgreSQL starts it for all."""
    given = getattr(config, "workerinput", None)
    place = (
        (Path(given["nurture_folder"]), int(given["nurture_owner"]))
        if given is not None
        else (Path(tempfile.mkdtemp(prefix="nurture-tests-")), os.getpid())
    )
    config.stash[MEETING_PLACE] = place


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where to meet."""
    folder, owner = node.config.stash[MEETING_PLACE]
    node.workerinput["nurture_folder"] = str(folder)
    node.workerinput["nurture_owner"] = owner


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop PostgreSQL when all workers are done."""
    if hasattr(config, "workerinput") or MEETING_PLACE not in config.stash:
        return
    folder, owner = config.stash[MEETING_PLACE]
    if (folder / "postgres.json").exists():
        with contextlib.suppress(postgres.NoPostgresError):  # it never started, and the tests have said so
            postgres.shared(folder, owner).stop()
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later search for garbage, which it seldom finds: it stays to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def refuse_skip(report: Any) -> None:
    """Turn a skip into a failure under NURTURE_NO_SKIPS=1. A test that is expected to fail is no skip."""
    if os.environ.get("NURTURE_NO_SKIPS") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason}\nNothing may be skipped here: NURTURE_NO_SKIPS=1 is set."


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A skipped module."""
    report = yield
    refuse_skip(report)
    return report


@pytest.fixture(scope="session", autouse=True)
def statements_are_written_once() -> Iterator[None]:
    """Keep the SQL of each statement for all databases of this process, as a daemon does for its one.

    SQLAlchemy keeps it for an engine, under its dialect; a test has an engine of its own, and would spend a third of
    its time on writing statements that the test before has written already.
    """
    # Here, as below: the process that only hands out the tests has no need of them.
    from sqlalchemy import create_engine
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
    from sqlalchemy.util import LRUCache

    known: Any = LRUCache(4_000)

    def opened(*given: Any, **more: Any) -> Any:
        engine = create_engine(*given, **more)
        engine.update_execution_options(compiled_cache=known)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        for dialect in (PGDialect_psycopg, SQLiteDialect_pysqlite):  # two of a kind write the same
            patch.setattr(dialect, "__eq__", lambda self, other: type(self) is type(other))
            patch.setattr(dialect, "__hash__", lambda self: hash(type(self)))
        patch.setattr("nurture.adapters.store.engine.create_engine", opened)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_disk_is_waited_for() -> Iterator[Callable[..., Any]]:
    """Let no commit of this process in SQLite wait for the disk: what is killed in tests are processes, not machines.

    Yields how an engine for SQLite is made otherwise.
    """
    from nurture.adapters.store import engine

    made = engine._sqlite
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_sqlite", lambda url, busy_seconds, durable: made(url, busy_seconds, durable=False))
        yield made


@pytest.fixture(scope="session", autouse=True)
def files_are_read_once() -> Iterator[None]:
    """Remember what was made of the files of a workspace, with its templates compiled: most tests have the same."""
    from nurture.adapters.rules import YamlFiles

    known: dict[Any, Any] = {}

    def remembering(read: Callable[..., Any]) -> Callable[..., Any]:
        def remembered(self: Any, sources: Mapping[str, str], **others: Any) -> Any:
            key = (read, frozenset(sources.items()), repr((vars(self), others)))
            if key not in known:
                if len(known) > 100:  # a test that makes files up comes by with many
                    known.clear()
                known[key] = read(self, sources, **others)
            made = known[key]
            return (made[0], list(made[1])) if isinstance(made, tuple) else made  # callers add to the problems

        return remembered

    with pytest.MonkeyPatch.context() as patch:
        for name in ("read", "in_force", "templates"):
            patch.setattr(YamlFiles, name, remembering(getattr(YamlFiles, name)))
        yield


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> postgres.Server:
    """The session's PostgreSQL. Skips where there is none, or fails under NURTURE_REQUIRE_POSTGRES=1."""
    try:
        return postgres.shared(*pytestconfig.stash[MEETING_PLACE])
    except postgres.NoPostgresError as problem:
        if os.environ.get("NURTURE_REQUIRE_POSTGRES") == "1":
            pytest.fail(f"PostgreSQL is required here: {problem}")
        pytest.skip(f"PostgreSQL: {problem}")


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'nurture.db'}"
    return str(request.getfixturevalue("postgres_url"))
