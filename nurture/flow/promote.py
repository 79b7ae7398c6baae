"""Ready leads -> a handoff offered to a rep; or what is missing gets asked. One transaction for each small batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nurture.domain.brief import PERSONAL
from nurture.domain.enrollment import Enrollment, Pause
from nurture.domain.handoff import OPEN, State
from nurture.domain.lead import Lead, LeadId, Status
from nurture.domain.policy import Policy
from nurture.domain.promotion import CallNow, Judgement, Keep, Promote
from nurture.domain.routing import Unrouted
from nurture.moves import enrolling
from nurture.moves.handing_over import Hands, floor, is_suppressed, judged, next_rep, offer, queue, waits, withdraw
from nurture.moves.next_thing import plan_for
from nurture.moves.returning import call_now, is_called, qualify, settle_pauses
from nurture.moves.scene import load
from nurture.ports import InForce, Store, Unit

BATCH = 200
# A fact that is older than this was looked at long ago, with all whom it concerns.
JUST = timedelta(days=2)


@dataclass(slots=True)
class Tally:
    """What a pass did."""

    looked_at: int = 0
    promoted: int = 0
    offered: int = 0
    withdrawn: int = 0
    qualifying: int = 0
    called: int = 0
    waiting: int = 0


def run(
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str,
    crm: bool = False,
    batches: int = 1_000,
    queued: bool = True,
) -> Tally:
    """Judge every lead that changed, then offer the best of the queue. Running it twice promotes nothing twice.

    `queued`: whether anybody may be in the queue already.
    """
    tally = Tally()
    for _ in range(batches):
        with store.unit() as work:
            marked = work.leads.flagged("ready_check", BATCH)
            if not marked:
                break
            marked = sorted({*marked, *_sharing(work, marked, now)})
            # Always in the same order, or two daemons lock each other out. The mark goes first: whoever marks a lead
            # again meanwhile waits for us, and is not forgotten.
            work.touches.lock_for_limits(marked, ())
            work.leads.unflag("ready_check", marked)
            hands = Hands(work, load(work, marked, rules=rules, policy=policy, now=now), by, crm)
            _judge_batch(hands, tally, new_id=new_id)
            is_over = not work.leads.flagged("ready_check", 1)
            work.commit()
        if is_over:
            break
    if queued or tally.promoted:
        _offer_queue(store, rules, policy, now, by, crm, tally)
    return tally


def _sharing(work: Unit, marked: list[LeadId], now: datetime) -> set[LeadId]:
    """The colleagues of leads about whose company something was just learned: what is known of one is of all."""
    heard = {
        lead
        for lead, facts in work.leads.facts(marked).items()
        if any(fact.name not in PERSONAL and fact.at >= now - JUST for fact in facts)
    }
    companies = {lead.company.id for lead in work.leads.get(heard).values() if lead.company is not None}
    return {one for company in companies for one in work.leads.of_company(company)}


def _judge_batch(hands: Hands, tally: Tally, *, new_id: Callable[[], str]) -> None:
    """Judge the leads of the scene."""
    work, ids = hands.work, sorted(hands.scene.leads)
    enrolled = work.enrollments.all_of(ids)
    handed: dict[LeadId, Mapping[str, Any]] = {
        row["lead_id"]: row for row in work.sales.handoffs(states=sorted(OPEN)) if row["lead_id"] in hands.scene.leads
    }
    kept: dict[LeadId, Keep] = {}
    for number in ids:
        lead = hands.scene.leads[number]
        tally.looked_at += 1
        row = handed.get(number)
        if row is not None:
            tally.withdrawn += _still_ready(hands, lead, row)
        elif lead.status is Status.NURTURING:
            found = _judge_one(hands, lead, enrolled.get(number, []), tally, new_id=new_id)
            if isinstance(found, Keep):
                kept[number] = found
    left: dict[str, int] = {}
    for number in work.leads.idle(kept):
        lead = hands.scene.leads[number]
        plan_for(hands, lead, enrolled.get(number, []), kept[number], left=left, new_id=new_id)


def _still_ready(hands: Hands, lead: Lead, row: Mapping[str, Any]) -> bool:
    """Withdraw what cooled while it waited, and what must not be contacted even when a rep has it."""
    if row["state"] == State.OFFERED.value:
        if not is_suppressed(hands.scene, lead):
            return False
        return withdraw(hands, row, lead, "suppressed", "They asked not to be contacted.")
    found = judged(hands.work, hands.scene, lead)
    if not isinstance(found, Keep):
        return False
    first = found.missing[0]
    return withdraw(hands, row, lead, first.code.value, first.text)


def _judge_one(
    hands: Hands, lead: Lead, enrolled: list[Enrollment], tally: Tally, *, new_id: Callable[[], str]
) -> Judgement:
    found = judged(hands.work, hands.scene, lead, in_full=False)
    acts = isinstance(found, Promote | CallNow) or (isinstance(found, Keep) and found.only_facts)
    if acts and _is_gone(hands, lead):
        return found
    match found:
        case CallNow(why):
            call_now(hands, lead, why, new_id=new_id)
            tally.called += 1
        case Promote(why):
            if queue(hands, lead, why) is not None:
                tally.promoted += 1
                _end_qualification(hands, lead)
        case Keep():
            if found.only_facts and not is_called(hands, lead) and qualify(hands, lead, enrolled):
                tally.qualifying += 1
            else:
                settle_pauses(hands, lead, enrolled)
    return found


def _is_gone(hands: Hands, lead: Lead) -> bool:
    """Whether the lead was merged into another, or forgotten."""
    stored = hands.work.leads.columns(lead.id)
    return bool(stored.get("merged_into") or stored.get("forgotten_at"))


def _end_qualification(hands: Hands, lead: Lead) -> None:
    """Nothing is left to ask: the qualification stops, the others go on until a rep has the lead."""
    name = hands.scene.rules.workspace.readiness.if_missing
    work = hands.work
    enrolling.stop(work, [lead.id], reason="ready", now=hands.now, by=hands.by, which=lambda one: one.cadence == name)
    enrolling.resume(work, [lead.id], Pause.QUALIFICATION, now=hands.now, by=hands.by)


def _offer_queue(store: Store, rules: InForce, policy: Policy, now: datetime, by: str, crm: bool, tally: Tally) -> None:
    """Offer the queued handoffs, the most valuable first, while any rep has room."""
    with store.unit() as work:
        queued = work.sales.handoffs(states=[State.QUEUED.value])
        sales = floor(work, rules, policy, now)
        if not queued or (not sales.has_room() and all(row["reason"] for row in queued)):
            return  # each is told why it waits; a long queue costs nothing while every desk is full
        work.touches.lock_for_limits({row["lead_id"] for row in queued}, ())
        # Another daemon may have been at it while we waited for the lock.
        sales = floor(work, rules, policy, now)
        queued = work.sales.handoffs(states=[State.QUEUED.value])
        values = {row["id"]: _value(work.sales.promotion(row["promotion_id"])) for row in queued}
        queued.sort(key=lambda row: (-values[row["id"]], row["created_at"], row["id"]))
        scene = load(work, {row["lead_id"] for row in queued}, rules=rules, policy=policy, now=now)
        hands = Hands(work, scene, by, crm)
        for row in queued:
            lead = scene.leads[row["lead_id"]]
            person = next_rep(hands, sales, lead, promotion=row["promotion_id"])
            if isinstance(person, Unrouted):
                waits(hands, row, lead, person)
                tally.waiting += 1
            else:
                if not offer(hands, sales, row, lead, person):
                    break  # another daemon is at it, and our counts are out of date
                tally.offered += 1
        work.commit()


def _value(promotion: Mapping[str, Any] | None) -> float:
    return float(promotion["value"]) if promotion else 0.0
