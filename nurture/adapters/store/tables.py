"""The tables: every state a CHECK, every once-only fact a UNIQUE, every query of a pass an index."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from nurture.domain import enrollment, handoff, touch
from nurture.domain.fact import Confidence, FactName
from nurture.domain.lead import Stage, Status
from nurture.domain.response import Grade, Kind

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment on both databases. SQLite has no zones: there it is stored without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that holds a column to the values of an enum."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _lead(*, nullable: bool = False) -> Column[int]:
    return Column("lead_id", Id, ForeignKey("leads.id"), nullable=nullable)


def _json() -> Any:
    return JSON(none_as_null=True)


# What is in force ------------------------------------------------------------------------------------------------

files = Table(
    "files",
    metadata,
    _id(),
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

# Leads -----------------------------------------------------------------------------------------------------------

companies = Table(
    "companies",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # casefolded
    Column("industry", Text),
    Column("employees", BigInteger),
    Column("revenue", Float),
    Column("country", Text),
    Column("timezone", Text),
    Column("fiscal_year_start", Text),
    Column("created_at", Moment, nullable=False),
    Column("custom", _json()),
    Index(None, "name_key"),
)

company_domains = Table(
    "company_domains",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False, index=True),
)

leads = Table(
    "leads",
    metadata,
    _id(),
    Column("email", Text),
    Column("external_id", Text),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("title", Text),
    Column("phone", Text),
    Column("country", Text),
    Column("timezone", Text),
    Column("language", Text),
    Column("source", Text),
    Column("owner", Text),
    Column("company_id", Id, ForeignKey("companies.id")),
    Column("notes", Text),
    Column("fit", Float, nullable=False, server_default="0"),
    Column("engagement", Float, nullable=False, server_default="0"),
    Column("sums", _json()),  # rule -> [worth, moment]: what engagement decays from
    Column("scored_at", Moment),
    Column("look_at", Moment),  # decay may carry the score over a threshold then, never earlier
    Column("timeline_on", Date),
    Column("asked_for_sales", Boolean, nullable=False, server_default=text("false")),
    Column("do_not_call", Boolean, nullable=False, server_default=text("false")),
    Column("ready_check", Boolean, nullable=False, server_default=text("false")),  # promote must look at it
    Column("enroll_check", Boolean, nullable=False, server_default=text("false")),  # enroll must look at it
    Column("returns_at", Moment),
    Column("returns_into", Text),
    Column("returns_because", Text),
    Column("light_until", Moment),  # "less often": one touch in 30 days until then
    Column("by_person", _json()),  # names of fields that a person recorded; a file never replaces them
    Column("created_at", Moment, nullable=False),
    Column("arrived_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("custom", _json()),
    Column("merged_into", Id),
    Column("forgotten_at", Moment),
    one_of("status", Status),
    one_of("stage", Stage),
    Index("uq_leads_email", "email", unique=True),
    Index("uq_leads_external_id", "external_id", unique=True),
    Index(None, "company_id"),
    Index(None, "look_at", sqlite_where=text("look_at IS NOT NULL"), postgresql_where=text("look_at IS NOT NULL")),
    Index(
        None, "returns_at", sqlite_where=text("returns_at IS NOT NULL"), postgresql_where=text("returns_at IS NOT NULL")
    ),
    Index("ix_leads_ready_check", "id", sqlite_where=text("ready_check"), postgresql_where=text("ready_check")),
    Index("ix_leads_enroll_check", "id", sqlite_where=text("enroll_check"), postgresql_where=text("enroll_check")),
)

lead_aliases = Table(
    "lead_aliases",
    metadata,
    Column("email", Text, primary_key=True),  # an old address stays as an alias
    _lead(),
    Index(None, "lead_id"),
)

consents = Table(
    "consents",
    metadata,
    _id(),
    _lead(),
    Column("basis", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("until", Moment),
    Column("source", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Index(None, "lead_id"),
)

suppressions = Table(
    "suppressions",
    metadata,
    _id(),
    Column("address", Text, nullable=False),  # normalised address, or sha256:... of one after `forget`
    Column("scope", Text, nullable=False),  # all, email, phone
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("lead_id", Id),
    Column("by", Text, nullable=False, server_default=""),
    UniqueConstraint("address", "scope"),
)

facts = Table(
    "facts",
    metadata,
    _id(),
    _lead(),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False, server_default=""),
    one_of("name", FactName),
    one_of("confidence", Confidence),
    Index(None, "lead_id"),
)

imports = Table(
    "imports",
    metadata,
    _id(),
    Column("file", Text, nullable=False),
    Column("source", Text),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("refused", _json()),
    Column("undone_at", Moment),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import_id", Id, ForeignKey("imports.id"), primary_key=True),
    Column("lead_id", Id, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("before", _json()),  # NULL: this import created the lead
    Column("at", Moment, nullable=False),
)

# Enrollments and touches -----------------------------------------------------------------------------------------

enrollments = Table(
    "enrollments",
    metadata,
    _id(),
    _lead(),
    Column("cadence", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("slot", Id),  # the lead, while this enrollment is the one exclusive place it has
    Column("held_out", Boolean, nullable=False, server_default=text("false")),
    Column("priority", Integer, nullable=False),
    Column("pc", Integer, nullable=False),  # position in the cadence's program
    Column("anchor", Moment, nullable=False),  # waits count from here
    Column("memory", _json()),  # streams and promises of this enrollment
    Column("next_at", Moment),  # the schedule: when the next pass must look at it
    Column("waiting", Boolean, nullable=False, server_default=text("false")),  # a response may wake it
    Column("touch_id", Text),  # the open touch
    Column("pauses", _json()),  # reason -> until, or null
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
    Index(
        "ix_enrollments_due",
        "next_at",
        text("priority DESC"),
        "id",
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
    Index(
        "ix_enrollments_paused",
        "next_at",
        sqlite_where=text("state = 'paused' AND next_at IS NOT NULL"),
        postgresql_where=text("state = 'paused' AND next_at IS NOT NULL"),
    ),
    Index(None, "cadence", "started_at"),
)

touches = Table(
    "touches",
    metadata,
    Column("id", Text, primary_key=True),  # random and opaque: it travels through providers
    Column("enrollment_id", Id, ForeignKey("enrollments.id")),
    _lead(),
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
    Column("lease_until", Moment),  # of the intent
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
    Column("ask", _json()),
    Column("outcome", Text),
    Column("note", Text),
    one_of("state", touch.State),
    one_of("channel", touch.Channel),
    UniqueConstraint("enrollment_id", "step", "occurrence"),
    Index(None, "lead_id", "counted_at"),
    Index(None, "company_id", "counted_at"),
    Index(None, "message_id"),
    Index(None, "sent_at"),
    Index(
        "ix_touches_unsettled",
        "lease_until",
        sqlite_where=text("state IN ('sending', 'in_doubt')"),
        postgresql_where=text("state IN ('sending', 'in_doubt')"),
    ),
    Index(
        "ix_touches_open",
        "due_at",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    # Nobody is sent the same e-mail twice in any enrollment, unless the step says so.
    Index(
        "ix_touches_had",
        "lead_id",
        "template",
        sqlite_where=text("channel = 'email' AND counted_at IS NOT NULL"),
        postgresql_where=text("channel = 'email' AND counted_at IS NOT NULL"),
    ),
)

touch_texts = Table(
    "touch_texts",
    metadata,
    Column("touch_id", Text, ForeignKey("touches.id"), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("id", Text, primary_key=True),  # short hash of the address as written
    Column("url", Text, nullable=False),
    Column("target", Text, nullable=False),  # where it leads today; `link repair` changes it
)

# Responses -------------------------------------------------------------------------------------------------------

raw_events = Table(
    "raw_events",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),  # sendgrid, eml
    Column("key", Text, nullable=False),  # hash of the body: a repeated delivery is stored once
    Column("body", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("done_at", Moment),
    Column("problem", Text),
    UniqueConstraint("kind", "key"),
    Index("ix_raw_events_new", "id", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
)

responses = Table(
    "responses",
    metadata,
    _id(),
    _lead(nullable=True),
    Column("touch_id", Text),
    Column("kind", Text, nullable=False),
    Column("grade", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("by", Text, nullable=False, server_default=""),
    Column("key", Text, nullable=False),  # natural key: what makes the same event the same
    Column("why", Text, nullable=False, server_default=""),
    Column("detail", _json()),
    one_of("kind", Kind),
    one_of("grade", Grade),
    UniqueConstraint("key"),
    Index(None, "lead_id", "at"),
    Index(None, "touch_id"),
)

score_lines = Table(
    "score_lines",
    metadata,
    _id(),
    _lead(),
    Column("response_id", Id, ForeignKey("responses.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("points", Float, nullable=False),
    Column("at", Moment, nullable=False),
    Column("because", Text, nullable=False),
    UniqueConstraint("response_id", "rule"),
    Index(None, "lead_id"),
)

changes = Table(
    "changes",
    metadata,
    _id(),
    _lead(nullable=True),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),  # stage, status, enrolled, paused, merged, applied, ...
    Column("text", Text, nullable=False),
    Column("detail", _json()),
    Index(None, "lead_id", "at"),
    Index(None, "what", "at"),
)

inbox = Table(
    "inbox",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),  # reply, promise, successor
    _lead(nullable=True),
    Column("at", Moment, nullable=False),
    Column("sender", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("why", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("detail", _json()),
    Column("settled_at", Moment),
    Column("settled_by", Text),
    Column("settled_as", Text),
    UniqueConstraint("key"),
    Index("ix_inbox_open", "at", sqlite_where=text("settled_at IS NULL"), postgresql_where=text("settled_at IS NULL")),
)

promises = Table(
    "promises",
    metadata,
    _id(),
    _lead(),
    Column("due_on", Date, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("text", Text, nullable=False),
    Column("sentence", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, called, kept, dropped
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("kept_at", Moment),
    Column("touch_id", Text),
    Index(None, "lead_id"),
    Index("ix_promises_due", "due_at", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
)

# Sales -----------------------------------------------------------------------------------------------------------

promotions = Table(
    "promotions",
    metadata,
    _id(),
    _lead(),
    Column("at", Moment, nullable=False),
    Column("why", Text, nullable=False),
    Column("brief", _json(), nullable=False),  # as it was on the day
    Column("open", Id),  # the lead, until sales is done with it: one promotion at a time
    Column("value", Float, nullable=False, server_default="0"),  # orders the queue
    UniqueConstraint("open"),
    Index(None, "lead_id"),
)

handoffs = Table(
    "handoffs",
    metadata,
    _id(),
    _lead(),
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
    Index(
        "uq_handoffs_offered",
        "lead_id",
        unique=True,
        sqlite_where=text("state = 'offered'"),
        postgresql_where=text("state = 'offered'"),
    ),
    Index(None, "rep", "state"),
    Index(
        "ix_handoffs_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index("ix_handoffs_queued", "id", sqlite_where=text("state = 'queued'"), postgresql_where=text("state = 'queued'")),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),  # stable id: at least once, known by the receiver
    Column("kind", Text, nullable=False),  # brief, alert, webhook, crm
    Column("to", Text, nullable=False),
    Column("payload", _json(), nullable=False),
    Column("at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Moment),  # NULL: delivered or given up
    Column("done_at", Moment),
    Column("problem", Text),
    Index(
        "ix_deliveries_due",
        "next_at",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
)

# The fleet -------------------------------------------------------------------------------------------------------

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
