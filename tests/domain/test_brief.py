"""What a brief says: every statement with source and date, contradictions kept, what is unknown said so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nurture.adapters.salesdesk import article, brief_mail, page, plain_text
from nurture.domain.brief import SECTIONS, Brief, Section, expects_call, sections_of, why_now
from nurture.domain.fact import Confidence, Fact, FactName
from nurture.domain.lead import Company, Lead, Stage
from nurture.domain.response import Grade, Kind, Response
from nurture.domain.scoring import Worth
from nurture.domain.timeline import timeline
from nurture.domain.touch import Channel, Reason, State, Touch

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "brief.txt"
COMPANY = Company(1, "Hartmann Pumps", "hartmann.example", "manufacturing", 420, 61_000_000.0, "DE")
LEAD = Lead(
    7,
    "ada@hartmann.example",
    stage=Stage.NEAR_TERM,
    first_name="Ada",
    last_name="Becker",
    title="Plant Manager",
    phone="+4930123456",
    company=COMPANY,
)


def fact(name: FactName, value: str, days_ago: float, source: str = "call", **more: Any) -> Fact:
    return Fact(name, value, source, NOW - timedelta(days=days_ago), **more)


def said(days_ago: float, kind: Kind, grade: Grade = Grade.HUMAN, touch: str | None = None, **detail: Any) -> Response:
    return Response(kind, NOW - timedelta(days=days_ago), LEAD.id, touch, grade, detail)


FACTS = (
    fact(FactName.BUDGET, "about 20k EUR", 40, by="Cal"),
    fact(FactName.BUDGET, "35k EUR", 5, "reply"),
    fact(FactName.PEOPLE, "Jonas Reuter, CFO: signs, not convinced", 12, by="Cal"),
    fact(FactName.PEOPLE, "Ada Becker: decides on the technology", 12, by="Cal"),
    fact(FactName.TIMELINE, "Q3 2026", 5, "reply"),
    fact(FactName.PAIN_POINTS, "energy bills up 40 %", 12, confidence=Confidence.INFERRED),
    fact(FactName.COMPETITORS, "EcoWatt", 300),
)
SHARED = [("Jonas Reuter", fact(FactName.BUDGET_PROCESS, "the board decides in June", 20, "form"))]
CALL = Touch(
    "t1", 7, "intro", Channel.CALL, State.DONE, NOW, NOW - timedelta(days=13), sent_at=NOW - timedelta(days=12)
)
MAIL = Touch(
    *("t2", 7, "benchmark-report", Channel.EMAIL, State.SENT, NOW, NOW - timedelta(days=30)),
    sent_at=NOW - timedelta(days=30),
)
SKIPPED = replace(MAIL, id="t3", state=State.SKIPPED, reason=Reason.ALREADY_HAD, sent_at=None)
RESPONSES = (
    said(30, Kind.CLICK, Grade.LIKELY_MACHINE, "t2", url="https://acme.example/report"),
    said(29, Kind.CLICK, touch="t2", url="https://acme.example/report"),
    said(12, Kind.CALL, touch="t1", outcome="connected", text="wants numbers for the board"),
    said(5, Kind.REPLY, intent="request", text="Could you call me with a quote?"),
)


def a_brief() -> Brief:
    return Brief(
        lead=LEAD,
        at=NOW,
        zone="Europe/Paris",
        expects_call=expects_call(RESPONSES, [], asked_for_sales=True, zone=PARIS, now=NOW),
        why_now=why_now(
            ["fit 35"], RESPONSES, [(NOW - timedelta(days=5), "long_term -> near_term")], zone=PARIS, now=NOW
        ),
        sections=sections_of(LEAD, FACTS, SHARED, valid_since=NOW - timedelta(days=180), now=NOW),
        score=47.5,
        ledger=(
            Worth("fit", 15, 15, "large enough to need it", None),
            Worth("reply", 25, 22.5, "answered or asked", NOW - timedelta(days=5)),
            Worth("call", 12, 10, "spoke with us", NOW - timedelta(days=12)),
        ),
        history=timeline([CALL, MAIL, SKIPPED], RESPONSES, subjects={"t2": "How plants like yours compare"}),
        colleagues=("Jonas Reuter, CFO (long term)",),
    )


def section(name: str) -> Section:
    return next(one for one in a_brief().sections if one.name == name)


def test_the_sections_stand_in_the_order_in_which_a_rep_needs_them_also_the_empty_ones() -> None:
    assert [one.name for one in a_brief().sections] == list(SECTIONS)
    assert not section("hot_buttons").known


def test_every_statement_has_source_date_and_confidence() -> None:
    found = a_brief().as_json()
    for one in found["sections"]:
        assert {"name", "known", "statements"} <= one.keys()
        for statement in one["statements"]:
            assert {"text", "source", "at", "confidence"} <= statement.keys()
            assert statement["source"]
            assert statement["at"] or one["name"] == "company_profile"


def test_the_json_has_the_keys_of_the_contract_and_is_json() -> None:
    found = json.loads(json.dumps(a_brief().as_json()))
    assert {"lead", "company", "expects_call", "why_now", "sections", "history"} <= found.keys()
    assert (found["lead"], found["company"]) == ("7", "Hartmann Pumps")
    assert {"at", "what", "channel", "grade", "text"} == found["history"][0].keys()


def test_contradictions_are_kept_and_said_and_the_newest_comes_first() -> None:
    budget = section("budget")
    assert [one.text for one in budget.statements] == ["35k EUR", "about 20k EUR"]
    assert budget.contradicted
    assert not section("people").contradicted  # of these there are many


def test_what_was_learned_too_long_ago_is_shown_and_counts_as_unknown() -> None:
    competitors = section("competitors")
    assert not competitors.known
    assert [(one.text, one.stale) for one in competitors.statements] == [("EcoWatt", True)]


def test_a_timeline_that_has_passed_is_shown_and_counts_as_unknown() -> None:
    for value, is_known in (("January 2026", False), ("in 4 months", True), ("soon", True)):
        facts = [fact(FactName.TIMELINE, value, 100)]
        found = {one.name: one for one in sections_of(LEAD, facts, (), valid_since=NOW - timedelta(days=180), now=NOW)}
        assert (found["timeline"].known, found["timeline"].statements[0].text) == (is_known, value)


def test_a_colleague_shares_what_is_about_the_company_with_whose_it_is() -> None:
    assert "said by Jonas Reuter" in section("budget_process").statements[0].source
    private = [("Jonas Reuter", fact(FactName.HOT_BUTTONS, "fast boats", 1))]
    found = sections_of(LEAD, (), private, valid_since=NOW, now=NOW)
    assert not any(one.statements for one in found if one.name == "hot_buttons")


A_PROMISE = {"state": "open", "due_on": date(2026, 3, 12), "text": "Call again", "sentence": "call me after the fair"}


@pytest.mark.parametrize(
    ("responses", "promises", "asked", "words"),
    [
        ((), [], False, "No. They have not spoken with us yet"),
        (
            (said(2, Kind.CALL, outcome="connected"),),
            [],
            False,
            "No call was agreed. When we last heard from them, on 1 March 2026, they spoke with us on the phone.",
        ),
        ((), [A_PROMISE], False, "Yes, on 12 March 2026. We promised: Call again (“call me after the fair”)."),
        ((), [{**A_PROMISE, "due_on": date(2026, 3, 1)}], False, "Yes, and it is late: for 1 March 2026"),
        ((), [{**A_PROMISE, "state": "kept"}], False, "No."),
        ((said(1, Kind.REPLY, intent="request", text="A quote, please"),), [], True, "they asked for sales on 2 March"),
        (
            (said(1, Kind.CALL, outcome="callback", until="2026-03-05T15:30"),),
            [],
            False,
            "5 March 2026 at 15:30 (Europe",
        ),
        ((said(9, Kind.CALL, outcome="callback", until="2026-02-25T15:30"),), [], False, "No call was agreed"),
        ((said(1, Kind.CALL, outcome="meeting_booked", until="2026-03-06"),), [], False, "6 March 2026: a meeting"),
    ],
)
def test_the_first_line_says_whether_and_when_they_expect_the_call(
    responses: tuple[Response, ...], promises: list[dict[str, Any]], asked: bool, words: str
) -> None:
    found = expects_call(responses, promises, asked_for_sales=asked, zone=PARIS, now=NOW)
    assert words in found


def test_a_call_is_told_once_in_the_history_and_what_is_only_planned_not_at_all() -> None:
    planned = replace(MAIL, id="t4", state=State.PLANNED)
    entries = timeline([CALL, planned], RESPONSES)
    assert [one.what for one in entries].count("call") == 1
    assert not [one for one in entries if one.what in ("done", "planned")]
    assert [one.at for one in entries] == sorted(one.at for one in entries)


def test_the_text_is_the_one_that_was_agreed_on() -> None:
    """To change it on purpose: delete the file, run this test, read the difference."""
    text = plain_text(a_brief().as_json())
    if not GOLDEN.exists():
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")


def test_the_page_says_everything_that_the_text_says() -> None:
    found = page(a_brief().as_json())
    for words in ("Unknown: ask.", "contradict each other", "may be out of date", "Jonas Reuter"):
        assert words in found
    for entry in a_brief().history:
        assert entry.text.split("“")[0].strip() in found


def test_the_page_is_whole_in_itself_and_runs_nothing() -> None:
    found = page(a_brief().as_json(), nonce="abc")
    assert not re.search(r"<script|<link|<img|@import|url\(|style=", found)
    assert '<style nonce="abc">' in found
    assert '<html lang="en">' in found
    ids = re.findall(r' id="([^"]+)"', found)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', found)) <= set(ids)


def test_what_a_lead_writes_cannot_break_the_page_or_the_subject() -> None:
    evil = "<script>alert(1)</script>\r\nBcc: all@example.com"
    lead = replace(LEAD, first_name=evil, title=evil)
    brief = replace(a_brief(), lead=lead, expects_call=evil).as_json()
    mail = brief_mail({"brief": brief, "rep": "Lee", "due_at": NOW.isoformat()}, link="https://x.example", zone="UTC")
    for html in (page(brief), article(brief), mail.html):
        assert "<script" not in html
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject


def test_the_mail_says_who_by_when_and_has_one_link_that_answers() -> None:
    payload = {"brief": a_brief().as_json(), "rep": "Lee", "due_at": "2026-03-09T21:30:00+00:00", "handoff": 3}
    mail = brief_mail(payload, link="https://go.example.com/h/TOKEN", zone="America/New_York")
    assert mail.subject == "For you: Ada Becker, Hartmann Pumps - answer by Mon 17:30"
    assert mail.text.startswith("Lee, this lead is offered to you. Accept or reject it by Monday, 9 March, 17:30")
    assert "https://go.example.com/h/TOKEN" in mail.text
    assert 'href="https://go.example.com/h/TOKEN"' in mail.html
    assert "<style" not in mail.html
    for words in ("Not known yet: who", "Others we know at the company", "Jonas Reuter"):
        assert words in mail.text
        assert words in mail.html


def test_what_several_said_stands_once_with_all_its_sources() -> None:
    own = [fact(FactName.TIMELINE, "Q3 2026", 5, "reply"), fact(FactName.TIMELINE, "q3 2026.", 20, by="Cal")]
    shared = [("Jonas Reuter", fact(FactName.TIMELINE, "Q3 2026", 9, "form"))]
    found = sections_of(LEAD, own, shared, valid_since=NOW - timedelta(days=180), now=NOW)
    (timeline_,) = [one for one in found if one.name == "timeline"]
    (statement,) = timeline_.statements
    assert (statement.text, statement.at) == ("Q3 2026", own[0].at)
    assert statement.source == "reply; also form; said by Jonas Reuter; also call, written down by Cal"
    assert not timeline_.contradicted


@pytest.mark.parametrize(
    ("people", "titles", "missing"),
    [
        ((), (), ["who signs", "who decides on the technology", "who works with it", "who stands up for us"]),
        (
            ("Jo: signs, not convinced", "Al decides"),
            ("Maintenance lead",),
            ["who stands up for us"],
        ),
        (("Jo, CFO: our champion",), ("Plant Engineer",), ["who works with it"]),
    ],
)
def test_the_people_in_the_decision_say_who_is_missing(people: Any, titles: Any, missing: list[str]) -> None:
    facts = [fact(FactName.PEOPLE, text, 5) for text in people]
    found = sections_of(LEAD, facts, (), valid_since=NOW - timedelta(days=180), now=NOW, titles=titles)
    assert next(list(one.missing) for one in found if one.name == "people") == missing


def test_the_reasons_are_in_words_a_rep_says() -> None:
    heard = [said(3, Kind.CALL, outcome="replied"), said(2, Kind.CALL, outcome="callback")]
    changes = [(NOW - timedelta(days=5), "unknown -> near_term: engagement >= 30 or timeline_months <= 6")]
    words = " ".join(why_now([], heard, changes, zone=PARIS, now=NOW))
    assert "from unknown to near-term" in words
    assert "answered our message" in words
    assert "asked to be called back" in words
    assert not re.search(r"engagement|>=|_", words)


def test_what_grew_old_contradicts_nothing_and_fills_no_role() -> None:
    facts = [fact(FactName.BUDGET, "20k", 400), fact(FactName.BUDGET, "50k", 1), fact(FactName.PEOPLE, "Bo signs", 400)]
    made = sections_of(LEAD, facts, (), valid_since=NOW - timedelta(days=180), now=NOW)
    found = {one.name: one for one in made}
    assert (len(found["budget"].statements), found["budget"].contradicted) == (2, False)
    assert "who signs" in found["people"].missing
