"""Every lead scored again after the rules changed: batch by batch, by whoever began it or comes by after they died."""

from __future__ import annotations

from datetime import datetime

from nurture.moves import rescoring
from nurture.ports import InForce, Store


def run(
    *, store: Store, rules: InForce, now: datetime, by: str = "apply", limit: int = 20_000, most: int | None = None
) -> int:
    """Go on with what was begun until everybody is scored; how many batches that took. Nothing where none was begun.

    Each batch is a transaction. Stops after `most` of them, and where newer files than `rules` are in force: whoever
    has those does it.
    """
    batches, how = 0, None
    with store.unit() as work:
        while most is None or batches < most:
            stands = rescoring.standing(work)
            if stands is None or stands.generation > rules.generation:
                break
            how = how or rescoring.how(stands, rules.workspace, now=now, by=by, limit=limit)
            after = work.leads.score_again(stands.after, rules=rules.workspace, rescoring=how)
            # A pass does some and leaves the mark its age, so that the next pass goes on at once.
            moved_at = now if most is None else stands.at
            rescoring.move(work, stands, after, rules=rules.workspace, now=moved_at)
            work.commit()
            if after is None:
                break
            batches += 1
    return batches


def everybody(*, store: Store, rules: InForce, now: datetime) -> int:
    """Begin, and score everybody by these rules; how many batches that took."""
    with store.unit() as work:
        rescoring.begin(work, now=now)
        work.commit()
    return run(store=store, rules=rules, now=now)
