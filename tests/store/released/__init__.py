"""Databases as released versions left them: rows of a history that their own program lived through."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from alembic import command
from sqlalchemy import JSON, Boolean, Column, Date, DateTime, Engine, LargeBinary, MetaData, Table, Text, insert

from nurture.adapters.store import schema

# Version -> its last step. At a release: dump the rows of a history beside these, and add a line.
RELEASES: Final[Mapping[str, str]] = {"0.1.0": "0001"}
FOLDER: Final = Path(__file__).parent


def at_step(engine: Engine, step: str) -> MetaData:
    """Make the schema of a step in an empty database; its tables as the database describes them."""
    with engine.begin() as db:
        command.upgrade(schema.alembic_config(db), step)
    tables = MetaData()
    tables.reflect(engine, only=lambda name, _: name != schema.versions.name)
    return tables


def restore(engine: Engine, version: str) -> MetaData:
    """A database as a version left it: every table has rows. Its tables as that version knew them."""
    tables = at_step(engine, RELEASES[version])
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.row_factory = sqlite3.Row
        for table in tables.sorted_tables:
            memory.execute(f'CREATE TABLE "{table.name}" ({", ".join(f"{c.name!r}" for c in table.c)})')
        rows = (FOLDER / f"{version}.sql").read_text("utf-8")
        memory.execute(f"CREATE TABLE {schema.versions.name} (version_num)")
        memory.executescript(rows)
        with engine.begin() as db:
            for table in tables.sorted_tables:
                found = [dict(row) for row in memory.execute(f'SELECT * FROM "{table.name}"')]
                made = [{name: _value(table.c[name], value) for name, value in row.items()} for row in found]
                db.execute(insert(table), made or [made_up(table)])
    return tables


def made_up(table: Table) -> dict[str, Any]:
    """A row for a table that the history left empty; the first lead and company are there."""
    return {
        column.name: _value(column, "2026-11-23 09:00:00" if isinstance(column.type, DateTime) else "1")
        for column in table.c
        if not column.nullable or column.foreign_keys
    }


def contents(engine: Engine, tables: MetaData) -> dict[str, list[str]]:
    """Every row of these tables, as far as these columns go."""
    with engine.connect() as db:
        return {
            table.name: sorted(repr(tuple(row)) for row in db.execute(table.select())) for table in tables.sorted_tables
        }


def _value(column: Column[Any], value: Any) -> Any:
    """What SQLite wrote down, as this column takes it."""
    kind = column.type
    if value is None:
        return None
    if isinstance(kind, DateTime):
        moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
        return moment if kind.timezone else moment.replace(tzinfo=None)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    if isinstance(kind, JSON):
        return json.loads(value)
    if isinstance(kind, Boolean):
        return bool(int(value))
    if isinstance(kind, LargeBinary | Text):
        return value
    return int(value) if isinstance(value, str) and value.isdigit() else value
