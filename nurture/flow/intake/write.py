"""What a batch decided, written: a fixed number of statements, however many rows there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.flow.intake.deciding import Deciding, Person
from nurture.moves.ending import end_calls, end_contact
from nurture.moves.fields import look_again
from nurture.moves.first_score import FirstScores
from nurture.moves.rescore import rescore
from nurture.moves.scene import load
from nurture.ports import InForce, Unit
from nurture.ports.store import Change

SHARE: Final = 2_500  # leads that a database of its own stores while the next ones are scored


def write(work: Unit, decided: Deciding, batch: int, scores: FirstScores, *, rules: InForce, policy: Policy) -> None:
    """Store the leads with their companies, consents, facts and scores, and what it changes for those who are known."""
    arrivals, now, by = work.arrivals, decided.now, decided.by
    old = list(decided.touched.values())
    made = decided.new()
    new: Sequence[LeadId] = made["id"]
    arrivals.settle(decided.known.employers, now)
    _change(work, old)  # first: somebody new may have the external id that it takes away
    staged: list[Change] = []
    facts = {lead: one.facts for lead, one in decided.named_again.items()}
    for at in range(0, len(new), SHARE):
        share = {name: values[at : at + SHARE] for name, values in made.items()}
        scored: dict[str, Sequence[Any]] = {}
        if scores.is_enough:
            scored, changes = scores.score(share, facts, decided.known.employers.companies, by=by)
            staged += changes
        arrived = [now] * len(share["id"])
        arrivals.add({**share, "arrived_at": arrived, "changed_at": arrived, **scored})
    arrivals.add_consents(decided.consents)
    arrivals.add_facts(decided.facts)
    arrivals.add_aliases([(lead, email) for email, lead in decided.aliases.items()])
    arrivals.suppress(decided.suppressions, by=by)
    lines = [row.line for row, _, _ in decided.made.values()]
    work.notes.add_alike("imported", new, [f"imported, line {line}" for line in lines], at=now, by=by)
    work.notes.add(staged)
    changed = [(one.lead, one.line, one.before) for one in old if one.line is not None and one.before is not None]
    work.imports.add_rows(batch, made=(new, lines), changed=changed, at=now)
    end_contact(work, decided.leave_alone, "opted_out", now=now, by=by)
    end_calls(work, decided.call_no_more, now=now)
    if decided.look_again:
        look_again(work, decided.look_again, now)
    again = {one.lead for one in old} | decided.leave_alone
    if not scores.is_enough:
        again |= {*new}
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
