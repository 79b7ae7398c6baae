"""Daemons, jobs, marks and API tokens."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Integer,
    Table,
    Text,
)

from nurture.adapters.store.tables.columns import Moment, metadata

daemons = Table(
    "daemons",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("stopped_at", Moment),
    Column("passed_at", Moment),  # when its last pass ended
)

jobs = Table(
    "jobs",
    metadata,
    Column("job", Text, primary_key=True),
    Column("slot", Text, primary_key=True),  # once per fleet and slot
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),  # last pass, generation, high water, ...
    Column("value", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sha", Text, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
)
