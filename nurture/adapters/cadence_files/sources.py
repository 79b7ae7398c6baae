"""sources.yaml: where leads come from, and what each source cost."""

from __future__ import annotations

from typing import Any, Final

from nurture.adapters.cadence_files.nodes import MapNode
from nurture.adapters.cadence_files.records import Key, ListOf, Record
from nurture.adapters.cadence_files.report import Report
from nurture.adapters.cadence_files.schema import Number, Text
from nurture.adapters.cadence_files.values import DAY, MONEY
from nurture.domain.source import Source


def _source(values: dict[str, Any], node: MapNode, report: Report) -> Source:
    cost, currency = values.pop("cost", (None, None))
    return Source(**values, cost=cost, currency=currency, line=node.line)


SOURCE: Final = Record(
    "source",
    {
        "name": Key(Text("a name", mention="identity"), required=True),
        "kind": Key(Text("a word such as show, list or form"), required=True),
        "cost": Key(MONEY, "such as 42000 EUR"),
        "date": Key(DAY),
        "reliability": Key(Number(0, 1), "how far its data can be trusted, 0 to 1"),
    },
    _source,
)
SOURCES: Final = ListOf(SOURCE)
