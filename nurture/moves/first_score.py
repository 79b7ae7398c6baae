"""The first score of leads that nothing has happened to yet, from what was found out for others with the same values.

It is what `moves.rescore` says of a lead without touches and responses; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from math import fsum
from typing import Any, Final

from nurture.domain import scoring
from nurture.domain.address import domain_of
from nurture.domain.condition import Condition
from nurture.domain.fact import FactName
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Company, CompanyId, Lead, Stage, Status
from nurture.domain.names import names_of, next_turn
from nurture.domain.row import FACT_NAMES
from nurture.domain.scoring import FitRule
from nurture.moves.rescore import countdown_of, moved_to, watched
from nurture.ports import InForce
from nurture.ports.store import Change

REMEMBERED: Final = 50_000  # of one kind
_OF_LEAD: Final = frozenset(Lead.__dataclass_fields__) - {"status", "stage", "company", "custom"}
_OF_SCORE: Final = frozenset({"fit", "engagement", "score"})
_OF_COMPANY: Final = frozenset({"industry", "employees", "revenue"})

Columns = dict[str, Any]
Known = frozenset[str]  # names of facts
Read = Callable[[Columns, Company | None, Known], Any]


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
        self._stages: dict[Any, tuple[Stage, str]] = {}
        self._looks: dict[float, datetime | None] = {}

    def score(
        self,
        new: Sequence[tuple[Columns, Iterable[tuple[FactName, str]]]],
        companies: Mapping[CompanyId, Company],
        *,
        by: str,
    ) -> list[Change]:
        """Add to the columns of each lead its score, its stage and when to look again; the stages that changed."""
        changes = []
        now, engagement = self._now, self._engagement
        for columns, facts in new:
            number = columns.get("company_id")
            company = companies[number] if number is not None else None
            known = frozenset(name.value for name, _ in facts) if facts else frozenset[str]()
            was = columns["stage"]
            fit = self._fit_of(columns, company, known)
            stage, because = self._stage_of(columns, company, known, fit)
            if because:
                changes.append(moved_to(columns["id"], Stage(was), stage, because, now, by=by))
            columns["fit"], columns["engagement"], columns["stage"] = fit, engagement, stage.value
            columns["scored_at"], columns["enroll_check"], columns["ready_check"] = now, True, True
            columns["look_at"] = self._look_at(fit, columns.get("timeline_on"))
        return changes

    def _fit_of(self, columns: Columns, company: Company | None, known: Known) -> float:
        worths: list[float] = []
        for reads, rules, remembered in self._fit:
            key = reads(columns, company, known)
            found = remembered.get(key)
            if found is None:
                names = self._names(columns, company, known)
                found = [rule.points for rule in rules if rule.when.holds(names, self._history)]
                _remember(remembered, key, found)
            worths += found
        return fsum(worths)

    def _stage_of(self, columns: Columns, company: Company | None, known: Known, fit: float) -> tuple[Stage, str]:
        key = (fit, columns["stage"], self._reads(columns, company, known))
        found = self._stages.get(key)
        if found is None:
            names = self._names(columns, company, known)
            names |= {"fit": fit, "engagement": self._engagement, "score": fit + self._engagement}
            found = scoring.stage_of(Stage(columns["stage"]), self._scoring, names, self._history)
            _remember(self._stages, key, found)
        return found

    def _look_at(self, fit: float, timeline_on: date | None) -> datetime | None:
        if fit not in self._looks:
            bounds = scoring.thresholds(self._watched, fit)
            self._looks[fit] = scoring.look_at({}, self._scoring, bounds, self._now)
        decays = self._looks[fit]
        turns = next_turn(timeline_on, self._countdown, self._now) if timeline_on else None
        return min((one for one in (decays, turns) if one is not None), default=None)

    def _names(self, columns: Columns, company: Company | None, known: Known) -> dict[str, Any]:
        given = {name: value for name, value in columns.items() if name in _OF_LEAD}
        given |= {"status": Status(columns["status"]), "stage": Stage(columns["stage"])}
        lead = Lead(**given, company=company, custom=columns.get("custom") or {})
        return names_of(lead, known=known, engagement=self._engagement, now=self._now)


def _remember(where: dict[Any, Any], key: Any, value: Any) -> None:
    if len(where) < REMEMBERED:
        where[key] = value


def _names(conditions: Iterable[Condition]) -> frozenset[str]:
    return frozenset[str]().union(*(one.names for one in conditions))


def _reading(names: Iterable[str]) -> Read:
    """Reads what conditions with these names go by: the same for two leads only where all of it is the same."""
    reads = [_read(name) for name in sorted(names)]
    if len(reads) == 1:
        return reads[0]
    return lambda columns, company, known: tuple([read(columns, company, known) for read in reads])


def _read(name: str) -> Read:
    if name.startswith("x."):
        own = name.removeprefix("x.")
        return lambda columns, company, known: repr((columns.get("custom") or {}).get(own))
    if name == "domain":
        return lambda columns, company, known: (company and company.domain) or domain_of(columns.get("email") or "")
    if name == "company":
        return lambda columns, company, known: company and company.name
    if name in ("country", "timezone"):
        return lambda columns, company, known: columns.get(name) or (company and getattr(company, name))
    if name in _OF_COMPANY:
        return lambda columns, company, known: company and getattr(company, name)
    if name == "timeline_months":
        return lambda columns, company, known: columns.get("timeline_on")
    if name in FACT_NAMES:  # a timeline that has passed is none
        return lambda columns, company, known: (name in known, columns.get("timeline_on"))
    return lambda columns, company, known: columns.get(name)
