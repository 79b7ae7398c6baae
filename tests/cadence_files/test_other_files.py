"""scoring.yaml, readiness.yaml, people.yaml and sources.yaml: what they mean, and what is wrong with bad ones."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from nurture.adapters.cadence_files.workspace import read_files
from nurture.domain.calendar import parse_window
from nurture.domain.duration import Duration, Unit
from nurture.domain.lead import Stage, Status
from nurture.domain.person import Role
from nurture.domain.readiness import Consequence, Readiness
from nurture.domain.response import Kind
from nurture.domain.scoring import Scoring
from nurture.domain.source import Source
from nurture.domain.workspace import Workspace

LATER = "name: later\nsteps:\n  - email: a\n  - stop: over\n"


def read(file: str, text: str) -> tuple[Workspace, list[str]]:
    workspace, problems = read_files({file: text, "cadences/later.yaml": LATER})
    return workspace, [f"{found.line}:{found.column}: {found.message}" for found in problems]


def read_well(file: str, text: str) -> Workspace:
    workspace, problems = read(file, text)
    assert problems == []
    return workspace


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n"])
def test_files_that_are_missing_or_empty_hold_the_defaults(text: str | None) -> None:
    names = ("scoring.yaml", "readiness.yaml", "people.yaml", "sources.yaml")
    workspace, problems = read_files({} if text is None else dict.fromkeys(names, text))
    assert problems == []
    assert (workspace.scoring, workspace.readiness) == (Scoring(), Readiness())
    assert (workspace.people, workspace.sources) == ({}, {})


def test_scoring_is_read_with_the_half_life_of_each_rule() -> None:
    scoring = read_well(
        "scoring.yaml",
        """\
fit:
  - {points: -40, when: "has_word(title, 'student', 'intern')", because: not a buyer}
engagement:
  half_life: 20 days
  cap: 60
  rules:
    - {on: click, points: 4, at_most: 12, because: read on}
    - {on: click, points: 1, because: read on}
    - {on: reply, where: "intent in ['interested']", points: 25, half_life: 90 days, because: asked}
stages:
  near_term: {enter: engagement >= 30, leave: engagement < 22}
""",
    ).scoring
    assert [(rule.points, rule.because, rule.line) for rule in scoring.fit] == [(-40, "not a buyer", 2)]
    assert (scoring.half_life, scoring.cap) == (Duration(20, Unit.DAYS), 60)
    first, second, third = scoring.engagement
    assert (first.on, first.points, first.at_most, first.half_life) == (Kind.CLICK, 4, 12, Duration(20, Unit.DAYS))
    assert (first.key, second.key, third.key) == ("click", "click (2)", "reply ab8bfa6e83")
    assert third.half_life == Duration(90, Unit.DAYS)
    assert third.where is not None
    assert third.where.text == "intent in ['interested']"
    assert scoring.stages[Stage.NEAR_TERM].leave.text == "engagement < 22"
    assert list(scoring.stages) == [Stage.NEAR_TERM]


def test_readiness_is_read_with_every_consequence() -> None:
    readiness = read_well(
        "readiness.yaml",
        """\
agreed: {on: 2026-11-02, by: [Dana (marketing), Lee (sales)]}
promote:
  when: stage == 'near_term' and fit >= 20
  human_evidence_within: 20 days
  require: [budget, timeline, phone]
  if_missing: later
facts_valid: 90 days
fast: {when: asked_for_sales, require: [phone], call_within: 2 business hours}
accept_within: 4 business hours
contact_within: 1 business day
outcome_within: 100 days
capacity: 3
reject:
  bad_timing: {return: stated date or 90 days, into: later}
  missing_facts: {return: 0 days, into: later}
  duplicate: {task: merge}
  no_fit: {status: disqualified}
lost:
  no_decision: {return: 6 months, into: later}
""",
    ).readiness
    assert readiness.promote_when is not None
    assert (readiness.promote_when.text, readiness.promote_line) == ("stage == 'near_term' and fit >= 20", 2)
    assert readiness.fast_when is not None
    assert (readiness.fast_when.text, readiness.fast_line) == ("asked_for_sales", 8)
    assert (readiness.require, readiness.fast_require) == (("budget", "timeline", "phone"), ("phone",))
    assert (readiness.if_missing, readiness.capacity) == ("later", 3)
    assert (readiness.agreed_on, readiness.agreed_by) == (date(2026, 11, 2), ("Dana (marketing)", "Lee (sales)"))
    assert [
        readiness.human_evidence_within,
        readiness.facts_valid,
        readiness.call_within,
        readiness.accept_within,
        readiness.contact_within,
        readiness.outcome_within,
    ] == [
        Duration(20, Unit.DAYS),
        Duration(90, Unit.DAYS),
        Duration(2, Unit.BUSINESS_HOURS),
        Duration(4, Unit.BUSINESS_HOURS),
        Duration(1, Unit.BUSINESS_DAYS),
        Duration(100, Unit.DAYS),
    ]
    assert readiness.reject == {
        "bad_timing": Consequence(Duration(90, Unit.DAYS), stated=True, into="later", line=14),
        "missing_facts": Consequence(Duration(0, Unit.DAYS), into="later", line=15),
        "duplicate": Consequence(task="merge", line=16),
        "no_fit": Consequence(status=Status.DISQUALIFIED, line=17),
    }
    assert readiness.lost == {"no_decision": Consequence(Duration(6, Unit.MONTHS), into="later", line=19)}


def test_people_are_found_by_address_name_and_role() -> None:
    workspace = read_well(
        "people.yaml",
        """\
- {name: Lee, email: Lee@acme.example, roles: [rep, caller], takes: "country in ['US', 'CA']",
   hours: "mon-thu 08:00-16:00", timezone: America/New_York, away: [2026-12-24..2027-01-02, 2027-03-01], capacity: 5,
   calls_per_day: 40, deputy: kim@acme.example, reports_to: kim@acme.example, phone: "+1 555 0100"}
- {name: Kim, email: kim@acme.example, roles: [manager]}
""",
    )
    lee = workspace.people["lee@acme.example"]
    assert workspace.person("LEE") is workspace.person("lee@Acme.example") is lee
    assert workspace.with_role(Role.CALLER) == (lee,)
    assert lee.takes is not None
    assert (lee.hours, lee.timezone) == (parse_window("mon-thu", "08:00-16:00"), "America/New_York")
    assert lee.away == ((date(2026, 12, 24), date(2027, 1, 2)), (date(2027, 3, 1), date(2027, 3, 1)))
    assert [lee.is_away(date(2027, 1, day)) for day in (2, 3)] == [True, False]
    assert (lee.capacity, lee.calls_per_day, lee.phone) == (5, 40, "+1 555 0100")
    assert (lee.deputy, lee.reports_to) == ("kim@acme.example", "kim@acme.example")
    kim = workspace.people["kim@acme.example"]
    assert (kim.takes, kim.timezone, kim.capacity) == (None, None, None)
    assert kim.working_hours(zone="Europe/Paris").zone == "Europe/Paris"
    assert lee.working_hours(zone="Europe/Paris").zone == "America/New_York"


def test_sources_are_read_with_their_cost() -> None:
    show = "- {name: show, kind: show, cost: 42000.50 EUR, date: 2027-04-20, reliability: 0.8}\n"
    assert read_well("sources.yaml", show + "- {name: web, kind: form}\n").sources == {
        "show": Source("show", "show", Decimal("42000.50"), "EUR", date(2027, 4, 20), 0.8, line=1),
        "web": Source("web", "form", line=2),
    }


# (file, text, the beginning of each problem)
BAD: list[tuple[str, str, list[str]]] = [
    (
        "scoring.yaml",
        """\
fit:
  - {points: many, when: employees >= 200, because: large}
  - {points: 5, when: contains(title, student), because: x}
  - {points: 5, because: ''}
engagement:
  half_life: 0 days
  cap: -1
  rules:
    - {on: open, points: 4, because: opened}
    - {on: clik, points: 4, because: clicked}
    - {on: visit, where: "starts_with(pgae, '/x')", points: .inf, because: x}
stages:
  unknown: {enter: fit > 1, leave: fit < 1}
  near_term: {enter: fit > 1}
""",
        [
            "2:14: points: 'many' is not a number",
            "3:23: when: quote this value: inside {} a comma or a bracket ends it",
            "4:5: fit rule: 'when' is missing",
            "4:26: because: this text is empty",
            "6:14: half_life: '0 days' is no time at all",
            "7:8: cap: -1 is too small; at least 0",
            "9:12: on: 'open' says nothing about a person; it never scores",
            "10:12: on: 'clik' is not known; did you mean 'click'?",
            "11:39: where: ",
            "11:61: points: .inf is not a number that can be counted with",
            "13:3: stages: unknown key 'unknown'",
            "14:14: stage: 'leave' is missing",
        ],
    ),
    (
        "readiness.yaml",
        """\
agreed: {on: 2026-02-30, by: Dana}
promote:
  require: [budgt, x-size]
  if_missing: latr
fast: {}
capacity: 0
accept_within: soon
reject:
  no_fit: {status: lost_for_ever}
  unreachable: {return: 30 days}
  bad_timing: {return: whenever, into: later}
  duplicate: {task: merge, status: lost}
  bad_data: {}
lost: [no_decision]
""",
        [
            "1:14: on: 2026-02-30 is a day that no calendar has.",
            "1:30: by: a single value stands here; a list is expected",
            "3:3: promote: 'when' is missing",
            "3:13: require: 'budgt' is not known; did you mean 'budget'?",
            "3:20: require: 'x-size' is not known",
            "4:15: if_missing: no cadence is called 'latr'; did you mean 'later'?",
            "5:7: fast: 'when' is missing",
            "6:11: capacity: 0 is too small; at least 1",
            "7:16: accept_within: 'soon' is not a duration",
            "9:20: status: 'lost_for_ever' is not known",
            "10:16: consequence: 'into' is missing",
            "11:24: return: 'whenever' is not known",
            "12:14: consequence: write one of 'return' with 'into', 'status' or 'task'; here are status and task",
            "13:13: consequence: write one of 'return' with 'into', 'status' or 'task'; here is none of them",
            "14:7: lost: a list stands here; keys with values are expected",
        ],
    ),
    (
        "people.yaml",
        """\
- {name: Lee, email: lee, roles: []}
- {name: Kim, email: kim@acme.example, roles: [reps], hours: 9-17, timezone: Amerca/New_York, phone: +15550100}
- {name: Pat, email: pat@acme.example, roles: [rep, rep], away: [2027-01-02..2026-12-24, soon], takes: contry == 'US'}
- {name: Pat, email: PAT@acme.example, roles: [rep]}
""",
        [
            "1:22: email: 'lee' is not an e-mail address.",
            "1:34: roles: this list is empty",
            "2:48: roles: 'reps' is not known; did you mean 'rep'?",
            "2:62: hours: ",
            "2:78: timezone: 'Amerca/New_York' is not a time zone: did you mean 'America/New_York'?",
            "2:102: phone: '+15550100' is not a text; to mean one, quote it",
            "3:53: roles: 'rep' stands here twice",
            "3:66: away: 2027-01-02..2026-12-24 ends before it begins.",
            "3:90: away: 'soon' is not a day",
            "3:104: takes: ",
            "4:22: email: 'pat@acme.example' stands already on line 3",
        ],
    ),
    (
        "sources.yaml",
        """\
- {name: show, kind: show, cost: "42,000 EUR", date: 20.4.2027, reliability: 2}
- {name: show}
""",
        [
            "1:34: cost: '42,000 EUR' is not an amount with a currency: write for example '42000 EUR'.",
            "1:54: date: '20.4.2027' is not a day",
            "1:78: reliability: 2 is too large; at most 1",
            "2:3: source: 'kind' is missing",
            "2:10: name: 'show' stands already on line 1",
        ],
    ),
]


@pytest.mark.parametrize(("file", "text", "expected"), [pytest.param(*bad, id=bad[0]) for bad in BAD])
def test_all_problems_of_a_file_are_found_at_once(file: str, text: str, expected: list[str]) -> None:
    workspace, found = read(file, text)
    assert len(found) == len(expected), found
    for actual, beginning in zip(found, expected, strict=True):
        assert actual.startswith(beginning)
    assert workspace == read_files({"cadences/later.yaml": LATER})[0]  # nothing of a bad file is loaded
