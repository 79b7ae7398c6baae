"""What each row of a batch comes to, given what is known of whom it names and what the rows before it said. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from nurture.domain.consent import Medium, Standing, standing
from nurture.domain.employers import Employers
from nurture.domain.fact import Fact, FactName
from nurture.domain.lead import LeadId, Stage, Status, own_name
from nurture.domain.row import GivenConsent, Refused, Row
from nurture.domain.stated_time import decision_date
from nurture.flow.intake.naming import Caller, Employer, caller_of, said
from nurture.moves.fields import CALENDAR
from nurture.ports.store import Consent, Suppression

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
_NURTURING, _UNKNOWN = Status.NURTURING.value, Stage.UNKNOWN.value


# What a row says of a lead that it makes, and what stands where it says nothing.
_OF_NEW: Final[Mapping[str, Any]] = {
    "email": None,
    "external_id": None,
    "status": _NURTURING,
    "stage": _UNKNOWN,
    **{name: None for name in LEAD_FIELDS if name != "external_id"},
}


Made = tuple[Row, Mapping[str, Any], int | None]  # what made a lead, what it gives for it, the company


@dataclass(slots=True)
class Person:
    """A lead as the rows so far leave it. `before` is what they changed of its columns; None: they made it.

    Of one that they made, `columns` lacks what all of them have alike.
    """

    lead: LeadId
    columns: dict[str, Any]
    before: dict[str, Any] | None
    line: int | None = None  # where it first changed
    consents: Sequence[Consent] = ()  # oldest first
    facts: frozenset[tuple[FactName, str]] = frozenset()
    new: frozenset[str] = frozenset()  # columns that a known lead has anew

    @property
    def is_new(self) -> bool:
        """Whether a row of this batch made it."""
        return self.before is None


@dataclass(slots=True)
class Known:
    """What the database knows of those whom a batch names. `quiet`: old addresses that may not be written to."""

    emails: dict[str, LeadId]
    externals: dict[str, LeadId]
    callers: dict[Caller, LeadId]
    people: dict[LeadId, Person]
    employers: Employers
    suppressed: set[tuple[str, str]]
    quiet: set[str]
    numbers: Iterator[LeadId]


@dataclass(slots=True)
class Deciding:
    """Takes rows one after the other; what is to be written stands here afterwards."""

    known: Known
    source: str | None
    now: datetime
    by: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    made: dict[LeadId, Made] = field(default_factory=dict)
    named_again: dict[LeadId, Person] = field(default_factory=dict)  # made, and then named by another row
    touched: dict[LeadId, Person] = field(default_factory=dict)  # known ones, changed themselves or their company
    consents: list[tuple[LeadId, Consent]] = field(default_factory=list)
    facts: list[tuple[LeadId, Fact]] = field(default_factory=list)
    aliases: dict[str, LeadId] = field(default_factory=dict)
    suppressions: list[Suppression] = field(default_factory=list)
    leave_alone: set[LeadId] = field(default_factory=set)
    call_no_more: set[LeadId] = field(default_factory=set)
    look_again: set[LeadId] = field(default_factory=set)  # their calendar is another one now

    def take(self, row: Row | Refused, employer: Employer) -> None:
        """Decide one row, which names this employer."""
        known, given = self.known, said(row)
        email, external = given.get("email"), given.get("external_id")
        by_email = known.emails.get(email) if email else None
        by_external = known.externals.get(external) if external else None
        called = caller_of(given)
        by_phone = known.callers.get(called) if called else None
        if isinstance(row, Refused):
            self._refuse(row, row.reason, by_email, by_external, by_phone)
            return
        if by_email is not None and by_external is not None and by_email != by_external:
            reason = f"the address belongs to lead {by_email}, the external id to lead {by_external}; merge them first"
            self._refuse(row, reason, by_email, by_external)
            return
        lead = next((one for one in (by_external, by_email, by_phone) if one is not None), None)
        if self.source and not given.get("source"):
            given = {**given, "source": self.source}
        if lead is None:
            lead = next(known.numbers)
            if email:
                known.emails[email] = lead
            if external:
                known.externals[external] = lead
            if called:
                known.callers[called] = lead
            self.made[lead] = row, given, self._company(given, employer)
            self.created += 1
            if row.consent is not None or row.opted_out or row.do_not_call or row.facts:
                self._begins(row, given, lead)
        elif self._change(row, given, self._person(lead), employer):
            self.updated += 1
        else:
            self.unchanged += 1

    def _person(self, lead: LeadId) -> Person:
        """Whom a row names: known, or made by a row before it. Few are named again, and only of them more is needed."""
        people = self.known.people
        if lead not in people:
            row, given, company = self.made[lead]
            columns = {name: given.get(name, usual) for name, usual in _OF_NEW.items()}
            columns |= {"id": lead, "company_id": company, "timeline_on": None, "do_not_call": row.do_not_call}
            columns |= {"created_at": given.get("created_at") or self.now}
            columns |= {"custom": dict(row.custom) if row.custom else None, "notes": row.notes or None}
            told = (self._consent(row.consent),) if row.consent is not None else ()
            people[lead] = self.named_again[lead] = Person(lead, columns, None, row.line, told)
        return people[lead]

    def _begins(self, row: Row, given: Mapping[str, Any], lead: LeadId) -> None:
        """What else a row says of the lead that it makes."""
        if row.consent is not None:
            self.consents.append((lead, self._consent(row.consent)))
        if row.opted_out or row.do_not_call:
            self._heard(row, given, lead)
        if row.facts:
            self._learned(row, self._person(lead))

    def new(self) -> Mapping[str, Sequence[Any]]:
        """The columns of the leads that were made, but for what all of them have alike."""
        rows, all_given, companies = zip(*self.made.values(), strict=True) if self.made else ((), (), ())
        columns: dict[str, list[Any]] = {
            "id": list(self.made),
            **{name: [given.get(name, usual) for given in all_given] for name, usual in _OF_NEW.items()},
            "company_id": list(companies),
            "timeline_on": [None] * len(rows),
            "do_not_call": [row.do_not_call for row in rows],
            "created_at": [given.get("created_at") or self.now for given in all_given],
            "custom": [dict(row.custom) if row.custom else None for row in rows],
            "notes": [row.notes or None for row in rows],
        }
        if self.named_again:
            places = {lead: place for place, lead in enumerate(self.made)}
            for lead, person in self.named_again.items():
                for name, values in columns.items():
                    values[places[lead]] = person.columns[name]
        return columns

    def _refuse(self, row: Row | Refused, reason: str, *named: LeadId | None) -> None:
        """A wish outlives the refusal of its row: a mistyped country must not keep anybody on the list."""
        self.refused.append((row.line, reason))
        given, leads = said(row), {lead for lead in named if lead is not None}
        for lead in sorted(leads):
            person = self._person(lead)
            changed = row.do_not_call and not person.columns["do_not_call"]
            if changed:
                self._set(person, {"do_not_call": True})
            self._note(person, row, self._heard(row, given, lead) or changed)
        if not leads:
            self._heard(row, given, None)

    def _suppress(self, address: str, scope: str, reason: str, lead: LeadId | None = None) -> bool:
        """False if it was already."""
        if (address, scope) in self.known.suppressed:
            return False
        self.known.suppressed.add((address, scope))
        self.suppressions.append(Suppression(address, scope, reason, self.now, lead))
        return True

    def _change(self, row: Row, given: Mapping[str, Any], person: Person, employer: Employer) -> bool:
        """Whether anything changed."""
        stored, lead = person.columns, person.lead
        by_person = set(stored.get("by_person") or ())
        values = {name: given[name] for name in LEAD_FIELDS if name in given and name not in by_person}
        if stored.get("source"):
            values.pop("source", None)  # a lead is counted once, in its first cohort
        custom = {name: value for name, value in row.custom.items() if f"x.{name}" not in by_person}
        if custom:
            values["custom"] = {**(stored.get("custom") or {}), **custom}
        if row.notes:
            values["notes"] = row.notes
        if row.do_not_call:
            values["do_not_call"] = True
        filled = len(self.known.employers.filled)
        if "company" in given or "domain" in given:
            company = self._company(given, employer)
            if company is not None and "company" not in by_person:
                values["company_id"] = company
        external = given.get("external_id")
        if external and stored.get("external_id") != external and self.known.externals.get(external) == lead:
            values.pop("external_id", None)  # found by the id of one that was merged into it, the lead keeps its own
        # Found by an alias alone, the lead keeps the address it has: the file knows an old one.
        by_id = bool(external) and stored.get("external_id") == external
        email = given.get("email")
        if by_id and email and email != stored.get("email") and "email" not in by_person:
            values["email"] = email
            self._readdress(person, email)
        if "status" in given and stored.get("status") == Status.NURTURING.value:
            values["status"] = given["status"]
        changed = self._set(person, {name: value for name, value in values.items() if stored.get(name) != value})
        changed = self._told(row, given, person) or changed
        changed = (bool(row.facts) and self._learned(row, person)) or changed
        if not person.is_new and len(self.known.employers.filled) > filled:
            self.touched[lead] = person
        return self._note(person, row, changed)

    def _note(self, person: Person, row: Row | Refused, changed: bool) -> bool:
        """That a row changed somebody, or not."""
        if changed and not person.is_new:
            self.touched[person.lead] = person
        if changed and person.line is None:
            person.line = row.line
        return changed

    def _set(self, person: Person, different: Mapping[str, Any]) -> bool:
        if not different:
            return False
        stored = person.columns
        if person.before is not None:
            for name in different:
                person.before.setdefault(name, plain(stored.get(name)))
            person.new |= {*different, "changed_at"}
            if different.keys() & {*CALENDAR, "company_id"}:
                self.look_again.add(person.lead)
            stored["changed_at"] = self.now
        if "external_id" in different:
            if self.known.externals.get(stored.get("external_id") or "") == person.lead:
                del self.known.externals[stored["external_id"]]
            self.known.externals[different["external_id"]] = person.lead
        stored.update(different)
        return True

    def _readdress(self, person: Person, email: str) -> None:
        """The lead is known by its external id and has another address now; the old one stays as an alias."""
        old = person.columns.get("email")
        if old:
            self.aliases[old] = person.lead
        # Who asked under an old address, or before there was one, to be left alone did not ask for mail to the new one.
        listed_as = old or own_name(person.lead)
        if listed_as in self.known.quiet or (listed_as, "all") in self.known.suppressed:
            self._suppress(email, "all", "new_address", person.lead)
        self.known.emails[email] = person.lead

    def _company(self, given: Mapping[str, Any], employer: Employer) -> int | None:
        name, domain = employer
        if name is None:
            return None
        if domain and (known := self.known.employers.as_given(domain, given)) is not None:
            return known
        values = {key: value for key in COMPANY_FIELDS if (value := given.get(key)) is not None}
        return self.known.employers.place(name=name, domain=domain, values=values)

    def _told(self, row: Row, given: Mapping[str, Any], person: Person) -> bool:
        """Consent and opt-outs of the file. An import never opts anybody in again who opted out."""
        changed, lead = False, person.lead
        first = person.is_new and not person.consents
        if row.consent is not None:
            new = self._consent(row.consent)
            if first or not self._is_told(new, person, since=row.consent.at):
                person.consents = (new,) if first else sorted((*person.consents, new), key=lambda one: one.at)
                self.consents.append((lead, new))
                changed = True
        return self._heard(row, given, lead) or changed

    def _heard(self, row: Row | Refused, given: Mapping[str, Any], lead: LeadId | None) -> bool:
        """The wishes of a row. False if they were known.

        Whoever opts out by an old address, an external id or a number does so for the address that they have, or will.
        """
        email, phone, changed = given.get("email"), given.get("phone"), False
        if row.opted_out:
            has = self._listed_as(lead) if lead is not None else None
            for address in dict.fromkeys(one for one in (email, has) if one):
                changed = self._suppress(address, "all", "opted_out", lead) or changed
            if lead is not None and changed and lead not in self.made:
                self.leave_alone.add(lead)
        if row.do_not_call:
            if lead is not None and lead not in self.made:
                self.call_no_more.add(lead)
            if phone:
                changed = self._suppress(phone, "phone", "do_not_call", lead) or changed
        return changed

    def _listed_as(self, lead: LeadId) -> str:
        """What is suppressed where a lead must not be contacted, as the rows so far leave it."""
        person = self.known.people.get(lead)
        email: str | None = (person.columns if person is not None else self.made[lead][1]).get("email")
        return email or own_name(lead)

    def _consent(self, one: GivenConsent) -> Consent:
        return Consent(one.basis, one.at or self.now, one.until, one.source or "import", one.text or "", one.channel)

    def _is_told(self, new: Consent, person: Person, *, since: datetime | None) -> bool:
        """Whether it says nothing new, or a person may have said otherwise since.

        A file that does not say since when a basis holds knows of no wish that came later.
        """
        if any(
            (old.basis, old.channel, old.until) == (new.basis, new.channel, new.until)
            and (since is None or old.at == since)
            for old in person.consents
        ):
            return True
        held = standing(person.consents, country=None, now=self.now, medium=Medium(new.channel))
        return since is None and held is Standing.WITHDRAWN

    def _learned(self, row: Row, person: Person) -> bool:
        """Facts of the file, with source `import`; a statement that is known already is not written twice."""
        changed = False
        for name, value in row.facts.items():
            if (name, value) in person.facts:
                continue
            person.facts |= {(name, value)}
            self.facts.append((person.lead, Fact(name, value, "import", self.now, by=self.by)))
            changed = True
            on = decision_date(value, self.now.date()) if name is FactName.TIMELINE else None
            if on is not None:
                person.columns["timeline_on"] = on
                person.new |= {"timeline_on"}
        return changed


def plain(value: Any) -> Any:
    """A column as it stands in the memory of an import."""
    return value.isoformat() if hasattr(value, "isoformat") else value
