"""One change to what marketing and sales agreed, backed by what was rejected: found, tested, and written as a diff."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import unified_diff
from math import comb
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.calibration.table import is_sayable, quoted
from nurture.domain.fact import FactName

if TYPE_CHECKING:
    from nurture.domain.readiness import Readiness

# What may be asked for, or asked to be something else; the facts are added.
_REQUIRABLE: Final = ("phone", "title", "industry", "employees", "revenue", "country", "company")
_PROPERTIES: Final = ("country", "industry", "source", "language")
_DAYS: Final = (7, 14, 21)
SURE: Final = 0.01  # chance of such a difference, or a larger one, by luck alone, over all changes that were tried
AT_LEAST: Final = 5  # rejected leads that a change must have kept away
TWICE: Final = 2  # a lead that sales wanted weighs as much as so many that it rejected


@dataclass(frozen=True, slots=True)
class Offered:
    """One lead that was offered: what was known of it on the day, and what sales said."""

    names: Mapping[str, Any]
    known: frozenset[str]  # facts that were known and fresh
    evidence_at: datetime | None  # the last sign of a person before the promotion
    at: datetime
    rejected: bool
    accepted: bool  # neither: not answered


@dataclass(frozen=True, slots=True)
class Change:
    """One change: in words, which leads it would have kept back, and how it is made in the text of readiness.yaml."""

    words: str
    keeps_back: Callable[[Offered], bool]
    edit: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a change would have done. `lost`: leads kept back that sales did not reject, `accepted` of them accepted."""

    change: Change
    offered: int
    rejects: int
    dropped: int
    lost: int
    accepted: int

    @property
    def sentence(self) -> str:
        """The backtest in words."""
        leads = "lead" if self.lost == 1 else "leads"
        kept = f"would have lost {self.lost} {leads}" + (f", {self.accepted} of them accepted," if self.lost else "")
        return f"{self.change.words} {kept} and dropped {self.dropped} of {self.rejects} rejects."

    @property
    def worth(self) -> int:
        """What is won by it, in rejected leads."""
        return self.dropped - TWICE * self.lost

    @property
    def chance(self) -> float:
        """How likely so many rejects among those kept back are by luck: Fisher's exact test, one-sided.

        R. A. Fisher, The logic of inductive inference, Journal of the Royal Statistical Society 98 (1935), 39-82.
        """
        kept_back, others = self.dropped + self.lost, self.offered - self.rejects
        most = min(kept_back, self.rejects)
        ways = sum(comb(self.rejects, hits) * comb(others, kept_back - hits) for hits in range(self.dropped, most + 1))
        return ways / comb(self.offered, kept_back)


def backtest(change: Change, past: Sequence[Offered]) -> Backtest:
    """What the change would have done to these leads."""
    back = [one for one in past if change.keeps_back(one)]
    dropped = sum(one.rejected for one in back)
    accepted = sum(one.accepted for one in back)
    rejects = sum(one.rejected for one in past)
    return Backtest(change, len(past), rejects, dropped, len(back) - dropped, accepted)


def proposal(past: Sequence[Offered], readiness: Readiness) -> Backtest | None:
    """The change worth most among those whose effect is no luck; None where nothing stands out."""
    tried = [backtest(change, past) for change in changes(past, readiness)]
    tried = [one for one in tried if one.dropped + one.lost]
    fair = [
        one for one in tried if one.dropped >= AT_LEAST and one.worth > 0 and one.chance * len(tried) < SURE
    ]  # Bonferroni: who tries a hundred changes finds one that is lucky
    return max(fair, key=lambda one: (one.worth, -one.lost), default=None)


def changes(past: Sequence[Offered], readiness: Readiness) -> list[Change]:
    """Every change that is tried: one more thing required, fresher evidence, more fit, a property left out."""
    found = [_require(name) for name in (*_REQUIRABLE, *map(str, FactName)) if name not in readiness.require]
    within = readiness.human_evidence_within.span
    found += [_fresher(days) for days in _DAYS if timedelta(days=days) < within]
    if readiness.promote_when is None:
        return found
    when = readiness.promote_when.text
    fits = sorted({5 * round(float(one.names["fit"]) / 5) for one in past if one.names.get("fit") is not None})
    found += [_fitter(fit, when) for fit in fits[1:]]
    for name in _PROPERTIES:
        values = sorted(
            {str(one.names[name]) for one in past if one.names.get(name) and is_sayable(str(one.names[name]))}
        )
        found += [_without(name, value, when) for value in values]
    return found


def _require(name: str) -> Change:
    facts = {str(one) for one in FactName}

    def lacks(one: Offered) -> bool:
        return name not in one.known if name in facts else one.names.get(name) in (None, "")

    def edit(text: str) -> str | None:
        if re.search(r"(?m)^ +require:", text):
            return _in_promote(text, r"( +require: *\[)([^\]\n]*)(\].*)", lambda old: f"{old}, {name}" if old else name)
        return _in_promote(text, r"( +when: *)(.+)()", lambda old: f"{old}\n  require: [{name}]")

    article = "a " if name in ("phone", "title", "country", "company", "budget", "timeline") else ""
    return Change(f"Requiring {article}{name.replace('_', ' ')}", lacks, edit)


def _fresher(days: int) -> Change:
    def stale(one: Offered) -> bool:
        return one.evidence_at is None or one.evidence_at < one.at - timedelta(days=days)

    def edit(text: str) -> str | None:
        if re.search(r"(?m)^ +human_evidence_within:", text):
            pattern = r"( +human_evidence_within: *)([^#\n]*?)( *(?:#.*)?)"
            return _in_promote(text, pattern, lambda old: f"{days} days")
        return _in_promote(text, r"( +when: *)(.+)()", lambda old: f"{old}\n  human_evidence_within: {days} days")

    return Change(f"Asking for a sign of a person within {days} days", stale, edit)


def _fitter(fit: int, when: str) -> Change:
    def less(one: Offered) -> bool:
        return float(one.names.get("fit") or 0) < fit

    bound = re.compile(r"\bfit >= -?[0-9.]+")
    new = bound.sub(f"fit >= {fit}", when) if len(bound.findall(when)) == 1 else _and(when, f"fit >= {fit}")
    return Change(f"Asking for a fit of {fit}", less, _with_condition(when, new))


def _without(name: str, value: str, when: str) -> Change:
    def has(one: Offered) -> bool:
        return str(one.names.get(name)) == value

    new = _and(when, f"not {name} == {quoted(value)}")
    return Change(f"Leaving out {name} {value!r}", has, _with_condition(when, new))


def _and(when: str, part: str) -> str:
    return f"({when}) and {part}" if re.search(r"\bor\b", when) else f"{when} and {part}"


def _with_condition(when: str, new: str) -> Callable[[str], str | None]:
    def edit(text: str) -> str | None:
        def replaced(old: str) -> str:
            return old.replace(when, new) if when in old else ""

        return _in_promote(text, r"( +when: *)(.*?)( *(?: #.*)?)", replaced)

    return edit


def _in_promote(text: str, pattern: str, change: Callable[[str], str]) -> str | None:
    """The text with one line of its `promote` block changed; None where the file is written in another way."""
    lines, inside = text.split("\n"), False
    for place, line in enumerate(lines):
        if re.match(r"promote: *(#.*)?$", line):
            inside = True
        elif line and not line[0].isspace() and not line.startswith("#"):
            inside = False
        found = re.fullmatch(pattern, line) if inside else None
        if found:
            value = change(found[2])
            if not value:
                return None
            lines[place] = f"{found[1]}{value}{found[3]}"
            return "\n".join(lines)
    return None


def diff(before: str, after: str) -> str:
    """The change as `git apply` and `patch` take it."""
    lines = unified_diff(before.splitlines(True), after.splitlines(True), "a/readiness.yaml", "b/readiness.yaml")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def middle(values: Iterable[float]) -> float | None:
    """The value in the middle; None of none."""
    ordered = sorted(values)
    return round(ordered[len(ordered) // 2], 1) if ordered else None
