"""The first score of leads that nothing has happened to yet, from what was found out for others with the same values.

It is what `moves.rescore` says of a lead without touches and responses; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from math import fsum
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import scoring
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Company, CompanyId, Lead, Stage, Status
from nurture.domain.names import names_of, next_turn
from nurture.domain.row import FACT_NAMES
from nurture.moves.rescore import countdown_of, moved_to, watched

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.fact import FactName
    from nurture.domain.scoring import FitRule
    from nurture.ports import InForce
    from nurture.ports.store import Change

REMEMBERED: Final = 50_000  # of one kind, before a batch
_OF_LEAD: Final = frozenset(Lead.__dataclass_fields__) - {"status", "stage", "company", "custom"}
_OF_SCORE: Final = frozenset({"fit", "engagement", "score"})
# What a name of a condition goes by: a column that every new lead has, a field of its company, or both.
_COLUMN: Final = {
    name: name
    for name in (
        *("email", "first_name", "last_name", "title", "phone", "country", "timezone", "language", "source", "owner"),
        *("external_id", "status", "stage", "created_at"),
    )
} | {"timeline_months": "timeline_on", "domain": "email"}
_FIELD: Final = {name: name for name in ("domain", "industry", "employees", "revenue", "country", "timezone")} | {
    "company": "name"
}
_NO_COMPANY: Final = Company(0, "")
_NOTHING: Final = frozenset[str]()

Columns = dict[str, Any]
Known = frozenset[str]  # names of facts
New = tuple[Columns, Company, Known]
Read = Callable[[Columns, Company, Known], Any]


class FirstScores:
    """Scores new leads. Not `is_enough` where a condition asks for colleagues: those are in the database."""

    def __init__(self, rules: InForce, now: datetime) -> None:
        workspace = rules.workspace
        self._now, self._scoring = now, workspace.scoring
        self._history = LeadHistory(now)
        self._watched, self._countdown = watched(workspace), countdown_of(workspace)
        self._engagement = scoring.engagement({}, self._scoring, now)
        staged = [one for rule in self._scoring.stages.values() for one in (rule.enter, rule.leave)]
        asked = [*staged, *(rule.when for rule in self._scoring.fit)]
        self.is_enough = all(call.name != "colleagues" for one in asked for call in one.calls)
        groups: dict[frozenset[str], list[FitRule]] = {}
        for rule in self._scoring.fit:
            groups.setdefault(rule.when.names, []).append(rule)
        self._fit = [(_reading(names), alike, dict[Any, list[float]]()) for names, alike in groups.items()]
        self._reads = _reading(_names(staged) - _OF_SCORE)
        self._stages: dict[Any, tuple[str, str]] = {}
        self._looks: dict[float, datetime | None] = {}

    def score(
        self,
        new: Sequence[Columns],
        facts: Sequence[Iterable[tuple[FactName, str]]],
        companies: Mapping[CompanyId, Company],
        *,
        by: str,
    ) -> tuple[dict[str, list[Any]], list[Change]]:
        """The columns of these leads with their scores, stages and when to look again; the stages that changed."""
        known = [frozenset(name.value for name, _ in one) if one else _NOTHING for one in facts]
        numbers = [columns["company_id"] for columns in new]
        employers = [companies[number] if number is not None else _NO_COMPANY for number in numbers]
        leads = list(zip(new, employers, known, strict=True))
        worths = [self._worths(rules, reads, remembered, leads) for reads, rules, remembered in self._fit]
        fits = list(map(fsum, map(chain.from_iterable, zip(*worths, strict=True)))) if worths else [0.0] * len(leads)
        staged = self._staged(leads, fits)
        changes = [
            moved_to(columns["id"], Stage(columns["stage"]), Stage(stage), because, self._now, by=by)
            for columns, (stage, because) in zip(new, staged, strict=True)
            if because
        ]
        looks = [self._look_at(fit, columns["timeline_on"]) for fit, columns in zip(fits, new, strict=True)]
        alike = {"engagement": self._engagement, "scored_at": self._now, "enroll_check": True, "ready_check": True}
        scored: dict[str, list[Any]] = {name: [value] * len(fits) for name, value in alike.items()}
        return {"fit": fits, "stage": [stage for stage, _ in staged], "look_at": looks, **scored}, changes

    def _worths(
        self, rules: Sequence[FitRule], reads: Read, remembered: dict[Any, list[float]], leads: Sequence[New]
    ) -> list[list[float]]:
        """The points that each lead gets by rules that go by the same names."""
        keys = [reads(*lead) for lead in leads]
        for key, lead in _unknown(remembered, keys, leads):
            names = self._names(*lead)
            remembered[key] = [rule.points for rule in rules if rule.when.holds(names, self._history)]
        return [remembered[key] for key in keys]

    def _staged(self, leads: Sequence[New], fits: Sequence[float]) -> list[tuple[str, str]]:
        """The stage of each lead, and why, where it is another one than before."""
        reads = self._reads
        keys = [(fit, lead[0]["stage"], reads(*lead)) for fit, lead in zip(fits, leads, strict=True)]
        for key, lead in _unknown(self._stages, keys, leads):
            fit, was, _ = key
            names = self._names(*lead)
            names |= {"fit": fit, "engagement": self._engagement, "score": fit + self._engagement}
            stage, because = scoring.stage_of(Stage(was), self._scoring, names, self._history)
            self._stages[key] = stage.value, because
        return [self._stages[key] for key in keys]

    def _look_at(self, fit: float, timeline_on: date | None) -> datetime | None:
        if fit not in self._looks:
            bounds = scoring.thresholds(self._watched, fit)
            self._looks[fit] = scoring.look_at({}, self._scoring, bounds, self._now)
        decays = self._looks[fit]
        if timeline_on is None:
            return decays
        turns = next_turn(timeline_on, self._countdown, self._now)
        return min((one for one in (decays, turns) if one is not None), default=None)

    def _names(self, columns: Columns, company: Company, known: Known) -> dict[str, Any]:
        given = {name: value for name, value in columns.items() if name in _OF_LEAD}
        given |= {"status": Status(columns["status"]), "stage": Stage(columns["stage"])}
        employer = company if company is not _NO_COMPANY else None
        lead = Lead(**given, company=employer, custom=columns.get("custom") or {})
        return names_of(lead, known=known, engagement=self._engagement, now=self._now)


def _unknown(remembered: dict[Any, Any], keys: Sequence[Any], leads: Sequence[New]) -> list[tuple[Any, New]]:
    """A lead for each key that nothing is remembered for; too much is forgotten first."""
    if len(remembered) > REMEMBERED:
        remembered.clear()
    return [(key, lead) for key, lead in dict(zip(keys, leads, strict=True)).items() if key not in remembered]


def _names(conditions: Iterable[Condition]) -> frozenset[str]:
    return frozenset[str]().union(*(one.names for one in conditions))


def _reading(names: frozenset[str]) -> Read:
    """Reads what conditions with these names go by: where it is the same for two leads, so is what they say."""
    own = _getting(itemgetter, {_COLUMN[name] for name in names if name in _COLUMN})
    of_company = _getting(attrgetter, {_FIELD[name] for name in names if name in _FIELD})
    rest = [_read(name) for name in sorted(names) if name not in _COLUMN and name not in _FIELD]
    if not rest:
        if not any(name in _FIELD for name in names):
            return lambda columns, company, known: own(columns)
        if not any(name in _COLUMN for name in names):
            return lambda columns, company, known: of_company(company)
        return lambda columns, company, known: (own(columns), of_company(company))
    return lambda columns, company, known: (
        own(columns),
        of_company(company),
        *[read(columns, company, known) for read in rest],
    )


def _getting(getter: Any, names: Iterable[str]) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = getter(*sorted(names)) if names else lambda _: None
    return found


def _read(name: str) -> Read:
    if name.startswith("x."):
        own = name.removeprefix("x.")
        return lambda columns, company, known: repr((columns.get("custom") or {}).get(own))
    if name in FACT_NAMES:  # a timeline that has passed is none
        return lambda columns, company, known: (name in known, columns["timeline_on"])
    return lambda columns, company, known: None  # the same for all new leads
