"""The program that writes the next step of the schema: what it writes leads to the changed tables, rows kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text

from nurture.adapters.store import schema
from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.tables import Id, metadata
from nurture.adapters.store.tables.columns import complete
from tests.store import next_step
from tests.store.test_schema import shape

MOMENT = "2026-11-23 09:00:00+00:00"


def released() -> MetaData:
    """The tables as they are, to be changed."""
    complete(metadata)
    copied = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(copied)
    return copied


def changed() -> MetaData:
    """Every kind of change that is allowed, at once."""
    tables = released()
    Table("badges", tables, Column("id", Id, primary_key=True), Column("lead_id", Id, ForeignKey("leads.id")))
    Index("ix_badges_lead_id", tables.tables["badges"].c.lead_id)
    imports, files, facts = (tables.tables[name] for name in ("imports", "files", "facts"))
    imports.append_column(Column("why", Text))
    imports.append_column(Column("lines", Integer, nullable=False, server_default="0"))
    Index("ix_imports_why", imports.c.why, sqlite_where=text("why <> ''"), postgresql_where=text("why <> ''"))
    files.append_column(Column("import_id", Id, ForeignKey("imports.id")))
    check = next(one for one in facts.constraints if isinstance(one, CheckConstraint) and "confidence" in str(one.name))
    facts.constraints.remove(check)
    facts.append_constraint(CheckConstraint(f"{str(check.sqltext)[:-1]}, 'hearsay')", name="confidence_known"))
    due = next(one for one in tables.tables["enrollments"].indexes if one.name == "ix_enrollments_due")
    tables.tables["enrollments"].indexes.remove(due)
    Index("ix_enrollments_due", tables.tables["enrollments"].c.next_at)
    return tables


def test_every_addition_leads_to_the_tables_and_keeps_rows(database_url: str) -> None:
    tables = changed()
    written = next_step.written(tables)
    assert written is not None
    engine = open_engine(database_url)
    with engine.begin() as db:
        tables.create_all(db)
    wanted = shape(engine)
    with engine.begin() as db:
        tables.drop_all(db)
    with schema._alone(engine) as db:
        command.upgrade(schema.alembic_config(db), next_step.RELEASED)
        db.execute(text(f"INSERT INTO files VALUES (1, 'a.yaml', 'x', 'y', '{MOMENT}', 'dana')"))
        step: dict[str, object] = {}
        exec(compile(written, "step", "exec"), step)
        with Operations.context(MigrationContext.configure(db, opts={"target_metadata": tables})):
            step["upgrade"]()  # type: ignore[operator]
    with engine.begin() as db:
        schema.versions.drop(db)
        assert db.execute(text("SELECT path, import_id FROM files")).all() == [("a.yaml", None)]
    assert sorted(wanted ^ shape(engine), key=str) == []
    engine.dispose()


REFUSED: tuple[Callable[[MetaData], object], ...] = (
    lambda tables: tables.tables["imports"].append_column(Column("why", Text, nullable=False)),
    lambda tables: tables.remove(tables.tables["marks"]),
    lambda tables: setattr(tables.tables["imports"].c.source, "nullable", False),
    lambda tables: setattr(tables.tables["imports"].c.source, "type", Integer()),
)


@pytest.mark.parametrize("change", REFUSED)
def test_what_an_older_daemon_would_not_survive_is_refused(change: Callable[[MetaData], object]) -> None:
    tables = released()
    change(tables)
    with pytest.raises(next_step.NotAnAdditionError):
        next_step.written(tables)


def test_what_is_written_by_hand_is_run_last_and_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(next_step, "BY_HAND", tmp_path / "step_0002.py")
    (tmp_path / "step_0002.py").write_text("def upgrade(db): ...")
    for tables in (released(), changed()):
        written = next_step.written(tables)
        assert written is not None
        assert written.rstrip().endswith("step_0002.upgrade(op.get_bind())")
