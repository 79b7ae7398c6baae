"""What waits for its turn: slots handed out under the limits, the queues that they stand in, first waves."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from nurture.adapters.store.tables.columns import Id, Moment, json_column, metadata, only

held_slots = Table(
    "held_slots",
    metadata,
    Column("touch_id", Text, primary_key=True),
    Column("lead_id", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Column("company_id", Id),
    Column("domain", Text),
    Column("sender", Text),
    Index(None, "at"),
    Index(None, "lead_id"),
    *(Index(None, name, "at", **only(f"{name} IS NOT NULL")) for name in ("company_id", "domain", "sender")),
)

queues = Table(
    "queues",
    metadata,
    Column("name", Text, primary_key=True),  # company 7, domain example.com, mail, sender dana <dana@acme.example>
    Column("fence", Integer, nullable=False, server_default="0"),  # grows with each slot handed out or used
    Column("began_at", Moment),  # of a sender's warm-up
)

first_waves = Table(
    "first_waves",
    metadata,
    Column("template", Text, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("mails", json_column(), nullable=False),  # touches that have gone first
    Column("watch_until", Moment),  # all of them have gone
    Column("held", Text),  # why the rest does not follow
)
