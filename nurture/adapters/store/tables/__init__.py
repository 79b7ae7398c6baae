"""The tables: every state a CHECK, every once-only fact a UNIQUE, every query of a pass an index."""

from nurture.adapters.store.tables.columns import Id, Moment, metadata, one_of
from nurture.adapters.store.tables.fleet import api_tokens, daemons, jobs, marks
from nurture.adapters.store.tables.in_force import cadence_versions, files, switches
from nurture.adapters.store.tables.leads import (
    companies,
    company_domains,
    consents,
    facts,
    import_refusals,
    import_rows,
    imports,
    lead_aliases,
    leads,
    suppressions,
)
from nurture.adapters.store.tables.pacing import first_waves, held_slots, queues
from nurture.adapters.store.tables.responses import (
    archived_events,
    archived_responses,
    changes,
    inbox,
    promises,
    raw_events,
    responses,
    score_lines,
)
from nurture.adapters.store.tables.sales import deliveries, handoffs, promotions
from nurture.adapters.store.tables.touches import enrollments, links, skeletons, touch_texts, touches

__all__ = [
    "Id",
    "Moment",
    "api_tokens",
    "archived_events",
    "archived_responses",
    "cadence_versions",
    "changes",
    "companies",
    "company_domains",
    "consents",
    "daemons",
    "deliveries",
    "enrollments",
    "facts",
    "files",
    "first_waves",
    "handoffs",
    "held_slots",
    "import_refusals",
    "import_rows",
    "imports",
    "inbox",
    "jobs",
    "lead_aliases",
    "leads",
    "links",
    "marks",
    "metadata",
    "one_of",
    "promises",
    "promotions",
    "queues",
    "raw_events",
    "responses",
    "score_lines",
    "skeletons",
    "suppressions",
    "switches",
    "touch_texts",
    "touches",
]
