"""Outcomes -> the verdict on each source, and the funnel of all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from nurture.domain.cohort import Cohort, verdict_of
from nurture.domain.source import Source
from nurture.domain.statistics import Count, wilson
from nurture.domain.survival import pulled, reached_by
from nurture.ports import InForce, Store
from nurture.ports.reports import Earned, Reached, Waited

UNKNOWN: Final = "unknown"  # nobody said where these leads come from
WAITED: Final = ("contacted", "near_term", "offered", "accepted", "won")
WATCHED: Final = 10  # leads; what fewer are old enough to tell is an accident
STEPS: Final = ("leads", "contacted", "responded", "near_term", "offered", "accepted", "won")


def sources(*, store: Store, rules: InForce, now: datetime) -> list[dict[str, Any]]:
    """Each source judged by what became of its leads; each lead counts once, in its first cohort.

    Sources without a lead are in it, and so are leads without a source. `low` and `high` bound the share of leads that
    sales accepts; `likely` is that share with small sources pulled toward all, `expected` the share to expect once
    every lead had its time, with the young ones counted for as long as they are here; `expected_days` is how far that
    looks. `days_to_STEP` is how long half of those who came so far took. `value` is in `currency`, and
    None where it was earned in several or in another than the cost; `values` has all of it, by currency.
    """
    with store.unit(write=False) as work:
        reached, earned, waited = work.reports.reached(), work.reports.earned(), work.reports.waited()
    whole = Cohort(sum(one.leads for one in reached), sum(one.accepted for one in reached), None)
    span = rules.workspace.readiness.outcome_within.span
    mature = now - span
    likely = pulled([Count(one.accepted, one.leads) for one in reached])
    known = rules.workspace.sources
    rows = {
        one.source: _row(one, known.get(one.source or ""), earned, whole, mature)
        | {"likely": round(share, 4)}
        | _times([each for each in waited if each.source == one.source], span.days, now.date())
        for one, share in zip(reached, likely, strict=True)
    }
    for name, source in known.items():
        if name not in rows:
            rows[name] = _row(Reached(name, 0, 0, 0, 0, 0, 0, 0, 0, now), source, (), whole, mature)
            rows[name] |= {"likely": None} | _times((), span.days, now.date())
    return [rows[name] for name in sorted(rows, key=lambda name: (name is None, name or ""))]


def _row(
    far: Reached, source: Source | None, earned: Sequence[Earned], whole: Cohort, mature: datetime
) -> dict[str, Any]:
    cost = float(source.cost) if source is not None and source.cost is not None else None
    paid = source.currency if source is not None else None
    values = {one.currency: one.amount for one in earned if one.source == far.source}
    value, currency = _in_one_currency(values, paid)
    interval = wilson(Count(far.accepted, far.leads)) if far.leads else None
    return {
        "source": far.source or UNKNOWN,
        "leads": far.leads,
        "contacted": far.contacted,
        "near_term": far.near_term,
        "offered": far.offered,
        "accepted": far.accepted,
        "rejected": far.rejected,
        "won": far.won,
        "value": value,
        "values": values,
        "cost": cost,
        "currency": currency,
        "cost_per_lead": _per(cost, far.leads),
        "cost_per_accepted": _per(cost, far.accepted),
        "cost_per_won": _per(cost, far.won),
        "return": round(value / cost, 2) if cost and value is not None else None,
        "low": round(interval.low, 4) if interval else None,
        "high": round(interval.high, 4) if interval else None,
        "reliability": source.reliability if source is not None else None,
        "verdict": verdict_of(Cohort(far.leads, far.accepted, far.middle), whole, mature=mature),
    }


def _times(waited: Sequence[Waited], span: int, today: date) -> dict[str, Any]:
    """How long each step took, and the share that sales is to accept `span` days after arrival."""
    took: dict[str, Counter[int]] = {step: Counter() for step in WAITED}
    waiting: Counter[int] = Counter()
    for one in waited:
        if one.reached is not None:
            took[one.step][max((one.reached - one.arrived).days, 0)] += one.leads
        elif one.step == "accepted":
            waiting[max((today - one.arrived).days, 0)] += one.leads
    found = reached_by(span, took["accepted"], waiting, watched=WATCHED)
    share, interval, days = found if found is not None else (None, None, None)
    return {
        "expected": round(share, 4) if share is not None else None,
        "expected_low": round(interval.low, 4) if interval is not None else None,
        "expected_high": round(interval.high, 4) if interval is not None else None,
        "expected_days": days,
        **{f"days_to_{step}": _middle(took[step]) for step in WAITED},
    }


def _middle(days: Counter[int]) -> int | None:
    """The day by which half of them had it."""
    half, seen = days.total() / 2, 0
    for day in sorted(days):
        seen += days[day]
        if seen >= half:
            return day
    return None


def _in_one_currency(values: Mapping[str, float], paid: str | None) -> tuple[float | None, str | None]:
    """What was earned in the currency of the cost, or in the only one there is."""
    if not values:
        return 0.0, paid
    if len(values) == 1:
        [(currency, amount)] = values.items()
        if paid in (None, currency):
            return amount, currency or None
    return None, paid


def _per(cost: float | None, count: int) -> float | None:
    return round(cost / count, 2) if cost is not None and count else None


def funnel(*, store: Store) -> list[dict[str, Any]]:
    """How many leads came how far, ever, and what part that is of all and of the step before."""
    with store.unit(write=False) as work:
        reached = work.reports.reached()
    rows: list[dict[str, Any]] = []
    for step in STEPS:
        leads = sum(getattr(one, step) for one in reached)
        every, before = (rows[0]["leads"], rows[-1]["leads"]) if rows else (leads, None)
        of_all = round(leads / every, 4) if every else None
        rows.append(
            {"step": step, "leads": leads, "of_all": of_all}
            | {"of_previous": round(leads / before, 4) if before else None}
        )
    return rows
