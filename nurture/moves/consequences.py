"""What was agreed to follow from a reason to reject or to lose: a dated return, a status, or a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import calendar
from nurture.domain.enrollment import Pause
from nurture.domain.errors import RequestError
from nurture.domain.handoff import State
from nurture.domain.lead import Lead, Status
from nurture.domain.routing import manager_of
from nurture.domain.touch import Channel
from nurture.moves import enrolling
from nurture.moves.calls import who_does
from nurture.moves.handing_over import Hands, alert, ours_again
from nurture.moves.returning import Work, come_back, due_within, hand_out

if TYPE_CHECKING:
    from nurture.domain.readiness import Consequence

MORNING: Final = time(9)
# Of the last 20 answers, more than this share of rejections means that the agreement does not hold.
ANSWERS: Final = 20
MOST_REJECTED: Final = 0.2


def agreed(reason: str, known: Mapping[str, Consequence], *, until: date | None, today: date) -> Consequence:
    """What was agreed for a reason. Raises RequestError for one that was not, and for a date that makes no sense."""
    if reason not in known:
        near = get_close_matches(reason.strip().casefold().replace(" ", "_").replace("-", "_"), list(known), n=1)
        hint = (f"Did you mean {near[0]!r}? " if near else "") + f"Agreed in readiness.yaml: {', '.join(known)}."
        raise RequestError(f"{reason[:60]!r} is not an agreed reason.", hint=hint)
    found = known[reason]
    if until is not None and found.return_after is None:
        raise RequestError(f"After {reason!r} the lead does not return on a date.", hint="Leave --until out.")
    if until is not None and until <= today:
        raise RequestError(f"{until} is not in the future.", hint="Give the day on which they want to hear from us.")
    return found


def carry_out(
    hands: Hands,
    row: Mapping[str, Any],
    lead: Lead,
    reason: str,
    consequence: Consequence,
    *,
    until: date | None,
    note: str = "",
    new_id: Callable[[], str],
) -> str:
    """Do what was agreed, and say it in words. `row` is the handoff before it was answered."""
    work, now = hands.work, hands.now
    ours_again(hands, lead)
    if consequence.return_after is not None and consequence.into is not None:
        at = return_moment(hands, lead, consequence, until)
        stored = work.sales.handoff(row["id"])
        assert stored is not None
        work.sales.save_handoff(row["id"], {"return_at": at}, was=stored["state"])
        if at <= now:
            come_back(hands, lead, consequence.into, reason, new_id=new_id)
            return f"back at once, in {consequence.into}"
        values = {"returns_at": at, "returns_into": consequence.into, "returns_because": reason}
        work.leads.update(lead.id, values)
        return f"returns on {at.astimezone(hands.scene.zone_of(lead)):%Y-%m-%d} into {consequence.into}"
    if consequence.status is not None and consequence.status is not Status.NURTURING:
        enrolling.stop(work, [lead.id], reason=reason, now=now, by=hands.by)
        work.leads.update(lead.id, {"status": consequence.status.value})
        return f"status {consequence.status}"
    enrolling.resume(work, [lead.id], Pause.OFFERED, now=now, by=hands.by)
    if consequence.task is None:
        return "nurtured on"
    owner, person = who_does(hands.scene.rules.workspace, lead.owner)
    script = f"{consequence.task[:1].upper()}{consequence.task[1:]}: {lead.name}." + (f"\n\n{note}" if note else "")
    within = hands.scene.rules.workspace.readiness.contact_within
    due = due_within(hands, within, person)
    hand_out(hands, lead, Work(reason, script, Channel.OTHER, due, owner), new_id=new_id)
    return f"task: {consequence.task}"


def return_moment(hands: Hands, lead: Lead, consequence: Consequence, until: date | None) -> datetime:
    """When the lead returns: the stated date (told now, promised, or its timeline), else after the agreed time."""
    assert consequence.return_after is not None
    zone, now = hands.scene.zone_of(lead), hands.now
    if until is None and consequence.stated:
        today = calendar.local_day(now, zone)
        promised = [one["due_on"] for one in hands.work.notes.promises(lead=lead.id) if one["state"] == "open"]
        stated = [day for day in [*promised, lead.timeline_on] if day is not None and day > today]
        until = stated[0] if stated else None
    if until is not None:
        return calendar.at_local(until, MORNING, zone)
    return calendar.later(now, consequence.return_after, zone=zone, country=hands.scene.country_of(lead))


def alarm(hands: Hands, lead: Lead, handoff: int) -> None:
    """Tell the manager, once a day, when sales rejects more than the agreement bears."""
    last = hands.work.sales.last_answers(ANSWERS)
    rejected = sum(one is State.REJECTED for one in last)
    manager = manager_of(hands.scene.rules.workspace, None)
    if len(last) < ANSWERS or rejected <= MOST_REJECTED * ANSWERS or manager is None:
        return
    text = f"Sales rejected {rejected} of the last {ANSWERS} leads. See: nurture report handoffs"
    alert(hands, f"rejections:{hands.now:%Y-%m-%d}", manager.email, "Too many leads are rejected", text, lead, handoff)
