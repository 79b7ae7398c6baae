"""The structure of a cadence, which pins leads in flight: what changes it and what does not."""

from __future__ import annotations

import pytest

from nurture.adapters.cadence_files.cadence import read_cadence
from nurture.domain.cadence import Cadence, structure
from nurture.domain.errors import Problem
from tests.flow.loop import a_cadence

STEPS = """
    - email: one
    - wait: 3 days
    - if: clicked('one')
      then: [{email: two}]
    - stream: {every: 1 month, items: [a, b]}
"""
BASE = a_cadence(STEPS)


def read(text: str) -> Cadence:
    """A cadence from its text."""
    problems: list[Problem] = []
    made = read_cadence(text, "cadences/course.yaml", problems)
    assert made is not None, problems
    return made


@pytest.mark.parametrize(
    "changed",
    [
        "# a comment\n\n" + BASE,
        BASE.replace("description: for tests", "description: in other words"),
        BASE.replace("steps:", "priority: 80\nsteps:"),
        BASE.replace("steps:", "enroll: {when: fit >= 20, rate: 5 per day}\nsteps:"),
        BASE.replace("steps:", "holdout: 5%\nsteps:"),
        BASE.replace("[a, b]", "[a, b, c]"),
    ],
    ids=["comment", "description", "priority", "entry", "holdout", "an item more"],
)
def test_what_does_not_change_the_course_leaves_the_structure_as_it_is(changed: str) -> None:
    assert structure(read(changed)) == structure(read(BASE))


@pytest.mark.parametrize(
    "changed",
    [
        BASE.replace("3 days", "4 days"),
        BASE.replace("clicked('one')", "replied()"),
        BASE.replace("email: two", "email: three"),
        BASE.replace("1 month", "2 months"),
        BASE.replace("00:00-24:00", "09:00-17:00"),
        BASE.replace("steps:", "goal: stage == 'near_term'\nsteps:"),
        BASE.replace("steps:", "stop_on: [meeting]\nsteps:"),
        BASE + "  - email: last\n",
    ],
    ids=["a wait", "a condition", "an e-mail", "a rhythm", "the window", "the goal", "an exit", "a step more"],
)
def test_what_changes_the_course_is_a_new_structure(changed: str) -> None:
    assert structure(read(changed)) != structure(read(BASE))
