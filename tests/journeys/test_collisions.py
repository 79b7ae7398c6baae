"""PostgreSQL undoes a transaction for another one (40001, 40P01): it is made once more, and nothing happens twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from nurture.adapters.store.unit import SqlStore
from nurture.daemon import tick
from nurture.domain.errors import CollisionError
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State
from nurture.flow import respond
from nurture.flow.respond import Report
from nurture.wiring import App, open_app
from tests.fakes import FixedClock, OutboxFake
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace

LEADS = 40
# A serialization failure at the first TIMES of a kind of statement; a sequence is not undone with the transaction.
FAILS = """
CREATE SEQUENCE tries;
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= {times} THEN
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fails AFTER {what} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION fails();
"""


@pytest.fixture
def mailer() -> OutboxFake:
    return OutboxFake()


@pytest.fixture
def app(tmp_path: Path, postgres_url: str, mailer: OutboxFake) -> Iterator[App]:
    folder = workspace.make(
        tmp_path / "w",
        {"course": a_cadence("- email: one")},
        mails=("course/one",),
        mail="first_wave = 0",
        database=postgres_url,
    )
    app = workspace.hurried(open_app(folder, mailer=mailer), batch=20, group=8)
    crash.prepare(app, folder, LEADS)
    yield app
    app.close()


def fail(app: App, what: str, table: str, *, times: int) -> None:
    with app.sql.engine.begin() as db:
        db.execute(text(FAILS.format(what=what, table=table, times=times)))


@pytest.mark.parametrize(("what", "table"), [("INSERT", "touches"), ("UPDATE", "touches"), ("UPDATE", "enrollments")])
def test_a_pass_that_others_undid_is_made_again_at_once(app: App, mailer: OutboxFake, what: str, table: str) -> None:
    fail(app, what, table, times=3)
    tick.run(app)
    assert set(Counter(one.to for one in mailer.sent).values()) == {1}
    assert Counter(one.state for one in crash.touches_of(app)) == {State.SENT: LEADS}


def test_who_is_in_the_way_for_ever_is_an_error_for_a_person(app: App) -> None:
    fail(app, "INSERT", "responses", times=99)
    with pytest.raises(CollisionError, match="Others worked on the same rows"):
        respond.record([Report(Kind.CLICK, app.clock.now(), lead=1, grade=Grade.HUMAN)], **common(app))


def test_the_victim_of_a_deadlock_begins_anew(app: App, postgres_url: str) -> None:
    store = app.store
    assert isinstance(store, SqlStore)
    name = postgres_url.rpartition("/")[2].partition("?")[0]
    with store.engine.begin() as db:
        db.execute(text(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '100ms'"))
    store.engine.dispose()
    at = app.clock.now() - timedelta(minutes=1)
    reports = [Report(Kind.CLICK, at, lead=lead, grade=Grade.HUMAN) for lead in (1, 2)]
    lock = text("SELECT id FROM leads WHERE id = :lead FOR UPDATE")
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = :name")
    with ThreadPoolExecutor(1) as pool, store.engine.connect() as other, store.engine.connect() as watch:
        other.execute(text("SET deadlock_timeout = '1 min'"))  # the other one is not the victim
        other.execute(lock, {"lead": 2})
        recorded = pool.submit(respond.record, reports, **common(app))
        while not watch.execute(waits, {"name": name}).scalar_one():  # it has locked the first, and wants the second
            watch.rollback()
        other.execute(lock, {"lead": 1})
        other.rollback()
        assert len(recorded.result(30)) == 2
    with store.engine.connect() as db:
        assert db.execute(text("SELECT count(*) FROM responses")).scalar_one() == 2


def common(app: App) -> dict[str, Any]:
    now = app.clock.now()
    rules, new_id = app.rules.in_force(), FixedClock().new_id
    return {"store": app.store, "rules": rules, "policy": app.policy, "new_id": new_id, "now": now, "by": "tester"}
