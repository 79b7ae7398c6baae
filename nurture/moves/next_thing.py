"""Every lead of ours has a next thing: who has none comes back on a date, or a person decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from nurture.domain.lead import NOTHING_PLANNED, Lead
from nurture.domain.promotion import Code, Keep
from nurture.domain.touch import Channel
from nurture.moves.entry import may_enter, rate_left
from nurture.moves.handing_over import Hands, is_suppressed
from nurture.moves.returning import REST, Work, caller_of, come_back, due_within, hand_out

if TYPE_CHECKING:
    from nurture.domain.enrollment import Enrollment

DECIDE_STEP: Final = "what-next"
# What takes the lead by itself so soon needs no help.
SOON: Final = timedelta(days=7)
OF_BUYING_MODE: Final = frozenset({Code.STAGE, Code.FIT})


def plan_for(
    hands: Hands,
    lead: Lead,
    past: Sequence[Enrollment],
    kept: Keep,
    *,
    left: dict[str, int],
    new_id: Callable[[], str],
) -> bool:
    """Give a lead without a next thing one. False where a cadence takes it now, or nobody ever wanted it.

    Whom a cadence takes in a few days is looked at again then. A lead in buying mode is asked for what is missing, 30
    days after it was last, or a person decides; another goes back to the cadence that it was in last, if that takes
    anybody again, else it is looked at again each month. Whom no cadence ever took stays idle, and is shown.
    `left` keeps what the rates of cadences leave today, for all leads of a batch.
    """
    if is_suppressed(hands.scene, lead):
        return False
    enters = _enters(hands, lead, past, left)
    if enters is not None:
        if enters <= hands.now:
            hands.work.leads.update(lead.id, {"enroll_check": True})
            return False
        _date(hands, lead, enters, None)
        return True
    ready_but = not {one.code for one in kept.missing} & OF_BUYING_MODE
    ended = max((one.ended_at for one in past if one.ended_at is not None), default=None)
    if not ready_but and ended is None:
        return False
    into = _into(hands, past, ready_but=ready_but)
    decided = [one.created_at for one in hands.scene.touches.get(lead.id, ()) if one.step == DECIDE_STEP]
    since = max([*decided, *([ended] if ended is not None else [])], default=None)
    at = since + REST if since is not None else hands.now
    if at > hands.now:
        _date(hands, lead, at, into)
    elif into is not None:
        come_back(hands, lead, into, NOTHING_PLANNED, new_id=new_id)
    elif ready_but:
        _ask(hands, lead, new_id=new_id)
    else:  # a task for each of thousands would drown people
        _date(hands, lead, hands.now + REST, None)
    return True


def _enters(hands: Hands, lead: Lead, past: Sequence[Enrollment], left: dict[str, int]) -> datetime | None:
    """When a cadence takes it by itself: now, or when its rate or its rest is over in a few days. None: it does not."""
    found: list[datetime] = []
    for cadence in hands.scene.rules.workspace.cadences.values():
        name = cadence.name
        if cadence.entry.rate is not None and name not in left:
            left[name] = rate_left(hands.work, cadence, hands.scene.policy, hands.now)
        answer = may_enter(lead, cadence, hands.scene, past, rate_left=left.get(name))
        if answer.may_enter:
            return hands.now
        if answer.clears_at is not None and answer.clears_at <= hands.now + SOON:
            found.append(answer.clears_at)
    return min(found, default=None)


def _into(hands: Hands, past: Sequence[Enrollment], *, ready_but: bool) -> str | None:
    """The cadence to come back to: the one that asks for what is missing, else the last one that takes leads again."""
    workspace = hands.scene.rules.workspace
    asks = workspace.readiness.if_missing
    if ready_but and asks in workspace.cadences:
        return asks
    latest = sorted(past, key=lambda one: one.ended_at or one.started_at, reverse=True)
    known = [workspace.cadences[one.cadence] for one in latest if one.cadence in workspace.cadences]
    return next((one.name for one in known if one.name != asks and one.entry.again is not None), None)


def _date(hands: Hands, lead: Lead, at: datetime, into: str | None) -> None:
    values = {"returns_at": at, "returns_into": into or "", "returns_because": NOTHING_PLANNED}
    hands.work.leads.update(lead.id, values)
    words = f"nothing is planned; back on {at:%Y-%m-%d}" + (f" in {into}" if into else "")
    hands.note("returns", words, lead.id, into=into)


def _ask(hands: Hands, lead: Lead, *, new_id: Callable[[], str]) -> None:
    assigned, person = caller_of(hands, lead)
    within = hands.scene.rules.workspace.readiness.contact_within
    script = f"No cadence takes {lead.name} any more, and nothing else is planned. Decide what comes next."
    task = Work(DECIDE_STEP, script, Channel.OTHER, due_within(hands, within, person), assigned)
    hand_out(hands, lead, task, new_id=new_id)
