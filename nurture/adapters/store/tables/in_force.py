"""What `apply` put in force, and what is paused."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Integer,
    Table,
    Text,
)

from nurture.adapters.store.tables.columns import Moment, metadata, row_id

files = Table(
    "files",
    metadata,
    row_id(),
    Column("path", Text, nullable=False),
    Column("sha", Text, nullable=False),
    Column("content", Text),  # NULL: removed
    Column("applied_at", Moment, nullable=False),
    Column("applied_by", Text, nullable=False),
    Index(None, "path", "id"),
)

cadence_versions = Table(
    "cadence_versions",
    metadata,
    Column("cadence", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("structure", Text, nullable=False),  # hash of what is pinned
    Column("content", Text, nullable=False),
    Column("applied_at", Moment, nullable=False),
    Column("applied_by", Text, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),  # send, cadence:NAME, mailer:NAME
    Column("reason", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment),
    Column("by", Text, nullable=False),
)
