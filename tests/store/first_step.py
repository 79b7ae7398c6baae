"""Write the first step of the schema from the tables: `python -m tests.store.first_step`.

For as long as nothing is released: afterwards a change of the tables is a step of its own, and the first stays.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import render_python_code
from alembic.operations.ops import CreateIndexOp, CreateTableOp, MigrateOperation, UpgradeOps
from sqlalchemy import JSON, BigInteger

from nurture.adapters.store.schema import STEPS
from nurture.adapters.store.tables import Moment, metadata

FILE = STEPS / "versions" / "0001_first.py"
HEAD = '''"""The first schema: every table as it was when nurture began."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def only(rows: str) -> dict[str, Any]:
    """What makes an index one of some rows, on both databases."""
    return {"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows)}


def upgrade() -> None:
    """Make every table, index and check."""
'''


def written() -> str:
    """The text of the first step."""
    made: list[MigrateOperation] = []
    for table in metadata.sorted_tables:
        made.append(CreateTableOp.from_table(table))
        made += [CreateIndexOp.from_index(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    body = render_python_code(UpgradeOps(made), render_item=_item)
    lines = [line for line in body.splitlines() if "### " not in line]
    return _formatted(HEAD + _shorter("\n".join(lines)) + "\n")


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
    body = re.sub(r"sqlite_where=sa\.text\((.+?)\), postgresql_where=sa\.text\(\1\)", r"**only(\1)", body)
    # A list of values that is too long for a line goes on in the next.
    return re.sub(r"'(\w+ IN \()(.{90,}?)\)'|\"(\w+ IN \()(.{90,}?)\)\"", _wrapped, body)


def _wrapped(found: re.Match[str]) -> str:
    values = (found[2] or found[4]).split(", ")
    middle = len(values) // 2
    first = f'"{found[1] or found[3]}{", ".join(values[:middle])},"'
    return f'{first} " {", ".join(values[middle:])})"'


def _formatted(text: str) -> str:
    ruff = [sys.executable, "-m", "ruff", "format", "--config", "format.skip-magic-trailing-comma=true", "-"]
    root = Path(__file__).parents[2]
    return subprocess.run(ruff, input=text, text=True, capture_output=True, check=True, cwd=root).stdout


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
