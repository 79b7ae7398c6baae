"""What a pass costs that finds one mail to send, or nothing: statements, and how they find their rows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from nurture.adapters.store.entering import EnteringRows
from nurture.daemon import tick
from nurture.domain.touch import State
from nurture.flow import enroll, promote
from nurture.flow.dispatch import nightly
from nurture.wiring import App
from tests.builders import a_company, a_lead, a_store, a_touch
from tests.fakes import A_TUESDAY, FixedClock, OutboxFake
from tests.flow.loop import a_cadence
from tests.journeys import workspace
from tests.postgres import Server

CADENCE = a_cadence("- email: hello\n- wait: 2 days\n- email: again\n- wait: 9 days\n- email: last")
# With the BEGIN of each transaction. Who adds one to them slows down every lone mail, the demo and every simulation.
DUE = A_TUESDAY + timedelta(days=2, hours=1)  # the second mail
OF_A_LONE_MAIL = 43
OF_AN_IDLE_PASS = 8


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Ten leads of a company, of whom one is in a cadence."""
    folder = workspace.make(tmp_path, {"course": CADENCE}, mails=("course/hello", "course/again", "course/last"))
    app = workspace.opened(folder, clock=FixedClock(), mailer=OutboxFake())
    with app.store.unit() as work:
        company = a_company(work)
        leads = [a_lead(work, company=company, email=f"p{number}@acme.example") for number in range(10)]
        work.commit()
    rules, now = app.rules.in_force(), app.clock.now()
    enroll.by_hand([leads[0].id], "course", store=app.store, rules=rules, policy=app.policy, now=now, by="tester")
    tick.run(app, now=A_TUESDAY)
    tick.run(app, now=DUE - timedelta(hours=3))  # the nightly job is done
    yield app
    app.close()


@contextmanager
def said(engine: Engine) -> Iterator[list[str]]:
    """What the database is told meanwhile."""
    told: list[str] = []

    def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield told
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def test_a_pass_that_sends_one_mail_says_little_to_the_database(app: App) -> None:
    with said(app.sql.engine) as told:
        done = tick.run(app, now=DUE)
    assert (done.touches.looked_at, done.touches.sent) == (1, 1)
    assert len(told) <= OF_A_LONE_MAIL, "\n".join(told)


def test_a_pass_with_nothing_to_do_looks_once(app: App) -> None:
    with said(app.sql.engine) as told:
        tick.run(app, now=DUE - timedelta(hours=2))
    assert len(told) <= OF_AN_IDLE_PASS, "\n".join(told)


def test_no_look_of_a_pass_reads_a_whole_table(app: App) -> None:
    asked: list[tuple[str, Any]] = []

    def hear(_conn: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values[0] if isinstance(values, list) else values))

    with app.store.unit() as work:
        work.leads.update(2, {"ready_check": True, "enroll_check": True})
        work.commit()
    event.listen(app.sql.engine, "before_cursor_execute", hear)
    tick.run(app, now=DUE)
    event.remove(app.sql.engine, "before_cursor_execute", hear)
    grow = {"leads", "companies", "touches", "enrollments", "responses", "facts", "consents", "suppressions"}
    grow |= {"score_lines", "changes", "raw_events", "deliveries", "inbox", "promises", "handoffs", "promotions"}
    whole = {f"SCAN {table}" for table in grow}  # by an index it would say so
    with app.sql.engine.connect() as db:
        for statement, values in asked:
            if statement.lstrip().startswith("SELECT"):
                plan = db.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)
                assert not whole.intersection(row.detail for row in plan), statement


def test_a_pass_judges_so_many_for_promotion_and_the_next_one_the_others(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promote, "BATCH", 2)
    monkeypatch.setattr(tick, "JUDGED", 2)
    with app.store.unit() as work:
        every = [lead.id for lead in work.leads.search(None, now=DUE)]
        work.leads.update_many([{"id": lead, "ready_check": True} for lead in every])
        work.commit()
    left = []
    for number in range(3):
        tick.run(app, now=DUE + timedelta(minutes=number))
        with app.store.unit() as work:
            left.append(len(work.leads.flagged("ready_check", 100)))
    assert left == [6, 2, 0]


def test_the_nightly_count_waits_for_nobody_who_writes(app: App) -> None:
    with ThreadPoolExecutor(1) as other, app.store.unit() as writing:
        writing.control.switches()  # holds the file until the block ends
        assert other.submit(nightly.run, store=app.store, now=DUE).result(timeout=5) == 0


def test_the_nightly_count_is_of_what_stays_and_not_of_a_copy(app: App) -> None:
    lead = a_lead(app.store, email="stuck@acme.example")
    a_touch(app.store, lead=lead, enrollment=None, state=State.SENDING, intent_at=None, lease_until=None, attempt=0)
    noted = []
    for day, reaches_out in ((3, False), (4, True)):
        app.reaches_out = reaches_out
        tick.run(app, now=DUE + timedelta(days=day))
        with app.store.unit(write=False) as work:
            noted.append(len(work.notes.select(what="invariant")))
    assert noted == [0, 1]


def test_what_moves_many_at_once_is_planned_for_the_tables_as_they_are(postgres_server: Server) -> None:
    with postgres_server.database() as url, a_store(url) as store, store.engine.connect() as db:

        def plan() -> str:
            return " ".join(db.execute(text("EXPLAIN EXECUTE few(5)")).scalars())

        db.execute(text("CREATE TABLE growing (id bigint PRIMARY KEY)"))
        db.execute(text("ANALYZE growing"))
        db.execute(text("SET plan_cache_mode = force_generic_plan"))
        db.execute(
            text(
                "PREPARE few AS SELECT 1 FROM growing g WHERE id < $1 AND EXISTS (SELECT FROM growing WHERE id = g.id)"
            )
        )
        before = plan()
        db.execute(text("INSERT INTO growing SELECT generate_series(1, 50000)"))
        assert plan() == before
        EnteringRows(db, lambda: "")
        assert plan() != before
