"""Leads whose score time has carried over a threshold: rescored, and their stage lowered where it follows."""

from __future__ import annotations

from datetime import datetime

from nurture.domain.policy import Policy
from nurture.moves.rescore import rescore
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
            work.touches.lock_for_limits(due, ())  # what is recorded meanwhile must not be overwritten
            scene = load(work, due, rules=rules, policy=policy, now=now)
            rescore(work, due, scene, by="daemon", because="with time")
            work.commit()
            looked_at += len(due)
        if len(due) < limit:
            return looked_at
