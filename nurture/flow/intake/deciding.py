"""What each row of a batch comes to, given what is known of whom it names and what the rows before it said. No I/O."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from nurture.domain.address import company_domain
from nurture.domain.consent import Medium, Standing, standing
from nurture.domain.employers import Employers
from nurture.domain.fact import Fact, FactName
from nurture.domain.lead import LeadId, Stage, Status
from nurture.domain.row import Refused, Row
from nurture.domain.stated_time import decision_date
from nurture.moves.fields import CALENDAR
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
_BLANK: Final[dict[str, Any]] = dict.fromkeys((*LEAD_FIELDS, "company_id", "timeline_on"))
COMPANY_FIELDS: Final = ("industry", "employees", "revenue", "country", "timezone")
_OF_LEAD: Final = frozenset(LEAD_FIELDS)
_OF_COMPANY: Final = frozenset(COMPANY_FIELDS)
_NURTURING, _UNKNOWN = Status.NURTURING.value, Stage.UNKNOWN.value
_NAMES_A_COMPANY: Final = ("industry", "employees", "revenue", "domain")


@dataclass(frozen=True, slots=True)
class Named:
    """Whom and what the rows of a batch name."""

    rows: Sequence[Row]
    emails: set[str]
    externals: set[str]
    employers: set[tuple[str | None, str | None]]
    wishes: set[str]  # addresses and numbers of those who want to be left alone
    consents: bool
    facts: bool


def identities(chunk: Sequence[Row | Refused]) -> Named:
    """What must be looked up for a batch."""
    rows = [row for row in chunk if isinstance(row, Row)]
    consents, facts = any(row.consent for row in rows), any(row.facts for row in rows)
    named = Named(rows, set(), set(), set(), set(), consents, facts)
    for row in named.rows:
        given = row.values
        if email := given.get("email"):
            named.emails.add(email)
        if external := given.get("external_id"):
            named.externals.add(external)
        named.employers.add(_employer(given))
    for one in chunk:
        given = one.values if isinstance(one, Row) else one.identity
        wishes = (given.get("email") if one.opted_out else None, given.get("phone") if one.do_not_call else None)
        named.wishes.update(wish for wish in wishes if wish)
    return named


def _employer(given: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Name and domain of the company that a row names: by name, else by the domain of a work address.

    A freemail domain is never a company.
    """
    email, name = given.get("email"), given.get("company")
    domain = given.get("domain") or (company_domain(email) if email else None)
    if name or (domain and any(given.get(key) for key in _NAMES_A_COMPANY)):
        return name or domain, domain
    return None, None


@dataclass(slots=True)
class Person:
    """A lead as the rows so far leave it. `before` is what they changed of its columns; None: they made it."""

    lead: LeadId
    columns: dict[str, Any]
    before: dict[str, Any] | None
    consents: list[Consent] = field(default_factory=list)  # oldest first
    facts: set[tuple[FactName, str]] = field(default_factory=set)
    line: int | None = None  # where it first changed
    new: set[str] = field(default_factory=set)  # columns that a known lead has anew

    @property
    def is_new(self) -> bool:
        """Whether a row of this batch made it."""
        return self.before is None


@dataclass(slots=True)
class Known:
    """What the database knows of those whom a batch names. `quiet`: old addresses that may not be written to."""

    emails: dict[str, LeadId]
    externals: dict[str, LeadId]
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
    touched: dict[LeadId, Person] = field(default_factory=dict)  # made or changed, themselves or their company
    consents: list[tuple[LeadId, Consent]] = field(default_factory=list)
    facts: list[tuple[LeadId, Fact]] = field(default_factory=list)
    aliases: dict[str, LeadId] = field(default_factory=dict)
    notes: list[Change] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)
    leave_alone: set[LeadId] = field(default_factory=set)
    call_no_more: set[LeadId] = field(default_factory=set)
    look_again: set[LeadId] = field(default_factory=set)  # their calendar is another one now

    def take(self, row: Row | Refused) -> None:
        """Decide one row."""
        if isinstance(row, Refused):
            self.refused.append((row.line, row.reason))
            self._wishes(row)
            return
        known, given = self.known, row.values
        email, external = given.get("email"), given.get("external_id")
        by_email = known.emails.get(email) if email else None
        by_external = known.externals.get(external) if external else None
        if by_email is not None and by_external is not None and by_email != by_external:
            reason = f"the address belongs to lead {by_email}, the external id to lead {by_external}; merge them first"
            self.refused.append((row.line, reason))
            return
        lead = by_external if by_external is not None else by_email
        if self.source and not given.get("source"):
            given = {**given, "source": self.source}
        if lead is None:
            self._make(row, given)
            self.created += 1
        elif self._change(row, given, known.people[lead]):
            self.updated += 1
        else:
            self.unchanged += 1

    def _wishes(self, row: Refused) -> None:
        """A wish outlives the refusal of its row: a mistyped country must not keep anybody on the list."""
        email, phone = row.identity.get("email"), row.identity.get("phone")
        if row.opted_out and email:
            self._suppress(email, "all", "opted_out")
        if row.do_not_call and phone:
            self._suppress(phone, "phone", "do_not_call")

    def _suppress(self, address: str, scope: str, reason: str, lead: LeadId | None = None) -> bool:
        """False if it was already."""
        if (address, scope) in self.known.suppressed:
            return False
        self.known.suppressed.add((address, scope))
        self.suppressions.append(Suppression(address, scope, reason, self.now, lead))
        return True

    def _make(self, row: Row, given: Mapping[str, Any]) -> None:
        now, lead = self.now, next(self.known.numbers)
        columns: dict[str, Any] = {
            **_BLANK,
            "id": lead,
            "status": given.get("status", _NURTURING),
            "stage": given.get("stage", _UNKNOWN),
            "email": given.get("email"),
            "do_not_call": row.do_not_call,
            "created_at": given.get("created_at") or now,
            "arrived_at": now,
            "changed_at": now,
        }
        for name in given.keys() & _OF_LEAD:
            columns[name] = given[name]
        if row.custom:
            columns["custom"] = dict(row.custom)
        if row.notes:
            columns["notes"] = row.notes
        company = self._company(given)
        if company is not None:
            columns["company_id"] = company
        person = self.known.people[lead] = self.touched[lead] = Person(lead, columns, None, line=row.line)
        if email := columns["email"]:
            self.known.emails[email] = lead
        if external := columns["external_id"]:
            self.known.externals[external] = lead
        self.notes.append(Change("imported", f"imported, line {row.line}", now, self.by, lead))
        self._told(row, given, person)
        if row.facts:
            self._learned(row, person)

    def _change(self, row: Row, given: Mapping[str, Any], person: Person) -> bool:
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
            company = self._company(given)
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
        if changed or len(self.known.employers.filled) > filled:
            self.touched[lead] = person
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
        if "external_id" in different:
            if self.known.externals.get(stored.get("external_id") or "") == person.lead:
                del self.known.externals[stored["external_id"]]
            self.known.externals[different["external_id"]] = person.lead
        stored.update(different, changed_at=self.now)
        return True

    def _readdress(self, person: Person, email: str) -> None:
        """The lead is known by its external id and has another address now; the old one stays as an alias."""
        if old := person.columns.get("email"):
            self.aliases[old] = person.lead
            # Who asked under an old address to be left alone did not ask for mail to the new one.
            if old in self.known.quiet or (old, "all") in self.known.suppressed:
                self._suppress(email, "all", "new_address", person.lead)
        self.known.emails[email] = person.lead

    def _company(self, given: Mapping[str, Any]) -> int | None:
        name, domain = _employer(given)
        if name is None:
            return None
        values = {key: given[key] for key in given.keys() & _OF_COMPANY if given[key] is not None}
        return self.known.employers.place(name=name, domain=domain, values=values)

    def _told(self, row: Row, given: Mapping[str, Any], person: Person) -> bool:
        """Consent and opt-outs of the file. An import never opts anybody in again who opted out."""
        changed, lead = False, person.lead
        first = person.is_new and not person.consents
        if row.consent is not None:
            one = row.consent
            new = Consent(one.basis, one.at or self.now, one.until, one.source or "import", one.text or "", one.channel)
            if first or not self._is_told(new, person, since=one.at):
                insort(person.consents, new, key=lambda one: one.at)
                self.consents.append((lead, new))
                changed = True
        email, phone = given.get("email"), given.get("phone")
        if row.opted_out and email and self._suppress(email, "all", "opted_out", lead):
            changed = True
            if not person.is_new:
                self.leave_alone.add(lead)
        if row.do_not_call:
            if not person.is_new:
                self.call_no_more.add(lead)
            if phone:
                changed = self._suppress(phone, "phone", "do_not_call", lead) or changed
        return changed

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
            person.facts.add((name, value))
            self.facts.append((person.lead, Fact(name, value, "import", self.now, by=self.by)))
            changed = True
            on = decision_date(value, self.now.date()) if name is FactName.TIMELINE else None
            if on is not None:
                person.columns["timeline_on"] = on
                person.new.add("timeline_on")
        return changed


def plain(value: Any) -> Any:
    """A column as it stands in the memory of an import."""
    return value.isoformat() if hasattr(value, "isoformat") else value
