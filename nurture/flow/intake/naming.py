"""Whom and what the rows of a batch name, so that all of it can be looked up together. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nurture.domain.address import company_domain
from nurture.domain.lead import caller
from nurture.domain.row import Refused, Row

_NO_EMPLOYER: Final = (None, None)
_NAMES_A_COMPANY: Final = ("industry", "employees", "revenue", "domain")

Employer = tuple[str | None, str | None]  # name and domain; neither: the row names none
Caller = tuple[str, str]  # number and name


@dataclass(frozen=True, slots=True)
class Named:
    """Whom and what the rows of a batch name; `employers` has one for each of them, refused ones too.

    `wishing` are those by whose words somebody wants to be left alone, refused ones too.
    """

    rows: Sequence[Row]
    wishing: Sequence[Mapping[str, Any]]
    emails: set[str]
    externals: set[str]
    phones: set[str]  # of those who have neither
    employers: Sequence[Employer]
    wishes: set[str]  # addresses and numbers of those who want to be left alone
    consents: bool
    facts: bool


def identities(chunk: Sequence[Row | Refused]) -> Named:
    """What must be looked up for a batch."""
    rows = [row for row in chunk if isinstance(row, Row)]
    wishing = [one for one in chunk if one.opted_out or one.do_not_call]
    given = [*(row.values for row in rows), *(one.identity for one in wishing if isinstance(one, Refused))]
    return Named(
        rows,
        [said(one) for one in wishing],
        emails={email for one in given if (email := one.get("email"))},
        externals={external for one in given if (external := one.get("external_id"))},
        phones={known_by[0] for one in given if (known_by := caller_of(one))},
        employers=[_employer(one.values) if isinstance(one, Row) else _NO_EMPLOYER for one in chunk],
        wishes={wish for one in wishing for wish in _wished(one)},
        consents=any(row.consent for row in rows),
        facts=any(row.facts for row in rows),
    )


def said(row: Row | Refused) -> Mapping[str, Any]:
    """Who it is about; of a row that is not refused, also the rest."""
    return row.values if isinstance(row, Row) else row.identity


def caller_of(given: Mapping[str, Any]) -> Caller | None:
    """What a row is known by that has neither an address nor an external id; None: it has."""
    if given.get("email") or given.get("external_id") or not given.get("phone"):
        return None
    return caller(given["phone"], given.get("first_name"), given.get("last_name"))


def _wished(row: Row | Refused) -> list[str]:
    """The address that does not want mail, the number that does not want calls."""
    given = said(row)
    wishes = (given.get("email") if row.opted_out else None, given.get("phone") if row.do_not_call else None)
    return [wish for wish in wishes if wish]


def _employer(given: Mapping[str, Any]) -> Employer:
    """The company that a row names: by name, else by the domain of a work address.

    A freemail domain is never a company.
    """
    email, name = given.get("email"), given.get("company")
    domain = given.get("domain") or (company_domain(email) if email else None)
    if name or (domain and any(given.get(key) for key in _NAMES_A_COMPANY)):
        return name or domain, domain
    return _NO_EMPLOYER
