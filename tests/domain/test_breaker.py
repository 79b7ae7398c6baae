"""The breaker: five unclear answers in a row, then one real touch every 30 seconds until a clear one."""

from __future__ import annotations

from nurture.domain.breaker import Breaker
from nurture.domain.verdict import Again, Maybe, Never, Yes


def opened() -> Breaker:
    """A breaker after five unclear answers."""
    breaker = Breaker()
    for _ in range(5):
        breaker.heard(Maybe("cut off"))
    return breaker


def test_four_unclear_answers_hold_nothing_back() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.heard(Maybe("cut off"))
    assert breaker.slots(64, 0.0) == 64


def test_after_five_one_touch_goes_every_thirty_seconds() -> None:
    breaker = opened()
    assert [breaker.slots(64, at) for at in (100.0, 101.0, 129.9, 130.0, 131.0)] == [1, 0, 0, 1, 0]


def test_a_clear_answer_closes_it_also_a_refusal() -> None:
    for answer in (Yes(), Never("no such box")):
        breaker = opened()
        breaker.heard(answer)
        assert breaker.slots(64, 0.0) == 64


def test_what_was_not_begun_says_nothing() -> None:
    breaker = opened()
    breaker.heard(Again("not begun"))
    assert breaker.is_open
