"""people.yaml: who works with leads, when, and whose leads they take."""

from __future__ import annotations

from typing import Any, Final

from nurture.adapters.cadence_files.nodes import MapNode
from nurture.adapters.cadence_files.records import Key, ListOf, Record
from nurture.adapters.cadence_files.report import Report
from nurture.adapters.cadence_files.schema import Choice, Number, Text
from nurture.adapters.cadence_files.values import CONDITION, DAYS, WEEK_HOURS, ZONE, address
from nurture.domain.person import Person, Role


def _person(values: dict[str, Any], node: MapNode, report: Report) -> Person:
    return Person(**(values | {"roles": frozenset(values["roles"])}), line=node.line)


PERSON: Final = Record(
    "person",
    {
        "name": Key(Text("a name"), required=True),
        "email": Key(address("identity"), required=True),
        "roles": Key(ListOf(Choice(tuple(Role)), filled=True, unique=True), ", ".join(Role), required=True),
        "takes": Key(CONDITION, "whose leads; default everyone's"),
        "hours": Key(WEEK_HOURS, 'such as "mon-fri 09:00-17:00", the default'),
        "timezone": Key(ZONE, "such as Europe/Paris; default the workspace's"),
        "away": Key(ListOf(DAYS), "days such as 2026-12-24..2027-01-02"),
        "capacity": Key(Number(0, 10_000, whole=True), "open handoffs; default that of readiness.yaml"),
        "calls_per_day": Key(Number(0, 10_000, whole=True)),
        "deputy": Key(address("colleague"), "the address of who stands in"),
        "reports_to": Key(address("colleague"), "the address of the manager"),
        "phone": Key(Text("a number in quotes")),
    },
    _person,
)
PEOPLE: Final = ListOf(PERSON)
