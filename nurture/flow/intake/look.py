"""Everything that a batch of rows is decided by, looked up together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nurture.domain.employers import Employers
from nurture.domain.lead import LeadId, own_name
from nurture.domain.row import Refused, Row
from nurture.flow.intake.deciding import Known, Person
from nurture.flow.intake.naming import Employer, Named, caller_of, identities
from nurture.ports import Store, Unit

Stored = Mapping[str, Any]  # the columns of a lead


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was found of a batch while the one before it was written, and what of it must be asked again.

    Whom nobody knew is new, unless somebody else stores them meanwhile: then the database refuses the batch.
    """

    named: Named
    emails: set[str]
    externals: set[str]
    employers: Employers  # as they are stored, and left by the batch before
    again: set[Employer]


def look_ahead(store: Store, chunk: Sequence[Row | Refused], *, behind: Named, made: Employers) -> Ahead:
    """Look up a batch, while that `behind` it is written with what was `made` of its companies."""
    named = identities(chunk)
    employers = set(named.employers)
    with store.unit(write=False) as work:
        emails, externals = work.arrivals.by_identity(named.emails, named.externals)
        found = work.arrivals.employers(employers, only_known=True)
    touched = made.touched
    of_domain = {domain: number for domain, number in found.of_domain.items() if number not in touched}
    known = {number: found.companies[number] for number in of_domain.values()}
    return Ahead(
        named,
        emails=named.emails & (emails.keys() | behind.emails),
        externals=named.externals & (externals.keys() | behind.externals),
        employers=Employers(of_domain, {}, known, iter(())),
        again={one for one in employers if one[1] not in of_domain},
    )


def look(work: Unit, named: Named, ahead: Ahead | None = None) -> Known:
    """What the database knows of those whom a batch names; the leads among them are held until it commits."""
    arrivals = work.arrivals
    asked = ahead or named
    emails, externals = arrivals.by_identity(asked.emails, asked.externals)
    callers = arrivals.by_phone(named.phones)
    held = arrivals.hold({*emails.values(), *externals.values(), *callers.values()})
    consents = work.leads.consents(held) if named.consents else {}
    facts = work.leads.facts(held) if named.facts else {}
    old = _old_addresses(named.rows, emails, externals, held) if named.externals else set()
    wishing = {emails.get(one.get("email", "")) for one in named.wishing}
    wishing |= {externals.get(one.get("external_id", "")) for one in named.wishing}
    wishing |= {callers.get(called) for one in named.wishing if (called := caller_of(one))}
    theirs = {held[lead]["email"] or own_name(lead) for lead in wishing if lead is not None}
    employers = arrivals.employers(ahead.again if ahead else set(named.employers))
    if ahead:
        employers.learn(ahead.employers)
    # Not who is known by an external id alone: a row of this batch may give them another one.
    already = sum(row.values.get("email") in emails for row in named.rows) if held else 0
    return Known(
        emails=emails,
        externals=externals,
        callers=callers,
        people={
            lead: Person(
                lead,
                stored,
                before={},
                consents=consents.get(lead, ()),
                facts=frozenset((fact.name, fact.value) for fact in facts.get(lead, ())),
            )
            for lead, stored in held.items()
        },
        employers=employers,
        suppressed=arrivals.listed(named.wishes | theirs | old) if named.wishing else set(),
        quiet={address for address, scopes in work.suppressions.scopes(old).items() if "all" in scopes},
        numbers=iter(arrivals.reserve(len(named.rows) - already)),
    )


def _old_addresses(
    rows: Sequence[Row], emails: Mapping[str, LeadId], externals: Mapping[str, LeadId], held: Mapping[LeadId, Stored]
) -> set[str]:
    """Addresses that leads may have when a row gives them another one.

    A row does so whose external id is theirs: in the database, or since another row that has a name of it or its lead.
    """
    names = [(row.values.get("email", ""), row.values.get("external_id", "")) for row in rows]
    given = [name for one in names for name in one if name]
    if not held and len(set(given)) == len(given):
        return set()  # all are new, and named once
    leads = [[emails.get(email), externals.get(external)] for email, external in names]
    times = Counter(name for one, own in zip(names, leads, strict=True) for name in {*one, *own})
    times[None] = times[""] = 0
    found: set[str] = set()
    for (email, external), own in zip(names, leads, strict=True):
        before = {held[lead]["email"] or own_name(lead) for lead in own if lead is not None}
        if any(times[name] > 1 for name in (email, external, *own)):
            found |= before | {email}
        elif external in externals and email:
            found |= before - {email}
    return found - {""}
