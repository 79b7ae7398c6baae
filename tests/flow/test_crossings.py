"""Crossings: only leads whose moment has come are looked at, and decay only ever lowers a stage."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from nurture.domain.lead import Stage
from nurture.domain.response import Kind
from nurture.flow import crossings
from nurture.flow.respond import Report
from tests.builders import a_lead
from tests.flow.loop import a_loop

SCORING = """
engagement:
  half_life: 30 days
  rules:
    - {on: form, points: 32, because: filled in a form}
stages:
  near_term: {enter: engagement >= 30, leave: engagement < 16}
  long_term: {enter: engagement >= 5, leave: engagement < 2}
"""


def test_a_lead_falls_from_stage_to_stage_with_time_and_few_looks(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", files={"scoring.yaml": SCORING}) as loop:
        ada, bob = a_lead(loop.store), a_lead(loop.store)
        begun = loop.now
        loop.report(Report(Kind.FORM, loop.now, lead=ada.id))
        seen: list[tuple[Stage, timedelta]] = []
        looks = 0
        for _ in range(6 * 150):
            with loop.store.unit(write=False) as work:
                stage = work.leads.get([ada.id])[ada.id].stage
            if not seen or seen[-1][0] is not stage:
                seen.append((stage, loop.now - begun))
            loop.clock.advance(hours=4)
            looks += crossings.run(**loop.common)
        assert [stage for stage, _ in seen] == [Stage.NEAR_TERM, Stage.LONG_TERM, Stage.UNKNOWN]
        late = timedelta(hours=8)  # two looks
        assert timedelta(days=30) <= seen[1][1] <= timedelta(days=30) + late  # 32 has halved once
        assert timedelta(days=120) <= seen[2][1] <= timedelta(days=120) + late  # and four times
        assert looks <= 6
        with loop.store.unit(write=False) as work:
            assert [one.text.partition(":")[0] for one in work.notes.of_lead(ada.id) if one.what == "stage"] == [
                "unknown -> near_term",
                "near_term -> long_term",
                "long_term -> unknown",
            ]
            assert work.notes.of_lead(bob.id) == []


def test_what_a_step_sets_is_scored_and_may_be_that_they_asked_for_sales(tmp_path: Path) -> None:
    points = "fit:\n  - {points: 7, when: country == 'NO', because: we sell there}\n"
    steps = "- set: {country: Norway, asked_for_sales: true}\n- wait: 3 days"
    with a_loop(tmp_path, steps, files={"scoring.yaml": points}) as loop:
        ada = a_lead(loop.store, country=None, company=None)
        loop.enroll(ada)
        loop.tick()
        crossings.run(**loop.common)
        with loop.store.unit(write=False) as work:
            person = work.leads.get([ada.id])[ada.id]
        assert (person.country, person.fit, person.asked_for_sales) == ("NO", 7, True)
