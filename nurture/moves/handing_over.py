"""Between nurture and sales: judge a lead, queue, offer and withdraw it, hold back its colleagues, tell sales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import calendar
from nurture.domain import handoff as machine
from nurture.domain.enrollment import Pause
from nurture.domain.handoff import ON_DESK, Event, State
from nurture.domain.lead import Lead, LeadId, Status
from nurture.domain.promotion import Code, Judgement, Keep, Promote, judge, latest_evidence
from nurture.domain.routing import Floor, Unrouted, deadline, manager_of, route
from nurture.moves import enrolling
from nurture.moves.brief import build, shared_facts
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.fact import Fact
    from nurture.domain.person import Person
    from nurture.domain.policy import Policy
    from nurture.moves.scene import Scene
    from nurture.ports import InForce, Unit

FAST_STEP: Final = "fast-lane"
SAID_NO: Final = (State.REJECTED.value, State.LOST.value)


@dataclass(frozen=True, slots=True)
class Hands:
    """The work on one transaction: where, what is seen, who acts, and whether a CRM listens."""

    work: Unit
    scene: Scene
    by: str
    crm: bool = False

    @property
    def now(self) -> datetime:
        """The moment of the transaction."""
        return self.scene.now

    def note(self, what: str, text: str, lead: LeadId, **detail: Any) -> None:
        """Write to the history of a lead."""
        self.work.notes.add([Change(what, text, self.now, by=self.by, lead=lead, detail=detail)])


def judged(work: Unit, scene: Scene, lead: Lead, *, in_full: bool = True) -> Judgement:
    """Whether this lead goes to sales now; with what sales said about it before.

    Without `in_full`, what colleagues said is looked up only where it can make the difference: what is said to be
    missing may then name facts that a colleague has told.
    """
    readiness = scene.rules.workspace.readiness
    names = scene.names(lead)
    wrong_number = bool(lead.phone and scene.suppressed.get(lead.phone)) and not lead.do_not_call
    calls = [one.created_at for one in scene.touches.get(lead.id, ()) if one.step == FAST_STEP]

    def ask(*, rejected_at: datetime | None = None, shared: Sequence[Fact] = ()) -> Judgement:
        return judge(
            lead,
            {**names, "phone": None} if wrong_number else names,
            scene.history(lead, None),
            scene.facts.get(lead.id, ()),
            scene.responses.get(lead.id, ()),
            replace(readiness, fast_when=None) if lead.do_not_call else readiness,
            scene.now,
            suppressed=is_suppressed(scene, lead),
            called_at=max(calls, default=None),
            rejected_at=rejected_at,
            shared=shared,
            zone=scene.zone_of(lead),
        )

    found = ask()
    shared: tuple[Fact, ...] = ()
    if isinstance(found, Keep) and (
        found.only_facts or (in_full and any(one.code is Code.MISSING_FACTS for one in found.missing))
    ):
        shared = tuple(fact for _, fact in shared_facts(work, lead)[0])
        found = ask(shared=shared) if shared else found
    if not isinstance(found, Promote):
        return found
    said_no = [one["ended_at"] for one in work.sales.handoffs(lead=lead.id, states=SAID_NO) if one["ended_at"]]
    return ask(rejected_at=max(said_no), shared=shared) if said_no else found


def is_suppressed(scene: Scene, lead: Lead) -> bool:
    """Whether the person must not be contacted at all; a dead address alone leaves the phone."""
    return "all" in scene.scopes_of(lead)


def queue(hands: Hands, lead: Lead, why: tuple[str, ...]) -> int | None:
    """Promote a lead: its brief as of now, and a place in the queue. None if it has a promotion that is open."""
    work, scene = hands.work, hands.scene
    brief = build(work, lead, scene, why=why)
    value = float(scene.names(lead)["score"])
    promotion = work.sales.promote(lead.id, at=hands.now, why="; ".join(why), brief=brief.as_json(), value=value)
    if promotion is None:
        return None
    hands.note("promoted", "; ".join(why), lead.id, promotion=promotion)
    work.leads.update(lead.id, {"returns_at": None, "returns_into": None, "returns_because": None})
    return requeue(hands, lead, promotion)


def requeue(hands: Hands, lead: Lead, promotion: int) -> int:
    """A handoff that waits for a rep."""
    values = {"lead_id": lead.id, "promotion_id": promotion, "state": State.QUEUED.value, "created_at": hands.now}
    return hands.work.sales.add_handoff(values)


def floor(work: Unit, rules: InForce, policy: Policy, now: datetime) -> Floor:
    """The sales floor as it is now. Its counts are a dict of its own, which `offer` keeps up."""
    counts: dict[str, int] = {}
    for row in work.sales.handoffs(states=ON_DESK):
        rep = str(row["rep"] or "").casefold()
        counts[rep] = counts.get(rep, 0) + 1
    return Floor(rules.workspace, counts, policy.timezone, policy.country or None, now)


def next_rep(hands: Hands, sales: Floor, lead: Lead, *, promotion: int) -> Person | Unrouted:
    """Who gets this promotion next. Nobody has it twice."""
    before = hands.work.sales.handoffs(lead=lead.id)
    rejected: dict[str, datetime] = {}
    for row in before:
        if row["state"] in SAID_NO and row["rep"] and row["ended_at"]:
            rep = str(row["rep"]).casefold()
            rejected[rep] = max(row["ended_at"], rejected.get(rep, row["ended_at"]))
    last = latest_evidence(hands.scene.responses.get(lead.id, ()))
    return route(
        sales,
        hands.scene.names(lead),
        hands.scene.history(lead, None),
        tried=[row["rep"] for row in before if row["rep"] and row["promotion_id"] == promotion],
        rejected=rejected,
        evidence_at=last.at if last else None,
    )


def offer(hands: Hands, sales: Floor, row: Mapping[str, Any], lead: Lead, person: Person) -> bool:
    """Put a queued handoff on a rep's desk. False if somebody else moved it."""
    work, now = hands.work, hands.now
    due = deadline(now, hands.scene.rules.workspace.readiness.accept_within, sales.hours(person))
    moved = machine.moved(State(row["state"]), Event.OFFER)
    values = {"state": moved.value, "rep": person.email, "offered_at": now, "due_at": due, "reason": None}
    if not work.sales.save_handoff(row["id"], values, was=row["state"]):
        return False
    work.leads.update(lead.id, {"status": Status.OFFERED.value, "changed_at": now})
    enrolling.pause(work, [lead.id], Pause.OFFERED, until=None, now=now, by=hands.by)
    enrolling.pause(work, colleagues_of(work, lead), Pause.COLLEAGUE_OFFERED, until=None, now=now, by=hands.by)
    zone = person.timezone or hands.scene.policy.timezone
    by_then = due.astimezone(calendar.zone(zone))
    words = f"offered to {person.name}, who answers by {by_then:%Y-%m-%d %H:%M} ({zone})"
    hands.note("offered", words, lead.id, handoff=row["id"], rep=person.email)
    promotion = work.sales.promotion(row["promotion_id"])
    brief = build(work, lead, hands.scene, why=tuple(str(promotion["why"]).split("; ")) if promotion else ())
    payload = {"handoff": row["id"], "rep": person.name, "due_at": due.isoformat(), "brief": brief.as_json()}
    work.sales.deliver(key=f"brief:{row['id']}", kind="brief", to=person.email, payload=payload, at=now)
    tell_crm(hands, "offered", row["id"], lead, rep=person.email, due_at=due.isoformat(), brief=brief.as_json())
    if isinstance(sales.open_by, dict):
        rep = person.email.casefold()
        sales.open_by[rep] = sales.open_by.get(rep, 0) + 1
    return True


def withdraw(hands: Hands, row: Mapping[str, Any], lead: Lead, reason: str, text: str) -> bool:
    """Take back what no rep has accepted; the lead is ours again. False if somebody else moved it."""
    work = hands.work
    state = State(row["state"])
    values = {"state": machine.moved(state, Event.WITHDRAW).value, "reason": reason, "due_at": None}
    if not work.sales.save_handoff(row["id"], {**values, "ended_at": hands.now}, was=state.value):
        return False
    work.sales.close_promotion(row["promotion_id"])
    work.leads.update(lead.id, {"ready_check": True})
    hands.note("withdrawn", f"taken back from sales: {text}", lead.id, handoff=row["id"], reason=reason)
    enrolling.resume(work, [lead.id], Pause.OFFERED, now=hands.now, by=hands.by)
    if state is State.OFFERED:
        ours_again(hands, lead)
        if row["rep"]:
            alert(hands, f"withdrawn:{row['id']}", row["rep"], f"{lead.name} was taken back", text, lead, row["id"])
        tell_crm(hands, "withdrawn", row["id"], lead, reason=reason)
    return True


def ours_again(hands: Hands, lead: Lead) -> None:
    """The lead is nurtured again; what it asked for was answered; its colleagues go on."""
    values = {"status": Status.NURTURING.value, "asked_for_sales": False, "changed_at": hands.now}
    hands.work.leads.update(lead.id, {**values, "ready_check": True, "enroll_check": True})
    give_back_colleagues(hands, lead)


def colleagues_of(work: Unit, lead: Lead) -> list[LeadId]:
    """The other people of the company."""
    return [one for one in work.leads.of_company(lead.company.id) if one != lead.id] if lead.company else []


def free_colleagues(hands: Hands, lead: Lead) -> None:
    """Let the colleagues go on, unless another of them is being offered."""
    others = colleagues_of(hands.work, lead)
    if any(one.status is Status.OFFERED for one in hands.work.leads.get(others).values()):
        return
    enrolling.resume(hands.work, others, Pause.COLLEAGUE_OFFERED, now=hands.now, by=hands.by)


def give_back_colleagues(hands: Hands, lead: Lead) -> None:
    """The colleagues whom the rep took together with this lead are ours again; the others go on."""
    work = hands.work
    for one in work.leads.get(colleagues_of(work, lead)).values():
        if one.status is not Status.ACCEPTED:
            continue
        taken = [change for change in work.notes.of_lead(one.id) if change.what in ("taken", "accepted", "given_back")]
        if taken and taken[-1].detail.get("beside") == lead.id:
            values = {"status": Status.NURTURING.value, "changed_at": hands.now}
            work.leads.update(one.id, {**values, "ready_check": True, "enroll_check": True})
            hands.note("given_back", f"ours again, as {lead.name} is", one.id)
    free_colleagues(hands, lead)


def alert(hands: Hands, key: str, to: str, subject: str, text: str, lead: Lead, handoff: int) -> None:
    """Write to a person of ours about a handoff, once for each key."""
    payload = {"subject": subject, "text": text, "lead": str(lead.id), "handoff": handoff}
    hands.work.sales.deliver(key=key, kind="alert", to=to, payload=payload, at=hands.now)


def tell_crm(hands: Hands, event: str, handoff: int, lead: Lead, **more: Any) -> None:
    """Queue what the CRM is told; the key is the stable id by which it knows a repeated delivery."""
    if not hands.crm:
        return
    key = f"crm:{event}:{handoff}"
    base = {"id": key, "event": event, "handoff": str(handoff), "lead": str(lead.id), "email": lead.email}
    payload = {**base, "external_id": lead.external_id, "at": hands.now.isoformat(), **more}
    hands.work.sales.deliver(key=key, kind="crm", to="crm", payload=payload, at=hands.now)


def waits(hands: Hands, row: Mapping[str, Any], lead: Lead, why: Unrouted) -> None:
    """Keep in the queued handoff why nobody has it; a territory that nobody takes is somebody's to put right."""
    if row["reason"] == why.code.value:
        return
    hands.work.sales.save_handoff(row["id"], {"reason": why.code.value}, was=State.QUEUED.value)
    hands.note("waits", f"waits for a rep: {why.text}", lead.id, handoff=row["id"], code=why.code.value)
    if why.code is Code.NO_REP:
        manager = manager_of(hands.scene.rules.workspace, None)
        if manager is not None:
            alert(hands, f"no-rep:{row['id']}", manager.email, f"Nobody takes {lead.name}", why.text, lead, row["id"])
