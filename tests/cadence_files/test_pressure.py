"""Plans that the limits make impossible are found before anyone waits for them."""

from __future__ import annotations

from textwrap import dedent

import pytest

from nurture.adapters.cadence_files.workspace import read_files

LIMITS = {1: 1, 7: 2, 30: 6}


def warnings_of(steps: str, **keys: str) -> list[str]:
    text = f"name: c\nsteps:\n{dedent(steps)}- stop: over\n"
    return [f"{found.line}: {found.message}" for found in read_files({"cadences/c.yaml": text}, limits=LIMITS)[1]]


def test_five_touches_in_a_week_under_a_limit_of_two_are_found_where_they_are_moved() -> None:
    steps = "".join(f"- email: mail-{n}\n- wait: 1 day\n" for n in range(5))
    assert warnings_of(steps) == [
        "7: steps: the limit of 2 touches in 7 days moves this by 5 days",
        "11: steps: the limit of 2 touches in 7 days moves this by 5 days",
    ]


def test_two_touches_at_once_are_a_day_apart_under_a_limit_of_one_a_day() -> None:
    assert warnings_of("- email: a\n- call: b\n") == ["4: steps: the limit of 1 touch in 1 day moves this by 1 day"]


@pytest.mark.parametrize(
    "steps",
    [
        "- email: a\n- wait: 4 days\n- email: b\n- wait: 3 days\n- email: c\n",
        "- call: a\n- voicemail: b\n",
        "- email: a\n- wait: 3 business days\n- email: b\n- wait: 3 business days\n- email: c\n",
        "- email: a\n- wait_until: 09-01\n- email: b\n",
        "- email: a\n- wait_for: clicked('a')\n  timeout: 10 days\n- email: b\n",
        "- stream: {every: 1 week, items: [a, b, c]}\n",
        "- stream: {every: 1 day, items: [a]}\n",
    ],
)
def test_what_the_limits_allow_is_no_problem(steps: str) -> None:
    assert warnings_of(steps) == []


def test_branches_are_looked_at_one_by_one_and_the_calmest_goes_on() -> None:
    steps = """\
    - if: fit > 3
      then: [{email: a}, {email: b}]
      else: [{wait: 1 hour}]
    - email: c
    """
    assert warnings_of(steps) == ["4: steps: the limit of 1 touch in 1 day moves this by 1 day"]


def test_a_branch_that_ends_the_cadence_does_not_count_for_what_follows() -> None:
    steps = """\
    - if: fit > 3
      then: [{email: a}]
      else: [{stop: too-small}]
    - email: c
    """
    assert warnings_of(steps) == ["6: steps: the limit of 1 touch in 1 day moves this by 1 day"]


def test_a_stream_that_is_faster_than_a_limit_is_found() -> None:
    items = ", ".join(f"item-{n}" for n in range(9))
    assert warnings_of(f"- stream: {{every: 3 days, items: [{items}]}}\n") == [
        "3: stream: an item every 3 days is more than the limit of 2 touches in 7 days"
    ]


def test_without_limits_nothing_is_said() -> None:
    text = "name: c\nsteps:\n- email: a\n- email: b\n- stop: over\n"
    assert read_files({"cadences/c.yaml": text})[1] == []
