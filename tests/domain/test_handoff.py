"""The table of the handoff: every pair of state and event is decided, and nothing leads out of an end."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.errors import RefusedError
from nurture.domain.handoff import IMPOSSIBLE, MOVES, NO_CHANGE, OPEN, Event, State, moved

ENDS = {State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.WON, State.LOST}


@pytest.mark.parametrize("pair", list(product(State, Event)), ids=lambda pair: "-".join(pair))
def test_every_pair_is_decided_exactly_once(pair: tuple[State, Event]) -> None:
    assert [pair in MOVES, pair in NO_CHANGE, pair in IMPOSSIBLE].count(True) == 1


@given(st.lists(st.sampled_from(list(Event)), max_size=12))
def test_whatever_happens_an_end_is_final_and_a_repeated_answer_changes_nothing(events: list[Event]) -> None:
    state = State.QUEUED
    for event in events:
        try:
            after = moved(state, event)
        except RefusedError:
            continue
        assert state not in ENDS or after is state
        if after is not state and event is not Event.OFFER:  # an answer; an offer is ours, and made once
            assert moved(after, event) is after
        state = after


def test_only_what_was_offered_is_accepted_and_only_what_was_accepted_is_won() -> None:
    assert {state for (state, event) in MOVES if event is Event.ACCEPT} == {State.OFFERED}
    assert {state for (state, event) in MOVES if event in (Event.WIN, Event.LOSE)} == {State.ACCEPTED}


def test_every_state_but_the_first_can_be_reached() -> None:
    assert set(MOVES.values()) == set(State) - {State.QUEUED}
    assert {State.QUEUED, State.OFFERED} == OPEN


def test_a_refusal_says_what_cannot_be() -> None:
    with pytest.raises(RefusedError, match="A handoff that is queued cannot win"):
        moved(State.QUEUED, Event.WIN)
