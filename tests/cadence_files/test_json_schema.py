"""The editors' schemas agree with the checker: the good is accepted, the bad refused, by both."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from nurture.adapters.cadence_files.json_schema import KINDS, schema
from nurture.adapters.cadence_files.nodes import read_nodes
from nurture.adapters.cadence_files.report import Report
from nurture.adapters.cadence_files.schema import WRONG
from nurture.domain.errors import UnknownNameError
from tests.cadence_files.plain import plain

ROOT = Path(__file__).parents[2]


def verdicts(kind: str, text: str) -> tuple[bool, bool]:
    """Whether the schema accepts a text, and whether the checker does."""
    report = Report("")
    node = read_nodes(text, report)
    assert node is not None, report.problems
    accepts = jsonschema_rs.Draft7Validator(schema(kind)).is_valid(plain(node))
    return accepts, KINDS[kind].read(node, report, kind) is not WRONG and report.is_clean


GOOD = [
    ("cadence", "{name: c, steps: [{email: a}]}"),
    (
        "cadence",
        "{name: c, priority: 0, holdout: 100%, exclusive: false, goal: true, steps: [{stop: x}]}",
    ),
    ("cadence", "{name: c, enroll: {when: fit > 3, again: never, rate: 5 per day}, steps: [{wait: 8 business hours}]}"),
    ("cadence", "{name: c, enroll: {again: after 180 days}, steps: [{wait_until: fiscal_year - 3 months}]}"),
    (
        "cadence",
        '{name: c, window: {hours: "00:00-24:00"}, steps: [{wait_until: 02-29, if_within: 9 d}]}',
    ),
    ("cadence", "{name: c, steps: [{if: fit > 3, then: [{if: fit > 4, else: [{call: a, ask: [budget]}]}]}]}"),
    ("cadence", "{name: c, steps: [{split: [{share: 12.5%, steps: []}, {share: 87.5 %, steps: []}], id: s}]}"),
    ("cadence", "{name: c, steps: [{stream: {every: 1 month, items: [a, shared/b]}, times: 3}]}"),
    ("cadence", "{name: c, steps: [{set: {x.a: 1, phone: null}}, {wait_for: replied(), timeout: 3 days}]}"),
    ("cadence", "{name: c, renamed: {old: new}, from: owner, steps: [{task: t, channel: sms, within: 1 day}]}"),
    ("scoring", "{fit: [{points: -1.5, when: fit > 3, because: x}], engagement: {cap: 60, half_life: 30 days}}"),
    ("scoring", "{engagement: {rules: [{on: visit, where: \"page == '/x'\", points: 8, because: x, at_most: 9}]}}"),
    ("scoring", "{stages: {near_term: {enter: fit > 3, leave: fit < 2}}}"),
    (
        "readiness",
        "{agreed: {on: 2026-11-02, by: [Dana]}, promote: {when: fit > 3, require: [budget, x.size]}}",
    ),
    ("readiness", "{reject: {a: {return: stated date or 90 days, into: c}, b: {task: x}, c: {status: lost}}}"),
    (
        "readiness",
        "{fast: {when: asked_for_sales, require: [phone], call_within: 1 business hour}, capacity: 5}",
    ),
    ("people", "[{name: Lee, email: lee@acme.example, roles: [rep], away: [2026-12-24..2027-01-02, 2027-01-05]}]"),
    ("people", '[{name: L, email: l@a.example, roles: [rep], hours: "mon-fri 9:00-17:00", timezone: Europe/Paris}]'),
    ("sources", "[{name: show, kind: show, cost: 42000 EUR, date: 2027-04-20, reliability: 0.5}]"),
]
BAD = [
    ("cadence", "{}"),
    ("cadence", "[]"),
    ("cadence", "{name: c, steps: []}"),
    ("cadence", "{name: 5, steps: [{email: a}]}"),
    ("cadence", "{name: a/b, steps: [{email: a}]}"),
    ("cadence", "{name: c, stpes: [{email: a}], steps: [{email: a}]}"),
    ("cadence", "{name: c, steps: [{email: a, call: b}]}"),
    ("cadence", "{name: c, steps: [{emial: a}]}"),
    ("cadence", "{name: c, steps: [{email: a, repeat: maybe}]}"),
    ("cadence", "{name: c, steps: [{email: ../a}]}"),
    ("cadence", "{name: c, steps: [{email: a, channel: sms}]}"),
    ("cadence", "{name: c, steps: [stop]}"),
    ("cadence", "{name: c, steps: [{wait: 0 days}]}"),
    ("cadence", "{name: c, steps: [{wait: 3}]}"),
    ("cadence", "{name: c, steps: [{wait: 3 moons}]}"),
    ("cadence", "{name: c, steps: [{wait_until: soon}]}"),
    ("cadence", "{name: c, steps: [{wait_for: replied()}]}"),
    ("cadence", "{name: c, steps: [{split: [{share: 100%, steps: []}]}]}"),
    ("cadence", "{name: c, steps: [{split: [{share: 101%, steps: []}], id: s}]}"),
    ("cadence", "{name: c, steps: [{stream: {every: 1 month, items: []}}]}"),
    ("cadence", "{name: c, steps: [{stream: {every: 1 month, items: [a]}, times: 0}]}"),
    ("cadence", "{name: c, steps: [{call: a, ask: [money]}]}"),
    ("cadence", "{name: c, steps: [{call: a, ask: [budget, budget]}]}"),
    ("cadence", "{name: c, steps: [{task: a, channel: fax}]}"),
    ("cadence", "{name: c, priority: 101, steps: [{email: a}]}"),
    ("cadence", "{name: c, priority: 1.5, steps: [{email: a}]}"),
    ("cadence", "{name: c, exclusive: NO, steps: [{email: a}]}"),
    ("cadence", "{name: c, holdout: 5, steps: [{email: a}]}"),
    ("cadence", "{name: c, enroll: {rate: 0 per day}, steps: [{email: a}]}"),
    ("cadence", "{name: c, enroll: {again: 3 days}, steps: [{email: a}]}"),
    ("cadence", "{name: c, window: mon-fri, steps: [{email: a}]}"),
    ("cadence", "{name: c, stop_on: [opens], steps: [{email: a}]}"),
    ("cadence", "{name: c, goal: null, steps: [{email: a}]}"),
    ("scoring", "{fit: [{points: 5, when: fit > 3}]}"),
    ("scoring", "{engagement: {rules: [{on: opened, points: 8, because: x}]}}"),
    ("scoring", "{stages: {unknown: {enter: fit > 3, leave: fit < 2}}}"),
    ("readiness", "{promote: {require: [budget]}}"),
    ("readiness", "{promote: {when: fit > 3, require: [budgets]}}"),
    ("readiness", "{capacity: 0}"),
    ("readiness", "{reject: {a: {return: someday, into: c}}}"),
    ("people", "{name: Lee, email: lee@acme.example, roles: [rep]}"),
    ("people", "[{name: Lee, email: lee, roles: [rep]}]"),
    ("people", "[{name: Lee, email: lee@acme.example, roles: []}]"),
    ("people", "[{name: Lee, email: lee@acme.example, roles: [rep], phone: +15550100}]"),
    ("sources", "[{name: show}]"),
    ("sources", "[{name: show, kind: show, cost: 42000}]"),
    ("sources", "[{name: show, kind: show, reliability: 2}]"),
]


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_the_good_is_accepted_by_both(kind: str, text: str) -> None:
    assert verdicts(kind, text) == (True, True)


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_the_bad_is_refused_by_both(kind: str, text: str) -> None:
    assert verdicts(kind, text) == (False, False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_valid_draft_7_and_plain_json(kind: str) -> None:
    found = schema(kind)
    assert found["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema_rs.meta.validate(found)
    assert json.loads(json.dumps(found)) == found


def test_the_starter_files_are_accepted() -> None:
    files = [("cadence", path) for path in (ROOT / "cadences").glob("*.yaml") if not path.stem.endswith(".test")]
    files += [(path.stem, path) for path in (ROOT / "nurture" / "starter").glob("*.yaml") if path.stem in KINDS]
    assert len(files) > 3
    for kind, path in files:
        node = read_nodes(path.read_text(encoding="utf-8"), Report(path.name))
        assert node is not None
        jsonschema_rs.Draft7Validator(schema(kind)).validate(plain(node))


def test_another_kind_of_file_is_refused_with_its_near_match() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cadence'"):
        schema("cadense")
