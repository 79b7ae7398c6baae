"""A points table as a scoring.yaml that a person reads, corrects and puts in force."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Final

from nurture.domain.calibration.table import DOUBLES, Table
from nurture.domain.response import CONVERSATIONS, EVIDENCE, REFUSALS, CallOutcome, Kind

if TYPE_CHECKING:
    from nurture.domain.scoring import EngagementRule, Scoring

_UNTIL: Final = re.compile(r"^# Learned from outcomes until (\d[\dT:.+-]+\d);", re.MULTILINE)
MOST: Final = 6  # times that a kind of response is looked for
_KINDS: Final = frozenset(kind.value for kind in EVIDENCE)


def learned_until(text: str) -> datetime | None:
    """The moment up to which the points of a file were learned, where it is one that we proposed."""
    found = _UNTIL.search(text)
    return datetime.fromisoformat(found[1]) if found else None


def scoring_yaml(
    table: Table, current: Scoring, *, leaks: Mapping[str, str], ahead: float | None, until: datetime | None = None
) -> str:
    """The file: learned points, and what is in force for all that outcomes do not tell (stages, decay, refusals)."""
    learned = {name: rule for name in table.features if name in _KINDS and (rule := _learned(table, name))}
    scale = _scale([most for _, most in learned.values()], current)
    lines = [
        f"# Proposed by `nurture scoring fit` from {table.leads} past leads, of which {table.good} turned out well.",
        f"# {DOUBLES * scale} points more: twice the odds. Correct it; then: nurture scoring compare THIS.yaml",
        *([f"# Learned from outcomes until {until.isoformat()}; later ones judge it."] if until else []),
        *([f"# Learned on the first four fifths, it orders the last with AUC {ahead:.2f}."] if ahead else []),
        *(f"# Not used: {name}, {why}." for name, why in leaks.items()),
        "fit:" if any(band.feature not in _KINDS for band in table.bands) else "fit: []",
    ]
    for feature in table.features:
        if feature not in _KINDS:
            lines += [
                _item(points=band.points * scale, when=band.condition, because=band.because)
                for band in table.of(feature)
            ]
    kept = [rule for rule in current.engagement if not learned or rule.points < 0]
    lines += ["engagement:", f"  half_life: {current.half_life}"]
    lines += [f"  cap: {current.cap:g}"] if current.cap is not None else []
    rules = [_rule(table, name, each * scale, most * scale) for name, (each, most) in learned.items()]
    rules += map(_kept, kept)
    lines += ["  rules:", *("  " + rule for rule in rules)] if rules else []
    if current.stages:
        lines.append("stages:")
        for stage, bounds in current.stages.items():
            lines.append(f"  {stage}:")
            lines += [f"    enter: {_text(bounds.enter.text)}", f"    leave: {_text(bounds.leave.text)}"]
    return "\n".join(lines) + "\n"


def _learned(table: Table, feature: str) -> tuple[int, int] | None:
    """Points for each response of a kind, and for all of them together, from the lines for one, two, ... of them."""
    worth = [sum(band.points for band in table.of(feature) if band.holds(float(count))) for count in range(MOST + 1)]
    gains = [one - worth[0] for one in worth]
    best = max(range(1, MOST + 1), key=lambda count: (abs(gains[count]), -count))
    if not gains[best]:
        return None
    each = gains[1] if gains[1] * gains[best] > 0 else round(gains[best] / best) or (1 if gains[best] > 0 else -1)
    return each, gains[best]


def _scale(most: Sequence[int], current: Scoring) -> int:
    """By how much all points grow so that half of what can be earned reaches every stage as it is defined now."""
    reach = sum(one for one in most if one > 0)
    bounds = [bound for rule in current.stages.values() for bound in rule.enter.bounds("engagement") or ()]
    return ceil(2 * max(bounds, default=0) / reach) if reach and max(bounds, default=0) > 0 else 1


def _rule(table: Table, feature: str, each: int, most: int) -> str:
    return _item(
        on=feature,
        where=_where(Kind(feature)),
        points=each,
        at_most=abs(most),
        because=f"learned from {sum(band.leads for band in table.of(feature))} leads that differ in it",
    )


def _where(kind: Kind) -> str | None:
    if kind is Kind.CALL:
        spoke = sorted(one.value for one in CONVERSATIONS - {CallOutcome.NOT_INTERESTED})
        return f"outcome in [{', '.join(map(repr, spoke))}]"
    if kind is Kind.REPLY:
        return f"intent not in [{', '.join(repr(one.value) for one in sorted(REFUSALS))}]"
    return None


def _kept(rule: EngagementRule) -> str:
    return _item(
        on=rule.on.value,
        where=rule.where.text if rule.where else None,
        points=rule.points,
        at_most=rule.at_most,
        half_life=str(rule.half_life),
        because=rule.because,
    )


def _item(**values: object) -> str:
    shown = [f"{key}: {_text(value)}" for key, value in values.items() if value is not None]
    return "  - {" + ", ".join(shown) + "}"


def _text(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:g}"
    return str(value) if str(value).isalpha() else json.dumps(str(value), ensure_ascii=False)
