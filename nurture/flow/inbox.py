"""The inbox: what a person must look at before anything follows from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from nurture.domain import calendar
from nurture.domain.errors import RefusedError, RequestError, UnknownNameError
from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.domain.response import Intent, Kind
from nurture.moves.promises import promise, refuse_past
from nurture.moves.responding import Report, record_in
from nurture.moves.scene import load
from nurture.ports import InForce, Store, Unit


def entry(number: int, *, store: Store) -> dict[str, Any]:
    """One entry, open or settled. Raises UnknownNameError."""
    with store.unit(write=False) as work:
        return _entry(work, number)


def _entry(work: Unit, number: int) -> dict[str, Any]:
    found = work.notes.inbox_entry(number)
    if found is None:
        raise UnknownNameError("entry of the inbox", str(number), (), otherwise="Run: nurture inbox list")
    return found


def settle(
    number: int,
    *,
    lead: LeadId | None,
    intent: Intent | None = None,
    until: date | None = None,
    store: Store,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> str:
    """Settle an entry: it is discarded (no lead), or becomes what it is: a reply, a promise. What was done, in words.

    Raises RefusedError where it was settled before, RequestError for a promise without its date.
    """
    if until is not None:
        refuse_past(until, now, calendar.zone(policy.timezone))
    with store.unit() as work:
        found = _entry(work, number)
        if found["settled_at"] is not None:
            raise RefusedError(
                f"It was settled on {found['settled_at']:%Y-%m-%d} as: {found['settled_as']}.", hint="Nothing to do."
            )
        if lead is None:
            words = "discarded"
        elif found["kind"] == "promise":
            if until is None:
                raise RequestError("A promise needs its date.", hint="Add: --until 2027-09-01")
            scene = load(work, [lead], rules=rules, policy=policy, now=now)
            said = str(found["text"])
            text = "Get in touch again, as they asked"
            promise(work, lead, scene, on=until, text=text, sentence=said, source="inbox", by=by)
            words = f"promise for {until}"
        elif found["kind"] == "successor":
            words = f"lead {lead} instead"
        elif found["kind"] == "unsubscribe":
            report = Report(Kind.UNSUBSCRIBE, now, lead, why="settled by a person", key=f"{found['key']}|{lead}")
            record_in(work, [report], rules=rules, policy=policy, new_id=new_id, now=now, by=by)
            words = f"unsubscribe of lead {lead}"
        elif found["kind"] == "outcome":
            words = f"outcome of lead {lead}, seen"
        else:
            detail = {"intent": (intent or Intent.OTHER).value, "text": found["text"], "sender": found["sender"]}
            if until is not None:
                detail["until"] = until.isoformat()
            report = Report(Kind.REPLY, found["at"], lead, detail=detail, why="settled by a person", key=found["key"])
            record_in(work, [report], rules=rules, policy=policy, new_id=new_id, now=now, by=by)
            words = f"reply of lead {lead} ({detail['intent']})"
        work.notes.settle(number, as_=words, by=by, at=now)
        if found["lead_id"] is not None:  # it was what the lead waited for
            work.leads.update(found["lead_id"], {"ready_check": True, "enroll_check": True})
        if not dry_run:
            work.commit()
    return words
