"""A CRM export -> what became of handoffs; what fits none of ours waits for a person in the inbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from nurture.domain.errors import NurtureError, RefusedError
from nurture.domain.handoff import State
from nurture.domain.outcome import Outcome, Step, StillOpen
from nurture.domain.row import Refused
from nurture.flow.handoff.answers import Answered, Desk, accept, contacted, lost, named, reject, won
from nurture.moves.consequences import agreed

# A handoff in one of these can still be told about, the later ones first.
TELLABLE: Final = (State.ACCEPTED, State.OFFERED)
ENDS: Final = {Step.WON: State.WON, Step.LOST: State.LOST, Step.REJECTED: State.REJECTED}


@dataclass(slots=True)
class Told:
    """What an export changed. `refused` holds (line, reason); `open_` counts deals that go on, by their stage."""

    changed: int = 0
    unchanged: int = 0
    open_: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int, str]] = field(default_factory=list)


def tell(desk: Desk, outcomes: Iterable[Outcome | StillOpen | Refused]) -> Told:
    """Take each outcome as if its rep had said it, each in a transaction of its own; the same file again changes
    nothing. What cannot be is refused with its line; where it names a lead of ours, a person looks at it."""
    told = Told()
    for one in outcomes:
        match one:
            case StillOpen(word=word):
                told.open_[word] += 1
            case Refused(line=line, reason=reason):
                told.refused.append((line, reason))
            case Outcome():
                try:
                    changed = _take(desk, one)
                except NurtureError as problem:
                    told.refused.append((one.line, problem.what))
                    continue
                told.changed += changed
                told.unchanged += not changed
    return told


def _take(desk: Desk, one: Outcome) -> bool:
    """Whether it changed anything. Raises a NurtureError for what cannot be."""
    row = _handoff_of(desk, one)
    at = one.at or desk.now
    if at > desk.now:
        raise _to_a_person(desk, one, row, f"{one.step} on {at:%Y-%m-%d}, which is still to come")
    begun = row["offered_at"] or row["created_at"]
    if one.at is not None and at < begun:
        if at + timedelta(days=1) <= begun:
            raise _to_a_person(desk, one, row, f"{one.step} on {at:%Y-%m-%d}, before it was offered: another deal?")
        at = begun  # a date without its time, of the very day
    told = replace(desk, now=at)
    number = int(row["id"])
    try:
        changed = False
        if one.step is Step.LOST and one.reason is not None:  # before anything is said of it
            agreed(one.reason, desk.readiness.lost, until=None, today=at.date())
        if row["state"] == State.OFFERED.value and one.step is not Step.REJECTED:
            changed = accept(told, number).changed
        if changed and desk.dry_run:
            return True
        return _say(told, one, number).changed or changed
    except NurtureError as problem:
        raise _to_a_person(desk, one, row, f"{problem.what} {problem.hint}".strip()) from problem


def _say(desk: Desk, one: Outcome, number: int) -> Answered:
    match one.step:
        case Step.ACCEPTED:
            return accept(desk, number)
        case Step.CONTACTED:
            return contacted(desk, number)
        case Step.REJECTED:
            return reject(desk, number, one.reason or "", note=one.note)
        case Step.WON:
            return won(desk, number, value=one.value)
        case Step.LOST:
            return lost(desk, number, reason=one.reason)


def _handoff_of(desk: Desk, one: Outcome) -> Mapping[str, Any]:
    """The handoff that an outcome is about: the one it names, else the lead's that is open, else its latest."""
    with desk.store.unit(write=False) as work:
        if one.handoff is not None:
            return named(work, one.handoff)
        lead = work.leads.find(one.lead)
        if lead is None:
            raise RefusedError(f"{one.lead[:60]!r} is no lead of ours", hint="Import it first.")
        found = [row for row in work.sales.handoffs(lead=lead.id) if row["state"] != State.QUEUED.value]
    for state in (*TELLABLE, ENDS.get(one.step)):
        latest = [row for row in found if state is not None and row["state"] == state.value]
        if latest:
            return latest[-1]
    if not found:
        words = f"{one.lead[:60]} was {one.step}, and was never offered by us"
        raise _to_a_person(desk, one, {"lead_id": lead.id, "id": None}, words)
    return found[-1]


def _to_a_person(desk: Desk, one: Outcome, row: Mapping[str, Any], why: str) -> RefusedError:
    """Put an outcome that fits nothing into the inbox, once; the refusal of its line."""
    day = f"{one.at:%Y-%m-%d}" if one.at is not None else ""
    with desk.store.unit() as work:
        work.notes.to_inbox(
            {
                "kind": "outcome",
                "lead_id": row["lead_id"],
                "at": desk.now,
                "text": one.note,
                "why": f"The CRM says {one.step}: {why.rstrip('.')}.",
                "key": f"outcome|{row['lead_id']}|{row['id']}|{one.step}|{day}",
                "detail": {"value": one.value, "reason": one.reason, "date": day or None},
            }
        )
        if not desk.dry_run:
            work.commit()
    return RefusedError(why.rstrip("."), hint="See: nurture inbox list")
