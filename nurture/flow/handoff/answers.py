"""What sales says of a handoff: accepted, rejected with a reason, contacted, won, lost.

Each answer is one transaction. The same answer again changes nothing; one that comes too late is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from nurture.domain import calendar
from nurture.domain import handoff as machine
from nurture.domain.brief import Brief
from nurture.domain.duration import Duration
from nurture.domain.errors import RefusedError, RequestError, UnknownNameError
from nurture.domain.handoff import Event, State
from nurture.domain.lead import Lead, Status
from nurture.domain.person import Person
from nurture.domain.policy import Policy
from nurture.domain.readiness import Readiness
from nurture.domain.routing import Floor, deadline
from nurture.domain.touch import State as Touched
from nurture.moves import enrolling
from nurture.moves.again import again
from nurture.moves.brief import build
from nurture.moves.consequences import agreed, alarm, carry_out
from nurture.moves.handing_over import (
    FAST_STEP,
    Hands,
    colleagues_of,
    floor,
    free_colleagues,
    give_back_colleagues,
    tell_crm,
)
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
        # The rep calls now. Whoever is on the phone already says what came of it.
        calls = [one for one in hands.scene.touches.get(lead.id, ()) if one.step == FAST_STEP and not one.claimed_by]
        enrolling.close_touches(hands.work, [one.id for one in calls if one.state is Touched.OPEN])
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
        return f"accepted by {name_of(desk, row['rep'])}"

    def due(row: Mapping[str, Any]) -> datetime:
        return deadline_for(desk, row["rep"], desk.readiness.contact_within)

    return _answer(desk, handoff, Event.ACCEPT, {"answered_at": desk.now}, follow, due=due, colleagues=colleagues)


def reject(desk: Desk, handoff: int, reason: str, *, until: date | None = None, note: str = "") -> Answered:
    """The rep says no, with one of the agreed reasons; the lead follows the consequence of it.

    `until`: a date that the lead stated. Raises RequestError for a reason that was not agreed, or a date in the past.
    """
    consequence = agreed(reason, desk.readiness.reject, until=until, today=desk.now.date())

    def follow(hands: Hands, row: Mapping[str, Any], lead: Lead) -> str:
        hands.work.sales.close_promotion(row["promotion_id"])
        words = f"rejected by {name_of(desk, row['rep'])}: {_spoken(reason)}" + (f" ({note})" if note else "")
        after = carry_out(hands, row, lead, reason, consequence, until=until, note=note, new_id=desk.new_id)
        alarm(hands, lead, row["id"])
        return f"{words}; {after}"

    ends = {"reason": reason, "answered_at": desk.now, "ended_at": desk.now, "note": note or None}
    return _answer(desk, handoff, Event.REJECT, ends, follow, reason=reason)


@again
def contacted(desk: Desk, handoff: int) -> Answered:
    """The rep has spoken with the lead. Raises RefusedError for a handoff that was not accepted."""
    with desk.store.unit() as work:
        row = named(work, handoff)
        if row["state"] != State.ACCEPTED.value:
            raise RefusedError(f"Handoff {handoff} is {row['state']}, not accepted.", hint="See: nurture handoff list")
        if row["contacted_at"] is not None:
            return Answered(row, False, "first contact was recorded before")
        due = deadline_for(desk, row["rep"], desk.readiness.outcome_within)
        work.sales.save_handoff(handoff, {"contacted_at": desk.now, "due_at": due}, was=row["state"])
        hands = desk.hands(work, row["lead_id"])
        lead = hands.scene.leads[row["lead_id"]]
        text = f"{name_of(desk, row['rep'])} spoke with {lead.name}"
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


@again
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
        after = _moved(row, event)
        if after is state:
            return _again(desk, work, row, values)
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


def _moved(row: Mapping[str, Any], event: Event) -> State:
    """The state after an answer. Raises RefusedError with what can be done about it."""
    state, number = State(row["state"]), row["id"]
    try:
        return machine.moved(state, event)
    except RefusedError:
        hint = f"See: nurture handoff show {number}"
        if state is State.OFFERED:
            hint = f"First: nurture handoff accept {number}"
        elif state is State.QUEUED:
            hint = "It is offered as soon as a rep has room."
        elif state in (State.EXPIRED, State.WITHDRAWN):
            hint = "It is no longer theirs. See: nurture handoff list"
        said = {Event.ACCEPT: "accepted", Event.REJECT: "rejected", Event.WIN: "won", Event.LOSE: "lost"}[event]
        raise RefusedError(f"Handoff {number} is {state}: it cannot be {said}.", hint=hint) from None


def _again(desk: Desk, work: Unit, row: Mapping[str, Any], values: Mapping[str, Any]) -> Answered:
    """The same answer again changes nothing; another amount corrects it. Raises RefusedError for another reason."""
    number, state = row["id"], row["state"]
    if values.get("reason") not in (None, row["reason"]):
        before = _spoken(row["reason"]) if row["reason"] else "without a reason"
        raise RefusedError(
            f"Handoff {number} was {state} before: {before}.", hint="What followed stands. See: nurture lead timeline"
        )
    told = (values.get("amount"), values.get("currency"))
    if told[0] is None or told == (row["amount"], row["currency"]):
        return Answered(row, False, f"this handoff was {state} before")
    text = f"won: {told[0]:,.2f} {told[1]}"
    text += f", not {row['amount']:,.2f} {row['currency']}" if row["amount"] is not None else ""
    work.sales.save_handoff(number, {"amount": told[0], "currency": told[1]}, was=state)
    hands = desk.hands(work, row["lead_id"])
    hands.note(state, text, row["lead_id"], handoff=number, rep=row["rep"])
    lead = hands.scene.leads[row["lead_id"]]
    tell_crm(hands, state, number, lead, rep=row["rep"], amount=told[0], currency=told[1])
    return _done(desk, work, number, text)


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


def name_of(desk: Desk, rep: str | None) -> str:
    """How a rep is called; of one who left, the address."""
    person = desk.rules.workspace.person(rep) if rep else None
    return person.name if person is not None else rep or "sales"


def deadline_for(desk: Desk, rep: str | None, within: Duration) -> datetime:
    """A deadline in the hours of a rep; in office hours for one who left."""
    person = (desk.rules.workspace.person(rep) if rep else None) or Person("", "")
    country = desk.policy.country or None
    return deadline(desk.now, within, person.working_hours(zone=desk.policy.timezone, country=country))


def due_words(desk: Desk, answered: Answered) -> str:
    """Until when the next word of the rep is awaited, on the rep's clock."""
    rep = desk.rules.workspace.person(answered.handoff["rep"] or "")
    zone = (rep.timezone if rep is not None else None) or desk.policy.timezone
    return f"{answered.handoff['due_at'].astimezone(calendar.zone(zone)):%Y-%m-%d %H:%M} ({zone})"


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
