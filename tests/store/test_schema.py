"""The schema: the steps and the tables say the same; an upgrade is all or nothing, and quick when there is nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text

from nurture.adapters.store import schema
from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.tables import metadata
from nurture.domain.errors import RefusedError, UnreachableError
from tests.store import next_step

ROOT = Path(__file__).resolve().parents[2]

RELEASED = {"0001_first.py": "ff923856b3c10d02ccf2b7d6ee3f2a3e7bd1606abd73aa9b93a0355cfc4a7200"}

PG_SHAPE = (
    """SELECT table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace""",
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_engine(database_url)
    yield made
    made.dispose()


def shape(engine: Engine) -> set[tuple[Any, ...]]:
    """Everything that a database says about its tables, its partial indexes and CHECKs included."""
    with engine.connect() as db:
        if engine.dialect.name == "sqlite":
            rows = db.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master"))
            return {(*row[:3], _parts(row[3])) for row in rows}
        return {tuple(row) for query in PG_SHAPE for row in db.execute(text(query))}


def _parts(sql: str | None) -> tuple[str, ...]:
    """What a CREATE statement says, in whichever order: a column that came later stands last."""
    head, _, rest = re.sub(r"\s+", " ", (sql or "").replace('"', "")).partition("(")
    parts, depth = [""], 0
    for sign in rest.rpartition(")")[0]:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    where = rest.rpartition(")")[2] if head.strip().startswith("CREATE TABLE") else rest
    return (head.strip(), where.strip(), *sorted(part.strip() for part in parts))


def emptied(engine: Engine) -> None:
    with engine.begin() as db:
        metadata.drop_all(db)
        schema.versions.drop(db)


def test_the_steps_lead_to_the_same_schema_as_the_tables(engine: Engine) -> None:
    """If this fails: python -m tests.store.next_step"""
    schema.upgrade(engine)
    at_once = shape(engine)
    emptied(engine)
    with engine.begin() as db:
        command.upgrade(schema.alembic_config(db), "head")
    by_steps = shape(engine)
    assert len(at_once) > 60
    assert sorted(at_once - by_steps, key=str) == []
    assert sorted(by_steps - at_once, key=str) == []
    assert schema.is_current(engine)
    assert schema.check(engine) == []


def test_the_next_step_is_what_its_writer_writes() -> None:
    """If this fails: python -m tests.store.next_step"""
    there = next_step.FILE.read_text("utf-8") if next_step.FILE.exists() else None
    assert there == next_step.written()


def test_the_next_step_is_the_same_where_postgresql_was_met_first() -> None:
    program = (
        "from tests.store import next_step\n"
        "for table in next_step.metadata.sorted_tables:\n"
        "    for index in table.indexes:\n"
        "        index.dialect_options['postgresql']\n"
        "print(next_step.written(), end='')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == next_step.FILE.read_text("utf-8")


def test_a_released_step_never_changes() -> None:
    steps = {path.name: sha256(path.read_bytes()).hexdigest() for path in (schema.STEPS / "versions").glob("0*.py")}
    assert RELEASED.items() <= steps.items()


def test_the_newest_step_is_the_last_one_in_the_folder() -> None:
    assert ScriptDirectory(str(schema.STEPS)).get_heads() == [schema.NEWEST]


def test_an_empty_database_becomes_current_and_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    assert schema.current(engine) is None
    assert not schema.is_current(engine)
    assert "nurture database upgrade" in schema.check(engine)[0]
    assert schema.upgrade(engine) == [schema.NEWEST]
    assert schema.upgrade(engine) == []
    assert schema.is_current(engine)
    assert schema.check(engine) == []


def test_a_new_workspace_needs_no_alembic_and_no_second(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from nurture.adapters.store import engine, schema\n"
        "start = time.perf_counter()\n"
        f"made = engine.open_engine({'sqlite:///' + str(tmp_path / 'new.db')!r})\n"
        "schema.upgrade(made); assert schema.is_current(made); made.dispose()\n"
        "print('alembic' in sys.modules, time.perf_counter() - start)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded, seconds = done.stdout.split()
    assert loaded == "False"
    assert float(seconds) < 2  # a few hundredths, on a machine that does nothing else


def test_many_that_start_together_make_one_schema(database_url: str) -> None:
    def start(_turn: int) -> list[str]:
        engine = open_engine(database_url)
        try:
            return schema.upgrade(engine)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(start, range(4)))
    assert sorted(made) == [[], [], [], [schema.NEWEST]]


def test_a_database_of_something_else_is_refused_and_left_alone(engine: Engine) -> None:
    with engine.begin() as db:
        db.execute(text("CREATE TABLE leads (id INTEGER)"))
    with pytest.raises(RefusedError, match="leads"):
        schema.upgrade(engine)
    with engine.connect() as db:
        assert inspect(db).get_table_names() == ["leads"]


def test_a_database_of_a_newer_nurture_is_refused(engine: Engine) -> None:
    schema.upgrade(engine)
    with engine.begin() as db:
        db.execute(schema.versions.update().values(version_num="9999"))
    with pytest.raises(RefusedError, match="9999"):
        schema.upgrade(engine)
    assert "9999" in schema.check(engine)[0]


def test_an_upgrade_leaves_foreign_keys_on(engine: Engine) -> None:
    schema.upgrade(engine)
    with engine.connect() as db:
        if engine.dialect.name == "sqlite":
            assert db.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


def test_a_missing_table_column_index_and_check_are_found(engine: Engine) -> None:
    schema.upgrade(engine)
    with engine.begin() as db:
        db.execute(text("DROP TABLE api_tokens"))
        db.execute(text("ALTER TABLE companies DROP COLUMN revenue"))
        db.execute(text("DROP INDEX ix_touches_sent_at"))
        db.execute(text("DROP INDEX ix_enrollments_due"))
        if engine.dialect.name == "postgresql":
            db.execute(text("ALTER TABLE touches DROP CONSTRAINT ck_touches_state_known"))
    found = " ".join(schema.check(engine))
    assert "api_tokens" in found
    assert "revenue" in found
    assert "ix_touches_sent_at" in found
    assert "enrollments lacks ix_enrollments_due" in found
    if engine.dialect.name == "postgresql":
        assert "touches lacks ck_touches_state_known" in found


def test_a_database_that_does_not_answer_is_said_to_be_unreachable(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/nowhere/x.db", "postgresql+psycopg://u@127.0.0.1:9/x"):
        engine = open_engine(url)
        began = time.monotonic()
        with pytest.raises(UnreachableError):
            schema.upgrade(engine)
        assert time.monotonic() - began < 5
        engine.dispose()


def test_a_database_that_is_cut_off_while_it_is_looked_at_is_said_to_be_unreachable(postgres_url: str) -> None:
    engine, other = open_engine(postgres_url), open_engine(postgres_url)

    @event.listens_for(engine, "before_cursor_execute")
    def cut(connection: Any, cursor: Any, *_: Any) -> None:
        with other.begin() as db:
            db.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cursor.connection.info.backend_pid})

    with pytest.raises(UnreachableError):
        schema.is_current(engine)
    engine.dispose()
    other.dispose()
