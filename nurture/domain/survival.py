"""Leads that are still young judged with those that had their time: Kaplan-Meier, and small sources pulled together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, inf, log, sqrt

from nurture.domain.statistics import CONFIDENCE_95, Count, Interval


def reached_by(
    day: int, reached: Mapping[int, int], waiting: Mapping[int, int], *, watched: int = 1
) -> tuple[float, Interval, int] | None:
    """The share that reaches something within so many days of its arrival, its interval, the last day that is known.

    `reached`: days after arrival -> leads that reached it then; `waiting`: age in days -> leads that have not yet. A
    lead counts for as long as it was watched, so young ones help without being held against anybody. Where no lead is
    `day` days old, the answer is for the oldest one; what fewer than `watched` leads are old enough to tell is left
    out. None without leads.

    E. L. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958), 457-481; the
    variance of M. Greenwood (1926) on the log-log scale, which stays between 0 and 1.
    """
    days = sorted({*reached, *waiting})
    at_risk = sum(reached.values()) + sum(waiting.values())
    if at_risk < max(watched, 1):
        return None
    left, spread, known = 1.0, 0.0, 0
    for one in days:
        if one > day or at_risk < watched:
            break
        known = one
        hits = reached.get(one, 0)
        if hits:
            left *= 1 - hits / at_risk
            spread += hits / (at_risk * (at_risk - hits)) if at_risk > hits else inf
        at_risk -= hits + waiting.get(one, 0)
    return 1 - left, _interval(left, spread), day if any(one >= day for one in days) and at_risk >= watched else known


def _interval(left: float, spread: float) -> Interval:
    """Of the share that was reached. Nothing or everything was reached: nobody can say how sure that is."""
    if left in (0.0, 1.0) or spread in (0.0, inf):
        return Interval(0.0, 1.0)
    width = CONFIDENCE_95 * sqrt(spread) / abs(log(left))
    ends = sorted(left ** exp(sign * width) for sign in (-1, 1))
    return Interval(1 - ends[1], 1 - ends[0])


def pulled(counts: Sequence[Count]) -> list[float]:
    """Each rate as it is likely to be: pulled toward the rate of all, the more the smaller its count is.

    How far the true rates lie apart is read off the counts themselves (J. C. Kleinman, Proportions with extraneous
    variance: single and independent samples, JASA 68 (1973), 46-54); where they do not, each is the rate of all. That
    such rates are nearer to the truth: C. N. Morris, Parametric empirical Bayes inference, JASA 78 (1983), 47-55.
    """
    there = [one for one in counts if one.of]
    leads = sum(one.of for one in there)
    usual = sum(one.hits for one in there) / leads if leads else 0.0
    chance = usual * (1 - usual)
    room = leads - sum(one.of**2 for one in there) / leads - (len(there) - 1) if leads else 0.0
    if chance <= 0 or room <= 0:
        return [usual] * len(counts)
    apart = sum(one.of * (one.rate - usual) ** 2 for one in there) - chance * (len(there) - 1)
    alike = min(max(apart / (chance * room), 0.0), 1.0)
    if alike == 0:
        return [usual] * len(counts)
    weight = (1 - alike) / alike  # so many leads of the usual rate are added to each
    return [(one.hits + weight * usual) / (one.of + weight) if one.of or weight else usual for one in counts]
