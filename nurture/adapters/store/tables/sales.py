"""Promotions, handoffs and what leaves for sales."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from nurture.adapters.store.tables.columns import Id, Moment, json_column, lead_id, metadata, one_of, only, row_id
from nurture.domain import handoff

promotions = Table(
    "promotions",
    metadata,
    row_id(),
    lead_id(),
    Column("at", Moment, nullable=False),
    Column("why", Text, nullable=False),
    Column("brief", json_column(), nullable=False),  # as it was on the day
    Column("open", Id),  # the lead, until sales is done with it: one promotion at a time
    Column("value", Float, nullable=False, server_default="0"),  # orders the queue
    UniqueConstraint("open"),
    Index(None, "lead_id"),
)

handoffs = Table(
    "handoffs",
    metadata,
    row_id(),
    lead_id(),
    Column("promotion_id", Id, ForeignKey("promotions.id"), nullable=False),
    Column("rep", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("created_at", Moment, nullable=False),
    Column("offered_at", Moment),
    Column("due_at", Moment),  # the next deadline: answer, first contact, outcome
    Column("answered_at", Moment),
    Column("contacted_at", Moment),
    Column("ended_at", Moment),
    Column("return_at", Moment),
    Column("amount", Float),
    Column("currency", Text),
    Column("note", Text),
    one_of("state", handoff.State),
    UniqueConstraint("promotion_id", "rep"),
    Index(None, "lead_id"),
    Index("uq_handoffs_offered", "lead_id", unique=True, **only("state = 'offered'")),
    Index(None, "rep", "state"),
    Index("ix_handoffs_due", "due_at", **only("due_at IS NOT NULL")),
    Index(None, "answered_at", **only("answered_at IS NOT NULL")),
    Index("ix_handoffs_queued", "id", **only("state = 'queued'")),
)

deliveries = Table(
    "deliveries",
    metadata,
    row_id(),
    Column("key", Text, nullable=False, unique=True),  # stable id: at least once, known by the receiver
    Column("kind", Text, nullable=False),  # brief, alert, webhook, crm
    Column("to", Text, nullable=False),
    Column("payload", json_column(), nullable=False),
    Column("at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Moment),  # NULL: delivered or given up
    Column("done_at", Moment),
    Column("problem", Text),
    Index("ix_deliveries_due", "next_at", **only("next_at IS NOT NULL")),
)
