"""What each version of a cadence did: who entered it, how it ended for them, what they got and how they answered."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nurture.domain.enrollment import State
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State as TouchState
from nurture.ports import Store


def stats(cadence: str, *, store: Store) -> list[dict[str, Any]]:
    """One row a version, the oldest first. A lead that clicked or replied counts once."""
    with store.unit(write=False) as work:
        enrollments = work.enrollments.select(cadence=cadence)
        touches = work.touches.select(cadence=cadence)
        heard = work.responses.of_leads({one.lead for one in touches})
    made = {one.id: one for one in touches}
    answered: dict[tuple[int, Kind], set[int]] = {}
    for responses in heard.values():
        for one in responses:
            touch = made.get(one.touch or "")
            if touch is not None and one.grade is Grade.HUMAN:
                answered.setdefault((touch.version, one.kind), set()).add(touch.lead)
    rows = []
    for version in sorted({one.version for one in enrollments} | {one.version for one in touches}):
        mine = [one for one in enrollments if one.version == version]
        states = Counter(one.state for one in mine)
        sent = Counter(one.state for one in touches if one.version == version)
        rows.append(
            {
                "version": version,
                "enrolled": len(mine),
                **{state.value: states[state] for state in State},
                "held_out": sum(one.held_out for one in mine),
                "sent": sent[TouchState.SENT] + sent[TouchState.UNKNOWN],
                "tasks_done": sent[TouchState.DONE],
                "clicked": len(answered.get((version, Kind.CLICK), ())),
                "replied": len(answered.get((version, Kind.REPLY), ())),
            }
        )
    return rows
