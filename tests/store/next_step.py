"""Write the one step of the schema that is not released yet, from the tables: `python -m tests.store.next_step`.

It holds the difference between the released steps and the tables, and is written anew whenever they change; what is
written by hand (`migrations/by_hand/step_NNNN.py`, a function `upgrade` on a connection, run last) stays. Without a
difference there is no such step. Only additions are taken: docs/decisions/schema-changes.md says why.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from alembic import command
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import (
    AddColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreateTableOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import JSON, BigInteger, CheckConstraint, Connection, Index, MetaData, Table, create_engine, inspect
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.elements import conv

from nurture.adapters.store import schema
from nurture.adapters.store.tables import Moment, metadata
from nurture.adapters.store.tables.columns import complete

RELEASED: Final = "0001"  # the last step of the last released version; no step up to it ever changes
NEXT: Final = f"{int(RELEASED) + 1:04}"
FILE: Final = schema.STEPS / "versions" / f"{NEXT}_next.py"
BY_HAND: Final = schema.STEPS / "by_hand" / f"step_{NEXT}.py"
DIALECT: Final = sqlite.dialect()
HEAD: Final = f'''"""What follows step {RELEASED}; until it is released, tests/store/next_step.py writes it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
REST
revision = "{NEXT}"
down_revision = "{RELEASED}"

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def only(rows: str) -> dict[str, Any]:
    """What makes an index one of some rows, on both databases."""
    return {{"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows)}}


def upgrade() -> None:
    """Add what is new."""
'''
HAND_IMPORT: Final = f"\nfrom nurture.adapters.store.migrations.by_hand import step_{NEXT}"
REMADE_IMPORT: Final = "\nfrom nurture.adapters.store.migrations.remade import remake"


class NotAnAdditionError(Exception):
    """A change that a daemon of the released version beside the new schema would not survive."""


@dataclass(slots=True)
class Change:
    """What happens to one table: on PostgreSQL all of it, on SQLite possibly the whole table made again."""

    table: Table
    alterations: list[MigrateOperation]  # columns, checks, keys
    indexes: list[MigrateOperation]
    remade: bool  # SQLite cannot alter it in place


def written(tables: MetaData = metadata) -> str | None:
    """The text of the step; None while the released steps and the tables say the same. Raises NotAnAdditionError."""
    complete(tables)
    engine = create_engine("sqlite://")
    with engine.begin() as db:
        command.upgrade(schema.alembic_config(db), RELEASED)
        body = _shorter("".join(_text(change) for change in _changes(db, tables)))
    engine.dispose()
    if BY_HAND.exists():
        body += f"    step_{NEXT}.upgrade(op.get_bind())\n"
    if not body:
        return None
    imports = (HAND_IMPORT if BY_HAND.exists() else "") + (REMADE_IMPORT if "remake(" in body else "")
    return _formatted(HEAD.replace("REST", imports) + body)


def _changes(db: Connection, tables: MetaData) -> Iterator[Change]:
    """The difference between a database and the tables, tables before those that point to them."""
    options = {"compare_type": True, "include_object": lambda _one, _name, kind, *_: kind != "index"}
    found = produce_migrations(MigrationContext.configure(db, opts=options), tables).upgrade_ops
    assert found is not None
    altered: dict[str, list[Any]] = {}
    for one in found.ops:
        if isinstance(one, ModifyTableOps):
            altered[one.table_name] = list(one.ops)
        elif not isinstance(one, CreateTableOp):
            raise NotAnAdditionError(str(one))
    known = inspect(db)
    for table in tables.sorted_tables:
        if known.has_table(table.name):
            yield _change(db, table, altered.get(table.name, []))
        else:
            yield Change(table, [CreateTableOp.from_table(table)], _made(table.indexes), remade=False)


def _change(db: Connection, table: Table, altered: list[Any]) -> Change:
    for one in altered:
        column = one.column if isinstance(one, AddColumnOp) else None
        if not isinstance(one, (AddColumnOp, CreateForeignKeyOp, CreateUniqueConstraintOp)):
            raise NotAnAdditionError(f"{table.name}: {one.to_diff_tuple()}")
        if column is not None and not column.nullable and column.server_default is None:
            raise NotAnAdditionError(f"{table.name}.{column.name} needs a server_default, or may be NULL")
    checks: list[MigrateOperation] = []
    was = {str(one["name"]): str(one["sqltext"]) for one in inspect(db).get_check_constraints(table.name)}
    now = {str(one.name): one for one in table.constraints if isinstance(one, CheckConstraint)}
    for name in sorted(was.keys() | now.keys()):
        if name not in now or str(now[name].sqltext) != was.get(name):
            checks += [DropConstraintOp(conv(name), table.name, "check")] if name in was else []
            if name in now:
                checks.append(CreateCheckConstraintOp(conv(name), table.name, str(now[name].sqltext)))
    in_place = all(isinstance(one, AddColumnOp) and not one.column.foreign_keys for one in altered)
    return Change(table, [*altered, *checks], _indexes(db, table), remade=bool(checks) or not in_place)


def _indexes(db: Connection, table: Table) -> list[MigrateOperation]:
    """Alembic does not compare the rows and expressions of an index; the texts of the statements do."""
    listed = db.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", (table.name,)
    )
    was = {row[0]: row[1] for row in listed}
    now = {str(one.name): one for one in table.indexes}
    same = {name for name, one in now.items() if was.get(name) == str(CreateIndex(one).compile(dialect=DIALECT))}
    gone = [DropIndexOp(name, table.name) for name in sorted(was.keys() - same)]
    return [*gone, *_made(one for name, one in now.items() if name not in same)]


def _made(indexes: Iterable[Index]) -> list[MigrateOperation]:
    return [CreateIndexOp.from_index(index) for index in sorted(indexes, key=lambda index: str(index.name))]


def _text(change: Change) -> str:
    if not change.remade:
        return _python([*change.alterations, *change.indexes], 1)
    create = str(CreateTable(change.table).compile(dialect=DIALECT)).strip().replace("\t", "    ")
    again = f'        remake("{change.table.name}", """{create}""")\n'
    altered = f"    else:\n{_python(change.alterations, 2)}"
    return f'    if op.get_bind().dialect.name == "sqlite":\n{again}{altered}{_python(change.indexes, 1)}'


def _python(ops: list[MigrateOperation], depth: int) -> str:
    if not ops:
        return ""
    body = render_python_code(UpgradeOps(ops), render_item=_item)
    return "".join(f"{'    ' * depth}{line.strip()}\n" for line in body.splitlines() if line and "### " not in line)


def _item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Types as they are in a database, not as today's program calls them."""
    if kind != "type":
        return False
    if isinstance(item, Moment):
        return "MOMENT"
    if isinstance(item, BigInteger) and item._variant_mapping:
        return "ID"
    return "sa.JSON()" if isinstance(item, JSON) else False


def _shorter(body: str) -> str:
    """The same without what is said anyway."""
    body = re.sub(r"op\.f\('((?:pk|uq|fk|ix)_\w+)'\)", r"'\1'", body)
    body = re.sub(r", (?:unique=False|nullable=True)(?=[,)])", "", body)
    # The library names the databases in the order in which this process met them.
    where = r"(?:sqlite|postgresql)_where=sa\.text"
    body = re.sub(rf"{where}\((.+?)\), {where}\(\1\)", r"**only(\1)", body)
    # A list of values that is too long for a line goes on in the next.
    return re.sub(r"'(\w+ IN \()(.{90,}?)\)'|\"(\w+ IN \()(.{90,}?)\)\"", _wrapped, body)


def _wrapped(found: re.Match[str]) -> str:
    values = (found[2] or found[4]).split(", ")
    middle = len(values) // 2
    first = f'"{found[1] or found[3]}{", ".join(values[:middle])},"'
    return f'{first} " {", ".join(values[middle:])})"'


def _formatted(text: str) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    root = Path(__file__).parents[2]
    for do in (
        ["check", "--select", "F401,I", "--fix-only", "-q", "--stdin-filename", str(FILE), "-"],
        ["format", "--config", "format.skip-magic-trailing-comma=true", "-"],
    ):
        text = subprocess.run([*ruff, *do], input=text, text=True, capture_output=True, check=True, cwd=root).stdout
    return text


def main() -> None:
    """Write the step, or remove it where there is nothing to do."""
    text = written()
    if text is None:
        FILE.unlink(missing_ok=True)
        sys.stdout.write("The released steps and the tables say the same: there is no next step.\n")
    else:
        FILE.write_text(text, encoding="utf-8")
        sys.stdout.write(f"Wrote {FILE.name}.\n")


if __name__ == "__main__":
    main()
