"""What marketing and sales agreed, beside what became of it: a row for each month, and one change that it suggests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from nurture.domain import agreement
from nurture.domain.agreement import Backtest, Offered
from nurture.domain.handoff import State
from nurture.domain.promotion import latest_evidence
from nurture.domain.readiness import Readiness
from nurture.domain.scoring import Scoring
from nurture.moves.past import OFFERED, Handed, handed
from nurture.ports import InForce, Store

HOUR: Final = timedelta(hours=1)
BACK: Final = timedelta(days=365)  # what is older tells of other times
FILE: Final = "readiness.yaml"


@dataclass(frozen=True, slots=True)
class Page:
    """The months, and the change proposed with its diff; both None where nothing stands out.

    `diff` is also None where the file is written in a way that we cannot change a line of: then the words say it.
    """

    months: tuple[Mapping[str, Any], ...]
    proposal: Backtest | None
    diff: str | None
    offered: int
    since: datetime


def page(
    *, store: Store, rules: InForce, now: datetime, check: Callable[[Mapping[str, str]], Readiness | None]
) -> Page:
    """Count the past year. `check` reads the files with a changed one: None when it is wrong."""
    with store.unit(write=False) as work:
        past = _decided(handed(work, states=OFFERED, since=now - BACK))
        files = work.control.files()
    readiness, scoring = rules.workspace.readiness, rules.workspace.scoring
    months = _months(past)
    found = agreement.proposal([_offered(one, scoring, readiness) for one in past], readiness)
    text = files.get(FILE, "")
    changed = found.change.edit(text) if found is not None and text else None
    if changed is not None and check({FILE: changed}) is None:
        changed = None
    made = agreement.diff(text, changed) if changed is not None else None
    return Page(tuple(months), found, made, len(past), now - BACK)


def _decided(past: Sequence[Handed]) -> list[Handed]:
    """One for each promotion: where it was offered to several reps, the last one decides."""
    last = {one.promotion: one for one in sorted(past, key=lambda one: one.handoff)}
    return list(last.values())


def _months(past: Sequence[Handed]) -> list[dict[str, Any]]:
    """A row for each month from the first to the last, also for one in which nothing was offered."""
    by_month: dict[str, list[Handed]] = {}
    for one in sorted(past, key=lambda one: one.offered_at):
        by_month.setdefault(f"{one.offered_at:%Y-%m}", []).append(one)
    if not by_month:
        return []
    first, last = (12 * int(name[:4]) + int(name[5:]) - 1 for name in (min(by_month), max(by_month)))
    names = [f"{month // 12}-{month % 12 + 1:02}" for month in range(first, last + 1)]
    return [_month(name, by_month.get(name, [])) for name in names]


def _offered(one: Handed, scoring: Scoring, readiness: Readiness) -> Offered:
    last = latest_evidence(one.responses)
    return Offered(
        one.names(scoring, readiness),
        one.known(readiness),
        last.at if last is not None else None,
        one.at,
        rejected=one.state is State.REJECTED,
        accepted=one.good,
    )


def _month(name: str, part: Sequence[Handed]) -> dict[str, Any]:
    states = Counter(one.state for one in part)
    reasons = Counter(one.reason for one in part if one.state is State.REJECTED)
    return {
        "month": name,
        "promoted": len(part),
        "accepted": sum(one.good for one in part),
        "rejected": states[State.REJECTED],
        "won": states[State.WON],
        "lost": states[State.LOST],
        "unanswered": states[State.OFFERED] + states[State.EXPIRED],
        "answer_hours": agreement.middle((one.answered_at - one.offered_at) / HOUR for one in part if one.answered_at),
        "contact_hours": agreement.middle(
            (one.contacted_at - one.answered_at) / HOUR for one in part if one.contacted_at and one.answered_at
        ),
        "reasons": dict(reasons.most_common()),
    }
