"""The schema of a database: made, brought up to date, and checked.

An empty database gets all tables at once; only one that holds data goes through the steps in `migrations`, and only
then is Alembic loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
    text,
)
from sqlalchemy import insert as plain_insert
from sqlalchemy.exc import OperationalError

from nurture.adapters.store.engine import WRITES
from nurture.adapters.store.tables import metadata
from nurture.adapters.store.unit import away, reached
from nurture.domain.errors import RefusedError

if TYPE_CHECKING:
    from alembic.config import Config

STEPS: Final = Path(__file__).parent / "migrations"
NEWEST: Final = max(file.name[:4] for file in (STEPS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))
ONE_AT_A_TIME: Final = 0x6E757274  # key of the advisory lock: two daemons that start together do not both upgrade

# Alembic's own table, as Alembic makes it.
versions = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def upgrade(engine: Engine) -> list[str]:
    """Bring the schema to the newest step, all or nothing; the steps that were made.

    Raises RefusedError for a database that a newer nurture made, or that holds tables of something else, and
    UnreachableError for one that does not answer.
    """
    with _alone(engine) as db:
        was = _revision(db)
        if was == NEWEST:
            _functions(db)
            return []
        if was is None:
            names = inspect(db).get_table_names()
            if foreign := set(names) & set(metadata.tables):
                raise RefusedError(
                    f"The database has tables named {', '.join(sorted(foreign)[:3])} that nurture did not make.",
                    hint="Give nurture a database of its own: database.url.",
                )
            metadata.create_all(db, checkfirst=False)
            versions.create(db, checkfirst=True)
            db.execute(plain_insert(versions).values(version_num=NEWEST))
            _functions(db)
            return [NEWEST]
        made = _steps(db, was)
        _functions(db)
        return made


def current(engine: Engine) -> str | None:
    """The step that the schema is at; None for a database without one."""
    with _read(engine) as db:
        return _revision(db)


def is_current(engine: Engine) -> bool:
    """Whether the schema is the one that this nurture works with."""
    return current(engine) == NEWEST


def is_at_least(engine: Engine) -> bool:
    """Whether a daemon that was started with this program's schema can work on: steps only add."""
    return (current(engine) or "") >= NEWEST


def check(engine: Engine) -> list[str]:
    """What is wrong with a database, in words: its step, its tables, and on SQLite the file itself."""
    with _read(engine) as db:
        return list(_problems(db))


def _problems(db: Connection) -> Iterator[str]:
    was = _revision(db)
    if was is None:
        yield "The database is empty. Run: nurture database upgrade"
        return
    if was != NEWEST:
        yield f"The schema is at step {was}, this nurture works with {NEWEST}. Run: nurture database upgrade"
        return
    yield from differences(db)
    if db.dialect.name == "sqlite":
        for row in db.exec_driver_sql("PRAGMA quick_check"):
            if row[0] != "ok":
                yield f"The file is damaged: {row[0]}"
        for row in db.exec_driver_sql("PRAGMA foreign_key_check"):
            yield f"A row of {row[0]} points to a row of {row[2]} that does not exist."


def differences(db: Connection) -> Iterator[str]:
    """Where the tables of a database are not what the program works with."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    compared = MigrationContext.configure(
        db, opts={"compare_type": True, "include_name": _ours, "include_object": _plain}
    )
    logging.getLogger("alembic").setLevel(logging.ERROR)
    with catch_warnings(action="ignore", category=UserWarning):  # what it cannot compare, we do below
        found = compare_metadata(compared, metadata)
    for difference in found:
        yield f"The schema differs: {_in_words(difference)}"
    known = inspect(db)
    for table in metadata.tables.values():
        if known.has_table(table.name):
            there = {one["name"] for one in known.get_check_constraints(table.name)}
            there |= {one["name"] for one in known.get_indexes(table.name)}
            for wanted in sorted(_named(table) - there):
                yield f"The schema differs: {table.name} lacks {wanted}"


def _named(table: Table) -> set[str]:
    """What Alembic does not compare: checks, and indexes with an expression."""
    checks = {str(one.name) for one in table.constraints if isinstance(one, CheckConstraint)}
    return checks | {str(one.name) for one in table.indexes if _has_expression(one)}


def _has_expression(index: Index) -> bool:
    return any(not isinstance(one, Column) for one in index.expressions)


EXPRESSIONS: Final = frozenset(
    str(index.name) for table in metadata.tables.values() for index in table.indexes if _has_expression(index)
)


def _plain(_item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    return kind != "index" or name not in EXPRESSIONS


def _ours(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "table" or name in metadata.tables


def _in_words(difference: Any) -> str:
    if isinstance(difference, list):
        return "; ".join(_in_words(one) for one in difference)
    what, *rest = difference
    names = [one if isinstance(one, str) else getattr(one, "name", None) for one in rest]
    return f"{what.replace('_', ' ')} {' '.join(name for name in names if name)}"


def _revision(db: Connection) -> str | None:
    if not inspect(db).has_table(versions.name):
        return None
    found: str | None = db.execute(select(versions.c.version_num)).scalar_one_or_none()
    return found


def _steps(db: Connection, was: str) -> list[str]:
    """Run the missing steps."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError

    config = alembic_config(db)
    script = ScriptDirectory.from_config(config)
    try:
        missing = [step.revision for step in script.iterate_revisions(NEWEST, was)]
    except (CommandError, RevisionError) as problem:
        raise RefusedError(
            f"The database is at step {was}, which this nurture does not know.", hint="Install the newer version again."
        ) from problem
    command.upgrade(config, NEWEST)
    return missing[::-1]


def alembic_config(db: Connection) -> Config:
    """What Alembic needs to know: where the steps are, and the connection to run them on."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = db
    return config


def _functions(db: Connection) -> None:
    """The functions that conditions use. They follow the Unicode tables of this Python, so they are no step."""
    if db.dialect.name == "postgresql":
        from nurture.adapters.store.texts import postgresql_functions

        for statement in postgresql_functions():
            db.exec_driver_sql(statement)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else changes the schema."""
    with _reached(engine) as db:
        if engine.dialect.name == "sqlite":
            # A table that is copied is dropped on the way; with foreign keys on, that would take rows with it.
            driver: Any = db.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")
            try:
                with db.begin():
                    yield db
            finally:
                driver.execute("PRAGMA foreign_keys=ON")
        else:
            with db.begin():
                db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
                yield db


@contextmanager
def _read(engine: Engine) -> Iterator[Connection]:
    """A look, for which nobody who writes to SQLite is waited for."""
    with _reached(engine) as db:
        yield db.execution_options(**{WRITES: False})


@contextmanager
def _reached(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except OperationalError as problem:
        raise away(problem, engine) from problem
    with reached(engine), connection as db:
        yield db
