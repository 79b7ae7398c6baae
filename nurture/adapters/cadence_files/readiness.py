"""readiness.yaml: when a lead goes to sales, the deadlines, and what follows from each rejection and loss."""

from __future__ import annotations

import re
from typing import Any, Final

from nurture.adapters.cadence_files.nodes import MapNode
from nurture.adapters.cadence_files.records import Key, ListOf, MapOf, Record
from nurture.adapters.cadence_files.report import Report, near, short
from nurture.adapters.cadence_files.schema import WRONG, Choice, Number, Parsed, Text
from nurture.adapters.cadence_files.values import CONDITION, DAY, LASTING, LASTS, name
from nurture.domain.condition import NAMES
from nurture.domain.duration import Duration, parse_duration
from nurture.domain.fact import FactName
from nurture.domain.lead import Status
from nurture.domain.readiness import Consequence, Readiness

# Facts, and whatever else a lead may lack.
REQUIRABLE: Final = tuple(dict.fromkeys((*map(str, FactName), *NAMES)))


def _required(text: str) -> str:
    if text not in REQUIRABLE and not re.fullmatch(r"x\.\w+", text):
        hint = near(text, REQUIRABLE) or f"; one of: {', '.join(REQUIRABLE)}, x.NAME"
        raise ValueError(f"{short(text)} is not known{hint}")
    return text


def _return(text: str) -> tuple[Duration, bool]:
    found = re.fullmatch(r"(stated date or )?(.+)", text.strip())
    if found is None:
        raise ValueError("this is empty: write for example '90 days' or 'stated date or 90 days'.")
    try:
        return parse_duration(found[2]), found[1] is not None
    except ValueError:
        raise ValueError(
            f"{text[:60]!r} is not known: write a duration such as '90 days', or 'stated date or 90 days'."
        ) from None


def _consequence(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    chosen = [key for key in ("return", "status", "task") if key in values]
    if len(chosen) != 1:
        found = f"here are {' and '.join(chosen)}" if chosen else "here is none of them"
        report.error(node, f"consequence: write one of 'return' with 'into', 'status' or 'task'; {found}")
        return WRONG
    if ("return" in values) != ("into" in values):
        missing = "into" if "return" in values else "return"
        report.error(node, f"consequence: {missing!r} is missing; 'return' and 'into' go together")
        return WRONG
    after, stated = values.get("return", (None, False))
    return Consequence(after, stated, values.get("into"), values.get("status"), values.get("task"), node.line)


def _readiness(values: dict[str, Any], node: MapNode, report: Report) -> Readiness:
    promote, fast, agreed = (values.get(key, {}) for key in ("promote", "fast", "agreed"))
    plain = ("facts_valid", "accept_within", "contact_within", "outcome_within", "capacity", "reject", "lost")
    chosen = {key: values[key] for key in plain if key in values}
    moved = (
        (promote, {"when": "promote_when", "require": "require", "if_missing": "if_missing"}),
        (promote, {"human_evidence_within": "human_evidence_within"}),
        (fast, {"when": "fast_when", "require": "fast_require", "call_within": "call_within"}),
        (agreed, {"on": "agreed_on", "by": "agreed_by"}),
    )
    for part, names in moved:
        chosen |= {field: part[key] for key, field in names.items() if key in part}
    placed = [part for part in ("promote", "fast", "capacity") if part in node.entries]
    chosen |= {f"{part}_line": node.entries[part][0].line for part in placed}
    return Readiness(**chosen)


_REQUIRED: Final = ListOf(
    Parsed(_required, "a fact or a name such as phone", rf"^(?:{'|'.join(REQUIRABLE)}|x\.\S+)$"), unique=True
)
_CONSEQUENCE: Final = Record(
    "consequence",
    {
        "return": Key(Parsed(_return, "a duration", rf"^ *(?:stated date or )?{LASTS} *$"), "goes with 'into'"),
        "into": Key(name("cadence"), "the cadence that takes the lead on its return"),
        "status": Key(Choice(tuple(Status)), "the lead's new status"),
        "task": Key(Text("what to do"), "a task for the owner"),
    },
    _consequence,
)
READINESS: Final = Record(
    "readiness",
    {
        "agreed": Key(
            Record("agreed", {"on": Key(DAY), "by": Key(ListOf(Text("a name")))}),
            "when marketing and sales agreed, and who",
        ),
        "promote": Key(
            Record(
                "promote",
                {
                    "when": Key(CONDITION, "which leads are ready", required=True),
                    "human_evidence_within": Key(LASTING, "how recent a person's act must be; default 30 days"),
                    "require": Key(_REQUIRED, "facts and fields that must be known"),
                    "if_missing": Key(name("cadence"), "the cadence that asks for what is missing"),
                },
            )
        ),
        "facts_valid": Key(LASTING, "older facts no longer count; default 180 days"),
        "fast": Key(
            Record(
                "fast",
                {
                    "when": Key(CONDITION, "who is called at once", required=True),
                    "require": Key(_REQUIRED, "facts and fields that must be known"),
                    "call_within": Key(LASTING, "default 1 business hour"),
                },
            )
        ),
        "accept_within": Key(LASTING, "a rep's time to accept; default 8 business hours"),
        "contact_within": Key(LASTING, "a rep's time for the first contact; default 2 business days"),
        "outcome_within": Key(LASTING, "a rep's time to say how it ended; default 180 days"),
        "capacity": Key(Number(1, 10_000, whole=True), "open handoffs per rep; default 5"),
        "reject": Key(MapOf(_CONSEQUENCE), "what follows from each reason to reject"),
        "lost": Key(MapOf(_CONSEQUENCE), "what follows from each reason to lose"),
    },
    _readiness,
)
