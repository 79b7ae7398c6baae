"""From every released schema with rows in it: nothing is lost, not by a kill either, and old programs go on working."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, select, update

from nurture.adapters.store import schema
from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.unit import SqlStore
from nurture.domain.scoring import Line
from tests.forked import context
from tests.store import next_step
from tests.store.released import RELEASES, contents, restore
from tests.store.test_next_step import changed


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_engine(database_url)
    yield made
    made.dispose()


@pytest.mark.parametrize("version", RELEASES)
def test_an_upgrade_keeps_every_row(engine: Engine, version: str) -> None:
    tables = restore(engine, version)
    before = contents(engine, tables)
    assert all(before.values()), "a table without rows shows nothing"
    if RELEASES[version] != schema.NEWEST:
        assert RELEASES[version] in schema.check(engine)[0]
        assert schema.upgrade(engine)[-1] == schema.NEWEST
    assert schema.check(engine) == []
    assert contents(engine, tables) == before
    with SqlStore(engine).unit() as work:
        assert any(isinstance(line, Line) for lines in work.responses.lines([1, 2]).values() for line in lines)
        assert {one.response.kind for one in work.responses.stored(lead=1)} > {"reply"}
        assert work.notes.of_lead(1)


@pytest.mark.parametrize("version", RELEASES)
def test_every_statement_of_a_released_program_works_on_the_newest_schema(engine: Engine, version: str) -> None:
    """A daemon of that version beside the new schema knows the old columns alone, and writes rows with nothing else."""
    tables = restore(engine, version)
    before = contents(engine, tables)
    with engine.connect() as daemon:  # it is at work, and its statements are prepared
        for _ in range(6):
            for table in tables.sorted_tables:
                daemon.execute(select(table).limit(1)).all()
        daemon.rollback()
        schema.upgrade(engine)
        rows = {
            table.name: [dict(row._mapping) for row in daemon.execute(select(table))] for table in tables.sorted_tables
        }
        daemon.rollback()
        for table in reversed(tables.sorted_tables):
            assert daemon.execute(delete(table)).rowcount == len(rows[table.name])
        for table in tables.sorted_tables:
            daemon.execute(insert(table), rows[table.name])
            keys = [column == row[column.name] for row in rows[table.name][:1] for column in table.primary_key]
            same = {column.name: column for column in table.c if not column.primary_key}
            if same:
                assert daemon.execute(update(table).where(*keys).values(same)).rowcount == 1
        daemon.commit()
    assert contents(engine, tables) == before
    assert schema.check(engine) == []


def steps_to_come(folder: Path) -> Path:
    """The steps as they may be one day: with a next one that has every kind of change, tables made again among them."""
    shutil.copytree(schema.STEPS, folder, ignore=shutil.ignore_patterns("__pycache__", next_step.FILE.name))
    text = next_step.written(changed())
    assert text is not None
    (folder / "versions" / next_step.FILE.name).write_text(text)
    return folder


def upgrade_slowly(url: str, steps: Path, left: int, say: Pipe) -> None:
    """An upgrade that stands still before the statement of this number, or (0) before its commit; as a process."""
    schema.STEPS, schema.NEWEST = steps, next_step.NEXT  # type: ignore[misc]
    engine = open_engine(url)
    count = 0

    def stand_still() -> None:
        say.send(count)
        time.sleep(60)

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal count
        if statement.lstrip().split(None, 1)[0] in {"CREATE", "ALTER", "DROP", "INSERT", "UPDATE"}:
            count += 1
            if count == left:
                stand_still()

    @event.listens_for(engine, "commit")
    def commit(_connection: Any) -> None:
        if left == 0 and count:
            stand_still()

    schema.upgrade(engine)
    say.send(-1)


def test_an_upgrade_that_is_killed_half_way_leaves_the_old_schema_and_is_done_the_next_time(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = restore(engine, "0.1.0")
    steps, before = steps_to_come(tmp_path / "steps"), contents(engine, tables)
    url = engine.url.render_as_string(hide_password=False)
    reached = 0
    for left in (1, 5, 9, 0):  # 0: everything is done but the commit
        ours, theirs = context.Pipe()
        process = context.Process(target=upgrade_slowly, args=(url, steps, left, theirs))
        process.start()
        assert ours.poll(30)
        reached = max(reached, ours.recv())
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        ours.close()
        theirs.close()
        assert schema.current(engine) == "0001"
        assert contents(engine, tables) == before
    assert reached > 12
    monkeypatch.setattr(schema, "STEPS", steps)
    monkeypatch.setattr(schema, "NEWEST", next_step.NEXT)
    assert schema.upgrade(engine) == [next_step.NEXT]
    assert contents(engine, tables) == before
