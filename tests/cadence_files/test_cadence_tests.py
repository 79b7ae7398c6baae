"""Tests that marketers write: what they may say, and what is wrong with one, at its place."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from nurture.adapters.cadence_files.cadence_tests import read_test, read_tests
from nurture.adapters.cadence_files.report import Report
from nurture.domain.rehearsal import Done, Expected, Rehearsal, first_wrong
from nurture.domain.response import Kind
from nurture.domain.touch import Channel

ROOT = Path(__file__).parents[2]
PARIS = ZoneInfo("Europe/Paris")
HEAD = "cadence: course\nstart: 2027-01-05\n"


def problems(text: str) -> list[str]:
    """What is said about a file."""
    report = Report("cadences/course.test.yaml")
    assert read_test(text, report) == []
    return [f"{one.line}:{one.column}: {one.message}" for one in report.problems]


def test_a_test_is_read_with_its_lines() -> None:
    text = HEAD + "lead: {first_name: Ada, x.tier: gold, budget: 20000}\n"
    text += "responses:\n- {at: 2027-01-06T10:00, kind: click, step: one, url: https://a.example}\n"
    text += "expect:\n- {at: 2027-01-05, channel: email, step: shared/one}\n"
    (one,) = read_test(text, Report("cadences/course.test.yaml"))
    assert (one.cadence, one.start, one.lead["x.tier"]) == ("course", date(2027, 1, 5), "gold")
    (told,) = one.responses
    assert (told.at, told.kind, told.step, told.line) == (
        datetime.fromisoformat("2027-01-06T10:00"),
        Kind.CLICK,
        "one",
        5,
    )
    assert told.detail == {"url": "https://a.example"}
    assert one.expect == (Expected(date(2027, 1, 5), Channel.EMAIL, "shared/one", 7),)


def test_a_file_may_hold_several() -> None:
    one = "- cadence: course\n  start: 2027-01-05\n  lead: {}\n  expect: []\n"
    assert len(read_test(one * 2, Report("cadences/course.test.yaml"))) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEAD + "lead: {firstname: A}\nexpect: []\n",
            "3:8: lead: unknown name 'firstname'; did you mean 'first_name'?",
        ),
        (HEAD + "lead: {}\n", "1:1: test: 'expect' is missing"),
        ("cadence: course\nlead: {}\nstart: tomorrow\nexpect: []\n", "3:8: start: 'tomorrow' is not a day"),
        (HEAD + "lead: {}\nexpect: [{at: 2027-01-05}]\n", "4:10: expectation: 'channel' is missing"),
        (HEAD + "lead: {}\nexpect: [{at: 2027-02-30, channel: call, step: a}]\n", "a day that no calendar has"),
        (HEAD + "lead: {}\nexpect: []\nresponses: [{at: 2027-01-05, kind: call}]\n", "5:13: responses: a call has"),
        (HEAD + "lead: {}\nexpect: []\nresponses: [{at: 2027-01-05, kind: clik}]\n", "did you mean 'click'?"),
        (HEAD + "lead: &a {}\nexpect: []\n", "anchor"),
        (HEAD + "lead: {employees: many}\nexpect: []\n", "3:19: lead: employees 'many': not a number of people"),
        (HEAD + "lead: {stage: hot}\nexpect: []\n", "3:15: lead: stage 'hot': one of unknown, long_term, near_term"),
        (HEAD + "lead: {timeline_months: soon}\nexpect: []\n", "3:25: lead: timeline_months 'soon': not a number"),
        (HEAD + "lead: {timeline_months: 1e9}\nexpect: []\n", "3:25: lead: timeline_months '1000000000.0'"),
        (HEAD + "lead: {timezone: Mars/Base}\nexpect: []\n", "3:18: lead: timezone 'Mars/Base': not a time zone"),
        (HEAD + "lead: {}\nexpect: [{at: 9999-12-31, channel: call, step: a}]\n", "The year 9999 is out of reach"),
        (
            HEAD + "lead: {}\nexpect: []\nresponses: [{at: 2027-01-05, kind: reply, facts: {bugdet: 1}}]\n",
            "5:51: facts: 'bugdet' is not a fact; did you mean 'budget'?",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text: str, said: str) -> None:
    assert any(said in one for one in problems(text))


def test_what_the_program_works_out_itself_is_pointed_at_and_no_mistake() -> None:
    report = Report("cadences/course.test.yaml")
    (one,) = read_test(HEAD + "lead: {fit: 30, budget: true}\nexpect: []\n", report)
    assert one.lead == {"fit": 30, "budget": True}
    (said,) = report.problems
    assert (said.severity, said.column) == ("warning", 8)


def test_the_tests_of_the_starter_cadences_are_sound() -> None:
    tests, wrong = read_tests(ROOT)
    assert wrong == []
    assert {one.cadence for one in tests} >= {"event-follow-up", "manufacturing-long-term"}


def test_a_day_fits_any_time_of_it_in_the_zone_of_the_lead_and_a_moment_its_minute() -> None:
    late = Done(datetime(2027, 1, 4, 23, 30, tzinfo=UTC), Channel.EMAIL, "one")  # half past midnight in Paris

    def wrong(at: date | datetime) -> str | None:
        found = first_wrong(Rehearsal("course", {}, at, expect=(Expected(at, Channel.EMAIL, "one", 9),)), [late], PARIS)
        return found[1] if found else None

    assert wrong(date(2027, 1, 5)) is None
    assert wrong(datetime.fromisoformat("2027-01-05T00:30")) is None
    assert wrong(datetime(2027, 1, 4, 23, 30, tzinfo=UTC)) is None
    assert wrong(date(2027, 1, 4)) == "expected email one on 2027-01-04; instead: email one on 2027-01-05 00:30"
    assert wrong(datetime.fromisoformat("2027-01-05T00:31")) is not None


def test_what_comes_unexpected_and_what_does_not_come_are_both_told() -> None:
    made = Done(datetime(2027, 1, 5, 9, tzinfo=UTC), Channel.CALL, "intro")
    none = Rehearsal("course", {}, date(2027, 1, 5), line=4)
    assert first_wrong(none, [made], PARIS) == (
        4,
        "nothing more was expected; then came call intro on 2027-01-05 10:00",
    )
    one = Rehearsal("course", {}, date(2027, 1, 5), expect=(Expected(date(2027, 1, 5), Channel.CALL, "intro", 6),))
    assert first_wrong(one, [], PARIS) == (6, "expected call intro on 2027-01-05; nothing more happened")
