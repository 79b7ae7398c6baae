"""Alembic's way in: it is given an open connection by `schema.upgrade` and runs the missing steps on it."""

from __future__ import annotations

from alembic import context

from nurture.adapters.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying its table
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
