"""A CRM export with outcomes -> what each line says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path

from nurture.adapters.lead_files.table import open_rows
from nurture.domain import outcome
from nurture.domain.errors import RequestError
from nurture.domain.outcome import Outcome, StillOpen
from nurture.domain.row import Refused


def read_deals(path: Path, *, currency: str = "", zone: tzinfo = UTC) -> Iterator[Outcome | StillOpen | Refused]:
    """Every line of the file. Raises RequestError, at once, for a file without the columns that it takes."""
    table = open_rows(path)
    found = outcome.places(table.headers)
    if "step" not in found or not found.keys() & {"handoff", "email", "external_id"}:
        lacks, name = ("what became of each deal", "step") if "step" not in found else ("whose deal it is", "email")
        raise RequestError(f"{path}: no column says {lacks}.", hint=f"Name one: {', '.join(outcome.HEADERS[name])}.")

    def lines() -> Iterator[Outcome | StillOpen | Refused]:
        for row in table.rows:
            if isinstance(row, Refused):
                yield row
            else:
                line, cells = row
                named = {name: cells[place] for name, place in found.items()}
                yield outcome.read(line, named, currency=currency, zone=zone)

    return lines()
