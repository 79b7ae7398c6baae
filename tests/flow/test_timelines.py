"""A stated timeline moves the stage: when it is said, as it counts down, and once it has passed; each time dated."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.lead import Stage
from nurture.domain.names import next_turn, timeline_months
from nurture.domain.response import Kind
from nurture.flow import crossings, rescoring
from nurture.flow.respond import Report
from tests.builders import a_lead
from tests.flow.loop import a_loop

SCORING = """
engagement:
  half_life: 30 days
stages:
  near_term: {enter: engagement >= 30 or timeline_months <= 6, leave: engagement < 22 and not timeline_months <= 6}
  long_term: {enter: engagement >= 5 or timeline_months > 6, leave: engagement < 2 and not timeline_months > 6}
"""


bounds = st.sets(st.sampled_from([0, 0.5, 1, 3, 6, 6.5, 12, 24, -1, 1e12]), max_size=3)


@given(ahead=st.integers(-5, 900), bounds=bounds)
def test_a_timeline_is_looked_at_on_the_day_on_which_it_passes_a_bound_and_not_before(
    ahead: int, bounds: set[float]
) -> None:
    now = datetime(2026, 3, 3, 9, tzinfo=UTC)
    on = now.date() + timedelta(days=ahead)

    def sides(day: date) -> list[int] | None:
        months = timeline_months(on, day)
        return None if months is None else [(months > bound) - (months < bound) for bound in sorted(bounds)]

    days = (now.date() + timedelta(days=days) for days in range(1, ahead + 2))
    first = next((day for day in days if sides(day) != sides(now.date())), None)
    found = next_turn(on, bounds, now)
    assert (found.date() if found is not None else None) == first


def test_what_was_learned_moves_the_stage_in_both_directions_and_each_change_is_explained(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", files={"scoring.yaml": SCORING}) as loop:
        lead = a_lead(loop.store)
        said = {"facts": {"timeline": "budget in Q2 2027"}}
        loop.report(Report(Kind.FORM, loop.now, lead=lead.id, detail=said))
        rescoring.everybody(store=loop.store, rules=loop.rules, now=loop.now)  # by SQL: it is looked at tomorrow
        looks = 0
        for _ in range(430):
            loop.clock.advance(days=1)
            looks += crossings.run(**loop.common)
        with loop.store.unit(write=False) as work:
            changes = [one for one in work.notes.of_lead(lead.id) if one.what == "stage"]
            assert work.leads.get([lead.id])[lead.id].stage is Stage.UNKNOWN
        assert [one.text.partition(":")[0] for one in changes] == [
            "unknown -> long_term",  # 13 months ahead
            "long_term -> near_term",  # half a year before April
            "near_term -> unknown",  # April has come, and nobody said more
        ]
        assert [one.at.date().isoformat()[:7] for one in changes] == ["2026-03", "2026-10", "2027-04"]
        assert all("timeline_months" in one.text for one in changes)
        assert looks == 3
