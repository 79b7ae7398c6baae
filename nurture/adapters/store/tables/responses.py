"""Responses, the ledger, the history, the inbox, the promises."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from nurture.adapters.store.tables.columns import Id, Moment, json_column, lead_id, metadata, one_of, only, row_id
from nurture.domain.response import Grade, Kind

raw_events = Table(
    "raw_events",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),  # sendgrid, eml
    Column("key", Text, nullable=False),  # hash of the body: a repeated delivery is stored once
    Column("body", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("done_at", Moment),
    Column("problem", Text),
    UniqueConstraint("kind", "key"),
    Index("ix_raw_events_new", "id", **only("done_at IS NULL")),
)

responses = Table(
    "responses",
    metadata,
    row_id(),
    lead_id(nullable=True),
    Column("touch_id", Text),
    Column("kind", Text, nullable=False),
    Column("grade", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("by", Text, nullable=False, server_default=""),
    Column("key", Text, nullable=False),  # natural key: what makes the same event the same
    Column("why", Text, nullable=False, server_default=""),
    Column("detail", json_column()),
    one_of("kind", Kind),
    one_of("grade", Grade),
    UniqueConstraint("key"),
    Index(None, "lead_id", "at"),
    Index(None, "touch_id"),
    Index("ix_responses_clicks", "at", **only("kind = 'click'")),
)

# What is old and proves nothing (see `flow/retention.py`): out of the way of the passes, there for whoever asks.
archived_responses = Table(
    "archived_responses",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),  # as it was
    *(Column(column.name, column.type, nullable=column.nullable) for column in responses.c if column.name != "id"),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    Index(None, "lead_id", "at"),
    Index(None, "touch_id"),
    Index("ix_archived_responses_clicks", "at", **only("kind = 'click'")),
)

archived_events = Table(
    "archived_events",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # compressed by zlib
    Column("at", Moment, nullable=False),
    Column("done_at", Moment),
    Column("problem", Text),
)

score_lines = Table(
    "score_lines",
    metadata,
    row_id(),
    lead_id(),
    Column("response_id", Id, ForeignKey("responses.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("response_id", "rule"),
    Index(None, "lead_id", "rule", "at"),  # all that a score is made of: no look at the rows themselves
)

changes = Table(
    "changes",
    metadata,
    row_id(),
    lead_id(nullable=True),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),  # stage, status, enrolled, paused, merged, applied, ...
    Column("text", Text, nullable=False),
    Column("detail", json_column()),
    Index(None, "lead_id", "at"),
    Index(None, "what", "at"),
)

inbox = Table(
    "inbox",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),  # reply, promise, successor
    lead_id(nullable=True),
    Column("at", Moment, nullable=False),
    Column("sender", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("why", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("detail", json_column()),
    Column("settled_at", Moment),
    Column("settled_by", Text),
    Column("settled_as", Text),
    UniqueConstraint("key"),
    *(
        Index(name, of, **only("settled_at IS NULL"))
        for name, of in (("ix_inbox_open", "at"), ("ix_inbox_open_of_lead", "lead_id"))
    ),
)

promises = Table(
    "promises",
    metadata,
    row_id(),
    lead_id(),
    Column("due_on", Date, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("text", Text, nullable=False),
    Column("sentence", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, called, kept, late, dropped
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("kept_at", Moment),
    Column("touch_id", Text),
    Index(None, "lead_id"),
    Index("ix_promises_due", "due_at", **only("state = 'open'")),
)
