"""Offer -> accepted, or rejected with a reason and recycled; then contacted, won or lost; and every deadline.

Each answer is one transaction. The same answer again changes nothing; one that comes too late is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal

from nurture.domain import handoff as machine
from nurture.domain.brief import Brief
from nurture.domain.errors import RefusedError, RequestError, UnknownNameError
from nurture.domain.handoff import Event, State
from nurture.domain.lead import Lead, Status
from nurture.domain.person import Person
from nurture.domain.policy import Policy
from nurture.domain.readiness import Readiness
from nurture.domain.routing import Floor, deadline, manager_of
from nurture.moves import enrolling
from nurture.moves.brief import build
from nurture.moves.consequences import agreed, alarm, carry_out
from nurture.moves.handing_over import (
    Hands,
    alert,
    colleagues_of,
    floor,
    free_colleagues,
    give_back_colleagues,
    next_rep,
    offer,
    requeue,
    tell_crm,
)
from nurture.moves.returning import come_back
from nurture.moves.scene import load
from nurture.ports import InForce, Store, Unit

BATCH: Final = 100

Colleagues = Literal["continue", "pause", "take"]


@dataclass(frozen=True, slots=True)
class Answered:
    """A handoff after an answer, as stored. `changed` is False when it was answered so before."""

    handoff: Mapping[str, Any]
    changed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Desk:
    """What every answer works with."""

    store: Store
    rules: InForce
    policy: Policy
    new_id: Callable[[], str]
    now: datetime
    by: str
    crm: bool = False
    dry_run: bool = False

    @property
    def readiness(self) -> Readiness:
        """What marketing and sales agreed."""
        return self.rules.workspace.readiness

    def hands(self, work: Unit, lead: int) -> Hands:
        """The work on one lead, in a transaction; nobody else changes the lead until it is over."""
        work.touches.lock_for_limits([lead], ())
        return Hands(work, load(work, [lead], rules=self.rules, policy=self.policy, now=self.now), self.by, self.crm)

    def floor(self, work: Unit) -> Floor:
        """The sales floor."""
        return floor(work, self.rules, self.policy, self.now)


def accept(desk: Desk, handoff: int, *, colleagues: Colleagues = "continue") -> Answered:
    """The rep takes the lead: its enrollments stop, and what becomes of the colleagues is the rep's choice.

    `take`: they are the rep's too; `pause`: they rest until this one is decided. Refused when it is too late.
    """

    def follow(hands: Hands, row: Mapping[str, Any], lead: Lead) -> str:
        enrolling.stop(hands.work, [lead.id], reason="accepted", now=desk.now, by=desk.by)
        owner = {"status": Status.ACCEPTED.value, "owner": row["rep"], "changed_at": desk.now}
        hands.work.leads.update(lead.id, owner)
        others = colleagues_of(hands.work, lead)
        if colleagues == "continue":
            free_colleagues(hands, lead)
        elif colleagues == "take":
            ours = [one.id for one in hands.work.leads.get(others).values() if one.status is Status.NURTURING]
            enrolling.stop(hands.work, ours, reason="accepted", now=desk.now, by=desk.by)
            for one in ours:
                hands.work.leads.update(one, owner)
                hands.note("taken", f"taken by {row['rep']} together with {lead.name}", one, beside=lead.id)
        return f"accepted by {_name(desk, row['rep'])}"

    def due(row: Mapping[str, Any]) -> datetime:
        return _deadline(desk, row["rep"], desk.readiness.contact_within)

    return _answer(desk, handoff, Event.ACCEPT, {"answered_at": desk.now}, follow, due=due, colleagues=colleagues)


def reject(desk: Desk, handoff: int, reason: str, *, until: date | None = None, note: str = "") -> Answered:
    """The rep says no, with one of the agreed reasons; the lead follows the consequence of it.

    `until`: a date that the lead stated. Raises RequestError for a reason that was not agreed, or a date in the past.
    """
    consequence = agreed(reason, desk.readiness.reject, until=until, today=desk.now.date())

    def follow(hands: Hands, row: Mapping[str, Any], lead: Lead) -> str:
        hands.work.sales.close_promotion(row["promotion_id"])
        words = f"rejected by {_name(desk, row['rep'])}: {_spoken(reason)}" + (f" ({note})" if note else "")
        after = carry_out(hands, row, lead, reason, consequence, until=until, note=note, new_id=desk.new_id)
        alarm(hands, lead, row["id"])
        return f"{words}; {after}"

    ends = {"reason": reason, "answered_at": desk.now, "ended_at": desk.now, "note": note or None}
    return _answer(desk, handoff, Event.REJECT, ends, follow, reason=reason)


def contacted(desk: Desk, handoff: int) -> Answered:
    """The rep has spoken with the lead. Raises RefusedError for a handoff that was not accepted."""
    with desk.store.unit() as work:
        row = named(work, handoff)
        if row["state"] != State.ACCEPTED.value:
            raise RefusedError(f"Handoff {handoff} is {row['state']}, not accepted.", hint="See: nurture handoff list")
        if row["contacted_at"] is not None:
            return Answered(row, False, "first contact was recorded before")
        due = _deadline(desk, row["rep"], desk.readiness.outcome_within)
        work.sales.save_handoff(handoff, {"contacted_at": desk.now, "due_at": due}, was=row["state"])
        hands = desk.hands(work, row["lead_id"])
        lead = hands.scene.leads[row["lead_id"]]
        text = f"{_name(desk, row['rep'])} spoke with {lead.name}"
        hands.note("contacted", text, lead.id, handoff=handoff)
        tell_crm(hands, "contacted", handoff, lead)
        return _done(desk, work, handoff, text)


def won(desk: Desk, handoff: int, *, value: str | None = None) -> Answered:
    """The deal is done, for so much (`12500 EUR`). Raises RequestError for an amount without its currency."""
    amount, currency = money(value) if value is not None else (None, None)

    def follow(hands: Hands, row: Mapping[str, Any], lead: Lead) -> str:
        hands.work.sales.close_promotion(row["promotion_id"])
        hands.work.leads.update(lead.id, {"status": Status.WON.value, "changed_at": desk.now})
        free_colleagues(hands, lead)
        return "won" + (f": {amount:,.2f} {currency}" if amount is not None else "")

    return _answer(desk, handoff, Event.WIN, {"ended_at": desk.now, "amount": amount, "currency": currency}, follow)


def lost(desk: Desk, handoff: int, *, reason: str | None = None, until: date | None = None) -> Answered:
    """The deal is lost; an agreed reason brings the lead back later. Raises RequestError for one that is not agreed."""
    if reason is None and until is not None:
        raise RequestError("A date needs its reason.", hint=f"Add --reason: {', '.join(desk.readiness.lost)}.")
    consequence = (
        agreed(reason, desk.readiness.lost, until=until, today=desk.now.date()) if reason is not None else None
    )

    def follow(hands: Hands, row: Mapping[str, Any], lead: Lead) -> str:
        hands.work.sales.close_promotion(row["promotion_id"])
        if consequence is None or reason is None:
            hands.work.leads.update(lead.id, {"status": Status.LOST.value, "changed_at": desk.now})
            give_back_colleagues(hands, lead)
            return "lost, without a reason: it does not come back by itself"
        after = carry_out(hands, row, lead, reason, consequence, until=until, new_id=desk.new_id)
        return f"lost: {_spoken(reason)}; {after}"

    return _answer(desk, handoff, Event.LOSE, {"reason": reason, "ended_at": desk.now}, follow, reason=reason)


def brief(desk: Desk, lead: int) -> Brief:
    """The brief of a lead as it is now, with the reasons of its latest promotion. Raises RequestError for no lead."""
    with desk.store.unit(write=False) as work:
        hands = desk.hands(work, lead)
        if lead not in hands.scene.leads:
            raise RequestError(f"No lead has the id {lead}.", hint="See: nurture lead list")
        promotions = work.sales.promotions_of(lead)
        why = str(promotions[-1]["why"]).split("; ") if promotions else []
        return build(work, hands.scene.leads[lead], hands.scene, why=why)


def listed(store: Store, *, states: Collection[str] | None = None) -> list[dict[str, Any]]:
    """The rows of `handoff list`, by id."""
    with store.unit(write=False) as work:
        return rows(work, work.sales.handoffs(states=states))


def rows(work: Unit, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Handoffs as JSON has them."""
    leads = work.leads.get({row["lead_id"] for row in found})
    keys = ("rep", "state", "offered_at", "due_at", "reason", "contacted_at", "ended_at", "return_at", "note")
    return [
        {
            "id": str(row["id"]),
            "lead": str(row["lead_id"]),
            "email": leads[row["lead_id"]].email if row["lead_id"] in leads else None,
            **{key: row[key] for key in (*keys, "amount", "currency")},
        }
        for row in found
    ]


# One answer --------------------------------------------------------------------------------------------------------

Follow = Callable[[Hands, Mapping[str, Any], Lead], str]
Due = Callable[[Mapping[str, Any]], datetime]


def _answer(
    desk: Desk,
    handoff: int,
    event: Event,
    values: Mapping[str, Any],
    follow: Follow,
    *,
    due: Due | None = None,
    **detail: Any,
) -> Answered:
    """Move a handoff and do what follows, or nothing if it was so answered before."""
    with desk.store.unit() as work:
        row = named(work, handoff)
        state = State(row["state"])
        after = machine.moved(state, event)
        if after is state:
            return Answered(row, False, f"this handoff was {state} before")
        hands = desk.hands(work, row["lead_id"])
        moved = {**values, "state": after.value, "due_at": due(row) if due else None}
        if not work.sales.save_handoff(handoff, moved, was=state.value):
            raise RefusedError(
                f"Handoff {handoff} was just answered by somebody else.", hint="See: nurture handoff list"
            )
        lead = hands.scene.leads[row["lead_id"]]
        text = follow(hands, row, lead)
        hands.note(after.value, text, lead.id, handoff=handoff, rep=row["rep"], **detail)
        more = {key: value for key, value in values.items() if key in ("reason", "amount", "currency") and value}
        tell_crm(hands, after.value, handoff, lead, rep=row["rep"], **more)
        return _done(desk, work, handoff, text)


def _done(desk: Desk, work: Unit, handoff: int, text: str) -> Answered:
    row = named(work, handoff)
    if not desk.dry_run:
        work.commit()
    return Answered(row, True, text)


def named(work: Unit, handoff: int) -> dict[str, Any]:
    """The handoff of this id. Raises UnknownNameError."""
    row = work.sales.handoff(handoff)
    if row is None:
        raise UnknownNameError("handoff", str(handoff), (), otherwise="See: nurture handoff list")
    return row


def _name(desk: Desk, rep: str | None) -> str:
    person = desk.rules.workspace.person(rep) if rep else None
    return person.name if person is not None else rep or "sales"


def _deadline(desk: Desk, rep: str | None, within: Any) -> datetime:
    """A deadline in the hours of a rep; in office hours for one who left."""
    person = (desk.rules.workspace.person(rep) if rep else None) or Person("", "")
    country = desk.policy.country or None
    return deadline(desk.now, within, person.working_hours(zone=desk.policy.timezone, country=country))


def _spoken(reason: str) -> str:
    return reason.replace("_", " ")


def money(text: str) -> tuple[float, str]:
    """`12,500.50 EUR` as amount and currency. Raises RequestError where either is missing."""
    found = re.fullmatch(r"\s*([0-9]{1,3}(?:[, ][0-9]{3})+|[0-9]+)(\.[0-9]{1,2})?\s*([A-Za-z]{3})\s*", text)
    if found is None:
        raise RequestError(
            f"{text[:40]!r} is not an amount with its currency.", hint="Write for example --value '12500 EUR'."
        )
    return float(re.sub("[, ]", "", found[1]) + (found[2] or "")), found[3].upper()


# Deadlines and returns ---------------------------------------------------------------------------------------------


def deadlines(desk: Desk, *, batches: int = 100) -> int:
    """Everything whose answer, first contact or outcome is overdue. Returns how many were dealt with."""
    count = 0
    for _ in range(batches):
        with desk.store.unit() as work:
            rows = work.sales.overdue(desk.now, BATCH)
            for row in rows:
                hands = desk.hands(work, row["lead_id"])
                lead = hands.scene.leads[row["lead_id"]]
                if row["state"] == State.OFFERED.value:
                    _unanswered(desk, hands, row, lead)
                elif row["state"] == State.ACCEPTED.value:
                    _silent(desk, hands, row, lead)
                else:
                    work.sales.save_handoff(row["id"], {"due_at": None}, was=row["state"])
            work.commit()
        count += len(rows)
        if len(rows) < BATCH:
            break
    return count


def _unanswered(desk: Desk, hands: Hands, row: Mapping[str, Any], lead: Lead) -> None:
    """Offer the lead to the next rep, each once, then to the manager; with nobody left it stays, and is asked again."""
    work = hands.work
    sales = desk.floor(work)
    person = next_rep(hands, sales, lead, promotion=row["promotion_id"])
    if not isinstance(person, Person):
        tried = [one["rep"] for one in work.sales.handoffs(lead=lead.id) if one["promotion_id"] == row["promotion_id"]]
        above = manager_of(desk.rules.workspace, row["rep"], tried=[one for one in tried if one])
        if above is None:
            due = _deadline(desk, row["rep"], desk.readiness.accept_within)
            work.sales.save_handoff(row["id"], {"due_at": due}, was=row["state"])
            text = f"{lead.name} still waits for an answer, and nobody else is left to ask."
            hands.note("reminded", text, lead.id, handoff=row["id"])
            alert(hands, f"answer:{row['id']}:{due:%Y-%m-%d}", row["rep"], "An offer waits", text, lead, row["id"])
            return
        person = above
    ends = {"state": machine.moved(State(row["state"]), Event.EXPIRE).value, "due_at": None, "ended_at": desk.now}
    if not work.sales.save_handoff(row["id"], ends, was=row["state"]):
        return
    hands.note("expired", f"{_name(desk, row['rep'])} did not answer in time", lead.id, handoff=row["id"])
    tell_crm(hands, "expired", row["id"], lead, rep=row["rep"])
    fresh = named(work, requeue(hands, lead, row["promotion_id"]))
    offer(hands, sales, fresh, lead, person)


def _silent(desk: Desk, hands: Hands, row: Mapping[str, Any], lead: Lead) -> None:
    """Ask the rep for the first contact; later, the manager for the outcome."""
    outcome_due = _outcome_due(desk, row)
    if row["contacted_at"] is None and desk.now < outcome_due:
        hands.work.sales.save_handoff(row["id"], {"due_at": outcome_due}, was=row["state"])
        text = f"{lead.name} was accepted, and no first contact is recorded. See: nurture handoff contacted {row['id']}"
        hands.note("reminded", "asked for the first contact", lead.id, handoff=row["id"])
        alert(hands, f"contact:{row['id']}", row["rep"], f"Have you reached {lead.name}?", text, lead, row["id"])
        return
    hands.work.sales.save_handoff(row["id"], {"due_at": None}, was=row["state"])
    manager = manager_of(desk.rules.workspace, row["rep"])
    to = manager.email if manager is not None else row["rep"]
    text = f"{_name(desk, row['rep'])} accepted {lead.name} and has not said how it ended: won or lost?"
    hands.note("silence", "no outcome was recorded", lead.id, handoff=row["id"])
    alert(hands, f"outcome:{row['id']}", to, f"How did {lead.name} end?", text, lead, row["id"])


def _outcome_due(desk: Desk, row: Mapping[str, Any]) -> datetime:
    since: datetime = row["contacted_at"] or row["answered_at"] or desk.now
    return _deadline(replace(desk, now=since), row["rep"], desk.readiness.outcome_within)


def returns(desk: Desk, *, batches: int = 100) -> int:
    """Leads whose dated return has come are enrolled into the cadence agreed. Returns how many."""
    count = 0
    for _ in range(batches):
        with desk.store.unit() as work:
            ids = work.leads.returning(desk.now, BATCH)
            scene = load(work, ids, rules=desk.rules, policy=desk.policy, now=desk.now)
            hands = Hands(work, scene, desk.by, desk.crm)
            for number in ids:
                stored, lead = work.leads.columns(number), scene.leads[number]
                if lead.status is not Status.NURTURING or stored["merged_into"] or stored["forgotten_at"]:
                    work.leads.update(number, {"returns_at": None, "returns_into": None, "returns_because": None})
                    continue
                if not stored["returns_into"]:  # nobody's agreement: it is looked at again
                    cleared = {"returns_at": None, "returns_because": None, "ready_check": True, "enroll_check": True}
                    work.leads.update(number, cleared)
                    continue
                into, because = str(stored["returns_into"] or ""), str(stored["returns_because"] or "return")
                come_back(hands, lead, into, because, new_id=desk.new_id)
            work.commit()
        count += len(ids)
        if len(ids) < BATCH:
            break
    return count
