"""What follows step 0001; until it is released, tests/store/next_step.py writes it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def only(rows: str) -> dict[str, Any]:
    """What makes an index one of some rows, on both databases."""
    return {"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows)}


def upgrade() -> None:
    """Add what is new."""
    op.create_table(
        "archived_events",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("key", "kind", name="pk_archived_events"),
    )
    op.add_column("daemons", sa.Column("passed_at", MOMENT))
    op.create_index("ix_held_slots_lead_id", "held_slots", ["lead_id"])
    op.add_column("imports", sa.Column("content", sa.Text()))
    op.add_column("imports", sa.Column("line", sa.Integer()))
    op.add_column("imports", sa.Column("finished_at", MOMENT))
    op.create_index(
        "ix_imports_unfinished", "imports", ["content"], **only("content IS NOT NULL AND finished_at IS NULL")
    )
    op.create_table(
        "skeletons",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_skeletons"),
    )
    op.create_index("ix_skeletons_template", "skeletons", ["template"])
    op.create_table(
        "import_refusals",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("import_id", ID, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_refusals_import_id"),
        sa.PrimaryKeyConstraint("id", name="pk_import_refusals"),
    )
    op.create_index("ix_import_refusals_import_id", "import_refusals", ["import_id"])
    op.create_index("ix_leads_phone", "leads", ["phone"], **only("coalesce(email, external_id) IS NULL"))
    op.create_table(
        "archived_responses",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("lead_id", ID),
        sa.Column("touch_id", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON()),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name="fk_archived_responses_lead_id"),
        sa.PrimaryKeyConstraint("id", name="pk_archived_responses"),
    )
    op.create_index("ix_archived_responses_clicks", "archived_responses", ["at"], **only("kind = 'click'"))
    op.create_index("ix_archived_responses_lead_id_at", "archived_responses", ["lead_id", "at"])
    op.create_index("ix_archived_responses_touch_id", "archived_responses", ["touch_id"])
    op.create_index("ix_inbox_open_of_lead", "inbox", ["lead_id"], **only("settled_at IS NULL"))
    op.add_column("touches", sa.Column("doubted_at", MOMENT))
    op.create_index(
        "ix_touches_first_wave", "touches", ["template"], **only("state = 'planned' AND reason = 'first_wave'")
    )
    op.create_index("ix_touches_taken", "touches", ["claimed_by"], **only("state = 'open' AND claimed_by IS NOT NULL"))
    op.add_column("touch_texts", sa.Column("skeleton_id", sa.Text()))
