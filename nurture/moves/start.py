"""Start an enrollment: the first version in force, the exclusive place, the pauses that hold, the line about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nurture.domain import enrollment
from nurture.domain.enrollment import EnrollmentId, Pause
from nurture.domain.lead import NOTHING_PLANNED, LeadId
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.moves.scene import Scene
    from nurture.ports import Unit


def start(
    work: Unit,
    cadence: Cadence,
    lead: LeadId,
    scene: Scene,
    *,
    by: str,
    exclusive: bool | None = None,
    returns: bool = False,
) -> EnrollmentId | None:
    """Enroll a lead in the version in force. None if its exclusive place is taken: the unique index decides.

    It waits for the answer that the lead is owed; not one that `returns` on its day, since sales had it by then.
    """
    version = scene.rules.versions[cadence.name]
    new = enrollment.started(cadence, lead=lead, version=version, now=scene.now, exclusive=exclusive)
    until = scene.leads[lead].paused_until
    if until is not None and until > scene.now:  # the person asked for a pause: of this one too
        new = new.paused(Pause.PREFERENCE, until=until, now=scene.now)
    if not returns and work.touches.unanswered([lead]):
        new = new.paused(Pause.REPLY, until=None, now=scene.now)
    number = work.enrollments.add(new, by=by)
    if number is not None:
        detail = {"enrollment": number, "cadence": cadence.name, "held_out": new.held_out}
        words = f"enrolled in {cadence.name}" + (" (held out)" if new.held_out else "")
        if scene.leads[lead].returns_because == NOTHING_PLANNED:
            work.leads.update(lead, {"returns_at": None, "returns_into": None, "returns_because": None})
        work.notes.add([Change("enrolled", words, scene.now, by=by, lead=lead, detail=detail)])
    return number
