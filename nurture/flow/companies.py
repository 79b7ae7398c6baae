"""Companies by hand: their fields, their domains, two that are one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from nurture.domain.address import is_freemail, normalise_domain
from nurture.domain.errors import RefusedError, RequestError, UnknownNameError
from nurture.domain.lead import Company, LeadId
from nurture.domain.policy import Policy
from nurture.domain.row import Column, Refused, RowReader
from nurture.moves.again import again
from nurture.moves.fields import CALENDAR, look_again
from nurture.moves.rescore import rescore
from nurture.moves.scene import load
from nurture.ports import InForce, Store, Unit
from nurture.ports.store import Change

READ: Final = ("industry", "employees", "revenue", "country", "timezone")
SETTABLE: Final = ("name", *READ, "fiscal_year_start")


def listed(*, store: Store) -> list[tuple[Company, int]]:
    """Every company with how many people of it are leads."""
    with store.unit(write=False) as work:
        return [(one, len(work.leads.of_company(one.id))) for one in work.leads.companies(None).values()]


def named(name: str, *, store: Store) -> Company:
    """The company of this name or domain. Raises UnknownNameError."""
    with store.unit(write=False) as work:
        return _named(work, name)


def _named(work: Unit, name: str) -> Company:
    number = work.leads.company_named(name)
    if number is None:
        known = [one.name for one in work.leads.companies(None).values()]
        raise UnknownNameError("company", name, known, otherwise="Run: nurture company list")
    return work.leads.companies([number])[number]


@again
def set_values(
    name: str,
    fields: Mapping[str, str],
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> Company:
    """Set fields of a company; its people are scored again. Raises RequestError for a wrong name or value."""
    values = _read(fields)
    with store.unit() as work:
        company = _named(work, name)
        people = _held(work, company)
        work.leads.set_company(company.id, values)
        _score(work, people, rules=rules, policy=policy, now=now, by=by)
        if values.keys() & CALENDAR:
            look_again(work, people, now)
        words = ", ".join(f"{key} = {value}" for key, value in values.items())
        work.notes.add([Change("company", f"{company.name}: {words}", now, by=by)])
        after = work.leads.companies([company.id])[company.id]
        if not dry_run:
            work.commit()
    return after


def _held(work: Unit, *companies: Company) -> list[LeadId]:
    """The people of companies, held before these are: everybody in the same order, or two wait for each other."""
    people = [one for company in companies for one in work.leads.of_company(company.id)]
    work.touches.lock_for_limits(people, ())
    return people


def _score(work: Unit, people: Collection[LeadId], *, rules: InForce, policy: Policy, now: datetime, by: str) -> None:
    """What a company is goes into the score of its people."""
    scene = load(work, people, rules=rules, policy=policy, now=now)
    rescore(work, people, scene, by=by, because="the company changed")


def _read(fields: Mapping[str, str]) -> dict[str, Any]:
    unknown = [name for name in fields if name not in SETTABLE]
    if unknown:
        raise UnknownNameError("field", unknown[0], SETTABLE, otherwise=f"Settable: {', '.join(SETTABLE)}.")
    read = {name: text for name, text in fields.items() if name in READ and text}
    row = RowReader([Column("external_id", ""), *(Column(name, name) for name in read)]).read(1, ["1", *read.values()])
    if isinstance(row, Refused):
        raise RequestError(row.reason.rstrip(".") + ".", hint="Nothing was set.")
    values: dict[str, Any] = {name: row.values.get(name) for name in fields if name in READ}
    if "name" in fields:
        if not fields["name"]:
            raise RequestError("A company needs a name.", hint="Nothing was set.")
        values["name"] = fields["name"]
    if "fiscal_year_start" in fields:
        values["fiscal_year_start"] = _month_day(fields["fiscal_year_start"])
    return values


def _month_day(text: str) -> str | None:
    if not text:
        return None
    try:
        return f"{datetime.strptime(f'2000-{text}', '%Y-%m-%d'):%m-%d}"  # noqa: DTZ007 (a day of each year)
    except ValueError:
        raise RequestError(f"fiscal_year_start: {text!r} is no day of a year.", hint="Write MM-DD: 07-01") from None


@again
def merge(
    name: str,
    into: str,
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> tuple[Company, int]:
    """Make two companies one; how many people go along. Raises RefusedError where both are one already."""
    with store.unit() as work:
        company, other = _named(work, name), _named(work, into)
        if company.id == other.id:
            raise RefusedError("That is one company already.", hint="Name two different ones.")
        moved = len(work.leads.of_company(company.id))
        people = _held(work, company, other)
        work.leads.merge_companies(company.id, other.id)
        look_again(work, people, now)
        _score(work, people, rules=rules, policy=policy, now=now, by=by)
        work.notes.add([Change("company", f"{company.name} is part of {other.name} now", now, by=by)])
        if not dry_run:
            work.commit()
    return other, moved


@again
def alias(
    name: str,
    domain: str,
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> Company:
    """Let a domain be another of a company. Raises RequestError for what is no domain, or anybody's."""
    try:
        known_as = normalise_domain(domain)
    except ValueError as problem:
        raise RequestError(f"{domain!r}: {problem}.", hint="Write a domain: acme.example") from None
    if "." not in known_as or is_freemail(known_as):
        raise RequestError(f"{domain!r} is no company's domain.", hint="Write a domain of its own: acme.example")
    with store.unit() as work:
        company = _named(work, name)
        people = _held(work, company)
        owner = work.leads.company_domain(company.id, known_as)
        if owner != company.id:
            other = work.leads.companies([owner])[owner].name
            raise RefusedError(
                f"{known_as} is the domain of {other}.", hint=f"Are they one? nurture company merge {other!r} {name!r}"
            )
        _score(work, people, rules=rules, policy=policy, now=now, by=by)
        work.notes.add([Change("company", f"{known_as} is {company.name}, too", now, by=by)])
        if not dry_run:
            work.commit()
    return company
