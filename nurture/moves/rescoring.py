"""Where scoring everybody again stands: what `apply` begins and whoever comes by goes on with, a batch at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nurture.ports.store import Rescoring

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.domain.scoring import Scoring
    from nurture.domain.workspace import Workspace
    from nurture.ports import Unit

MARK: Final = "rescoring"
COMPLETE: Final = "scored by"
DONE: Final = "done"
NOTHING: Final[tuple[dict[str, float], None]] = ({}, None)
BECAUSE: Final = "scoring.yaml changed"


@dataclass(frozen=True, slots=True)
class Standing:
    """Everybody up to the lead `after` has the scores of a generation.

    `complete`: by which rules everybody was scored last. `at`: when somebody last worked on it.
    """

    generation: int
    after: LeadId
    complete: Any
    at: datetime


def asks_for_it(before: Workspace | None, after: Workspace) -> bool:
    """Whether scores, stages or the moments to look at leads follow otherwise from the new files."""
    return before is None or before.scoring != after.scoring or _texts(before) != _texts(after)


def _texts(workspace: Workspace) -> set[str]:
    return {condition.text for condition in workspace.watched}


def begin(work: Unit, *, now: datetime) -> None:
    """From the first lead on, by the files that are in force as of this transaction."""
    if standing(work) is not None:  # what some of them have is from rules that nobody has any more
        work.control.set_mark(COMPLETE, json.dumps(NOTHING), now)
    work.control.set_mark(MARK, json.dumps([work.control.generation(), 0]), now)


def standing(work: Unit) -> Standing | None:
    """How far it is; None where all are done. Holds it against whoever else goes on with it."""
    work.pacing.lock({MARK})
    mark, complete = work.control.mark(MARK), work.control.mark(COMPLETE)
    if mark is None or mark[0] == DONE:
        return None
    generation, after = json.loads(mark[0])
    return Standing(generation, after, json.loads(complete[0]) if complete else NOTHING, mark[1])


def how(stands: Standing, rules: Workspace, *, now: datetime, by: str, limit: int) -> Rescoring:
    """What must be done with each lead, given by which rules it was scored last."""
    before, fit = stands.complete
    sums, of_fit = _kept(rules.scoring)
    return Rescoring(rules.watched, list(before), before != sums, fit != of_fit, now, by, BECAUSE, limit)


def move(work: Unit, was: Standing, after: LeadId | None, *, rules: Workspace, now: datetime) -> None:
    """Everybody up to `after` is done; None: everybody is."""
    if after is not None:
        work.control.set_mark(MARK, json.dumps([was.generation, after]), now)
        return
    work.control.set_mark(MARK, DONE, now)
    work.control.set_mark(COMPLETE, json.dumps(_kept(rules.scoring)), now)


def _kept(points: Scoring) -> list[Any]:
    """What is stored of a lead follows from this: the half-life in seconds of each rule, and the rules of the fit."""
    return [
        {rule.key: rule.half_life.span.total_seconds() for rule in points.engagement},
        [[float(rule.points), rule.when.text] for rule in points.fit],
    ]
