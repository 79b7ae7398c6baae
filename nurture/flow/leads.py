"""What a person changes about a lead by hand: its fields, what was learned, and whether it may be contacted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from nurture.domain.cell import truth
from nurture.domain.errors import RefusedError, RequestError
from nurture.domain.fact import Confidence, Fact, FactName
from nurture.domain.lead import Lead, LeadId, Status, own_name
from nurture.domain.policy import Policy
from nurture.domain.row import Column, PhoneReader, Refused, RowReader, phone_as_written
from nurture.moves import facts as moves
from nurture.moves.again import again
from nurture.moves.ending import end_calls, end_contact, still_quiet
from nurture.moves.fields import FIELDS, look_again, set_fields
from nurture.moves.rescore import rescore
from nurture.moves.scene import load
from nurture.ports import InForce, Store, Unit
from nurture.ports.store import Change, Suppression

SCOPES: Final = ("all", "email", "phone")
# What a person may decide about whose the lead is; the others follow from a handoff.
BY_HAND: Final = (Status.NURTURING, Status.DISQUALIFIED, Status.CUSTOMER)
SETTABLE: Final = FIELDS | {"email", "company", "status", "do_not_call"}
OF_THE_COMPANY: Final = frozenset({"industry", "employees", "revenue", "fiscal_year_start"})
# A lead is never without these.
REQUIRED: Final = frozenset({"email", "company", "status", "do_not_call"})


def read_values(fields: Mapping[str, str], *, phone: PhoneReader = phone_as_written) -> dict[str, Any]:
    """The texts as typed values, in the forms of an import; an empty text is None. Raises RequestError."""
    unknown = [name for name in fields if name not in SETTABLE and not name.startswith("x.")]
    if unknown:
        known = ", ".join(sorted(SETTABLE))
        hint = f"Settable: {known}, and x.NAME of your own."
        if unknown[0] in OF_THE_COMPANY:
            hint = f"It is the company's: nurture company set NAME {unknown[0]}=VALUE"
        raise RequestError(f"{unknown[0]!r} cannot be set for a lead.", hint=hint)
    given = {name: text for name, text in fields.items() if text and name != "do_not_call"}
    columns = [Column("external_id", "")] if "external_id" not in given else []
    columns += [Column(name, name) for name in given]
    texts = ["known"] if "external_id" not in given else []
    row = RowReader(columns, phone=phone).read(1, [*texts, *given.values()])
    if isinstance(row, Refused):
        raise RequestError(row.reason.rstrip(".") + ("" if row.reason.endswith("?") else "."), hint="Nothing was set.")
    values: dict[str, Any] = {name: row.values.get(name) for name in given if not name.startswith("x.")}
    values |= {name: row.custom.get(name[2:]) for name in given if name.startswith("x.")}
    values |= {name: None for name, text in fields.items() if not text}
    if fields.get("do_not_call"):
        try:
            values["do_not_call"] = truth(fields["do_not_call"])
        except ValueError as problem:
            raise RequestError(f"do_not_call: {problem}.", hint="Write yes or no.") from None
    empty = sorted(name for name in REQUIRED if name in values and values[name] is None)
    if empty:
        raise RequestError(f"{empty[0]} cannot be empty.", hint="Nothing was changed.")
    return values


@again
def set_values(
    lead: LeadId,
    values: Mapping[str, Any],
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> None:
    """Set fields as a person: no file replaces them. Score, stage and enrollments follow.

    Raises RefusedError where the address or the external id is another lead's, or the status is not a person's to set.
    """
    own = dict(values)
    with store.unit() as work:
        stored = work.leads.columns(lead)
        email, company = own.pop("email", None), own.pop("company", None)
        status, quiet = own.pop("status", None), own.pop("do_not_call", None)
        if email is not None and email != stored["email"]:
            _new_address(work, lead, stored["email"], email, now=now, by=by)
        if own.get("external_id"):
            _refuse_taken(work, lead, str(own["external_id"]), "external id")
        if company is not None:
            number = work.leads.company_for(name=company, domain=None, values={}, now=now)
            work.leads.update(lead, {"company_id": number})
            look_again(work, [lead], now)
        if quiet is not None:
            work.leads.update(lead, {"do_not_call": quiet})
        if quiet:
            if stored["phone"]:
                work.suppressions.add(Suppression(stored["phone"], "phone", "do_not_call", now, lead), by=by)
            end_calls(work, lead, now=now)
        if status is not None and status != stored["status"]:
            _new_status(work, lead, Status(stored["status"]), Status(status), now=now, by=by)
        set_fields(work, lead, own, now, by=by, person=True)
        others = {"email": email, "company": company, "do_not_call": quiet}
        said = {name: value for name, value in others.items() if value is not None}
        if said:
            by_person = sorted({*(work.leads.columns(lead).get("by_person") or ()), *said})
            work.leads.update(lead, {"by_person": by_person})
            words = ", ".join(f"{name} = {value}" for name, value in said.items())
            work.notes.add([Change("fields", words, now, by=by, lead=lead)])
        rescore(work, [lead], load(work, [lead], rules=rules, policy=policy, now=now), by=by, because="fields changed")
        if not dry_run:
            work.commit()


def _new_address(work: Unit, lead: LeadId, old: str | None, email: str, *, now: datetime, by: str) -> None:
    _refuse_taken(work, lead, email, "address")
    if old:
        work.leads.add_alias(lead, old)
    still_quiet(work, lead, old or own_name(lead), email, now=now, by=by)
    work.leads.update(lead, {"email": email})


def _refuse_taken(work: Unit, lead: LeadId, name: str, what: str) -> None:
    other = work.leads.find(name)
    if other is not None and other.id != lead and name in (other.email, other.external_id):
        raise RefusedError(
            f"The {what} {name} is that of lead {other.id}.", hint=f"Are they one? nurture lead merge {other.id} {lead}"
        )


def _new_status(work: Unit, lead: LeadId, old: Status, new: Status, *, now: datetime, by: str) -> None:
    if new not in BY_HAND or old in (Status.OFFERED, Status.ACCEPTED):
        raise RefusedError(
            f"A lead that is {old} does not become {new} by hand.", hint="Sales decides: see nurture handoff list"
        )
    if new is not Status.NURTURING:
        end_contact(work, lead, new.value, now=now, by=by)
    work.leads.update(lead, {"status": new.value, "enroll_check": True, "ready_check": True})
    work.notes.add([Change("status", f"{old} -> {new}", now, by=by, lead=lead)])


@again
def learn(
    lead: LeadId,
    facts: Mapping[str, str],
    *,
    source: str,
    confidence: str,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> list[Fact]:
    """Write down what was learned of a purchase. Raises RequestError for what is no fact or no confidence."""
    if confidence not in {one.value for one in Confidence}:
        known = ", ".join(one.value for one in Confidence)
        raise RequestError(f"{confidence!r} is no confidence.", hint=f"One of: {known}.")
    empty = [name for name, value in facts.items() if not value.strip()]
    if empty:
        raise RequestError(f"{empty[0]} has no value.", hint=f"Write: {empty[0]}=WHAT WAS SAID")
    with store.unit() as work:
        scene = load(work, [lead], rules=rules, policy=policy, now=now)
        for name, value in facts.items():
            said = value.strip()
            moves.add_fact(
                work, scene, lead, name, said, source=source, at=now, by=by, confidence=Confidence(confidence)
            )
        words = ", ".join(f"{name}: {value}" for name, value in facts.items())
        work.notes.add([Change("fact", words, now, by=by, lead=lead)])
        work.leads.update(lead, {"changed_at": now})
        rescore(work, [lead], scene, by=by, because="a fact was learned")
        if not dry_run:
            work.commit()
    return [Fact(FactName(name), value, source, now, Confidence(confidence), by) for name, value in facts.items()]


@again
def suppress(
    lead: LeadId,
    *,
    scope: str,
    reason: str,
    store: Store,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> list[Suppression]:
    """Contact a person no more: all stops for scope `all`, one channel for `email` or `phone`. Returns what is new.

    Raises RequestError for an unknown scope, RefusedError where there is no address to suppress.
    """
    if scope not in SCOPES:
        raise RequestError(f"{scope!r} is no scope.", hint=f"One of: {', '.join(SCOPES)}.")
    with store.unit() as work:
        person = work.leads.get([lead])[lead]
        wanted = _wanted(person, scope, reason, now)
        if not wanted:
            raise RefusedError(
                f"{person.name} has no {'phone number' if scope == 'phone' else 'address'}.",
                hint="Nothing to suppress.",
            )
        new = [one for one in wanted if work.suppressions.add(one, by=by)]
        if new:
            work.leads.update(lead, {"changed_at": now})
            words = f"suppressed ({scope}): {reason.replace('_', ' ')}"
            work.notes.add([Change("suppressed", words, now, by=by, lead=lead)])
        if scope == "all":
            end_contact(work, lead, reason, now=now, by=by)
        elif scope == "phone":
            end_calls(work, lead, now=now)
        if not dry_run:
            work.commit()
    return new


def _wanted(lead: Lead, scope: str, reason: str, now: datetime) -> list[Suppression]:
    """A number is suppressed for calls only: it may be a whole company's, and colleagues are still written to."""
    mail = [(lead.listed_as if scope == "all" else lead.email, scope)] if scope in ("all", "email") else []
    phone = [(lead.phone, "phone")] if scope == "phone" or (scope == "all" and lead.phone) else []
    return [Suppression(address, kind, reason, now, lead.id) for address, kind in (*mail, *phone) if address]
