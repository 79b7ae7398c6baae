"""What became of past handoffs, with what was known of each lead on the day of its promotion and not later."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import scoring
from nurture.domain.calibration.table import YES, Example, Value
from nurture.domain.condition import fold
from nurture.domain.fact import Fact, FactName
from nurture.domain.handoff import State
from nurture.domain.history import LeadHistory
from nurture.domain.names import names_of
from nurture.domain.promotion import last_request
from nurture.domain.response import EVIDENCE, Response
from nurture.domain.scoring import Scoring

if TYPE_CHECKING:
    from nurture.domain.lead import Lead
    from nurture.domain.readiness import Readiness
    from nurture.domain.touch import Touch
    from nurture.ports import Unit

ACCEPTED: Final = frozenset({State.ACCEPTED.value, State.WON.value, State.LOST.value})
ANSWERED: Final = ACCEPTED | {State.REJECTED.value}
OFFERED: Final = ANSWERED | {State.OFFERED.value, State.EXPIRED.value}
RECENT: Final = timedelta(days=90)
# Names of one person, and what scoring and sales make of a lead: no properties to learn from.
_NOT_FEATURES: Final = frozenset(
    (
        *("email", "first_name", "last_name", "title", "company", "domain", "timezone", "owner", "external_id"),
        *("status", "stage", "score", "fit", "engagement", "timeline_months", "created_at"),
    )
)
_TRUTHS: Final = frozenset({"phone", "asked_for_sales", *map(str, FactName)})
_FIELD: Final = re.compile(r"(?:^|, )([a-z_]+(?:\.\w+)?) = ")


@dataclass(frozen=True, slots=True)
class Handed:
    """One handoff. `at`: the promotion; `responses` and `facts` until then."""

    handoff: int
    promotion: int
    lead: Lead
    at: datetime
    state: State
    reason: str
    rep: str
    offered_at: datetime
    answered_at: datetime | None
    contacted_at: datetime | None
    responses: tuple[Response, ...]
    facts: tuple[Fact, ...]
    touches: tuple[Touch, ...]
    changed_after: tuple[str, ...]  # fields that were changed after the promotion

    @property
    def good(self) -> bool:
        """Whether sales took it; also where it was lost later."""
        return self.state.value in ACCEPTED

    def history(self) -> LeadHistory:
        """What conditions ask about."""
        return LeadHistory(self.at, self.touches, self.responses)

    def known(self, readiness: Readiness) -> frozenset[str]:
        """The facts that were known and fresh."""
        valid = self.at - readiness.facts_valid.span
        return frozenset(fact.name.value for fact in self.facts if fact.at >= valid)

    def names(self, rules: Scoring, readiness: Readiness) -> dict[str, Any]:
        """The flat names on the day under a scoring; the stage is left as it is."""
        lead = self.lead
        if lead.timeline_on is not None and not any(fact.name is FactName.TIMELINE for fact in self.facts):
            lead = replace(lead, timeline_on=None)
        lead = replace(lead, asked_for_sales=last_request(self.responses) is not None)
        engaged = engagement_of(self.responses, rules, self.at)
        names = names_of(lead, known=self.known(readiness), engagement=engaged, now=self.at)
        # What was written down later was not known; what it replaced is not kept.
        names |= {name: None for name in self.changed_after if name in names}
        fit = sum(line.worth for line in scoring.fit_lines(rules, names, self.history()))
        return {**names, "fit": fit, "score": fit + engaged}


def engagement_of(responses: Sequence[Response], rules: Scoring, now: datetime) -> float:
    """The engagement that these responses make under a scoring; conditions of rules see the response alone."""
    lines = [line for one in responses for line in scoring.lines_for(rules, one, {}, LeadHistory(now))]
    return scoring.engagement(scoring.added({}, lines, rules), rules, now)


def handed(work: Unit, *, states: Collection[str] = ANSWERED, since: datetime | None = None) -> list[Handed]:
    """Handoffs in these states, by the day of their promotion; `since`: offered then or later."""
    rows = [
        row
        for row in work.sales.handoffs(states=sorted(states))
        if row["offered_at"] is not None and (since is None or row["offered_at"] >= since)
    ]
    ids = sorted({row["lead_id"] for row in rows})
    leads, facts = work.leads.get(ids), work.leads.facts(ids)
    responses, touches = work.responses.of_leads(ids), work.touches.of_leads(ids)
    promoted = {one["id"]: one["at"] for number in ids for one in work.sales.promotions_of(number)}
    changes: dict[int, list[tuple[datetime, str]]] = {}
    for change in work.notes.select(what="fields"):
        if change.lead is not None:
            changes.setdefault(change.lead, []).append((change.at, change.text))
    found = []
    for row in rows:
        number, at = row["lead_id"], promoted[row["promotion_id"]]
        after = {name for moment, text in changes.get(number, ()) if moment > at for name in _FIELD.findall(text)}
        found.append(
            Handed(
                row["id"],
                row["promotion_id"],
                leads[number],
                at,
                State(row["state"]),
                row["reason"] or "",
                row["rep"] or "",
                row["offered_at"],
                row["answered_at"],
                row["contacted_at"],
                tuple(one for one in responses.get(number, ()) if one.at <= at),
                tuple(one for one in facts.get(number, ()) if one.at <= at),
                tuple(one for one in touches.get(number, ()) if one.created_at <= at),
                tuple(sorted(after)),
            )
        )
    return sorted(found, key=lambda one: (one.at, one.handoff))


def example(one: Handed, readiness: Readiness) -> Example:
    """A handoff as something to learn from: the lead, the facts known, what it did in the 90 days before."""
    names = one.names(Scoring(), readiness)
    values: dict[str, Value] = {name: _value(name, value) for name, value in names.items() if name not in _NOT_FEATURES}
    recent = Counter(item.kind for item in one.responses if item.is_evidence and item.at >= one.at - RECENT)
    values |= {kind.value: float(recent[kind]) for kind in sorted(EVIDENCE)}
    return Example(values, one.good, one.at)


def _value(name: str, value: Any) -> Value:
    if name in _TRUTHS or isinstance(value, bool):
        return YES if value else None
    return float(value) if isinstance(value, int | float) else None if value is None else fold(str(value))
