"""Enrollments and the touches that they make."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from nurture.adapters.store.tables.columns import Id, Moment, json_column, lead_id, metadata, one_of, only, row_id
from nurture.domain import enrollment, touch

enrollments = Table(
    "enrollments",
    metadata,
    row_id(),
    lead_id(),
    Column("cadence", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("slot", Id),  # the lead, while this enrollment is the one exclusive place it has
    Column("held_out", Boolean, nullable=False, server_default=text("false")),
    Column("priority", Integer, nullable=False),
    Column("pc", Integer, nullable=False),  # position in the cadence's program
    Column("anchor", Moment, nullable=False),  # waits count from here
    Column("memory", json_column()),  # streams and promises of this enrollment
    Column("next_at", Moment),  # the schedule: when the next pass must look at it
    Column("waiting", Boolean, nullable=False, server_default=text("false")),  # a response may wake it
    Column("touch_id", Text),  # the open touch
    Column("pauses", json_column()),  # reason -> until, or null
    Column("paused_at", Moment),
    Column("lease_by", Text),
    Column("lease_until", Moment),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("reason", Text),
    Column("by", Text, nullable=False, server_default=""),
    one_of("state", enrollment.State),
    UniqueConstraint("slot"),
    Index(None, "lead_id"),
    Index("ix_enrollments_due", "next_at", text("priority DESC"), "id", **only("state = 'active'")),
    Index("ix_enrollments_paused", "next_at", **only("state = 'paused' AND next_at IS NOT NULL")),
    Index(None, "cadence", "started_at"),
)

touches = Table(
    "touches",
    metadata,
    Column("id", Text, primary_key=True),  # random and opaque: it travels through providers
    Column("enrollment_id", Id, ForeignKey("enrollments.id")),
    lead_id(),
    Column("company_id", Id),
    Column("cadence", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="0"),
    Column("step", Text, nullable=False),
    Column("occurrence", Integer, nullable=False, server_default="1"),
    Column("channel", Text, nullable=False),
    Column("template", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("because", Text, nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("due_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("intent_at", Moment),
    Column("lease_until", Moment),  # of the intent; in doubt, the next look
    Column("doubted_at", Moment),  # the attempt was over by then
    Column("sent_at", Moment),  # sent, or done
    Column("settled_at", Moment),
    Column("counted_at", Moment),  # when it counts against the limits on pressure
    Column("sender", Text),
    Column("address", Text),
    Column("domain", Text),
    Column("mailer", Text),
    Column("provider_id", Text),
    Column("message_id", Text),
    Column("assigned", Text),
    Column("claimed_by", Text),
    Column("expires_at", Moment),
    Column("script", Text),
    Column("ask", json_column()),
    Column("outcome", Text),
    Column("note", Text),
    one_of("state", touch.State),
    one_of("channel", touch.Channel),
    UniqueConstraint("enrollment_id", "step", "occurrence"),
    Index(None, "lead_id", "counted_at"),
    Index(None, "company_id", "counted_at"),
    *(
        Index(f"ix_touches_{queue}", queue, "counted_at", **only(f"{queue} IS NOT NULL AND counted_at IS NOT NULL"))
        for queue in ("sender", "domain")
    ),
    Index(None, "message_id"),
    Index(None, "sent_at"),
    Index("ix_touches_unsettled", "lease_until", **only("state IN ('sending', 'in_doubt')")),
    Index("ix_touches_open", "due_at", **only("state = 'open'")),
    Index("ix_touches_taken", "claimed_by", **only("state = 'open' AND claimed_by IS NOT NULL")),
    Index("ix_touches_first_wave", "template", **only("state = 'planned' AND reason = 'first_wave'")),
    # Nobody is sent the same e-mail twice in any enrollment, unless the step says so.
    Index("ix_touches_had", "lead_id", "template", **only("channel = 'email' AND counted_at IS NOT NULL")),
)

touch_texts = Table(
    "touch_texts",
    metadata,
    Column("touch_id", Text, ForeignKey("touches.id"), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("skeleton_id", Text),  # then `html` and `text` are JSON: what stands in its blanks
)

# What all mails of a template have in common: a mail as sent keeps the rest alone.
skeletons = Table(
    "skeletons",
    metadata,
    Column("id", Text, primary_key=True),  # hash of the pieces
    Column("template", Text, nullable=False),
    Column("html", Text, nullable=False),  # the pieces, as JSON
    Column("text", Text, nullable=False),
    Index(None, "template"),
)

links = Table(
    "links",
    metadata,
    Column("id", Text, primary_key=True),  # short hash of the address as written
    Column("url", Text, nullable=False),
    Column("target", Text, nullable=False),  # where it leads today; `link repair` changes it
)
