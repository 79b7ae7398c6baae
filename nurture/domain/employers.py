"""Where the people of a batch work: the company of a domain, else of a name, else a new one; only blanks are filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from nurture.domain.lead import Company, CompanyId

FILLED: Final = frozenset({"industry", "employees", "revenue", "country", "timezone", "fiscal_year_start"})


@dataclass(slots=True)
class Employers:
    """The companies that a batch may name, as stored, and what the batch makes of them.

    `of_name` has the oldest of a name, by the name casefolded; `numbers` gives the ids of new ones.
    """

    of_domain: dict[str, CompanyId]
    of_name: dict[str, CompanyId]
    companies: dict[CompanyId, Company]
    numbers: Iterator[CompanyId]
    new: set[CompanyId] = field(default_factory=set)
    filled: set[CompanyId] = field(default_factory=set)  # known ones that know more now
    claimed: dict[str, CompanyId] = field(default_factory=dict)  # domains that were nobody's

    @property
    def touched(self) -> set[CompanyId]:
        """Those that are no longer as they were stored."""
        return self.new | self.filled | {*self.claimed.values()}

    def learn(self, others: Employers) -> None:
        """Know these as well, where nothing else is known."""
        self.of_domain = others.of_domain | self.of_domain
        self.companies = others.companies | self.companies

    def as_given(self, domain: str, given: Mapping[str, Any]) -> CompanyId | None:
        """The company of this domain if what is given tells nothing new of it: so it is with nearly every row."""
        found = self.of_domain.get(domain)
        if found is None:
            return None
        one = self.companies[found]
        is_said = (
            one.name != domain
            and (one.industry is not None or "industry" not in given)
            and (one.employees is not None or "employees" not in given)
            and (one.revenue is not None or "revenue" not in given)
            and (one.country is not None or "country" not in given)
            and (one.timezone is not None or "timezone" not in given)
        )
        return found if is_said else None

    def place(self, *, name: str | None, domain: str | None, values: Mapping[str, Any]) -> CompanyId:
        """The company of this domain, else of this name, else a new one; blanks are filled from `values`.

        Raises ValueError without a name and a domain, and KeyError for a value that companies do not have.
        """
        if not values.keys() <= FILLED:
            raise KeyError(f"companies have no {', '.join(sorted(values.keys() - FILLED))}")
        found = self.of_domain.get(domain) if domain else None
        name = squeezed(name)
        if not name and not domain:
            raise ValueError("a company needs a name or a domain")
        if found is None and name:
            found = self.of_name.get(name.casefold())
            if found is not None and domain:
                self._claim(domain, found)
        if found is None:
            found = next(self.numbers)
            known_as = name or domain or ""
            self.companies[found] = Company(found, known_as, domain, **values)
            self.of_name.setdefault(known_as.casefold(), found)
            self.new.add(found)
            if domain:
                self.of_domain[domain] = self.claimed[domain] = found
            return found
        self._fill(found, name, domain, values)
        return found

    def _claim(self, domain: str, company: CompanyId) -> None:
        self.of_domain[domain] = self.claimed[domain] = company
        one = self.companies[company]
        self.companies[company] = one._replace(domain=min(one.domain or domain, domain))

    def _fill(self, company: CompanyId, name: str, domain: str | None, values: Mapping[str, Any]) -> None:
        one = self.companies[company]
        if one.name != domain and None not in [getattr(one, key) for key in values]:
            return
        more = {key: value for key, value in values.items() if value not in (None, "") and getattr(one, key) is None}
        if name and domain and one.name == domain != name:  # until somebody said its name, it was called by its domain
            more["name"] = name
            if self.of_name.get(domain.casefold()) == company:
                del self.of_name[domain.casefold()]
            self.of_name.setdefault(name.casefold(), company)
        if more:
            self.companies[company] = one._replace(**more)
            self.filled.add(company)


@lru_cache(maxsize=10_000)
def squeezed(name: str | None) -> str:
    """A company's name without needless spaces."""
    return " ".join((name or "").split())
