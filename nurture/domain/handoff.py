"""The handoff state machine: one offer of one lead to one rep."""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from typing import Final

from nurture.domain.errors import RefusedError


class State(StrEnum):
    """Where a handoff stands."""

    QUEUED = "queued"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    WON = "won"
    LOST = "lost"


class Event(StrEnum):
    """What moves a handoff."""

    OFFER = "offer"
    ACCEPT = "accept"
    REJECT = "reject"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    WIN = "win"
    LOSE = "lose"


MOVES: Final[dict[tuple[State, Event], State]] = {
    (State.QUEUED, Event.OFFER): State.OFFERED,
    (State.QUEUED, Event.WITHDRAW): State.WITHDRAWN,
    (State.OFFERED, Event.ACCEPT): State.ACCEPTED,
    (State.OFFERED, Event.REJECT): State.REJECTED,
    (State.OFFERED, Event.EXPIRE): State.EXPIRED,  # the same lead is offered to the next rep by a new handoff
    (State.OFFERED, Event.WITHDRAW): State.WITHDRAWN,
    (State.ACCEPTED, Event.WIN): State.WON,
    (State.ACCEPTED, Event.LOSE): State.LOST,
    (State.ACCEPTED, Event.REJECT): State.REJECTED,  # found out after the first contact
    (State.ACCEPTED, Event.WITHDRAW): State.WITHDRAWN,
}
NO_CHANGE: Final = frozenset(
    {
        (State.ACCEPTED, Event.ACCEPT),
        (State.REJECTED, Event.REJECT),
        (State.WON, Event.WIN),
        (State.LOST, Event.LOSE),
        (State.WITHDRAWN, Event.WITHDRAW),
        (State.EXPIRED, Event.EXPIRE),
    }
)
IMPOSSIBLE: Final = frozenset(product(State, Event)) - MOVES.keys() - NO_CHANGE
OPEN: Final = frozenset({State.QUEUED, State.OFFERED})
# What a rep has on the desk, as it is stored.
ON_DESK: Final = (State.OFFERED.value, State.ACCEPTED.value)


def moved(state: State, event: Event) -> State:
    """The state after `event`; the same where it changes nothing. Raises RefusedError where it cannot be."""
    if (state, event) in MOVES:
        return MOVES[state, event]
    if (state, event) in NO_CHANGE:
        return state
    raise RefusedError(f"A handoff that is {state} cannot {event}.", hint="See: nurture handoff list")
