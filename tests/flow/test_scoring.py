"""scoring fit and compare on what sales said: forward in time, nothing from after the hand-off, nobody promoted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from nurture.adapters.rules import YamlFiles
from nurture.adapters.store.unit import SqlStore
from nurture.domain.calibration.proposal import learned_until
from nurture.domain.calibration.table import Example, Table
from nurture.domain.condition import parse
from nurture.domain.errors import RefusedError
from nurture.domain.lead import Stage
from nurture.domain.readiness import Readiness
from nurture.domain.response import Kind
from nurture.domain.scoring import EngagementRule, FitRule, Scoring, StageRule
from nurture.flow import scoring_compare, scoring_fit
from nurture.ports import InForce
from nurture.ports.store import Change
from tests.builders import a_lead, a_store
from tests.fakes import A_TUESDAY
from tests.flow.histories import INDUSTRIES, a_history
from tests.flow.sales_floor import in_force

REPLIED = EngagementRule("reply", Kind.REPLY, 40, "answered", Scoring().half_life)
NEAR = {Stage.NEAR_TERM: StageRule(parse("engagement >= 30"), parse("engagement < 5"))}
NOW = Scoring((FitRule(10, parse("phone"), "can be called"),), (REPLIED,), stages=NEAR)
# The planted cause, as points: those from education are not wanted.
BETTER = replace(NOW, fit=(*NOW.fit, FitRule(-40, parse("industry == 'education'"), "never buys")))
READY = Readiness(promote_when=parse("stage == 'near_term' and fit >= 0"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """A year in which leads from education were mostly rejected. Only looked at."""
    with a_store(f"sqlite:///{tmp_path_factory.mktemp('past') / 'nurture.db'}") as made:
        a_history(made, "education", count=160)
        with made.unit() as work:
            for number in (1, 2):  # somebody wrote the phone down when sales had them already
                late = Change("fields", "phone = +33123456789, x.tier = a", A_TUESDAY, by="lee", lead=number)
                work.notes.add([late])
            work.commit()
        yield made


def learner() -> scoring_fit.Learn:
    """What learns. Not loaded by every process of the tests: scikit-learn takes a second of each."""
    from nurture.adapters.learning import learn

    return learn


def rules(scoring: Scoring = NOW) -> InForce:
    return in_force(scoring=scoring, readiness=READY)


def test_the_points_come_from_what_was_known_on_the_day_and_find_what_sales_rejects(store: SqlStore) -> None:
    made = scoring_fit.fit(learn=learner(), store=store, rules=rules())
    assert made.table.leads == 160 - counted(store, "h.state = 'offered'")
    points = {one: made.table.points({"industry": one}) for one in INDUSTRIES}
    assert min(points, key=lambda one: points[one]) == "education"
    assert made.leaks["phone"] == "changed after the hand-off for 2 leads"
    assert not made.table.of("phone")
    assert "# Not used: phone, changed after the hand-off for 2 leads." in made.text


def test_the_proposed_file_is_read_by_the_program_and_gives_the_same_points(store: SqlStore) -> None:
    made = scoring_fit.fit(learn=learner(), store=store, rules=rules())
    reader = YamlFiles(webhooks=frozenset(), senders=frozenset(), limits={})
    workspace, problems = reader.read({"scoring.yaml": made.text})
    assert [one for one in problems if one.file == "scoring.yaml"] == []
    learned = [(band.points, band.condition) for band in made.table.bands if band.feature not in set(Kind)]
    scale = workspace.scoring.fit[0].points / learned[0][0]
    assert [(rule.points / scale, rule.when.text) for rule in workspace.scoring.fit] == learned
    assert f"# {10 * scale:.0f} points more: twice the odds." in made.text
    assert {rule.enter.text for rule in workspace.scoring.stages.values()} == {"engagement >= 30"}


def test_few_outcomes_teach_nothing_and_say_so(store: SqlStore) -> None:
    def nothing(_: Sequence[Example]) -> Table:
        raise AssertionError("not asked")

    few = [Example({"a": "b"}, good=number > 2) for number in range(29)]
    with pytest.raises(RefusedError, match="Too few outcomes: 26 good ones of 29"):
        scoring_fit.fit(learn=nothing, store=store, rules=rules(), outcomes=few)


def test_a_better_scoring_shows_its_lift_and_which_promotions_it_would_have_spared(store: SqlStore) -> None:
    made = scoring_compare.compare(BETTER, store=store, rules=rules(), now=A_TUESDAY)
    assert made.auc is not None
    assert made.new_auc is not None
    assert made.new_auc > made.auc + 0.05
    assert sum(row["new_hits"] for row in made.periods) > sum(row["hits"] for row in made.periods)
    assert all(row["taken"] <= made.capacity for row in made.periods)
    assert sum(row["good"] for row in made.periods) == counted(store, "h.state in ('accepted', 'won', 'lost')")
    # Whom the points of now promote and the new ones do not: those from education, as sales answered them.
    answered = "h.state in ('accepted', 'rejected', 'won', 'lost') and c.industry = 'education'"
    assert len(made.lost) == counted(store, answered)
    assert sum(row["outcome"] == "rejected" for row in made.lost) == counted(
        store, f"{answered} and h.state = 'rejected'"
    )
    assert {row["reason"] for row in made.lost if row["outcome"] == "rejected"} <= {"no_fit", "unreachable"}


def test_the_same_scoring_changes_nothing(store: SqlStore) -> None:
    made = scoring_compare.compare(NOW, store=store, rules=rules(), now=A_TUESDAY)
    assert (made.auc, made.gained, made.lost) == (made.new_auc, (), ())


def test_what_was_expected_of_each_period_comes_from_the_periods_before_alone(store: SqlStore) -> None:
    first, *rest = scoring_compare.compare(BETTER, store=store, rules=rules(), now=A_TUESDAY).periods
    assert first["expected"] is None
    told = [(row["expected"], row["good"]) for row in rest if row["expected"] is not None]
    assert len(told) > 6
    assert sum(expected for expected, _ in told) == pytest.approx(sum(good for _, good in told), rel=0.2)


def test_who_would_be_promoted_and_was_not_is_named_and_not_promoted(tmp_path: Path) -> None:
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as store:
        a_history(store, "nothing", count=40)
        waits = a_lead(store, email="waits@example.com")
        with store.engine.begin() as db:
            insert = (
                "insert into responses (lead_id, kind, grade, at, recorded_at, key) select :lead, kind, grade, at, "
            )
            db.execute(text(f"{insert} recorded_at, 'other' from responses where id = 1"), {"lead": waits.id})
        strict = replace(NOW, stages={Stage.NEAR_TERM: StageRule(parse("engagement >= 41"), parse("engagement < 5"))})
        made = scoring_compare.compare(NOW, store=store, rules=rules(strict), now=A_TUESDAY)
        assert [row["lead"] for row in made.gained] == [str(waits.id)]
        assert made.gained[0]["outcome"] is None
        assert counted(store, "1 = 1") == 40


def test_points_are_judged_only_by_what_came_after_they_were_learned(store: SqlStore) -> None:
    every = scoring_compare.compare(BETTER, store=store, rules=rules(), now=A_TUESDAY)
    assert any("look better here than they are" in line for line in every.words)
    cut = A_TUESDAY - timedelta(days=150)
    made = scoring_fit.fit(learn=learner(), store=store, rules=rules(), until=cut)
    last = learned_until(made.text)
    assert last is not None
    assert last < cut
    later = scoring_compare.compare(BETTER, store=store, rules=rules(), now=A_TUESDAY, learned_until=last)
    assert (
        0 < sum(row["leads"] for row in later.periods) == sum(row["leads"] for row in every.periods) - made.table.leads
    )
    assert all(row["at"] > last for row in later.lost)
    assert any("only what came later was judged" in line for line in later.words)
    none = scoring_compare.compare(BETTER, store=store, rules=rules(), now=A_TUESDAY, learned_until=A_TUESDAY)
    assert (none.auc, none.periods, none.lost) == (None, (), ())
    assert any("none came later" in line for line in none.words)
    assert learned_until("# written by hand") is None


def test_outcomes_of_a_file_are_judged_by_fit_alone(store: SqlStore) -> None:
    outcomes = [
        Example(
            {"industry": "education" if number % 2 else "food"},
            good=not number % 2,
            at=A_TUESDAY - timedelta(40 - number),
        )
        for number in range(40)
    ]
    made = scoring_compare.compare(BETTER, store=store, rules=rules(), now=A_TUESDAY, outcomes=outcomes, capacity=5)
    assert (made.auc, made.new_auc, made.capacity) == (0.5, 1.0, 5)
    assert "no promotions" in made.words[-1]


def counted(store: SqlStore, where: str) -> int:
    """Handoffs, as the database has them."""
    joined = "handoffs h join leads l on l.id = h.lead_id join companies c on c.id = l.company_id"
    with store.engine.connect() as db:
        return int(db.execute(text(f"select count(*) from {joined} where {where}")).scalar_one())
