"""Leads whose score time has carried over a threshold: rescored, and their stage lowered where it follows."""

from __future__ import annotations

from datetime import datetime

from nurture.domain import scoring
from nurture.domain.policy import Policy
from nurture.moves.rescore import ledger_again, rescore
from nurture.moves.scene import load
from nurture.ports import InForce, Store


def run(*, store: Store, rules: InForce, policy: Policy, now: datetime, limit: int = 1_000) -> int:
    """Look at the leads whose moment has come, and at no others; how many they were."""
    looked_at = 0
    while True:
        with store.unit() as work:
            due = work.leads.to_look_at(now, limit)
            if not due:
                return looked_at
            scene = load(work, due, rules=rules, policy=policy, now=now)
            rescore(work, due, scene, by="daemon", because="with time")
            work.commit()
            looked_at += len(due)
        if len(due) < limit:
            return looked_at


def rescore_all(*, store: Store, rules: InForce, policy: Policy, now: datetime, batch: int = 1_000) -> int:
    """Judge every response again by the rules in force, and score every lead by that: after scoring.yaml changed."""
    with store.unit(write=False) as work:
        every = [lead.id for lead in work.leads.search(None, now=now)]
    for start in range(0, len(every), batch):
        ids = every[start : start + batch]
        with store.unit() as work:
            scene = load(work, ids, rules=rules, policy=policy, now=now)
            lines = ledger_again(work, ids, scene)
            work.responses.replace_lines(lines)
            points = rules.workspace.scoring
            sums = {lead: scoring.added({}, [line for _, line in made], points) for lead, made in lines.items()}
            rescore(work, ids, scene, sums=sums, by="apply", because="scoring.yaml changed")
            work.commit()
    return len(every)
