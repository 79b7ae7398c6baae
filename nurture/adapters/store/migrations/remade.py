"""A table of SQLite made again in a new shape, rows and indexes kept: what SQLite cannot alter in place."""

from __future__ import annotations

from alembic import op


def remake(name: str, create: str) -> None:
    """Put a table made by `create` in the place of table `name`, by SQLite's own recipe (lang_altertable, section 7).

    `create` must begin with CREATE TABLE and the name, and know every old column. Foreign keys must be off.
    """
    db = op.get_bind()
    indexes = db.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", (name,)
    )
    again = list(indexes.scalars())
    columns = ", ".join(f'"{row[1]}"' for row in db.exec_driver_sql(f'PRAGMA table_info("{name}")'))
    db.exec_driver_sql(create.replace(f"CREATE TABLE {name}", f"CREATE TABLE {name}_remade", 1))
    db.exec_driver_sql(f'INSERT INTO "{name}_remade" ({columns}) SELECT {columns} FROM "{name}"')
    db.exec_driver_sql(f'DROP TABLE "{name}"')
    db.exec_driver_sql(f'ALTER TABLE "{name}_remade" RENAME TO "{name}"')
    for statement in again:
        db.exec_driver_sql(statement)
