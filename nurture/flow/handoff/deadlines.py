"""Everything of sales whose time has come: offers without an answer, leads without a contact or an outcome, returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from nurture.domain import handoff as machine
from nurture.domain.handoff import Event, State
from nurture.domain.lead import Lead, Status
from nurture.domain.person import Person
from nurture.domain.routing import manager_of
from nurture.flow.handoff.answers import Desk, deadline_for, name_of, named
from nurture.moves.handing_over import Hands, alert, next_rep, offer, requeue, tell_crm
from nurture.moves.returning import come_back
from nurture.moves.scene import load

BATCH: Final = 100


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
            due = deadline_for(desk, row["rep"], desk.readiness.accept_within)
            work.sales.save_handoff(row["id"], {"due_at": due}, was=row["state"])
            text = f"{lead.name} still waits for an answer, and nobody else is left to ask."
            hands.note("reminded", text, lead.id, handoff=row["id"])
            alert(hands, f"answer:{row['id']}:{due:%Y-%m-%d}", row["rep"], "An offer waits", text, lead, row["id"])
            return
        person = above
    ends = {"state": machine.moved(State(row["state"]), Event.EXPIRE).value, "due_at": None, "ended_at": desk.now}
    if not work.sales.save_handoff(row["id"], ends, was=row["state"]):
        return
    hands.note("expired", f"{name_of(desk, row['rep'])} did not answer in time", lead.id, handoff=row["id"])
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
    text = f"{name_of(desk, row['rep'])} accepted {lead.name} and has not said how it ended: won or lost?"
    hands.note("silence", "no outcome was recorded", lead.id, handoff=row["id"])
    alert(hands, f"outcome:{row['id']}", to, f"How did {lead.name} end?", text, lead, row["id"])


def _outcome_due(desk: Desk, row: Mapping[str, Any]) -> datetime:
    since: datetime = row["contacted_at"] or row["answered_at"] or desk.now
    return deadline_for(replace(desk, now=since), row["rep"], desk.readiness.outcome_within)


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
