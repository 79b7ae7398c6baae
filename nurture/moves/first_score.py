"""The first score of leads that nothing has happened to yet, from what was found out for others with the same values.

It is what `moves.rescore` says of a lead without touches and responses; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import chain
from math import fsum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import scoring
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Company, CompanyId, Lead, LeadId, Stage, Status
from nurture.domain.names import names_of, next_turn
from nurture.domain.row import FACT_NAMES
from nurture.moves.rescore import countdown_of, moved_to

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

Columns = Mapping[str, Sequence[Any]]
Known = frozenset[str]  # names of facts


@dataclass(frozen=True, slots=True)
class _New:
    """New leads: their columns, and for each of them the company and what else is known."""

    columns: Columns
    employers: Sequence[Company]
    known: Sequence[Known]


Read = Callable[[_New], Iterable[Any]]  # one value for each lead


class FirstScores:
    """Scores new leads. Not `is_enough` where a condition asks for colleagues: those are in the database."""

    def __init__(self, rules: InForce, now: datetime) -> None:
        workspace = rules.workspace
        self._now, self._scoring = now, workspace.scoring
        self._history = LeadHistory(now)
        self._watched, self._countdown = workspace.watched, countdown_of(workspace)
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
        columns: Columns,
        facts: Mapping[LeadId, Iterable[tuple[FactName, str]]],
        companies: Mapping[CompanyId, Company],
        *,
        by: str,
    ) -> tuple[dict[str, Sequence[Any]], list[Change]]:
        """The columns of these leads with their scores, stages and when to look again; the stages that changed."""
        ids = columns["id"]
        known = [_NOTHING] * len(ids)
        if facts:
            known = [frozenset(name.value for name, _ in facts.get(lead, ())) for lead in ids]
        employers = [companies[number] if number is not None else _NO_COMPANY for number in columns["company_id"]]
        new = _New(columns, employers, known)
        worths = [self._worths(rules, _keys(reads, new), remembered, new) for reads, rules, remembered in self._fit]
        fits = list(map(fsum, map(chain.from_iterable, zip(*worths, strict=True)))) if worths else [0.0] * len(ids)
        staged = self._staged(new, fits)
        changes = [
            moved_to(lead, Stage(was), Stage(stage), because, self._now, by=by)
            for lead, was, (stage, because) in zip(ids, columns["stage"], staged, strict=True)
            if because
        ]
        looks = list(map(self._look_at, fits, columns["timeline_on"]))
        alike = {"engagement": self._engagement, "scored_at": self._now, "enroll_check": True, "ready_check": True}
        scored: dict[str, Sequence[Any]] = {name: [value] * len(fits) for name, value in alike.items()}
        return {"fit": fits, "stage": [stage for stage, _ in staged], "look_at": looks, **scored}, changes

    def _worths(
        self, rules: Sequence[FitRule], keys: Sequence[Any], remembered: dict[Any, list[float]], new: _New
    ) -> Iterable[list[float]]:
        """The points that each lead gets by rules that go by the same names."""
        for key, place in _unknown(remembered, keys):
            names = self._names(new, place)
            remembered[key] = [rule.points for rule in rules if rule.when.holds(names, self._history)]
        return map(remembered.__getitem__, keys)

    def _staged(self, new: _New, fits: Sequence[float]) -> list[tuple[str, str]]:
        """The stage of each lead, and why, where it is another one than before."""
        keys = list(zip(fits, new.columns["stage"], *[read(new) for read in self._reads], strict=True))
        for key, place in _unknown(self._stages, keys):
            fit, was, *_ = key
            names = self._names(new, place)
            names |= {"fit": fit, "engagement": self._engagement, "score": fit + self._engagement}
            stage, because = scoring.stage_of(Stage(was), self._scoring, names, self._history)
            self._stages[key] = stage.value, because
        return list(map(self._stages.__getitem__, keys))

    def _look_at(self, fit: float, timeline_on: date | None) -> datetime | None:
        if fit not in self._looks:
            bounds = scoring.thresholds(self._watched, fit)
            self._looks[fit] = scoring.look_at({}, self._scoring, bounds, self._now)
        decays = self._looks[fit]
        if timeline_on is None:
            return decays
        turns = next_turn(timeline_on, self._countdown, self._now)
        return min((one for one in (decays, turns) if one is not None), default=None)

    def _names(self, new: _New, place: int) -> dict[str, Any]:
        given = {name: values[place] for name, values in new.columns.items()}
        own = {name: value for name, value in given.items() if name in _OF_LEAD}
        own |= {"status": Status(given["status"]), "stage": Stage(given["stage"])}
        employer = new.employers[place]
        lead = Lead(**own, company=employer if employer is not _NO_COMPANY else None, custom=given["custom"] or {})
        return names_of(lead, known=new.known[place], engagement=self._engagement, now=self._now)


def _unknown(remembered: dict[Any, Any], keys: Sequence[Any]) -> Iterable[tuple[Any, int]]:
    """The keys that nothing is remembered for, each with the place where one stands; too much is forgotten first."""
    if len(remembered) > REMEMBERED:
        remembered.clear()
    if remembered.keys() >= (asked := set(keys)):
        return ()
    places = dict(zip(keys, range(len(keys)), strict=True))
    return [(key, places[key]) for key in asked if key not in remembered]


def _names(conditions: Iterable[Condition]) -> frozenset[str]:
    return frozenset[str]().union(*(one.names for one in conditions))


def _keys(reads: Sequence[Read], new: _New) -> Sequence[Any]:
    """What each lead is judged by: where it is the same for two leads, so is what conditions say."""
    return list(zip(*[read(new) for read in reads], strict=True)) if reads else [()] * len(new.known)


def _reading(names: frozenset[str]) -> list[Read]:
    """What reads all that conditions with these names go by."""
    own = [partial(_column, name) for name in sorted({_COLUMN[name] for name in names if name in _COLUMN})]
    of_company = [partial(_field, name) for name in sorted({_FIELD[name] for name in names if name in _FIELD})]
    custom = [partial(_custom, name.removeprefix("x.")) for name in sorted(names) if name.startswith("x.")]
    learned = [partial(_fact, name) for name in sorted(names & FACT_NAMES)]
    # A timeline that has passed is none. What no source is named for is the same for all new leads.
    return [*own, *of_company, *custom, *learned, *([partial(_column, "timeline_on")] if learned else ())]


def _column(name: str, new: _New) -> Iterable[Any]:
    return new.columns[name]


def _field(name: str, new: _New) -> Iterable[Any]:
    return map(attrgetter(name), new.employers)


def _custom(name: str, new: _New) -> Iterable[Any]:
    return [repr((custom or {}).get(name)) for custom in new.columns["custom"]]


def _fact(name: str, new: _New) -> Iterable[Any]:
    return [name in known for known in new.known]
