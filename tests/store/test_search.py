"""Searches by condition: SQL finds the leads that Python says yes to, whatever is asked, on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import or_, select

from nurture.adapters.store.asking import At
from nurture.adapters.store.search import Said, counted
from nurture.adapters.store.tables import enrollments, leads
from nurture.adapters.store.tonight import OURS, may_enter
from nurture.adapters.store.unit import SqlStore
from nurture.domain.cadence import Cadence, Entry
from nurture.domain.condition import parse
from nurture.domain.duration import Duration, Unit
from nurture.domain.fact import Fact, FactName
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Lead
from nurture.domain.names import names_of
from nurture.domain.response import Grade, Kind, Response
from nurture.domain.scoring import EngagementRule, Scoring, engagement
from nurture.domain.touch import Channel, State
from nurture.domain.workspace import Workspace
from nurture.ports import Unit as Work
from tests.builders import a_company, a_lead, a_sent_touch, a_store, a_touch, an_enrollment
from tests.fakes import A_TUESDAY as NOW

DAY = timedelta(days=1)
LATER = NOW + 40 * DAY
CLICKS = EngagementRule("clicks", Kind.CLICK, 4, "read", half_life=Duration(10, Unit.DAYS), at_most=30)
REPLIES = EngagementRule("replies", Kind.REPLY, 25, "answered", half_life=Duration(90, Unit.DAYS))
RULES = Workspace(scoring=Scoring(engagement=(CLICKS, REPLIES), cap=60))
SEARCHES = [
    "stage == 'near_term'", "not stage == 'near_term'", "stage in ['unknown', 'long_term'] and fit >= 20",
    "employees > 100 and industry == 'MANUFACTURING'", "not employees > 100", "revenue / employees > 2",
    "domain == 'acme.example'", "domain == 'gmail.com'", "domain", "country == 'de'", "not country", "language",
    "timezone == 'europe/berlin'", "budget and not timeline", "budget == false", "x.plan == 'gold' or x.seats > 40",
    "contains(title, 'größe')", "contains(title, 'GROSSE', 'straße')", "has_word(title, 'it')", "title != 'head of it'",
    "starts_with(title, 'Head')", "contains(title, 'K')", "title >= 'h'", "created_at > '2026-03-03'",
    "asked_for_sales", "timeline_months <= 6", "timeline_months > 2.5 and not timeline_months > 4",
    "not timeline_months >= 0",
    "timeline_months * 2 >= 6.57", "clicked('hello')", "clicked('evergreen/hello')", "clicked('ello')",
    "clicked('HELLO')", "sent('hello') and not replied()", "sent('guide')", "replied() or visited('/pricing')",
    "visited('/')", "visited('/Pricing')", "visited('/pricing/')", "visited('/pric')", "visited('/pricing-old')",
    "touches('email', '30 days') >= 1", "touches('call', '3 weeks') == 0",
    "touches('email', '60 days') > colleagues('unknown')", "days_since('click') < 30.5", "not days_since('visit') > 20",
    "days_since('reply') - days_since('click') > 0", "colleagues('near_term') >= 1",
    "colleagues('unknown') == 0 and company",
    "outcome('intro') == 'voicemail'", "outcome('intro') != 'connected'", "outcome('intro')", "not outcome('intro')",
    "outcome('intro') in ['expired', 'connected']", "outcome('intro') == 'skipped'",
    "engagement >= 5", "engagement < 5", "not (engagement >= 5 or fit > 10)", "score > 20", "score - fit == 0",
    "stage == 'near_term' or engagement >= 8 and not clicked('hello')", "(engagement > 6) == asked_for_sales",
    "engagement > 3 and colleagues('near_term') > 0 and not budget",
]  # fmt: skip
PAGES = ["/pricing/eu", "/Pricing", "/", None, "/pricing-old", "/pricing?plan=2", "/pricing"]


def a_world(work: Work, *, people: int = 40) -> None:
    """Leads of every sort with a past, some of them merged or forgotten; the same at each run."""
    dice = Random(7)
    companies = [
        a_company(work, name="Acme", domain="acme.example", employees=500, revenue=1e3),
        a_company(work, name="Straße 9", domain="straße.example", employees=None, industry="Manufacturing"),
        a_company(work, name="Öl", domain=None, country=None, timezone=None, employees=0),
        None,
    ]
    titles = ["Head of IT", "GRÖSSE", "Größe und Maß", "e\u0301quipe it", "\u212aing", "", None, "head of it", "Sales"]
    for number in range(people):
        lead = a_lead(
            work,
            first_name=f"p{number}",
            email=dice.choice([f"p{number}@gmail.com", f"p{number}@acme.example"]),
            company=dice.choice(companies),
            stage=dice.choice(["unknown", "long_term", "near_term"]),
            title=dice.choice(titles),
            country=dice.choice([None, "", "FR", "de"]),
            timezone=dice.choice([None, "", "Europe/Paris"]),
            language=dice.choice([None, "", "de"]),
            fit=dice.choice([0, 10, 20.5]),
            created_at=NOW + dice.randrange(-3, 3) * DAY,
            asked_for_sales=dice.random() < 0.3,
            timeline_on=dice.choice([None, *((LATER + days * DAY).date() for days in (-1, 0, 1, 76, 100, 122, 400))]),
            custom=dice.choice([{}, {"plan": "Gold"}, {"seats": 41}, {"seats": "40.5", "plan": "GOLD"}]),
        )
        for name in dice.sample([FactName.BUDGET, FactName.TIMELINE], dice.randrange(3)):
            work.leads.add_fact(lead.id, Fact(name, "20k", "call", LATER - dice.choice([1, 179, 181, 400]) * DAY))
        a_past(work, lead.id, dice)
        if dice.random() < 0.15:
            work.leads.update(lead.id, dice.choice([{"merged_into": 1}, {"forgotten_at": NOW}]))


def a_past(work: Work, lead: int, dice: Random) -> None:
    """What happened to one lead, with the sums that its responses left."""
    touches = []
    for _ in range(dice.randrange(4)):
        at = NOW + dice.randrange(30) * DAY + timedelta(microseconds=dice.randrange(10**9))
        template = dice.choice(["evergreen/hello", "shared/guide", "hello", "othello"])
        touches.append(a_sent_touch(work, lead=lead, template=template, now=at))
    enrollment = an_enrollment(work, lead=lead, exclusive=False)
    for state, outcome in dice.sample(
        [
            (State.DONE, "voicemail"),
            (State.DONE, "connected"),
            (State.EXPIRED, None),
            (State.OPEN, None),
            (State.SKIPPED, None),
        ],
        dice.randrange(3),
    ):
        at = NOW + dice.randrange(20) * DAY
        of = {"enrollment": dice.choice([None, enrollment.id]), "occurrence": dice.randrange(10**6)}
        counted = {"state": state, "outcome": outcome, "counted_at": at if state is State.DONE else None}
        a_touch(work, lead=lead, step="intro", channel=Channel.CALL, template="", now=at, **of, **counted)
    for number in range(dice.randrange(4)):
        kind = dice.choice([Kind.CLICK, Kind.REPLY, Kind.VISIT])
        at = NOW + dice.randrange(39) * DAY + timedelta(microseconds=dice.randrange(10**10))
        grade = dice.choice([Grade.HUMAN, Grade.HUMAN, Grade.MACHINE])
        detail = (
            {"page": dice.choice(["/pricing/eu", "/Pricing", "/", None, "/pricing-old", "/pricing?plan=2", "/pricing"])}
            if kind is Kind.VISIT
            else {}
        )
        touch = dice.choice(touches).id if touches and kind is not Kind.VISIT else None
        response = Response(kind, at, lead, touch, grade, detail)
        work.responses.add(response, key=f"{lead}-{number}", recorded_at=at, by="test")
    if dice.random() < 0.5:
        rule, worth = dice.choice([(CLICKS, 80), (CLICKS, 3), (REPLIES, 20)])
        since = (LATER - dice.randrange(30) * DAY).isoformat()
        sums = {rule.key: [worth / rule.points, since, rule.half_life.span.total_seconds()]}
        work.leads.update(lead, {"sums": sums, "engagement": float(worth)})


def as_python_sees_them(work: Work) -> list[tuple[Lead, Mapping[str, Any], LeadHistory]]:
    """Every lead that is left, with its names and its past."""
    people = work.leads.search(None, now=LATER)
    ids = [lead.id for lead in people]
    touches, responses, facts = work.touches.of_leads(ids), work.responses.of_leads(ids), work.leads.facts(ids)
    sums = work.leads.sums(ids, RULES.scoring)
    found: list[tuple[Lead, Mapping[str, Any], LeadHistory]] = []
    for lead in people:
        beside = [one for one in people if one.company and one.company == lead.company and one.id != lead.id]
        stages = Counter(one.stage.value for one in beside)
        past = LeadHistory(
            LATER, touches.get(lead.id, ()), responses.get(lead.id, ()), colleagues_by_stage=dict(stages)
        )
        known = {fact.name.value for fact in facts.get(lead.id, ()) if fact.at >= LATER - 180 * DAY}
        worth = engagement(sums[lead.id], RULES.scoring, LATER)
        found.append((lead, names_of(lead, known=known, engagement=worth, now=LATER), past))
    return found


def test_sql_finds_and_counts_the_leads_that_python_says_yes_to(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nurture.adapters.store.search.BATCH", 7)
    telling = 0
    with store.unit() as work:
        a_world(work)
        people = as_python_sees_them(work)
        for text in SEARCHES:
            condition = parse(text)
            expected = [lead for lead, names, past in people if condition.holds(names, past)]
            assert work.leads.search(condition, now=LATER, rules=RULES) == expected, text
            assert work.leads.count(condition, now=LATER, rules=RULES) == len(expected), text
            telling += 0 < len(expected) < len(people)
    assert telling >= len(SEARCHES) - 9  # the others hold for nobody, on purpose


def test_a_search_stops_at_its_limit_and_goes_on_behind_a_lead(store: SqlStore) -> None:
    ids = [a_lead(store, sums={"clicks": [9, NOW.isoformat(), 864_000]}).id for _ in range(3)]
    with store.unit() as work:
        for where in (None, parse("country == 'FR'"), parse("not replied()"), parse("engagement > 1")):
            assert [lead.id for lead in work.leads.search(where, now=NOW, rules=RULES, limit=2)] == ids[:2]
            assert [lead.id for lead in work.leads.search(where, now=NOW, rules=RULES, after=ids[0])] == ids[1:]


def test_without_rules_engagement_counts_as_it_is_stored_and_facts_of_any_age_are_known(store: SqlStore) -> None:
    lead = a_lead(store, engagement=7.5)
    with store.unit() as work:
        work.leads.add_fact(lead.id, Fact(FactName.BUDGET, "20k", "call", NOW - 900 * DAY))
        assert work.leads.count(parse("engagement > 7 and budget"), now=NOW) == 1


def test_a_connection_gets_what_conditions_call_once_or_it_would_read_all_its_statements_anew(tmp_path: Path) -> None:
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as store:
        a_lead(store, title="Größe")
        with store.engine.connect() as db:
            assert counted(db, parse("contains(title, 'GRÖSSE')"), now=NOW, rules=None) == 1
            driver: Any = db.connection.driver_connection
            driver.create_function("nurture_fold", 1, lambda _: "another", deterministic=True)
            assert counted(db, parse("contains(title, 'ther')"), now=NOW, rules=None) == 1


def test_what_the_night_asks_is_put_together_once_and_true_at_every_moment(store: SqlStore) -> None:
    with store.unit() as work:
        a_world(work, people=25)
        work.commit()
    valid = RULES.readiness.facts_valid.span
    told = 0
    with store.engine.connect() as db:
        free = select(enrollments.c.lead_id).where(enrollments.c.cadence == "c")
        for text in SEARCHES:
            condition = parse(text)
            cadence = Cadence("c", (), entry=Entry(when=condition), exclusive=False)
            at_each = []
            for now in (NOW, LATER, LATER + 60 * DAY):
                said = Said(db.dialect.name, condition, At(now), valid)
                holds = or_(said.surely, said.perhaps) if said.decays else said.said
                query = select(leads.c.id).select_from(said.table).where(OURS, leads.c.id.not_in(free), holds)
                expected = set(db.execute(query.where(~leads.c.enroll_check)).scalars())
                assert set(may_enter(db, cadence, now=now, facts_valid=valid)) == expected, (text, now)
                at_each.append(expected)
            told += at_each[0] != at_each[1] or at_each[1] != at_each[2]
    assert told >= 10  # of these conditions change with time alone
