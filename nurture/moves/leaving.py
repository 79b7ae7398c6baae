"""Who leaves people.yaml with open work: the deputy takes it, or they cannot leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nurture.domain.errors import RefusedError
from nurture.domain.handoff import ON_DESK, State
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.person import Person
    from nurture.domain.touch import Touch
    from nurture.domain.workspace import Workspace
    from nurture.ports import Unit


def hand_over(work: Unit, before: Workspace, after: Workspace, *, now: datetime, by: str) -> None:
    """Give the open handoffs and tasks of those who left to their deputies.

    Raises RefusedError, naming everybody, where somebody with open work has no deputy who stays.
    """
    stay = {address.casefold() for address in after.people}
    gone = [one for address, one in before.people.items() if address.casefold() not in stay]
    stuck = []
    for person in gone:
        handoffs = work.sales.handoffs(rep=person.email, states=ON_DESK)
        tasks = [one for one in work.touches.open_tasks() if _is_of(one, person)]
        if not handoffs and not tasks:
            continue
        deputy = after.person(person.deputy) if person.deputy else None
        if deputy is None:
            stuck.append(f"{person.name} (handoffs: {len(handoffs)}, tasks: {len(tasks)})")
        else:
            _give(work, person, deputy, handoffs, tasks, now=now, by=by)
    if stuck:
        raise RefusedError(
            f"Open work of people who would leave, and nobody takes it over: {'; '.join(stuck)}.",
            hint="Keep them in people.yaml with a 'deputy' who stays, apply, and take them out then.",
        )


def _is_of(one: Touch, person: Person) -> bool:
    return one.assigned in (person.email, person.name) or one.claimed_by == person.email


def _give(
    work: Unit,
    person: Person,
    deputy: Person,
    handoffs: Sequence[dict[str, Any]],
    tasks: Sequence[Touch],
    *,
    now: datetime,
    by: str,
) -> None:
    had = {
        row["promotion_id"] for one in handoffs for row in work.sales.handoffs(lead=one["lead_id"], rep=deputy.email)
    }
    for row in handoffs:
        if row["promotion_id"] in had:  # each has an offer once; its deadline brings it to the next
            continue
        work.sales.save_handoff(row["id"], {"rep": deputy.email}, was=row["state"])
        if row["state"] == State.ACCEPTED.value:
            work.leads.update(row["lead_id"], {"owner": deputy.email})
    leads = {*(row["lead_id"] for row in handoffs), *(one.lead for one in tasks)}
    given = [
        replace(
            one,
            assigned=deputy.email if one.assigned in (person.email, person.name) else one.assigned,
            claimed_by=None,
            attempt=one.attempt + 1,
        )
        for one in tasks
    ]
    work.touches.save(given, was={one.id: (one.attempt, one.state) for one in tasks})
    words = f"{deputy.name} takes over from {person.name}"
    work.notes.add([Change("taken_over", words, now, by=by, lead=lead) for lead in sorted(leads)])
