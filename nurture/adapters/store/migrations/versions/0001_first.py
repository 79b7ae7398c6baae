"""The first schema: every table as it was when nurture began."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def only(rows: str) -> dict[str, Any]:
    """What makes an index one of some rows, on both databases."""
    return {"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows)}


def upgrade() -> None:
    """Make every table, index and check."""
    op.create_table(
        "api_tokens",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_api_tokens"),
        sa.UniqueConstraint("sha", name="uq_api_tokens_sha"),
    )
    op.create_table(
        "cadence_versions",
        sa.Column("cadence", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("structure", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("applied_at", MOMENT, nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cadence", "version", name="pk_cadence_versions"),
    )
    op.create_table(
        "companies",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("industry", sa.Text()),
        sa.Column("employees", sa.BigInteger()),
        sa.Column("revenue", sa.Float()),
        sa.Column("country", sa.Text()),
        sa.Column("timezone", sa.Text()),
        sa.Column("fiscal_year_start", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("custom", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name="pk_companies"),
    )
    op.create_index("ix_companies_name_key", "companies", ["name_key"])
    op.create_table(
        "daemons",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("sent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stopped_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_daemons"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", MOMENT),
        sa.Column("done_at", MOMENT),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("key", name="uq_deliveries_key"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["next_at"], **only("next_at IS NOT NULL"))
    op.create_table(
        "files",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("content", sa.Text()),
        sa.Column("applied_at", MOMENT, nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
    )
    op.create_index("ix_files_path_id", "files", ["path", "id"])
    op.create_table(
        "first_waves",
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("mails", sa.JSON(), nullable=False),
        sa.Column("watch_until", MOMENT),
        sa.Column("held", sa.Text()),
        sa.PrimaryKeyConstraint("template", name="pk_first_waves"),
    )
    op.create_table(
        "held_slots",
        sa.Column("touch_id", sa.Text(), nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("company_id", ID),
        sa.Column("domain", sa.Text()),
        sa.Column("sender", sa.Text()),
        sa.PrimaryKeyConstraint("touch_id", name="pk_held_slots"),
    )
    op.create_index("ix_held_slots_at", "held_slots", ["at"])
    op.create_index("ix_held_slots_company_id_at", "held_slots", ["company_id", "at"], **only("company_id IS NOT NULL"))
    op.create_index("ix_held_slots_domain_at", "held_slots", ["domain", "at"], **only("domain IS NOT NULL"))
    op.create_index("ix_held_slots_sender_at", "held_slots", ["sender", "at"], **only("sender IS NOT NULL"))
    op.create_table(
        "imports",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.JSON()),
        sa.Column("undone_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_table(
        "jobs",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", name="pk_jobs"),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_marks"),
    )
    op.create_table(
        "queues",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("began_at", MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_queues"),
    )
    op.create_table(
        "raw_events",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_raw_events"),
        sa.UniqueConstraint("kind", "key", name="uq_raw_events_kind_key"),
    )
    op.create_index("ix_raw_events_new", "raw_events", ["id"], **only("done_at IS NULL"))
    op.create_table(
        "suppressions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("lead_id", ID),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
        sa.UniqueConstraint("address", "scope", name="uq_suppressions_address_scope"),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_switches"),
    )
    op.create_table(
        "company_domains",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_company_domains_company_id"),
        sa.PrimaryKeyConstraint("domain", name="pk_company_domains"),
    )
    op.create_index("ix_company_domains_company_id", "company_domains", ["company_id"])
    op.create_table(
        "import_rows",
        sa.Column("import_id", ID, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_rows_import_id"),
        sa.PrimaryKeyConstraint("import_id", "lead_id", name="pk_import_rows"),
    )
    op.create_table(
        "leads",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("external_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text()),
        sa.Column("last_name", sa.Text()),
        sa.Column("title", sa.Text()),
        sa.Column("phone", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("timezone", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("company_id", ID),
        sa.Column("notes", sa.Text()),
        sa.Column("fit", sa.Float(), server_default="0", nullable=False),
        sa.Column("engagement", sa.Float(), server_default="0", nullable=False),
        sa.Column("sums", sa.JSON()),
        sa.Column("scored_at", MOMENT),
        sa.Column("look_at", MOMENT),
        sa.Column("timeline_on", sa.Date()),
        sa.Column("asked_for_sales", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("do_not_call", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ready_check", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("enroll_check", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("returns_at", MOMENT),
        sa.Column("returns_into", sa.Text()),
        sa.Column("returns_because", sa.Text()),
        sa.Column("light_until", MOMENT),
        sa.Column("paused_until", MOMENT),
        sa.Column("by_person", sa.JSON()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("arrived_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("custom", sa.JSON()),
        sa.Column("merged_into", ID),
        sa.Column("forgotten_at", MOMENT),
        sa.CheckConstraint("stage IN ('unknown', 'long_term', 'near_term')", name=op.f("ck_leads_stage_known")),
        sa.CheckConstraint(
            "status IN ('nurturing', 'offered', 'accepted', 'won', 'lost', 'disqualified', 'customer')",
            name=op.f("ck_leads_status_known"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_leads_company_id"),
        sa.PrimaryKeyConstraint("id", name="pk_leads"),
    )
    op.create_index("ix_leads_company_id", "leads", ["company_id"])
    op.create_index("ix_leads_enroll_check", "leads", ["id"], **only("enroll_check"))
    op.create_index("ix_leads_look_at", "leads", ["look_at"], **only("look_at IS NOT NULL"))
    op.create_index("ix_leads_ready_check", "leads", ["id"], **only("ready_check"))
    op.create_index("ix_leads_returns_at", "leads", ["returns_at"], **only("returns_at IS NOT NULL"))
    op.create_index("uq_leads_email", "leads", ["email"], unique=True)
    op.create_index("uq_leads_external_id", "leads", ["external_id"], unique=True)
    op.create_table(
        "changes",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON()),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_changes_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.create_index("ix_changes_lead_id_at", "changes", ["lead_id", "at"])
    op.create_index("ix_changes_what_at", "changes", ["what", "at"])
    op.create_table(
        "consents",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("channel", sa.Text(), server_default="email", nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_consents_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_lead_id", "consents", ["lead_id"])
    op.create_table(
        "enrollments",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("cadence", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("slot", ID),
        sa.Column("held_out", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("pc", sa.Integer(), nullable=False),
        sa.Column("anchor", MOMENT, nullable=False),
        sa.Column("memory", sa.JSON()),
        sa.Column("next_at", MOMENT),
        sa.Column("waiting", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("touch_id", sa.Text()),
        sa.Column("pauses", sa.JSON()),
        sa.Column("paused_at", MOMENT),
        sa.Column("lease_by", sa.Text()),
        sa.Column("lease_until", MOMENT),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("reason", sa.Text()),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'paused', 'done', 'stopped', 'goal_met', 'failed')",
            name=op.f("ck_enrollments_state_known"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_enrollments_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_enrollments"),
        sa.UniqueConstraint("slot", name="uq_enrollments_slot"),
    )
    op.create_index("ix_enrollments_cadence_started_at", "enrollments", ["cadence", "started_at"])
    op.create_index(
        "ix_enrollments_due",
        "enrollments",
        ["next_at", sa.literal_column("priority DESC"), "id"],
        **only("state = 'active'"),
    )
    op.create_index("ix_enrollments_lead_id", "enrollments", ["lead_id"])
    op.create_index(
        "ix_enrollments_paused", "enrollments", ["next_at"], **only("state = 'paused' AND next_at IS NOT NULL")
    )
    op.create_table(
        "facts",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("confidence IN ('stated', 'inferred', 'guess')", name=op.f("ck_facts_confidence_known")),
        sa.CheckConstraint(
            "name IN ('budget', 'budget_process', 'timeline', 'people', 'drivers',"
            " 'events', 'pain_points', 'hot_buttons', 'competitors', 'current_solution', 'next_step')",
            name=op.f("ck_facts_name_known"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_facts_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_facts"),
    )
    op.create_index("ix_facts_lead_id", "facts", ["lead_id"])
    op.create_table(
        "inbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lead_id", ID),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON()),
        sa.Column("settled_at", MOMENT),
        sa.Column("settled_by", sa.Text()),
        sa.Column("settled_as", sa.Text()),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_inbox_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("key", name="uq_inbox_key"),
    )
    op.create_index("ix_inbox_open", "inbox", ["at"], **only("settled_at IS NULL"))
    op.create_table(
        "lead_aliases",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_lead_aliases_lead_id"),
        sa.PrimaryKeyConstraint("email", name="pk_lead_aliases"),
    )
    op.create_index("ix_lead_aliases_lead_id", "lead_aliases", ["lead_id"])
    op.create_table(
        "promises",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("kept_at", MOMENT),
        sa.Column("touch_id", sa.Text()),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_promises_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_promises"),
    )
    op.create_index("ix_promises_due", "promises", ["due_at"], **only("state = 'open'"))
    op.create_index("ix_promises_lead_id", "promises", ["lead_id"])
    op.create_table(
        "promotions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("brief", sa.JSON(), nullable=False),
        sa.Column("open", ID),
        sa.Column("value", sa.Float(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_promotions_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_promotions"),
        sa.UniqueConstraint("open", name="uq_promotions_open"),
    )
    op.create_index("ix_promotions_lead_id", "promotions", ["lead_id"])
    op.create_table(
        "responses",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID),
        sa.Column("touch_id", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.JSON()),
        sa.CheckConstraint("grade IN ('human', 'likely_machine', 'machine')", name=op.f("ck_responses_grade_known")),
        sa.CheckConstraint(
            "kind IN ('delivered', 'open', 'click', 'reply', 'auto_reply', 'bounce',"
            " 'complaint', 'unsubscribe', 'call', 'form', 'visit', 'download', 'meeting')",
            name=op.f("ck_responses_kind_known"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_responses_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_responses"),
        sa.UniqueConstraint("key", name="uq_responses_key"),
    )
    op.create_index("ix_responses_clicks", "responses", ["at"], **only("kind = 'click'"))
    op.create_index("ix_responses_lead_id_at", "responses", ["lead_id", "at"])
    op.create_index("ix_responses_touch_id", "responses", ["touch_id"])
    op.create_table(
        "handoffs",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("promotion_id", ID, nullable=False),
        sa.Column("rep", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("offered_at", MOMENT),
        sa.Column("due_at", MOMENT),
        sa.Column("answered_at", MOMENT),
        sa.Column("contacted_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("return_at", MOMENT),
        sa.Column("amount", sa.Float()),
        sa.Column("currency", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.CheckConstraint(
            "state IN ('queued', 'offered', 'accepted', 'rejected', 'expired', 'withdrawn', 'won', 'lost')",
            name=op.f("ck_handoffs_state_known"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_handoffs_lead_id"),
        sa.ForeignKeyConstraint(["promotion_id"], ["promotions.id"], name="fk_handoffs_promotion_id"),
        sa.PrimaryKeyConstraint("id", name="pk_handoffs"),
        sa.UniqueConstraint("promotion_id", "rep", name="uq_handoffs_promotion_id_rep"),
    )
    op.create_index("ix_handoffs_answered_at", "handoffs", ["answered_at"], **only("answered_at IS NOT NULL"))
    op.create_index("ix_handoffs_due", "handoffs", ["due_at"], **only("due_at IS NOT NULL"))
    op.create_index("ix_handoffs_lead_id", "handoffs", ["lead_id"])
    op.create_index("ix_handoffs_queued", "handoffs", ["id"], **only("state = 'queued'"))
    op.create_index("ix_handoffs_rep_state", "handoffs", ["rep", "state"])
    op.create_index("uq_handoffs_offered", "handoffs", ["lead_id"], unique=True, **only("state = 'offered'"))
    op.create_table(
        "score_lines",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("response_id", ID, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_score_lines_lead_id"),
        sa.ForeignKeyConstraint(["response_id"], ["responses.id"], name="fk_score_lines_response_id"),
        sa.PrimaryKeyConstraint("id", name="pk_score_lines"),
        sa.UniqueConstraint("response_id", "rule", name="uq_score_lines_response_id_rule"),
    )
    op.create_index("ix_score_lines_lead_id_rule_at", "score_lines", ["lead_id", "rule", "at"])
    op.create_table(
        "touches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("enrollment_id", ID),
        sa.Column("lead_id", ID, nullable=False),
        sa.Column("company_id", ID),
        sa.Column("cadence", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), server_default="1", nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("because", sa.Text(), server_default="", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("intent_at", MOMENT),
        sa.Column("lease_until", MOMENT),
        sa.Column("sent_at", MOMENT),
        sa.Column("settled_at", MOMENT),
        sa.Column("counted_at", MOMENT),
        sa.Column("sender", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("domain", sa.Text()),
        sa.Column("mailer", sa.Text()),
        sa.Column("provider_id", sa.Text()),
        sa.Column("message_id", sa.Text()),
        sa.Column("assigned", sa.Text()),
        sa.Column("claimed_by", sa.Text()),
        sa.Column("expires_at", MOMENT),
        sa.Column("script", sa.Text()),
        sa.Column("ask", sa.JSON()),
        sa.Column("outcome", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.CheckConstraint(
            "channel IN ('email', 'call', 'voicemail', 'linkedin', 'letter', 'sms', 'webhook', 'other')",
            name=op.f("ck_touches_channel_known"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'sent', 'in_doubt', 'unknown',"
            " 'skipped', 'failed', 'open', 'done', 'expired', 'canceled')",
            name=op.f("ck_touches_state_known"),
        ),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollments.id"], name="fk_touches_enrollment_id"),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_touches_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_touches"),
        sa.UniqueConstraint("enrollment_id", "step", "occurrence", name="uq_touches_enrollment_id_step_occurrence"),
    )
    op.create_index("ix_touches_company_id_counted_at", "touches", ["company_id", "counted_at"])
    op.create_index(
        "ix_touches_domain",
        "touches",
        ["domain", "counted_at"],
        **only("domain IS NOT NULL AND counted_at IS NOT NULL"),
    )
    op.create_index(
        "ix_touches_had", "touches", ["lead_id", "template"], **only("channel = 'email' AND counted_at IS NOT NULL")
    )
    op.create_index("ix_touches_lead_id_counted_at", "touches", ["lead_id", "counted_at"])
    op.create_index("ix_touches_message_id", "touches", ["message_id"])
    op.create_index("ix_touches_open", "touches", ["due_at"], **only("state = 'open'"))
    op.create_index(
        "ix_touches_sender",
        "touches",
        ["sender", "counted_at"],
        **only("sender IS NOT NULL AND counted_at IS NOT NULL"),
    )
    op.create_index("ix_touches_sent_at", "touches", ["sent_at"])
    op.create_index("ix_touches_unsettled", "touches", ["lease_until"], **only("state IN ('sending', 'in_doubt')"))
    op.create_table(
        "touch_texts",
        sa.Column("touch_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["touch_id"], ["touches.id"], name="fk_touch_texts_touch_id"),
        sa.PrimaryKeyConstraint("touch_id", name="pk_touch_texts"),
    )
