"""Mails go in groups as they are made: nobody waits for the whole batch, and no commit is for a few."""

from __future__ import annotations

from typing import Any

import pytest

from nurture.domain.touch import Channel, State, Touch
from nurture.flow.dispatch.make import WORTH_IT, Making
from nurture.moves.rendering import AtOnce
from tests.fakes import A_TUESDAY

Pair = tuple[Any, Touch]


def mails(many: int) -> list[Pair]:
    def touch(number: int) -> Touch:
        return Touch(f"t{number}", number, "hello", Channel.EMAIL, State.PLANNED, A_TUESDAY, A_TUESDAY)

    return [(None, touch(number)) for number in range(many)]


@pytest.mark.parametrize(
    ("shares", "most", "expected"),
    [
        ([(200, True), (300, False)], 512, [200, WORTH_IT, WORTH_IT, 44]),
        ([(500, True)], 512, [500]),
        ([(1_100, True)], 512, [512, 512, 76]),
        ([(50, True), (400, False), (50, True)], 512, [WORTH_IT, WORTH_IT, WORTH_IT, 116]),
        ([(100, False)], 64, [64, 36]),
        ([], 512, [0]),
    ],
)
def test_those_that_are_made_go_first_and_few_wait_for_others(
    shares: list[tuple[int, bool]], most: int, expected: list[int]
) -> None:
    nothing: Any = None
    every = mails(sum(many for many, _ in shares))
    begun = [(AtOnce((), is_ready), many) for many, is_ready in shares]
    making = Making(nothing, nothing, nothing, (), mails=every, _begun=list(begun))
    groups = list(making.groups(most))
    assert [len(group) for group in groups] == expected
    assert [pair for group in groups for pair in group] == every
