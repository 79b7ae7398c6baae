"""Rows <-> the running sums that engagement decays from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from nurture.adapters.store.responses import ResponseRows
from nurture.domain import scoring
from nurture.domain.scoring import Running, Scoring, Sums


def running(column: Mapping[str, Any] | None) -> dict[str, Running]:
    """The running sums in the column `sums`: {rule: [lines, moment in ISO form, half-life in seconds]}."""
    return {
        rule: Running(float(lines), datetime.fromisoformat(at), timedelta(seconds=seconds))
        for rule, (lines, at, seconds) in (column or {}).items()
    }


def running_today(
    db: Connection, rows: Iterable[tuple[int, Mapping[str, Any] | None]], points: Scoring
) -> dict[int, Sums]:
    """The running sums of each (lead, column), as they decay by the rules of today.

    Until everybody is scored again after a half-life was changed, those of the rest are added up from their lines.
    """
    found: dict[int, Sums] = {lead: running(column) for lead, column in rows}
    behind = [lead for lead, sums in found.items() if not scoring.is_of_today(sums, points)]
    lines = ResponseRows(db).lines(behind) if behind else {}
    return found | {lead: scoring.added({}, lines.get(lead, ()), points) for lead in behind}
