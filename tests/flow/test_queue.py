"""The queue of many open tasks: best first by the scores of today, found without loading everybody."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from nurture.domain.scoring import Running, engagement
from nurture.domain.touch import Channel, State
from nurture.flow import tasks
from nurture.moves import queue
from nurture.ports.rows import Waiting
from tests.builders import a_lead, a_touch
from tests.flow.loop import Loop, a_loop, in_force
from tests.flow.test_tasks import COURSES, RULES

SCORING = """
engagement:
  half_life: 30 days
  cap: 40
  rules:
    - {on: click, points: 4, at_most: 12, because: read further}
    - {on: reply, where: "intent == 'interested'", points: 25, half_life: 90 days, because: answered}
    - {on: reply, where: "intent == 'refusal'", points: -30, half_life: 10 days, because: said no}
    - {on: unsubscribe, points: -60, half_life: 180 days, because: wants no more mail}
"""
LINES = ((0.0, 0.0, 0.0, 0.0), (2.0, 0.3, 0.0, 0.0), (1.0, 1.4, 0.9, 0.0), (0.0, 1.0, 2.0, 0.1), (9.0, 3.0, 0.0, 0.0))


def many(loop: Loop, count: int) -> None:
    """Leads of all kinds of pasts, each with a call to be made; what is stored was true when they last did a thing."""
    loop.rules = in_force(COURSES, {**RULES, "scoring.yaml": SCORING})
    rules = loop.rules.workspace.scoring.engagement
    for number in range(count):
        at = loop.now - timedelta(days=number * 37 % 60)
        sums = {
            rule.key: Running(lines, at, rule.half_life.span)
            for rule, lines in zip(rules, LINES[number % len(LINES)], strict=True)
            if lines
        }
        stored = {rule: [one.lines, one.at.isoformat(), one.half_life.total_seconds()] for rule, one in sums.items()}
        worth = engagement(sums, loop.rules.workspace.scoring, at)
        lead = a_lead(loop.store, phone=f"+331000{number:05}", fit=float(number % 7), engagement=worth, sums=stored)
        given: dict[str, Any] = {"channel": Channel.CALL, "state": State.OPEN, "assigned": "caller", "step": "ring"}
        a_touch(loop.store, lead=lead.id, enrollment=None, cadence="course", now=loop.now, **given)


def waiting(loop: Loop) -> dict[float, list[Waiting]]:
    person = tasks.known("Dot", loop.rules)
    with loop.store.unit(write=False) as work:
        return queue.waiting_for(work, person, rules=loop.rules, policy=loop.policy, now=loop.now)


def test_the_order_is_that_of_the_scores_of_today_also_where_a_loss_fades(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- call: ring") as loop:
        many(loop, 70)
        ((priority, found),) = waiting(loop).items()
        assert (priority, len(found)) == (20, 70)
        ordered = list(queue.best_first(loop.store, found, rules=loop.rules, now=loop.now))
        scoring = loop.rules.workspace.scoring
        with loop.store.unit(write=False) as work:
            sums = work.leads.sums([one.lead for one in found], scoring)
        score = {one.lead: one.fit + engagement(sums[one.lead], scoring, loop.now) for one in found}
        assert ordered == sorted(found, key=lambda one: (-score[one.lead], one.due_at, one.id))
        risen = [one for one in found if score[one.lead] > one.fit + one.engagement + 1]
        assert risen
        assert all(one.may_rise for one in risen)


def test_of_many_open_tasks_only_those_who_come_first_are_loaded(tmp_path: Path) -> None:
    asked: list[int] = []

    def hear(_db: Any, _cursor: Any, _statement: str, values: Any, _context: Any, _many: bool) -> None:
        asked.extend(len(json.loads(one)) for one in values if isinstance(one, str) and one.startswith("["))

    with a_loop(tmp_path, "- call: ring") as loop:
        many(loop, 120)
        store: Any = loop.store
        engine = store.engine
        event.listen(engine, "before_cursor_execute", hear)
        first = tasks.next_for("Dot", **loop.common)
        event.remove(engine, "before_cursor_execute", hear)
        assert first is not None
        assert first.touch.claimed_by == "dot@acme.example"
    # A loss may fade for two of five: those are calculated, beside the first few of the rest.
    assert max(asked) <= 120 * 2 // 5 + queue.FEW
