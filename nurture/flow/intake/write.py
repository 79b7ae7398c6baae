"""What a batch decided, written: a fixed number of statements, however many rows there are."""

from __future__ import annotations

from typing import Any

from nurture.domain.policy import Policy
from nurture.flow.intake.deciding import Deciding, Person
from nurture.moves.ending import end_calls, end_contact
from nurture.moves.fields import look_again
from nurture.moves.first_score import FirstScores
from nurture.moves.rescore import rescore
from nurture.moves.scene import load
from nurture.ports import InForce, Unit
from nurture.ports.store import Change


def write(work: Unit, decided: Deciding, batch: int, scores: FirstScores, *, rules: InForce, policy: Policy) -> None:
    """Store the leads with their companies, consents, facts and scores, and what it changes for those who are known."""
    arrivals, now, by = work.arrivals, decided.now, decided.by
    new = [person for person in decided.touched.values() if person.is_new]
    old = [person for person in decided.touched.values() if not person.is_new]
    arrivals.settle(decided.known.employers, now)
    made = [one.columns for one in new]
    scored: dict[str, list[Any]] = {}
    staged: list[Change] = []
    if scores.is_enough:
        scored, staged = scores.score(made, [one.facts for one in new], decided.known.employers.companies, by=by)
    arrivals.add(made, {"arrived_at": [now] * len(new), "changed_at": [now] * len(new), **scored})
    _change(work, old)
    arrivals.add_consents(decided.consents)
    arrivals.add_facts(decided.facts)
    arrivals.add_aliases([(lead, email) for email, lead in decided.aliases.items()])
    arrivals.suppress(decided.suppressions, by=by)
    work.notes.add_alike("imported", [(one.lead, f"imported, line {one.line}") for one in new], at=now, by=by)
    work.notes.add(staged)
    work.imports.add_rows(
        batch,
        [
            {"lead_id": one.lead, "line": one.line, "before": one.before, "at": now}
            for one in (*new, *old)
            if one.line is not None
        ],
    )
    end_contact(work, decided.leave_alone, "opted_out", now=now, by=by)
    end_calls(work, decided.call_no_more, now=now)
    if decided.look_again:
        look_again(work, decided.look_again, now)
    again = {one.lead for one in old} | decided.leave_alone
    if not scores.is_enough:
        again |= {one.lead for one in new}
    if again:
        rescore(work, again, load(work, again, rules=rules, policy=policy, now=now), by=by)


def _change(work: Unit, people: list[Person]) -> None:
    """Set what is new of leads that were known: they are held, so that what did not change may be written too."""
    changed = [one for one in people if one.new]
    names = frozenset[str]().union(*(one.new for one in changed))
    rows: list[dict[str, Any]] = [
        {"id": one.lead, **{name: one.columns.get(name) for name in names}} for one in changed
    ]
    work.arrivals.change(names, rows)
