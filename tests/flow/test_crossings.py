"""Decay carries a lead over a threshold; a change of scoring.yaml judges every response again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import fsum
from pathlib import Path

from nurture.domain import scoring
from nurture.domain.lead import Stage
from nurture.domain.response import Kind
from nurture.flow import crossings
from nurture.flow.respond import Report
from tests.builders import a_lead
from tests.flow.loop import Loop, a_loop, in_force
from tests.flow.test_respond import SCORING, STEPS


def answered(loop: Loop) -> int:
    """A lead that answered with interest."""
    lead = a_lead(loop.store)
    loop.report(Report(Kind.REPLY, loop.now, lead=lead.id, detail={"intent": "interested"}))
    return lead.id


def stage(loop: Loop, lead: int) -> Stage:
    """The stage, as stored."""
    with loop.store.unit(write=False) as work:
        return work.leads.get([lead])[lead].stage


def test_time_alone_lowers_the_stage_at_its_moment_and_a_pass_looks_at_nobody_before(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS, files={"scoring.yaml": SCORING}) as loop:
        lead = answered(loop)
        assert stage(loop, lead) is Stage.NEAR_TERM
        looks, began = 0, loop.now
        for _ in range(60):
            loop.clock.advance(days=1)
            looks += crossings.run(**loop.common)
            # 30 points fall below 20 after 30 * log2(1.5) = 17.5 days.
            expected = Stage.NEAR_TERM if loop.now < began + timedelta(days=17.5) else Stage.LONG_TERM
            assert stage(loop, lead) is expected
        assert looks <= 6


def test_new_rules_count_for_what_was_said_before_and_the_ledger_is_the_score(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS, files={"scoring.yaml": SCORING}) as loop:
        lead = answered(loop)
        harder = SCORING.replace("points: 30", "points: 12")
        rules = in_force({"course": _course(loop)}, {"scoring.yaml": harder})
        loop.rules = replace(rules, program=loop.rules.program)
        assert crossings.rescore_all(**loop.common) == 1
        with loop.store.unit(write=False) as work:
            found = work.leads.get([lead])[lead]
            lines = work.responses.lines([lead])[lead]
        assert (found.engagement, found.stage) == (12.0, Stage.LONG_TERM)
        worth = scoring.ledger((), lines, loop.rules.workspace.scoring, loop.now)
        assert fsum(line.worth for line in worth) == found.engagement


def _course(loop: Loop) -> str:
    del loop
    from tests.flow.loop import a_cadence

    return a_cadence(STEPS)
