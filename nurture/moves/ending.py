"""Leave a person alone: every cadence, task and promise of theirs ends."""

from __future__ import annotations

from datetime import datetime

from nurture.domain.lead import LeadId
from nurture.domain.touch import State
from nurture.moves import enrolling
from nurture.ports import Unit


def end_contact(work: Unit, lead: LeadId, reason: str, *, now: datetime, by: str) -> None:
    """Stop what runs for a lead and close what people were to do; promotion looks at it again."""
    enrolling.stop(work, [lead], reason=reason, now=now, by=by)
    tasks = [one.id for one in work.touches.of_leads([lead]).get(lead, ()) if one.state is State.OPEN]
    enrolling.close_touches(work, tasks)
    for one in work.notes.promises(lead=lead):
        if one["state"] == "open":
            work.notes.save_promise(one["id"], {"state": "dropped"}, was="open")
    work.leads.update(lead, {"ready_check": True})
