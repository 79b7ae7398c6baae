"""Responses, pauses, settling and dispatch at the same leads at once, on PostgreSQL: nobody waits for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from nurture.adapters.store.unit import SqlStore
from nurture.domain.enrollment import Pause
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State
from nurture.flow import respond
from nurture.flow.dispatch import run as dispatch
from nurture.flow.dispatch import settle
from nurture.flow.respond import Report
from nurture.moves import enrolling
from tests.builders import a_lead, a_store, a_touch, an_enrollment
from tests.fakes import FakeLinks, FixedClock, OutboxFake
from tests.flow.loop import a_cadence, a_policy, in_force

ROUNDS = 25
LEADS = 6


@pytest.fixture
def store(postgres_url: str) -> Iterator[SqlStore]:
    with a_store(postgres_url) as made:
        yield made


@pytest.mark.timeout(120)
def test_nobody_who_works_on_the_same_leads_waits_for_ever(store: SqlStore, tmp_path: Path) -> None:
    clock, dice, rules, policy = FixedClock(), FixedClock(), in_force({"course": a_cadence("- email: one")}), a_policy()
    now = clock.now()
    leads = [a_lead(store).id for _ in range(LEADS)]
    touches = []
    for number, lead in enumerate(leads):
        doubt = a_touch(
            store,
            enrollment=an_enrollment(store, lead=lead, cadence="course", next_at=now),
            id=f"touch{number}",
            state=State.IN_DOUBT,
            attempt=1,
            intent_at=now - timedelta(days=9),
            lease_until=now,
        )
        touches.append(doubt.id)
    together = Barrier(4)

    def rounds(work: Callable[[int], object]) -> None:
        try:
            for number in range(ROUNDS):
                together.wait(30)
                work(number)
        except Exception:
            together.abort()  # the others need not wait to see it
            raise

    def hear(number: int) -> None:
        at = now + timedelta(seconds=number)
        reports = [Report(Kind.DELIVERED, at, touch=touch, grade=Grade.MACHINE) for touch in reversed(touches)]
        respond.record(reports, store=store, rules=rules, policy=policy, new_id=dice.new_id, now=now, by="tester")

    def pause(number: int) -> None:
        with store.unit() as work:
            enrolling.pause(work, leads, Pause.OPERATOR, until=None, now=now, by="tester")
            enrolling.resume(work, leads, Pause.OPERATOR, now=now, by="tester")
            work.commit()

    def give_up(number: int) -> None:
        settle.run(store=store, policy=policy, now=now)

    def send(number: int) -> None:
        links, mailer = FakeLinks(), OutboxFake()
        dispatch.run(dispatch.Desk(store, mailer, rules, links, policy, FixedClock(), f"d{number}", now), batches=1)

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(rounds, work) for work in (hear, pause, give_up, send)]:
            one.result(100)
