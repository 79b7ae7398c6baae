"""Everybody scored again by SQL: what Python says of each lead alone, in one go, in pieces, and while others write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from math import fsum, isclose
from random import Random
from threading import Thread
from typing import Any, Final

import pytest

from nurture.adapters.store.unit import SqlStore
from nurture.domain import scoring
from nurture.domain.condition import RESPONSE_NAMES, Condition, Type, parse
from nurture.domain.duration import Duration, Unit
from nurture.domain.lead import Lead, Stage
from nurture.domain.policy import Policy
from nurture.domain.response import Grade, Kind, Response
from nurture.domain.scoring import EngagementRule, FitRule, Scoring, StageRule
from nurture.flow import rescoring
from nurture.flow.respond import Report, record
from nurture.moves.rescore import ledger_again, rescore, standing
from nurture.moves.scene import load
from nurture.ports import InForce
from tests.builders import a_company, a_lead, a_sent_touch
from tests.fakes import A_TUESDAY as NOW
from tests.fakes import FixedClock
from tests.flow.sales_floor import in_force

DAY: Final = timedelta(days=1)
NEW_ID: Final = FixedClock().new_id


def days(number: int) -> Duration:
    return Duration(number, Unit.DAYS)


def where(text: str) -> Condition:
    return parse(text, extra=dict.fromkeys(RESPONSE_NAMES, Type.TEXT))


CLICK = EngagementRule("click", Kind.CLICK, 4, "read further", days(30), at_most=12)
REPLY = EngagementRule(
    "reply", Kind.REPLY, 25, "answered", days(90), where("intent in ['interested', 'question'] and employees > 10")
)
NO = EngagementRule("no", Kind.REPLY, -30, "said no", days(180), where("intent == 'refusal'"), at_most=50)
PRICES = EngagementRule("prices", Kind.VISIT, 8, "looked at prices", days(1), where("starts_with(page, '/pricing')"))
STAGES = {
    Stage.NEAR_TERM: StageRule(
        parse("engagement >= 20 or timeline_months <= 6"), parse("engagement < 14 and not timeline_months <= 6")
    ),
    Stage.LONG_TERM: StageRule(parse("score >= 15 or replied()"), parse("score < 12 and not replied()")),
}
FIT = (
    FitRule(10, parse("employees >= 200"), "large"),
    FitRule(-5, parse("has_word(title, 'student')"), "not a buyer"),
    FitRule(3, parse("x.plan == 'gold'"), "pays"),
)
BEFORE = Scoring(FIT[:1], (CLICK, REPLY, NO, PRICES), days(30), 60, STAGES)
# Weights, caps, half-lives, what a rule matches, a rule more and one less: all at once.
AFTER = Scoring(
    FIT,
    (
        replace(CLICK, points=6, at_most=None, half_life=days(45)),
        replace(REPLY, points=11),
        replace(NO, key="no 2", where=where("intent in ['refusal', 'not_now']")),
        EngagementRule("form", Kind.FORM, 9, "asked", days(20), at_most=15),
    ),
    days(30),
    40,
    STAGES,
)


def by(points: Scoring, generation: int = 0) -> InForce:
    return replace(in_force(scoring=points), generation=generation)


def a_world(store: SqlStore, people: int = 60) -> list[Lead]:
    """Leads with all that can be said of them, and responses of any age, scored one by one."""
    dice = Random(11)
    with store.unit() as work:
        companies = [a_company(work, name=str(size), employees=size) for size in (5, 50, 500)]
        made = [
            a_lead(
                work,
                company=dice.choice([*companies, None]),
                title=dice.choice(["Student", "Head", None]),
                timeline_on=dice.choice([None, None, (NOW + 90 * DAY).date(), (NOW - 9 * DAY).date()]),
                custom=dice.choice([{}, {"plan": "Gold"}]),
            )
            for _ in range(people)
        ]
        work.leads.update(made[0].id, {"merged_into": made[1].id})
        work.commit()
    rules = by(BEFORE)
    reports = [
        Report(
            kind := dice.choice([Kind.CLICK, Kind.REPLY, Kind.VISIT, Kind.FORM]),
            NOW - timedelta(seconds=dice.randrange(86_400 * dice.choice([2, 90, 4000]))),
            lead.id,
            grade=dice.choice([Grade.HUMAN, Grade.HUMAN, Grade.MACHINE]),
            detail=_detail(kind, dice),
            key=f"{lead.id}-{number}",
        )
        for lead in made[1:]
        for number in range(dice.randrange(8))
    ]
    record(reports, store=store, rules=rules, policy=Policy(), new_id=NEW_ID, now=NOW, by="test")
    with store.unit() as work:
        ids = [lead.id for lead in made[1:]]
        rescore(work, ids, load(work, ids, rules=rules, policy=Policy(), now=NOW), by="test")
        work.commit()
    return made[1:]


def _detail(kind: Kind, dice: Random) -> dict[str, Any]:
    match kind:
        case Kind.REPLY:
            return {"intent": dice.choice(["interested", "question", "refusal", "not_now"])}
        case Kind.VISIT:
            return {"page": dice.choice(["/pricing/eu", "/"])}
    return {}


def check(store: SqlStore, leads: list[Lead], points: Scoring, now: Any = NOW) -> set[Stage]:
    """Each lead has the ledger, the score and the next moment that Python gives it; the stages there are."""
    ids = [lead.id for lead in leads]
    rules = by(points)
    with store.unit(write=False) as work:
        scene = load(work, ids, rules=rules, policy=Policy(), now=now)
        kept, expected = work.responses.lines(ids), ledger_again(work, ids, scene)
        columns = {one: work.leads.columns(one) for one in ids}
    for one in ids:
        lines = [line for line in kept.get(one, []) if points.rule(line.rule)]
        assert sorted(lines, key=str) == sorted((line for _, line in expected[one]), key=str)
        fit = scoring.fit_lines(points, scene.names(scene.leads[one]), scene.history(scene.leads[one], None))
        total = fsum(line.worth for line in scoring.ledger(fit, lines, points, now))
        row = columns[one]
        assert isclose(row["fit"] + row["engagement"], total, abs_tol=1e-6)
        assert isclose(scoring.engagement(scene.sums[one], points, now), row["engagement"], abs_tol=1e-6)
        again, _ = standing(scene.leads[one], dict(scene.sums[one]), scene, points)
        assert (again.stage, again.fit) == (scene.leads[one].stage, row["fit"])
        _is_looked_at_in_time(row, dict(scene.sums[one]), points, now)
    return {scene.leads[one].stage for one in ids}


def _is_looked_at_in_time(row: dict[str, Any], sums: scoring.Sums, points: Scoring, now: Any) -> None:
    """Between now and the stored moment (a year at most) no bound is crossed."""
    bounds = scoring.thresholds(by(points).workspace.watched, row["fit"])
    assert bounds is not None
    exact = scoring.look_at(sums, points, bounds, now)
    assert exact is None or (row["look_at"] is not None and row["look_at"] <= exact + timedelta(seconds=2))
    until = min(row["look_at"] or now + 365 * DAY, now + 365 * DAY)
    first = scoring.engagement(sums, points, now)
    for step in range(60):
        value = scoring.engagement(sums, points, now + step / 60 * (until - now))
        assert [value >= one + 1e-9 for one in bounds] == [first >= one + 1e-9 for one in bounds]


def test_sql_scores_everybody_as_python_scores_each(store: SqlStore) -> None:
    leads = a_world(store)
    check(store, leads, BEFORE)
    with store.unit() as work:
        before = {lead.id: lead.stage for lead in work.leads.get([one.id for one in leads]).values()}
    assert rescoring.everybody(store=store, rules=by(AFTER), now=NOW) == 1
    assert check(store, leads, AFTER) == set(Stage)
    with store.unit(write=False) as work:
        after = {lead.id: lead.stage for lead in work.leads.get([one.id for one in leads]).values()}
        moved = {one for one in before if before[one] is not after[one]}
        told = [one for one in work.notes.select(what="stage") if one.text.endswith("(scoring.yaml changed)")]
        assert {one.lead for one in told} == moved
        assert len(told) == len(moved) > 3
        for one in told:
            assert one.lead is not None
            assert one.detail == {"from": before[one.lead].value, "to": after[one.lead].value}
            assert one.text.startswith(f"{before[one.lead]} -> {after[one.lead]}: ")
            assert any(text in one.text for rule in STAGES.values() for text in (rule.enter.text, rule.leave.text))
        merged = min(before) - 1
        assert work.leads.columns(merged)["scored_at"] is None


def test_the_same_rules_again_change_nothing_and_ask_nobody_to_look(store: SqlStore) -> None:
    leads = a_world(store, 30)
    for _ in range(2):
        with store.unit() as work:
            work.leads.unflag("ready_check", [one.id for one in leads])
            work.leads.unflag("enroll_check", [one.id for one in leads])
            work.commit()
        rescoring.everybody(store=store, rules=by(BEFORE), now=NOW)
        with store.unit(write=False) as work:
            assert work.leads.flagged("ready_check", None) == work.leads.flagged("enroll_check", None) == []
    check(store, leads, BEFORE)


def test_what_was_cut_off_goes_on_where_it_stopped_and_scores_are_their_ledger_meanwhile(store: SqlStore) -> None:
    leads = a_world(store, 30)
    with store.unit() as work:
        rescoring_begin(work)
        work.commit()
    assert rescoring.run(store=store, rules=by(AFTER), now=NOW, limit=8, most=2) == 2
    scores_are_their_ledgers(store, leads, AFTER)
    # A response to somebody whose turn has not come yet, by the new rules.
    late = Report(Kind.REPLY, NOW, leads[-1].id, detail={"intent": "interested"}, key="late")
    record([late], store=store, rules=by(AFTER), policy=Policy(), new_id=NEW_ID, now=NOW, by="test")
    scores_are_their_ledgers(store, leads, AFTER)
    assert rescoring.run(store=store, rules=by(AFTER), now=NOW, limit=8) > 0
    check(store, leads, AFTER)
    assert rescoring.run(store=store, rules=by(AFTER), now=NOW) == 0


def rescoring_begin(work: Any) -> None:
    from nurture.moves import rescoring as standing_of

    standing_of.begin(work, now=NOW)


def scores_are_their_ledgers(store: SqlStore, leads: list[Lead], points: Scoring) -> None:
    """As anybody would be shown them, whether their turn has come or not."""
    ids = [lead.id for lead in leads]
    with store.unit(write=False) as work:
        sums, lines = work.leads.sums(ids, points), work.responses.lines(ids)
    for one in ids:
        ledger = scoring.ledger((), lines.get(one, []), points, NOW)
        worth = fsum(line.worth for line in ledger)
        assert isclose(scoring.engagement(sums[one], points, NOW), worth, abs_tol=1e-6)


def test_older_files_do_not_score_anybody(store: SqlStore) -> None:
    a_world(store, 5)
    with store.unit() as work:
        work.control.put_files({"scoring.yaml": "fit: []\n"}, at=NOW, by="test")
        rescoring_begin(work)
        work.commit()
        generation = work.control.generation()
    assert rescoring.run(store=store, rules=by(BEFORE, generation - 1), now=NOW) == 0
    assert rescoring.run(store=store, rules=by(BEFORE, generation), now=NOW) == 1


def test_points_older_than_a_double_can_tell_are_worth_nothing(store: SqlStore) -> None:
    lead = a_lead(store)
    hourly = Scoring(engagement=(EngagementRule("click", Kind.CLICK, 4, "read", Duration(1, Unit.HOURS)),))
    with store.unit() as work:
        ancient = Response(Kind.CLICK, NOW - 9000 * DAY, lead.id)
        work.responses.add(ancient, key="k", recorded_at=NOW, by="test")
        work.commit()
    rescoring.everybody(store=store, rules=by(hourly), now=NOW)
    with store.unit(write=False) as work:
        assert work.leads.columns(lead.id)["engagement"] == pytest.approx(0, abs=1e-100)


def test_whom_time_may_move_is_looked_at_every_night(store: SqlStore) -> None:
    asks = ("days_since('click') > 9", "touches('email', '5 days') > 0", "colleagues('unknown') > 0", "employees > 10")
    points = by(Scoring(tuple(FitRule(5, parse(text), "lately") for text in asks)))
    company = a_company(store)
    people = [*(a_lead(store, company=None) for _ in range(3)), *(a_lead(store, company=company) for _ in range(2))]
    clicked, written_to, *_ = people
    a_sent_touch(store, lead=written_to.id)
    with store.unit() as work:
        work.responses.add(Response(Kind.CLICK, NOW, clicked.id), key="k", recorded_at=NOW, by="test")
        work.leads.flag_for_the_night(points.workspace, NOW)
        looks = [work.leads.columns(one.id)["look_at"] for one in people]
    assert looks == [NOW, NOW, None, NOW, NOW]


@contextmanager
def elsewhere(what: Any) -> Iterator[None]:
    """Something else that runs meanwhile."""
    thread = Thread(target=what)
    thread.start()
    yield
    thread.join()


def test_responses_that_come_in_meanwhile_are_all_in_the_score(store: SqlStore) -> None:
    leads = a_world(store, 12)

    def answering() -> None:
        for number in range(20):
            lead = leads[number % len(leads)].id
            report = Report(Kind.CLICK, NOW, lead, key=f"meanwhile {number}")
            record([report], store=store, rules=by(AFTER), policy=Policy(), new_id=NEW_ID, now=NOW, by="test")

    with elsewhere(answering):
        for _ in range(6):
            rescoring.everybody(store=store, rules=by(AFTER), now=NOW)
    scores_are_their_ledgers(store, leads, AFTER)
    with store.unit(write=False) as work:
        assert sum(len(lines) for lines in work.responses.lines([one.id for one in leads]).values()) >= 20
