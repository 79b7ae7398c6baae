"""Everything that a batch of rows is decided by, looked up together."""

from __future__ import annotations

from typing import Any

from nurture.domain.row import Row
from nurture.flow.intake.deciding import Known, Named, Person
from nurture.ports import Unit


def look(work: Unit, named: Named) -> Known:
    """What the database knows of those whom a batch names; the leads among them are held until it commits."""
    arrivals = work.arrivals
    emails, externals = arrivals.by_identity(named.emails, named.externals)
    held = arrivals.hold({*emails.values(), *externals.values()})
    consents = work.leads.consents(held) if named.consents else {}
    facts = work.leads.facts(held) if named.facts else {}
    old = {email for row in named.rows if (email := _address_before(row, externals, held))} if externals else set()
    already = sum(_is_known(row, emails, externals) for row in named.rows) if held else 0
    return Known(
        emails=emails,
        externals=externals,
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
        employers=arrivals.employers(set(named.employers)),
        suppressed=arrivals.listed(named.wishes),
        quiet={address for address, scopes in work.suppressions.scopes(old).items() if "all" in scopes},
        numbers=iter(arrivals.reserve(len(named.rows) - already)),
    )


def _address_before(row: Row, externals: dict[str, int], held: dict[int, dict[str, Any]]) -> str | None:
    """The address of the lead of the row's external id, where the row has another."""
    lead = externals.get(row.values.get("external_id", ""))
    email: str | None = held[lead]["email"] if lead is not None else None
    return email if row.values.get("email") not in (None, email) else None


def _is_known(row: Row, emails: dict[str, int], externals: dict[str, int]) -> bool:
    return row.values.get("email") in emails or row.values.get("external_id") in externals
