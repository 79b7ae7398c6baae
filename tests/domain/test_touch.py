"""The state machine of touches: every pair is decided, reports from outside are never refused."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.errors import RefusedError
from nurture.domain.touch import (
    CONTACTED,
    FINAL,
    IMPOSSIBLE,
    MOVES,
    NO_CHANGE,
    REPORTS,
    SENTENCES,
    Event,
    Reason,
    State,
)
from nurture.domain.touch import moved as move


@pytest.mark.parametrize("pair", list(product(State, Event)), ids=lambda pair: "-".join(pair))
def test_every_pair_is_decided_exactly_once(pair: tuple[State, Event]) -> None:
    assert [pair in MOVES, pair in NO_CHANGE, pair in IMPOSSIBLE].count(True) == 1


def test_a_report_from_outside_is_never_impossible() -> None:
    assert not REPORTS & {event for _, event in IMPOSSIBLE}


def test_only_a_certain_no_or_a_person_brings_a_touch_back_to_planned() -> None:
    back = {(state, event) for (state, event), after in MOVES.items() if after is State.PLANNED}
    assert back == {
        (State.SENDING, Event.TRY_AGAIN),
        (State.IN_DOUBT, Event.NOT_ACCEPTED),
        (State.UNKNOWN, Event.NOT_ACCEPTED),
    }


def test_a_command_that_comes_too_late_is_refused_in_words() -> None:
    with pytest.raises(RefusedError, match="sent cannot intend"):
        move(State.SENT, Event.INTEND)


def test_every_reason_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Reason)


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_what_was_sent_stays_sent_whatever_comes(events: list[Event]) -> None:
    state = State.SENT
    for event in events:
        if (state, event) not in IMPOSSIBLE:
            state = move(state, event)
    assert state is State.SENT


@given(st.sampled_from(State), st.lists(st.sampled_from(Event), max_size=30))
def test_a_mail_that_was_taken_ends_as_sent(start: State, events: list[Event]) -> None:
    state = start
    for event in [*events, Event.ACCEPTED]:
        if (state, event) not in IMPOSSIBLE:
            state = move(state, event)
    assert state in FINAL | {State.OPEN}
    assert state in CONTACTED or state in {State.OPEN, State.EXPIRED, State.CANCELED}
