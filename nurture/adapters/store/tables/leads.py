"""Leads, companies, facts, consents, suppressions, imports."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from nurture.adapters.store.tables.columns import Id, Moment, json_column, lead_id, metadata, one_of, only, row_id
from nurture.domain.fact import Confidence, FactName
from nurture.domain.lead import Stage, Status

companies = Table(
    "companies",
    metadata,
    row_id(),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # casefolded
    Column("industry", Text),
    Column("employees", BigInteger),
    Column("revenue", Float),
    Column("country", Text),
    Column("timezone", Text),
    Column("fiscal_year_start", Text),
    Column("created_at", Moment, nullable=False),
    Column("custom", json_column()),
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
    row_id(),
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
    Column("sums", json_column()),  # rule -> [lines, moment, half-life in seconds]: what engagement decays from
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
    Column("paused_until", Moment),  # the person's own pause: holds every cadence, also one entered later
    Column("by_person", json_column()),  # names of fields that a person recorded; a file never replaces them
    Column("created_at", Moment, nullable=False),
    Column("arrived_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("custom", json_column()),
    Column("merged_into", Id),
    Column("forgotten_at", Moment),
    one_of("status", Status),
    one_of("stage", Stage),
    Index("uq_leads_email", "email", unique=True),
    Index("uq_leads_external_id", "external_id", unique=True),
    Index("ix_leads_phone", "phone", **only("coalesce(email, external_id) IS NULL")),
    Index(None, "company_id"),
    Index(None, "look_at", **only("look_at IS NOT NULL")),
    Index(None, "returns_at", **only("returns_at IS NOT NULL")),
    Index("ix_leads_ready_check", "id", **only("ready_check")),
    Index("ix_leads_enroll_check", "id", **only("enroll_check")),
)

lead_aliases = Table(
    "lead_aliases",
    metadata,
    Column("email", Text, primary_key=True),  # an old address stays as an alias
    lead_id(),
    Index(None, "lead_id"),
)

consents = Table(
    "consents",
    metadata,
    row_id(),
    lead_id(),
    Column("channel", Text, nullable=False, server_default="email"),  # email, phone
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
    row_id(),
    Column("address", Text, nullable=False),  # normalised; sha256:... after `forget`; lead:ID who has no address
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
    row_id(),
    lead_id(),
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
    row_id(),
    Column("file", Text, nullable=False),
    Column("source", Text),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("refused", json_column()),  # of imports before 0.2; since then they have a table
    Column("undone_at", Moment),
    Column("content", Text),  # what the file said and how it was read, as a hash: by it an import goes on
    Column("line", Integer),  # rows up to this line are stored
    Column("finished_at", Moment),
    Index("ix_imports_unfinished", "content", **only("content IS NOT NULL AND finished_at IS NULL")),
)

import_refusals = Table(
    "import_refusals",
    metadata,
    row_id(),
    Column("import_id", Id, ForeignKey("imports.id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "import_id"),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import_id", Id, ForeignKey("imports.id"), primary_key=True),
    Column("lead_id", Id, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("before", json_column()),  # NULL: this import created the lead
    Column("at", Moment, nullable=False),
)
