"""How the database finds the rows of what it is told: the whole tables that a statement reads, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, event

from nurture.adapters.store.tables import metadata
from tests.crowd import SMALL

GROWING: Final = frozenset(metadata.tables) - SMALL
# Indexes of rows that leave them as soon as they are worked on: to read one of them whole is to read what is due.
QUEUES: Final = frozenset(
    {
        *("ix_leads_ready_check", "ix_leads_enroll_check", "ix_raw_events_new", "ix_touches_unsettled"),
        *("ix_touches_open", "ix_touches_taken"),
        *("ix_handoffs_queued", "uq_handoffs_offered", "ix_deliveries_due"),
    }
)
_EXPLAINED: Final = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")
_SCAN: Final = re.compile(r"^SCAN (?P<name>\w+)(?: .*USING (?:COVERING )?INDEX (?P<index>\w+))?")
_ANY_ROW: Final = re.compile(r"\bFROM (\w+)(?:\)|\s+LIMIT\b)")  # where one row is enough, whichever
_ALIAS: Final = re.compile(r"\b(?:FROM|JOIN) (\w+) AS (\w+)")


@contextmanager
def looked_at(engine: Engine) -> Iterator[dict[str, list[str]]]:
    """What is told the database meanwhile, each statement with the whole tables that it reads."""
    found: dict[str, list[str]] = {}

    def hear(db: Any, cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement in found or not statement.lstrip().startswith(_EXPLAINED):
            return
        given = values[0] if many and values else values
        beside = cursor.connection.cursor()
        wholes = _on_sqlite if db.dialect.name == "sqlite" else _on_postgres
        enough = {f" {table} " for table in _ANY_ROW.findall(statement)}
        whole = wholes(beside, statement, given)
        found[statement] = [words for words in whole if not any(table in words for table in enough)]
        beside.close()

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def _on_sqlite(cursor: Any, statement: str, values: Any) -> Iterator[str]:
    aliases = {alias: table for table, alias in _ALIAS.findall(statement)}
    for *_, detail in cursor.execute("EXPLAIN QUERY PLAN " + statement, values).fetchall():
        scan = _SCAN.match(detail)
        if scan is None:
            continue
        table = aliases.get(scan["name"], scan["name"])
        if table in GROWING and scan["index"] not in QUEUES:
            yield detail


def _on_postgres(cursor: Any, statement: str, values: Any) -> Iterator[str]:
    cursor.execute("EXPLAIN (FORMAT JSON) " + statement, values)
    ((plans,),) = cursor.fetchall()
    yield from _nodes(plans[0]["Plan"])


def _nodes(node: dict[str, Any], above: str = "") -> Iterator[str]:
    """The nodes of a plan that read a table from its beginning to its end, directly or by an index."""
    kind, index = node["Node Type"], node.get("Index Name")
    by_index = kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan") and "Index Cond" not in node
    if kind == "Seq Scan" and node["Relation Name"] in GROWING:
        yield f"{kind} on {node['Relation Name']} : {node.get('Filter', 'all')}"
    is_first = above == "Limit" and "Filter" not in node  # the first rows of an index, whatever they are
    if by_index and not is_first and index not in QUEUES and _table_of(str(index)) in GROWING:
        yield f"{kind} on {_table_of(str(index))} by {index}: {node.get('Filter', 'all')}"
    for part in node.get("Plans", ()):
        yield from _nodes(part, kind)


def _table_of(index: str) -> str | None:
    """The table that an index belongs to."""
    for table in metadata.tables.values():
        if index in {str(table.primary_key.name or f"pk_{table.name}"), *(str(one.name) for one in table.indexes)}:
            return table.name
        if index in {str(one.name) for one in table.constraints if one.name is not None}:
            return table.name
    return None
