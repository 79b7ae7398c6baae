"""A row, a form or an API call -> a lead, never a duplicate. Identity is the address, or the external id.

What a file says fills blanks and replaces what another file said, never what a person recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from nurture.domain.address import company_domain
from nurture.domain.consent import Medium, Standing, standing
from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.domain.fact import Fact
from nurture.domain.lead import LeadId, Stage, Status
from nurture.domain.policy import Policy
from nurture.domain.row import Refused, Row
from nurture.domain.stated_time import decision_date
from nurture.moves.ending import end_calls, end_contact, still_quiet
from nurture.moves.fields import CALENDAR, look_again
from nurture.moves.rescore import rescore
from nurture.moves.scene import load
from nurture.ports import InForce, Store, Unit
from nurture.ports.store import Change, Consent, Suppression

LEAD_FIELDS: Final = (
    "first_name",
    "last_name",
    "title",
    "phone",
    "country",
    "timezone",
    "language",
    "source",
    "owner",
    "external_id",
)
COMPANY_FIELDS: Final = ("industry", "employees", "revenue", "country", "timezone")
BATCH: Final = 1_000


@dataclass(slots=True)
class Intake:
    """What an import did. `refused` holds (line, reason)."""

    batch: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def take(
    rows: Iterable[Row | Refused],
    *,
    file: str,
    source: str | None,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> Intake:
    """Store rows as leads, in batches; each batch is one transaction, and doing it again changes nothing."""
    result = Intake()
    if dry_run:
        with store.unit() as work:
            result.batch = work.imports.begin(file=file, source=source, at=now, by=by)
            for chunk in _chunks(rows):
                _batch(work, chunk, result, source, rules=rules, policy=policy, now=now, by=by)
        return result
    with store.unit() as work:
        result.batch = work.imports.begin(file=file, source=source, at=now, by=by)
        work.commit()
    for chunk in _chunks(rows):
        with store.unit() as work:
            _batch(work, chunk, result, source, rules=rules, policy=policy, now=now, by=by)
            work.imports.finish(
                result.batch,
                created=result.created,
                updated=result.updated,
                unchanged=result.unchanged,
                refused=result.refused,
            )
            work.commit()
    return result


def _chunks(rows: Iterable[Row | Refused]) -> Iterator[list[Row | Refused]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, BATCH)):
        yield chunk


def _batch(
    work: Unit,
    chunk: Sequence[Row | Refused],
    result: Intake,
    source: str | None,
    *,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
) -> None:
    """Look the batch's identities up once, then store each row."""
    taken = [row for row in chunk if isinstance(row, Row)]
    result.refused += [(row.line, row.reason) for row in chunk if isinstance(row, Refused)]
    _wishes(work, [row for row in chunk if isinstance(row, Refused)], now=now, by=by)
    emails, externals = work.imports.by_identity(
        [row.values["email"] for row in taken if row.values.get("email")],
        [row.values["external_id"] for row in taken if row.values.get("external_id")],
    )
    ids: list[LeadId] = []
    written: list[dict[str, Any]] = []
    seen = set()
    for row in taken:
        email, external = row.values.get("email"), row.values.get("external_id")
        by_email, by_external = emails.get(email or ""), externals.get(external or "")
        if by_email is not None and by_external is not None and by_email != by_external:
            reason = f"the address belongs to lead {by_email}, the external id to lead {by_external}; merge them first"
            result.refused.append((row.line, reason))
            continue
        known = by_external if by_external is not None else by_email
        lead, before, changed = _store(work, row, known, source, now=now, by=by)
        if email:
            emails[email] = lead
        if external:
            externals[external] = lead
        if known is None:
            result.created += 1
        elif changed:
            result.updated += 1
        else:
            result.unchanged += 1
        if (changed or known is None) and lead not in seen:
            written.append({"lead_id": lead, "line": row.line, "before": before, "at": now})
        seen.add(lead)
        ids.append(lead)
    work.imports.add_rows(result.batch, written)
    if ids:
        scene = load(work, set(ids), rules=rules, policy=policy, now=now)
        rescore(work, set(ids), scene, by=by)


def _wishes(work: Unit, refused: Sequence[Refused], *, now: datetime, by: str) -> None:
    """A wish to be left alone outlives the refusal of its row: a mistyped country must not keep anybody on the list."""
    for row in refused:
        email, phone = row.identity.get("email"), row.identity.get("phone")
        if row.opted_out and email:
            work.suppressions.add(Suppression(email, "all", "opted_out", now), by=by)
        if row.do_not_call and phone:
            work.suppressions.add(Suppression(phone, "phone", "do_not_call", now), by=by)


def _store(
    work: Unit, row: Row, known: LeadId | None, source: str | None, *, now: datetime, by: str
) -> tuple[LeadId, dict[str, Any] | None, bool]:
    """Insert or update one lead: (id, what it was before, whether anything changed)."""
    given = dict(row.values)
    if source and not given.get("source"):
        given["source"] = source
    stored = work.leads.columns(known) if known is not None else {}
    by_person = set(stored.get("by_person") or ())
    values: dict[str, Any] = {name: given[name] for name in LEAD_FIELDS if name in given and name not in by_person}
    if known is not None and stored.get("source"):
        values.pop("source", None)  # a lead is counted once, in its first cohort
    custom = {name: value for name, value in row.custom.items() if f"x.{name}" not in by_person}
    if custom:
        values["custom"] = {**(stored.get("custom") or {}), **custom}
    if row.notes:
        values["notes"] = row.notes
    if row.do_not_call:
        values["do_not_call"] = True
    if "company" in given or "domain" in given or (known is None and given.get("email")):
        company = _company(work, given, now)
        if company is not None and "company" not in by_person:
            values["company_id"] = company
    if known is None:
        lead = work.leads.add(
            {
                "status": given.get("status", Status.NURTURING.value),
                "stage": given.get("stage", Stage.UNKNOWN.value),
                "email": given.get("email"),
                **values,
                "created_at": given.get("created_at") or now,
                "arrived_at": now,
                "changed_at": now,
            }
        )
        before, changed = None, True
        words = f"imported, line {row.line}"
        work.notes.add([Change("imported", words, now, by=by, lead=lead)])
    else:
        lead = known
        # Found by an alias alone, the lead keeps the address it has: the file knows an old one.
        by_id = bool(given.get("external_id")) and stored.get("external_id") == given["external_id"]
        if by_id and given.get("email") and given["email"] != stored.get("email") and "email" not in by_person:
            values |= _new_address(work, lead, stored, given["email"], now=now, by=by)
        if "status" in given and stored.get("status") == Status.NURTURING.value:
            values["status"] = given["status"]
        different = {name: value for name, value in values.items() if stored.get(name) != value}
        before = {name: _plain(stored.get(name)) for name in different}
        changed = bool(different)
        if changed:
            work.leads.update(lead, {**different, "changed_at": now})
            if different.keys() & {*CALENDAR, "company_id"}:
                look_again(work, [lead], now)
    changed = _consents(work, row, lead, given, now=now, by=by, file_is_new=known is None) or changed
    changed = _facts(work, row, lead, now=now, by=by) or changed
    return lead, before, changed


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _new_address(
    work: Unit, lead: LeadId, stored: Mapping[str, Any], email: str, *, now: datetime, by: str
) -> dict[str, Any]:
    """The lead is known by its external id and has another address now; the old one stays as an alias."""
    if stored.get("email"):
        work.leads.add_alias(lead, stored["email"])
        still_quiet(work, lead, stored["email"], email, now=now, by=by)
    return {"email": email}


def _company(work: Unit, given: Mapping[str, Any], now: datetime) -> int | None:
    """The lead's company: by name, else by the domain of a work address. A freemail domain is never a company."""
    email = given.get("email")
    domain = given.get("domain") or (company_domain(email) if email else None)
    name = given.get("company")
    if not name and not (domain and any(given.get(key) for key in ("industry", "employees", "revenue", "domain"))):
        return None
    values = {key: given[key] for key in COMPANY_FIELDS if given.get(key) is not None}
    return work.leads.company_for(name=name or domain, domain=domain, values=values, now=now)


def _consents(
    work: Unit, row: Row, lead: LeadId, given: Mapping[str, Any], *, now: datetime, by: str, file_is_new: bool
) -> bool:
    """Consent and opt-outs of the file. An import never opts anybody in again who opted out."""
    changed = False
    if row.consent is not None:
        one = row.consent
        consent = Consent(one.basis, one.at or now, one.until, one.source or "import", one.text or "", one.channel)
        known = work.leads.consents([lead]).get(lead, [])
        same = any(
            (old.basis, old.channel, old.until) == (consent.basis, consent.channel, consent.until)
            and (one.at is None or old.at == one.at)
            for old in known
        )
        held = standing(known, country=None, now=now, medium=Medium(consent.channel))
        # A file that does not say since when a basis holds knows of no wish that came later.
        if file_is_new or not (same or (one.at is None and held is Standing.WITHDRAWN)):
            work.leads.add_consent(lead, consent)
            changed = True
    email = given.get("email")
    if row.opted_out and email and work.suppressions.add(Suppression(email, "all", "opted_out", now, lead), by=by):
        changed = True
        if not file_is_new:
            end_contact(work, lead, "opted_out", now=now, by=by)
    if row.do_not_call and not file_is_new:
        end_calls(work, lead, now=now)
    if row.do_not_call and given.get("phone"):
        number = given["phone"]
        changed = work.suppressions.add(Suppression(number, "phone", "do_not_call", now, lead), by=by) or changed
    return changed


def _facts(work: Unit, row: Row, lead: LeadId, *, now: datetime, by: str) -> bool:
    """Facts of the file, with source `import`; a statement that is known already is not written twice."""
    if not row.facts:
        return False
    known = {(fact.name, fact.value) for fact in work.leads.facts([lead]).get(lead, [])}
    changed = False
    for name, value in row.facts.items():
        if (name, value) not in known:
            work.leads.add_fact(lead, Fact(name, value, "import", now, by=by))
            changed = True
            on = decision_date(value, now.date()) if name.value == "timeline" else None
            if on is not None:
                work.leads.update(lead, {"timeline_on": on})
    return changed


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing an import did: leads removed, leads set back, and (lead, reason) for those left as they are."""

    removed: tuple[LeadId, ...]
    restored: tuple[LeadId, ...]
    kept: tuple[tuple[LeadId, str], ...]


def undo(batch: int, *, store: Store, now: datetime, by: str, dry_run: bool = False) -> Undone:
    """Undo an import: what is untouched since is removed or set back, the rest is listed.

    Raises UnknownNameError for an unknown batch, RefusedError for one that was undone.
    """
    removed: list[LeadId] = []
    restored: list[LeadId] = []
    kept: list[tuple[LeadId, str]] = []
    with store.unit() as work:
        found = work.imports.get(batch)
        if found is None:
            raise UnknownNameError("import", str(batch), (), otherwise="Run: nurture lead imports")
        if found["undone_at"] is not None:
            raise RefusedError(f"Import {batch} was undone on {found['undone_at']:%Y-%m-%d}.", hint="Nothing to do.")
        rows = work.imports.rows(batch)
        ids = [row["lead_id"] for row in rows]
        touched = work.touches.of_leads(ids)
        heard = work.responses.of_leads(ids)
        enrolled = work.enrollments.all_of(ids)
        for row in rows:
            lead = row["lead_id"]
            stored = work.leads.columns(lead)
            reason = ""
            if stored.get("changed_at") is None or stored["changed_at"] > row["at"]:
                reason = "changed since"
            elif touched.get(lead) or heard.get(lead):
                reason = "contacted or heard from since"
            elif enrolled.get(lead):
                reason = "enrolled since"
            if reason:
                kept.append((lead, reason))
            elif row["before"] is None:
                work.imports.remove_lead(lead)
                removed.append(lead)
            else:
                work.leads.update(lead, {**row["before"], "changed_at": now})
                restored.append(lead)
        work.imports.undone(batch, now)
        work.notes.add([Change("import_undone", f"import {batch} undone", now, by=by)])
        if not dry_run:
            work.commit()
    return Undone(tuple(removed), tuple(restored), tuple(kept))
