"""Many rows in every table that grows, by one statement each: what a workspace has after years, and nothing due."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection

# Small by their nature: what the operator wrote, one row for each daemon of a month, job, sender, mailbox or key.
SMALL: Final = frozenset(
    {"files", "cadence_versions", "switches", "marks", "api_tokens", "links", "first_waves", "imports", "daemons"}
    | {"skeletons"}
)
BEGAN: Final = "2024-01-01 09:00:00"
FIRST: Final = 1_000_000  # ids begin behind this, so that they are free to be taken by whoever comes first
SPREAD: Final = 60 * 60 * 24 * 300  # seconds over which what happened lies


def fill(db: Connection, leads: int, *, only: Collection[str] = ()) -> None:
    """So many leads, each with a past, a cadence that it is in, and nothing due before the year 2100.

    `only`: the tables to be filled.
    """
    for table, columns in _rows(db.dialect.name, leads).items():
        if only and table not in only:
            continue
        for one in columns if isinstance(columns, tuple) else (columns,):
            values = ", ".join(one.values())
            names = ", ".join(f'"{name}"' for name in one)
            said = f"INSERT INTO {table} ({names}) SELECT {values} FROM {numbers(db, leads)}"
            db.exec_driver_sql(said.replace("%", "%%") if db.dialect.name == "postgresql" else said)


def numbers(db: Connection, count: int) -> str:
    """A table of the whole numbers `n` from one on."""
    if db.dialect.name == "postgresql":
        return f"generate_series(1, {count}) AS numbers(n)"
    return f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"


def _rows(dialect: str, leads: int) -> dict[str, dict[str, str] | tuple[dict[str, str], ...]]:
    """The columns of each table, in SQL over `n`."""
    ago = f"(n * 7919 % {SPREAD})"
    at = (
        f"timestamptz '{BEGAN}+00' + make_interval(secs => {ago.replace('n *', 'n::bigint *')})"
        if dialect == "postgresql"
        else f"strftime('%Y-%m-%d %H:%M:%f', '{BEGAN}', '+' || {ago} || ' seconds') || '000'"
    )
    later = "'2100-01-01 09:00:00.000000'" + ("::timestamptz" if dialect == "postgresql" else "")
    day = "'2100-01-01'" + ("::date" if dialect == "postgresql" else "")
    no = "false" if dialect == "postgresql" else "0"
    empty = "'{}'" + ("::json" if dialect == "postgresql" else "")
    body = "''::bytea" if dialect == "postgresql" else "x''"
    lead, other = f"{FIRST} + n", f"{FIRST} + {leads} + n"
    company = f"{FIRST} + n % {max(leads // 8, 1)} + 1"
    touch = "'crowd-' || n"
    people = {"id": lead, "email": "'p' || n || '@c' || n || '.example'", "status": "'nurturing'", "stage": "'unknown'"}
    people |= {"first_name": "'Ada'", "country": "'FR'", "company_id": company, "fit": "n % 100", "look_at": later}
    people |= {"source": "'fair'", "enroll_check": no, "ready_check": no}
    people |= dict.fromkeys(("created_at", "arrived_at", "changed_at"), at)
    enrolled = {"lead_id": lead, "cadence": "'crowd'", "version": "1", "priority": "50", "pc": "0", "anchor": at}
    enrolled |= {"started_at": at}
    active = {**enrolled, "id": lead, "state": "'active'", "slot": lead, "next_at": later}
    over = {**enrolled, "id": other, "state": "'done'", "ended_at": at}
    sent = {"lead_id": lead, "company_id": company, "cadence": "'crowd'", "version": "1", "channel": "'email'"}
    sent |= {"template": "'crowd/one'", "state": "'sent'", "attempt": "1", "sender": "'mail'", "due_at": at}
    sent |= {"domain": "'c' || n || '.example'", "address": "'p' || n || '@c' || n || '.example'"}
    sent |= dict.fromkeys(("created_at", "intent_at", "sent_at", "counted_at"), at)
    skipped = {"id": "'skipped-' || n", "lead_id": lead, "enrollment_id": other, "cadence": "'crowd'", "step": "'two'"}
    skipped |= {"version": "1", "channel": "'email'", "template": "'crowd/two'", "state": "'skipped'"}
    skipped |= {"reason": "'stopped'", "due_at": at, "created_at": at, "intent_at": at}
    task = {"id": "'task-' || n", "lead_id": lead, "step": "'call'", "channel": "'call'", "state": "'open'"}
    task |= {"due_at": later, "created_at": at, "assigned": "'caller'"}
    promise = {"lead_id": lead, "due_on": day, "text": "''", "source": "'reply'", "made_at": at, "made_by": "'crowd'"}
    by = {"at": at, "by": "'crowd'"}
    handed = {"lead_id": lead, "promotion_id": lead, "rep": "'rep' || n % 20", "state": "'lost'"}
    handed |= dict.fromkeys(("created_at", "offered_at", "answered_at", "ended_at"), at)
    fact = {"lead_id": lead, "name": "'timeline'", "value": "'x'", "source": "'form'", "confidence": "'stated'", **by}
    gone = {"address": "'gone' || n || '@c.example'", "scope": "'all'", "reason": "'bounce'", "at": at}
    click = {"lead_id": lead, "touch_id": touch, "kind": "'click'", "grade": "'human'", "at": at, "recorded_at": at}
    read = {"kind": "'reply'", "lead_id": lead, "at": at, "why": "'crowd'", "key": touch, "settled_at": at}
    delivered = {"key": touch, "kind": "'brief'", "to": "'x'", "payload": empty, "at": at, "done_at": at}
    slot = {"touch_id": "'skipped-' || n", "lead_id": lead, "at": later, "company_id": company, "sender": "'mail'"}
    return {
        "companies": {"id": lead, "name": "'Crowd ' || n", "name_key": "'crowd ' || n", "created_at": at},
        "company_domains": {"domain": "'c' || n || '.example'", "company_id": lead},
        "leads": people,
        "lead_aliases": {"email": "'old' || n || '@c.example'", "lead_id": lead},
        "consents": {"id": lead, "lead_id": lead, "basis": "'opt-in'", "at": at},
        "suppressions": {"id": lead, **gone},
        "facts": {"id": lead, **fact},
        "enrollments": (active, over),
        "touches": (task, {**sent, "id": touch, "enrollment_id": lead, "step": "'one'", "message_id": touch}, skipped),
        "touch_texts": {"touch_id": touch, "subject": "''", "html": "''", "text": "''"},
        "raw_events": {"id": lead, "kind": "'sendgrid'", "key": touch, "body": body, "at": at, "done_at": at},
        "responses": {"id": lead, **click, "key": touch, "detail": empty},
        "archived_responses": {"id": other, **click, "key": touch, "by": "''", "why": "''"},
        "archived_events": {"kind": "'sendgrid'", "key": touch, "body": body, "at": at, "done_at": at},
        "score_lines": {"lead_id": lead, "response_id": lead, "rule": "'crowd'", "kind": "'click'", "at": at},
        "changes": {"id": lead, "lead_id": lead, "what": "'enrolled'", "text": "'enrolled in crowd'", **by},
        "inbox": {"id": lead, **read},
        "promises": ({**promise, "state": "'open'", "due_at": later}, {**promise, "state": "'kept'", "due_at": at}),
        "promotions": {"id": lead, "lead_id": lead, "at": at, "why": "''", "brief": empty},
        "handoffs": {"id": lead, **handed},
        "deliveries": {"id": lead, **delivered},
        "held_slots": {**slot, "domain": "'c' || n || '.example'"},
        "queues": {"name": "'domain c' || n || '.example'"},
        "jobs": {"job": "'nightly'", "slot": "'crowd' || n", **by},
        "daemons": {"id": touch, "host": "'h'", "pid": "n", "started_at": at, "seen_at": at, "stopped_at": at},
    }
