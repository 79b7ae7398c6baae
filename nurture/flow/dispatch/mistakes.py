"""The program itself stumbles over one lead: that one is looked at again later, somebody is told, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from nurture import log
from nurture.domain.enrollment import Enrollment
from nurture.domain.errors import UnreachableError, mistake, places
from nurture.domain.lead import Lead
from nurture.flow.dispatch.decide import LOOK_AGAIN, Decision
from nurture.moves.scene import Scene
from nurture.ports import Unit
from nurture.ports.store import Change

LATER: Final = "The program stumbled over this lead ({what}). It is tried again in an hour."
SUBJECT: Final = "The program stumbles over some leads"
ALERT: Final = (
    "{many} of the leads that were due stand where they are, because the program stumbled over them: {what}. The others"
    " go on. Each is tried again every hour, and nothing of it is lost. The log says where; tell whoever maintains it."
)
_log: Final = log.get("dispatch")


def spared(due: Enrollment, lead: Lead, scene: Scene, deciding: Callable[[], Decision]) -> Decision:
    """What is decided; where the program stumbles over it, the enrollment stays where it is for an hour.

    Raises UnreachableError: that is about everybody.
    """
    try:
        return deciding()
    except UnreachableError:
        raise
    except Exception as problem:  # noqa: BLE001  whatever it is, the others go on
        note(due, mistake(problem), where=places(problem))
        return Decision(due, replace(due, next_at=scene.now + LOOK_AGAIN), lead, mistake=mistake(problem))


def note(due: Enrollment, what: str, *, where: Sequence[str] = ()) -> None:
    """Write into the log what the program stumbled over; `where`, the innermost last."""
    _log.error("set_aside", enrollment=due.id, what=what, where=list(where))


def tell(work: Unit, decisions: Sequence[Decision], now: datetime) -> None:
    """Write down whom the program stumbled over, and tell an operator, once a day."""
    found = [one for one in decisions if one.mistake]
    if not found:
        return
    work.notes.add(
        [Change("set_aside", LATER.format(what=one.mistake), now, by="daemon", lead=one.lead.id) for one in found]
    )
    payload = {"subject": SUBJECT, "text": ALERT.format(many=len(found), what=found[0].mistake)}
    work.sales.deliver(key=f"set_aside:{now:%Y-%m-%d}", kind="alert", to="", payload=payload, at=now)
