"""Another scoring.yaml judged by what became of past leads, beside the one in force. Promotes nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from math import fsum
from statistics import median
from typing import Any, Final

from nurture.domain import scoring
from nurture.domain.calibration import ranking
from nurture.domain.calibration.proposal import learned_until as learned_until
from nurture.domain.calibration.table import Example
from nurture.domain.fact import FactName
from nurture.domain.history import LeadHistory
from nurture.domain.lead import Lead, Stage
from nurture.domain.names import names_of
from nurture.domain.promotion import last_request
from nurture.domain.readiness import Readiness
from nurture.domain.response import Response
from nurture.domain.scoring import Running, Scoring
from nurture.moves.past import Handed, handed
from nurture.ports import InForce, Store, Unit

BLOCKS: Final = 10  # of outcomes without dates
GROUPS: Final = 5  # of equal scores: what the past took of each is expected of the next period
PRIOR: Final = 10  # leads of the usual rate that are added to each group


@dataclass(frozen=True, slots=True)
class Judged:
    """One past lead with its score under both, and how it turned out."""

    at: datetime | None
    now: float  # under what is in force
    new: float
    good: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What both would have done. `periods` hold lift and recall at the capacity, and what was expected and came."""

    words: tuple[str, ...]
    auc: float | None
    new_auc: float | None
    capacity: int
    periods: tuple[Mapping[str, Any], ...]
    gained: tuple[Mapping[str, Any], ...]
    lost: tuple[Mapping[str, Any], ...]


def compare(
    new: Scoring,
    *,
    store: Store,
    rules: InForce,
    now: datetime,
    outcomes: Sequence[Example] | None = None,
    capacity: int | None = None,
    learned_until: datetime | None = None,
) -> Comparison:
    """Judge `new` on these outcomes (oldest first), or on the handoffs that sales answered and all leads there are.

    `learned_until`: only on what came after it, because the points were learned from what came before.
    `capacity`: leads that sales takes in a period; without it as many as it took in the middle one.
    """
    old, readiness = rules.workspace.scoring, rules.workspace.readiness
    gained: list[Mapping[str, Any]] = []
    lost: list[Mapping[str, Any]] = []
    if outcomes is None:
        with store.unit(write=False) as work:
            past = [one for one in handed(work) if learned_until is None or one.at > learned_until]
            judged = [
                Judged(one.at, _score(one, old, readiness), _score(one, new, readiness), one.good) for one in past
            ]
            gained, lost = _promotions(work, new, old, readiness, past, now)
    else:
        judged = [
            Judged(one.at, _fit(one.values, old, one.at or now), _fit(one.values, new, one.at or now), one.good)
            for one in outcomes
            if learned_until is None or (one.at is not None and one.at > learned_until)
        ]
    periods, room = _periods(judged, capacity)
    good = [one.good for one in judged]
    auc, new_auc = (ranking.auc(scores, good) for scores in ([one.now for one in judged], [one.new for one in judged]))
    held_back = (_held_back(learned_until, len(judged)),)
    words = (
        *_words(judged, periods, room, auc, new_auc),
        *held_back,
        *_moves(gained, lost, readiness, outcomes is not None),
    )
    return Comparison(tuple(words), auc, new_auc, room, tuple(periods), tuple(gained), tuple(lost))


def _score(one: Handed, rule: Scoring, readiness: Readiness) -> float:
    return float(one.names(rule, readiness)["score"])


def _fit(values: Mapping[str, Any], rule: Scoring, at: datetime) -> float:
    return fsum(line.worth for line in scoring.fit_lines(rule, values, LeadHistory(at)))


# Lift, recall, calibration -----------------------------------------------------------------------------------------


def _periods(judged: Sequence[Judged], capacity: int | None) -> tuple[list[dict[str, Any]], int]:
    parts = _parts(judged)
    room = capacity or max(1, round(median(sum(one.good for one in part) for _, part in parts))) if parts else 0
    rows: list[dict[str, Any]] = []
    before: list[Judged] = []
    for name, part in parts:
        good = [one.good for one in part]
        mine = ranking.at_capacity([one.now for one in part], good, room)
        other = ranking.at_capacity([one.new for one in part], good, room)
        rows.append(
            {
                "period": name,
                "leads": len(part),
                "good": sum(good),
                "expected": _expected(before, part),
                "taken": mine.taken,
                "hits": round(mine.hits, 1),
                "new_hits": round(other.hits, 1),
                "lift": _rounded(mine.lift),
                "new_lift": _rounded(other.lift),
                "recall": round(mine.recall, 3),
                "new_recall": round(other.recall, 3),
            }
        )
        before += part
    return rows, room


def _parts(judged: Sequence[Judged]) -> list[tuple[str, list[Judged]]]:
    """By month; without dates, equal blocks in the order given."""
    if judged and all(one.at is not None for one in judged):
        return [(name, list(part)) for name, part in groupby(judged, key=lambda one: f"{one.at:%Y-%m}")]
    size = max(1, -(-len(judged) // BLOCKS))
    starts = range(0, len(judged), size)
    return [(str(number), list(judged[start : start + size])) for number, start in enumerate(starts, start=1)]


def _expected(before: Sequence[Judged], part: Sequence[Judged]) -> float | None:
    """How many good leads of a period the past lets expect of their new scores; None before there is a past.

    The share of good ones in each fifth of the past scores, pulled toward the share of all.
    """
    if len(before) < 2 * GROUPS:
        return None
    usual = sum(one.good for one in before) / len(before)
    ordered = sorted(before, key=lambda one: one.new)
    edges = [ordered[len(ordered) * number // GROUPS].new for number in range(1, GROUPS)]

    def group(one: Judged) -> int:
        return sum(one.new >= edge for edge in edges)

    leads, good = [0] * GROUPS, [0] * GROUPS
    for one in before:
        leads[group(one)] += 1
        good[group(one)] += one.good
    rates = [(good[place] + PRIOR * usual) / (leads[place] + PRIOR) for place in range(GROUPS)]
    return round(fsum(rates[group(one)] for one in part), 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


# Promotions --------------------------------------------------------------------------------------------------------


def _promotions(
    work: Unit, new: Scoring, old: Scoring, readiness: Readiness, past: Sequence[Handed], now: datetime
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Who would be promoted that was not, and who was that would not be, by the stage and `promote.when` alone.

    Facts, evidence and the fast lane do not depend on points: they decide the same under both.
    """
    promote = readiness.promote_when
    if promote is None:
        return [], []
    people = {lead.id: lead for lead in work.leads.search(None, now=now)}
    responses = work.responses.of_leads(list(people))
    facts = work.leads.facts(list(people))
    promoted = {number: work.sales.promotions_of(number) for number in {one.lead.id for one in past} & people.keys()}
    # A lead that waits for facts, or for a rep, was not promoted under what is in force either.
    handed_ever = {row["lead_id"] for row in work.sales.handoffs()}
    gained: list[Mapping[str, Any]] = []
    lost: list[Mapping[str, Any]] = []
    for number, lead in people.items():
        known = frozenset(fact.name.value for fact in facts.get(number, ()))
        heard = responses.get(number, ())
        if number not in handed_ever:
            was = _ever_ready(lead, heard, known, old, readiness, now)
            will = _ever_ready(lead, heard, known, new, readiness, now)
            if will is not None and was is None:
                gained.append({"lead": str(number), "email": lead.email, "at": will, "outcome": None, "reason": None})
    for one in past:
        if one.lead.id not in promoted or last_request(one.responses) is not None:
            continue  # who asked for sales goes there whatever the points say
        ready = [
            _ever_ready(one.lead, one.responses, one.known(readiness), rule, readiness, one.at) for rule in (old, new)
        ]
        if ready[1] is None and ready[0] is not None:
            row = {"lead": str(one.lead.id), "email": one.lead.email, "at": one.at}
            lost.append(row | {"outcome": one.state.value, "reason": one.reason or None})
    return gained, lost


def _ever_ready(
    lead: Lead,
    responses: Sequence[Response],
    known: Iterable[str],
    rule: Scoring,
    readiness: Readiness,
    until: datetime,
) -> datetime | None:
    """The first moment at which the stage and `promote.when` hold: looked at after each response, and at the end."""
    promote = readiness.promote_when
    assert promote is not None
    stage, facts = Stage.UNKNOWN, frozenset(known)
    sums: Mapping[str, Running] = {}
    moments = [*((one.at, one) for one in responses if one.at <= until), (until, None)]
    for at, response in moments:
        history = LeadHistory(at, responses=responses)
        if response is not None:
            sums = scoring.added(sums, scoring.lines_for(rule, response, {}, history), rule)
        timeline = lead.timeline_on if FactName.TIMELINE.value in facts else None
        seen = replace(lead, stage=stage, timeline_on=timeline)
        engaged = scoring.engagement(sums, rule, at)
        names = names_of(seen, known=facts, engagement=engaged, now=at)
        fit = fsum(line.worth for line in scoring.fit_lines(rule, names, history))
        names |= {"fit": fit, "score": fit + engaged}
        stage, _ = scoring.stage_of(stage, rule, names, history)
        names["stage"] = stage.value
        if promote.holds(names, history):
            return at
    return None


# Words -------------------------------------------------------------------------------------------------------------


def _words(
    judged: Sequence[Judged],
    periods: Sequence[Mapping[str, Any]],
    room: int,
    auc: float | None,
    new_auc: float | None,
) -> list[str]:
    good = sum(one.good for one in judged)
    if not judged or auc is None or new_auc is None:
        return [f"{len(judged)} outcome{'s' * (len(judged) != 1)}, {good} good: nothing to compare by."]
    hits, new_hits = (fsum(row[name] for row in periods) for name in ("hits", "new_hits"))
    told = [(row["expected"], row["good"]) for row in periods if row["expected"] is not None]
    best = f"With room for the best {room} of each period, sales would have got {new_hits:g} good leads"
    lines = [f"{len(judged)} outcomes, {good} of them good. {best} instead of {hits:g}, of {good}."]
    order = f"A good lead scores above a bad one {100 * new_auc:.0f} times in 100 (AUC {new_auc:.3f})"
    lines.append(f"{order}; now {100 * auc:.0f} (AUC {auc:.3f}).")
    if told:
        expected, came = fsum(one for one, _ in told), sum(one for _, one in told)
        lines.append(f"From each past, {expected:.0f} good leads were to be expected of what came next; {came} came.")
    return lines


def _held_back(learned_until: datetime | None, judged: int) -> str:
    if learned_until is None:
        return "Points that were learned from these very outcomes look better here than they are."
    until = f"{learned_until:%Y-%m-%d %H:%M} UTC"
    if judged:
        return f"Its points were learned from outcomes until {until}: only what came later was judged."
    hint = "`nurture scoring fit --until DATE` holds some back"
    return f"Its points were learned from outcomes until {until}, and none came later; {hint}."


def _moves(
    gained: Sequence[Mapping[str, Any]], lost: Sequence[Mapping[str, Any]], readiness: Readiness, from_file: bool
) -> list[str]:
    if from_file:
        return ["The file holds no history of responses: only what leads are (fit) was judged, and no promotions."]
    if readiness.promote_when is None:
        return ["readiness.yaml says no promote.when: no promotions to gain or lose."]
    bad = sum(row["outcome"] == "rejected" for row in lost)
    words = f"Promotions: {len(gained)} gained, which sales never judged; {len(lost)} lost"
    return [f"{words}, {bad} of which sales had rejected."]
