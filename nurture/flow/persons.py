"""Two leads that are one person become one; a person who wishes it is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nurture.domain import scoring
from nurture.domain.enrollment import Pause
from nurture.domain.errors import RefusedError
from nurture.domain.handoff import OPEN, State
from nurture.domain.lead import LeadId, Status, own_name
from nurture.domain.policy import Policy
from nurture.moves import enrolling
from nurture.moves.ending import end_contact
from nurture.moves.rescore import rescore
from nurture.moves.scene import load
from nurture.ports import InForce, Store, Unit
from nurture.ports.people import ForgottenBook
from nurture.ports.store import Change, Suppression

# What the lead that stays takes over where it has nothing itself.
FILLED: Final = (
    *("first_name", "last_name", "title", "phone", "country", "timezone", "language", "owner", "external_id"),
    *("company_id", "notes", "timeline_on", "returns_at", "returns_into", "returns_because"),
)
WITH_SALES: Final = frozenset({*OPEN, State.ACCEPTED})
OUT_OF_REACH: Final = (
    "the CRM and the mailboxes of those who were sent a brief",
    "mail that was sent, at the mail provider",
    "files that were imported or exported",
    "mails kept as files: the folders outbox and replies, where they are used",
    "backups made before today, until they are deleted; one that is restored forgets them again",
)


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging did: cadences that ended because the other lead is in one, and the names it filled."""

    ended: tuple[str, ...]
    filled: tuple[str, ...]


def merge(
    lead: LeadId,
    into: LeadId,
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> Merged:
    """Make two leads one: history, facts and consent go along, old addresses stay as names of it, suppression stays.

    Raises RefusedError where both are the same, or sales works on both.
    """
    if lead == into:
        raise RefusedError("That is one lead already.", hint="Name two different leads.")
    with store.unit() as work:
        _refuse_two_handoffs(work, lead, into)
        mine = work.enrollments.open_of([into]).get(into, [])
        taken = any(one.exclusive for one in mine)
        ended = enrolling.stop(
            work,
            [lead],
            reason="merged",
            now=now,
            by=by,
            which=lambda one: (taken and one.exclusive) or any(other.cadence == one.cadence for other in mine),
        )
        old, kept = work.leads.columns(lead), work.leads.columns(into)
        values = _filled(old, kept)
        if old["email"]:
            if kept["email"]:
                work.leads.add_alias(into, old["email"])
            else:
                values["email"] = old["email"]
        # The unique names are free before the other lead takes them. An external id that is not taken over stays on
        # the merged row: the next export of the CRM still carries it, and is led on from there.
        freed = {"email": None} | ({"external_id": None} if "external_id" in values else {})
        work.leads.update(lead, {**freed, "merged_into": into, "look_at": None, "returns_at": None, "changed_at": now})
        work.leads.unflag("ready_check", [lead])
        work.leads.unflag("enroll_check", [lead])
        work.persons.move(lead, into)
        work.leads.update(into, {**values, "changed_at": now, "ready_check": True, "enroll_check": True})
        _keep_suppressed(work, lead, into, [old["email"], old["phone"]], now=now, by=by)
        if values.get("paused_until") is not None and values["paused_until"] > now:
            enrolling.pause(work, [into], Pause.PREFERENCE, until=values["paused_until"], now=now, by=by)
        work.notes.add([Change("merged", f"lead {lead} is part of this one now", now, by=by, lead=into)])
        sums = scoring.added({}, work.responses.lines([into]).get(into, []), rules.workspace.scoring)
        scene = load(work, [into], rules=rules, policy=policy, now=now)
        rescore(work, [into], scene, sums={into: sums}, by=by, because="merged")
        if not dry_run:
            work.commit()
    return Merged(tuple(one.cadence for one in ended), tuple(sorted(values)))


def _refuse_two_handoffs(work: Unit, lead: LeadId, into: LeadId) -> None:
    def busy(one: LeadId) -> bool:
        return bool(work.sales.handoffs(lead=one, states=sorted(WITH_SALES))) or any(
            row["open"] is not None for row in work.sales.promotions_of(one)
        )

    if busy(lead) and busy(into):
        raise RefusedError("Sales works on both of them.", hint="Reject one first: nurture handoff list")


def _filled(old: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: old[name] for name in FILLED if old.get(name) and not kept.get(name)}
    custom = {**(old.get("custom") or {}), **(kept.get("custom") or {})}
    if custom != (kept.get("custom") or {}):
        values["custom"] = custom
    for flag in ("do_not_call", "asked_for_sales"):
        if old[flag] and not kept[flag]:
            values[flag] = True
    if old["created_at"] < kept["created_at"]:  # a lead is counted once, in its first cohort
        values |= {"created_at": old["created_at"], "source": old["source"] or kept["source"]}
    elif old["source"] and not kept["source"]:
        values["source"] = old["source"]
    if kept["status"] == Status.NURTURING and old["status"] != Status.NURTURING:
        values["status"] = old["status"]
    for wish in ("light_until", "paused_until"):
        moments = [at for at in (old.get(wish), kept.get(wish)) if at is not None]
        if moments and max(moments) != kept.get(wish):
            values[wish] = max(moments)
    by_person = sorted({*(old.get("by_person") or ()), *(kept.get("by_person") or ())})
    if by_person != (kept.get("by_person") or []):
        values["by_person"] = by_person
    return values


def _keep_suppressed(
    work: Unit, lead: LeadId, into: LeadId, addresses: list[str | None], *, now: datetime, by: str
) -> None:
    """Who asked under one address, or before there was one, not to be contacted asked for all of them."""
    person = work.leads.get([into])[into]
    every = {one for one in (*addresses, person.listed_as, person.phone) if one}
    known = work.suppressions.scopes({*every, own_name(lead), own_name(into)})
    if any("all" in scopes for scopes in known.values()):
        for address in sorted(every - {one for one, scopes in known.items() if "all" in scopes}):
            scope = "all" if "@" in address or address == person.listed_as else "phone"
            work.suppressions.add(Suppression(address, scope, "merged", now, into), by=by)
        end_contact(work, into, "merged", now=now, by=by)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forgetting did: how many suppressions stay, under a hash, and the copies that are out of our reach."""

    sealed: int
    out_of_reach: tuple[str, ...]


def forget(
    lead: LeadId, *, store: Store, now: datetime, by: str, book: ForgottenBook | None = None, dry_run: bool = False
) -> Forgotten:
    """Erase a person everywhere. Their addresses stay suppressed under a keyed hash, also when imported again.

    `book` keeps the hashes outside the database: written first, so that a crash in between is caught up with.
    """
    with store.unit() as work:
        sealed = _forget(work, lead, now=now, by=by)
        if not dry_run:
            if book is not None:
                book.add(sealed)
            work.commit()
    return Forgotten(len(sealed), OUT_OF_REACH)


def _forget(work: Unit, lead: LeadId, *, now: datetime, by: str) -> frozenset[str]:
    """Erase one person; what stands for their addresses from now on."""
    names = sorted(work.persons.names(lead))
    end_contact(work, lead, "forgotten", now=now, by=by)
    for row in work.sales.handoffs(lead=lead, states=sorted(OPEN)):
        values = {"state": State.WITHDRAWN.value, "ended_at": now, "due_at": None, "reason": "forgotten"}
        work.sales.save_handoff(row["id"], values, was=row["state"])
        work.sales.close_promotion(row["promotion_id"])
        work.leads.update(lead, {"status": Status.NURTURING.value})
    for name in names:
        # A number may be a whole company's: it is not called again, and colleagues are still written to.
        work.suppressions.add(Suppression(name, "all" if "@" in name else "phone", "forgotten", now, None), by=by)
        work.suppressions.seal(name)
    # What is left has no address: by its number it is left alone, also by what a provider tells of it later.
    work.suppressions.add(Suppression(own_name(lead), "all", "forgotten", now, lead), by=by)
    work.notes.add([Change("forgotten", "forgotten", now, by=by, lead=lead)])
    work.persons.erase(lead, now)
    work.leads.unflag("ready_check", [lead])
    work.leads.unflag("enroll_check", [lead])
    return frozenset(work.suppressions.sealed_as(name) for name in names)


def keep_forgotten(book: ForgottenBook, *, store: Store, now: datetime, by: str) -> int:
    """Forget again whom an old backup has brought back; how many. The book learns of those forgotten elsewhere.

    A hash that the book has and the database lacks was sealed after the backup was made: whoever it stands for is
    erased, and it is suppressed again, before anything else is done with this database.
    """
    with store.unit(write=False) as work:
        here = work.suppressions.sealed()
    kept = book.read()
    if here - kept:
        book.add(here - kept)
    lost = kept - here
    if not lost:
        return 0
    with store.unit() as work:
        back: dict[LeadId, None] = {}
        scopes = dict.fromkeys(lost, "all")
        for lead, name in work.persons.every_name():
            sealed = work.suppressions.sealed_as(name)
            if sealed in lost:
                back[lead] = None
                scopes[sealed] = "all" if "@" in name else "phone"
        for lead in back:
            _forget(work, lead, now=now, by=by)
        for sealed, scope in sorted(scopes.items()):
            work.suppressions.add(Suppression(sealed, scope, "forgotten", now, None), by=by)
        words = f"an older database was restored: {len(back)} people were forgotten again"
        work.notes.add([Change("forgotten", words, now, by=by)])
        work.commit()
    return len(back)


def everything(lead: LeadId, *, store: Store) -> dict[str, Any]:
    """All that is held about a person."""
    with store.unit(write=False) as work:
        return work.persons.everything(lead)
