"""What happened, in the keys and the order of a simulation: one line for each touch that is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from nurture.domain.touch import FINAL, State, Touch


@dataclass(frozen=True, slots=True, order=True)
class Happened:
    """One line, ordered by (at, lead, cadence, step).

    `outcome` is how a task ended, else the state of the touch; `skipped:REASON` and `failed:REASON` say why not.
    """

    at: datetime
    lead: str
    cadence: str
    step: str
    channel: str
    outcome: str


def ledger(touches: Iterable[Touch], *, since: datetime, until: datetime) -> list[Happened]:
    """The touches that ended in [since, until). Whatever is still planned, open or on its way is not in it."""
    lines = [
        Happened(at, str(one.lead), one.cadence, one.step, one.channel.value, outcome_of(one))
        for one in touches
        if one.state in FINAL and since <= (at := moment_of(one)) < until
    ]
    # The text of an id would put lead 10 before lead 9. What is equal in all of it is the same line twice.
    return sorted(lines, key=lambda one: (one.at, int(one.lead), one.cadence, one.step, one.channel, one.outcome))


def outcome_of(one: Touch) -> str:
    """What a line says about how it ended."""
    if one.state in (State.SKIPPED, State.FAILED) and one.reason is not None:
        return f"{one.state}:{one.reason}"
    return one.outcome or one.state.value


def moment_of(one: Touch) -> datetime:
    """When it happened: sent, done, expired; else when it was decided."""
    if one.state is State.EXPIRED and one.expires_at is not None:
        return one.expires_at
    return one.sent_at or one.intent_at or one.created_at
