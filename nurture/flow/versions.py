"""What each version of a cadence did: who entered it, how it ended for them, what they got and how they answered."""

from __future__ import annotations

from typing import Any

from nurture.domain.enrollment import State
from nurture.domain.response import Kind
from nurture.domain.touch import State as TouchState
from nurture.ports import Store


def stats(cadence: str, *, store: Store) -> list[dict[str, Any]]:
    """One row a version, the oldest first. A lead that clicked or replied counts once."""
    with store.unit(write=False) as work:
        entered = work.reports.entered(cadence)
        made = {int(one.part): one for one in work.reports.made(cadence, by="version")}
    rows = []
    for version in sorted({one.version for one in entered} | made.keys()):
        mine = [one for one in entered if one.version == version]
        touches = made[version].touches if version in made else {}
        people = made[version].people if version in made else {}
        rows.append(
            {
                "version": version,
                "enrolled": sum(one.enrollments for one in mine),
                **{state.value: sum(one.enrollments for one in mine if one.state == state) for state in State},
                "held_out": sum(one.enrollments for one in mine if one.held_out),
                "sent": touches.get(TouchState.SENT.value, 0) + touches.get(TouchState.UNKNOWN.value, 0),
                "tasks_done": touches.get(TouchState.DONE.value, 0),
                "clicked": people.get(Kind.CLICK.value, 0),
                "replied": people.get(Kind.REPLY.value, 0),
            }
        )
    return rows
