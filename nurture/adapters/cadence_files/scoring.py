"""scoring.yaml: points for what a lead is and does, and the stages they give."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import Any, Final

from nurture.adapters.cadence_files.nodes import MapNode
from nurture.adapters.cadence_files.records import Key, ListOf, Record
from nurture.adapters.cadence_files.report import Report
from nurture.adapters.cadence_files.schema import Choice, Number, Text
from nurture.adapters.cadence_files.values import CONDITION, LASTING, ConditionShape
from nurture.domain.lead import Stage
from nurture.domain.response import Kind
from nurture.domain.scoring import EngagementRule, FitRule, Scoring, StageRule

# An open may be a machine's, and a delivery is no act of the lead: they prove nothing.
_NOTHING_PROVEN: Final = frozenset({Kind.DELIVERED, Kind.OPEN})


def _fit(values: dict[str, Any], node: MapNode, report: Report) -> FitRule:
    return FitRule(values["points"], values["when"], values["because"], node.line)


def _rule(values: dict[str, Any], node: MapNode, report: Report) -> tuple[dict[str, Any], int]:
    if values["on"] in _NOTHING_PROVEN:
        report.warn(node.entries["on"][1], f"on: {str(values['on'])!r} says nothing about a person; it never scores")
    return values, node.line


def _stage(values: dict[str, Any], node: MapNode, report: Report) -> StageRule:
    return StageRule(values["enter"], values["leave"], node.line)


def _scoring(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    engagement = values.get("engagement", {})
    half_life = engagement.get("half_life", Scoring().half_life)
    rules = []
    named: Counter[str] = Counter()
    for rule, line in engagement.get("rules", ()):
        # The key stands for what the rule matches: it outlives an edit of points, half-life, cap or reason, so that
        # the lines of a rule go on counting.
        where = rule.get("where")
        name = str(rule["on"]) if where is None else f"{rule['on']} {sha256(where.text.encode()).hexdigest()[:10]}"
        named[name] += 1
        key = name if named[name] == 1 else f"{name} ({named[name]})"
        rules.append(EngagementRule(**({"half_life": half_life} | rule), key=key, line=line))
    stages = {Stage(name): rule for name, rule in values.get("stages", {}).items()}
    return Scoring(values.get("fit", ()), tuple(rules), half_life, engagement.get("cap"), stages)


_BECAUSE: Final = Key(Text("a reason"), "shown to people beside the points", required=True)
_POINTS: Final = Key(Number(-1000, 1000), required=True)
_ENGAGEMENT: Final = Record(
    "engagement",
    {
        "half_life": Key(LASTING, "after so long, points are worth half; default 30 days"),
        "cap": Key(Number(0), "engagement counts at most so much; default no cap"),
        "rules": Key(
            ListOf(
                Record(
                    "engagement rule",
                    {
                        "on": Key(Choice(tuple(Kind)), "the kind of response", required=True),
                        "points": _POINTS,
                        "because": _BECAUSE,
                        "where": Key(ConditionShape(response=True), "also intent, page, url, form, outcome, grade"),
                        "at_most": Key(Number(0), "caps the decayed sum of this rule"),
                        "half_life": Key(LASTING, "default: that of engagement"),
                    },
                    _rule,
                )
            )
        ),
    },
)
_STAGE: Final = Record(
    "stage", {"enter": Key(CONDITION, required=True), "leave": Key(CONDITION, required=True)}, _stage
)
SCORING: Final = Record(
    "scoring",
    {
        "fit": Key(
            ListOf(
                Record(
                    "fit rule",
                    {"points": _POINTS, "when": Key(CONDITION, required=True), "because": _BECAUSE},
                    _fit,
                )
            ),
            "points for what a lead is",
        ),
        "engagement": Key(_ENGAGEMENT, "points for what a lead does; they decay"),
        "stages": Key(
            Record("stages", {str(stage): Key(_STAGE) for stage in (Stage.NEAR_TERM, Stage.LONG_TERM)}),
            "when a buying mode begins and ends",
        ),
    },
    _scoring,
)
