"""How a workspace is doing: what waits, who is at work, what a person must look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nurture.daemon import room
from nurture.domain import fleet
from nurture.domain.touch import Reason, State
from nurture.moves.clock import LAST_PASS

if TYPE_CHECKING:
    from nurture.wiring import App


def of(app: App) -> dict[str, Any]:
    """Queue depths, lateness, daemons, switches."""
    wrong = [f"{one.what} {one.hint}" for one in room.troubles(app)]
    now = app.store.now(app.clock.now())
    with app.store.unit(write=False) as work:
        due = work.enrollments.count_due(now)
        first = work.enrollments.next_due()
        counts = work.touches.count_by_state()
        # Each daemon has a breaker of its own, in its memory; whom it holds back is stored.
        tripped = work.touches.is_waiting(Reason.BREAKER)
        switches = work.control.switches()
        held = {name: wave.held for name, wave in sorted(work.pacing.waves().items()) if wave.held}
        last = work.control.mark(LAST_PASS)
        daemons = fleet.fleet(work.control.daemons(), now=now, tick=app.policy.tick)
    late = (now - first).total_seconds() if first is not None and first < now else 0.0
    paused = {name: switch.span for name, switch in sorted(switches.items()) if switch.holds(now)}
    return {
        "due": due,
        "late_seconds": round(late, 3),
        "sending": counts.get(State.SENDING, 0),
        "in_doubt": counts.get(State.IN_DOUBT, 0),
        "unknown": counts.get(State.UNKNOWN, 0),
        "open_tasks": counts.get(State.OPEN, 0),
        "planned": counts.get(State.PLANNED, 0),
        "daemons": daemons,
        "breaker": "open" if tripped else "closed",
        "paused": list(paused),
        "pauses": paused,
        "held": held,
        "problems": wrong,
        "last_pass": last[1] if last else None,
    }
