"""Enrollments, tasks and responses as JSON has them: the same keys on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nurture.domain.enrollment import OPEN, Enrollment
from nurture.domain.errors import RefusedError

if TYPE_CHECKING:
    from nurture.domain.lead import Lead
    from nurture.domain.timeline import Entry
    from nurture.domain.touch import Touch
    from nurture.ports import InForce, Unit
    from nurture.ports.store import StoredResponse


def task_row(one: Touch, lead: Lead, questions: Sequence[str]) -> dict[str, Any]:
    """A task with its lead, and the questions that are still open."""
    return {
        "id": one.id,
        "lead": str(lead.id),
        "email": lead.email,
        "name": lead.name,
        "phone": lead.phone,
        "channel": one.channel.value,
        "cadence": one.cadence or None,
        "step": one.step,
        "due_at": one.due_at,
        "expires_at": one.expires_at,
        "script": one.script,
        "questions": list(questions),
        "assigned": one.assigned,
        "claimed_by": one.claimed_by,
    }


def next_row(one: Touch, lead: Lead, *, questions: Sequence[str], history: Sequence[Entry]) -> dict[str, Any]:
    """A task for who does it: `history` is what was said and done so far."""
    return task_row(one, lead, questions) | {"history": [entry.as_json() for entry in history]}


def response_row(one: StoredResponse) -> dict[str, Any]:
    """A response; `detail` holds what its kind adds."""
    response = one.response
    return {
        "id": str(one.id),
        "lead": str(response.lead) if response.lead is not None else None,
        "touch": response.touch,
        "kind": response.kind.value,
        "grade": response.grade.value,
        "at": response.at,
        "recorded_at": one.recorded_at,
        "why": response.why or None,
        "detail": dict(response.detail),
    }


def with_emails(work: Unit, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows that have the id of a `lead`, or null, with the lead's address beside it."""
    found = list(rows)
    people = work.leads.get({int(row["lead"]) for row in found if row["lead"] is not None})

    def named(lead: str | None) -> dict[str, str | None]:
        person = people.get(int(lead)) if lead is not None else None
        return {"lead": lead, "email": person.email if person is not None else None}

    return [
        {
            each: value
            for key, one in row.items()
            for each, value in (named(one) if key == "lead" else {key: one}).items()
        }
        for row in found
    ]


def enrollment_rows(work: Unit, rules: InForce, enrollments: Sequence[Enrollment]) -> list[dict[str, Any]]:
    """Enrollments with their leads' addresses; `step` is the contact step that comes next."""
    people = work.leads.get({one.lead for one in enrollments})
    return [
        {
            "id": str(one.id),
            "lead": str(one.lead),
            "email": people[one.lead].email if one.lead in people else None,
            "cadence": one.cadence,
            "version": one.version,
            "step": _next_step(one, rules),
            "state": one.state.value,
            "next_at": one.next_at,
            "held_out": one.held_out,
            "started_at": one.started_at,
            "ended_at": one.ended_at,
            "reason": one.reason,
            "pauses": dict(one.pauses),
        }
        for one in enrollments
    ]


def _next_step(one: Enrollment, rules: InForce) -> str | None:
    if one.state not in OPEN:
        return None
    try:
        return rules.program(one.cadence, one.version).next_contact(one.place.pc)
    except RefusedError:
        return None
