"""Retention: whatever happened, moving old events to the archive changes no report, history, score or later pass."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select

from nurture.adapters.store.backup import backup
from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.experience import experience_of
from nurture.adapters.store.tables import archived_events, archived_responses, raw_events, responses
from nurture.adapters.store.unit import SqlStore
from nurture.domain.errors import NurtureError
from nurture.domain.lead import Lead
from nurture.domain.response import Grade, Kind, Response
from nurture.flow import agreement, cadence_results, held_back, looking, persons, reports, retention, sources
from nurture.flow.why import why
from tests.builders import a_store
from tests.flow.loop import Loop, a_policy
from tests.flow.test_histories import RULES, a_company_of_two, a_pass, act, on_sqlite, stories
from tests.postgres import Server

ALL = timedelta(seconds=-1)  # keep nothing: all that was recorded until now is old
NOISE = st.lists(
    st.tuples(
        st.sampled_from([Kind.DELIVERED, Kind.OPEN, Kind.CLICK]), st.sampled_from(list(Grade)), st.integers(0, 1)
    ),
    max_size=12,
)


def store_of(loop: Loop) -> SqlStore:
    assert isinstance(loop.store, SqlStore)
    return loop.store


def sql(loop: Loop, query: Any) -> Any:
    with store_of(loop).engine.connect() as db:
        return db.execute(query).scalar_one()


def seen(loop: Loop, leads: list[Lead]) -> dict[str, Any]:
    """Everything that a person is shown, and what a simulation learns from."""
    store, rules, now = loop.store, loop.rules, loop.now
    found: dict[str, Any] = {
        "sources": sources.sources(store=store, rules=rules, now=now),
        "funnel": sources.funnel(store=store),
        "cadences": cadence_results.cadences(store=store, rules=rules),
        "limits": held_back.limits(store=store, now=now),
        "handoffs": reports.handoffs(store=store, rules=rules),
        "agreement": agreement.page(store=store, rules=rules, now=now, check=lambda _: rules.workspace.readiness),
        "steps": {name: reports.steps(name, store=store) for name in rules.versions},
        "experience": experience_of_store(loop),
    }
    with store.unit(write=False) as work:
        found["stored"] = work.responses.stored()
        found["page"] = work.responses.page(lead=None, since=None, after=1, limit=7)
        names = [one.id for one in work.touches.select()]
        found["of_touches"] = work.responses.of_touches(names)
        found["clicks"] = work.responses.clicks(datetime(2000, 1, 1, tzinfo=UTC), now)
        found["touches"] = work.touches.select()
    for lead in leads:
        found[f"history {lead.id}"] = looking.history(lead.id, store=store)
        found[f"score {lead.id}"] = looking.score(lead.id, store=store, rules=rules, policy=loop.policy, now=now)
        found[f"why {lead.id}"] = why(lead.id, store=store, rules=rules, policy=loop.policy, now=now)
    return found


def experience_of_store(loop: Loop) -> Any:
    if store_of(loop).engine.dialect.name != "sqlite":
        return None  # a simulation learns from its copy
    with store_of(loop).engine.connect() as db:
        return experience_of(db)


def noise(loop: Loop, leads: list[Lead], events: list[tuple[Kind, Grade, int]]) -> None:
    """What providers report beside the story, and the deliveries in which they did."""
    with loop.store.unit() as work:
        for number, (kind, grade, who) in enumerate(events):
            sent = work.touches.select(lead=leads[who].id)
            response = Response(kind, loop.now, leads[who].id, sent[-1].id if sent else None, grade)
            key = f"{loop.now.isoformat()} {number}"
            work.responses.add(response, key=key, recorded_at=loop.now, by="sendgrid")
            work.responses.keep_raw("sendgrid", sha256(key.encode()).hexdigest(), key.encode(), loop.now)
        for row, *_ in work.responses.raw_new(100):
            work.responses.raw_done(row, loop.now)
        work.commit()


def live(loop: Loop, leads: list[Lead], story: list[tuple[str, int]]) -> None:
    for step, who in story:
        try:
            act(loop, leads[who], step)
        except NurtureError:
            continue
        a_pass(loop)


@contextmanager
def twin(loop: Loop) -> Iterator[Loop]:
    """The same workspace once more, with a life of its own."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "twin.db"
        backup(store_of(loop).engine, copy)
        engine = open_engine(f"sqlite:///{copy}")
        try:
            yield replace(loop, store=SqlStore(engine), clock=deepcopy(loop.clock))
        finally:
            engine.dispose()


@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(story=stories, after=stories, events=NOISE)
def test_what_moves_to_the_archive_changes_nothing_then_or_later(
    story: list[tuple[str, int]], after: list[tuple[str, int]], events: list[tuple[Kind, Grade, int]]
) -> None:
    with on_sqlite() as loop:
        leads = a_company_of_two(loop)
        a_pass(loop)
        noise(loop, leads, events)
        live(loop, leads, story)
        noise(loop, leads, events)
        with twin(loop) as other:
            retention.run(store=loop.store, now=loop.now, keep=ALL)
            assert seen(loop, leads) == seen(other, leads)
            for one in (loop, other):
                one.clock.advance(seconds=1)  # what is told twice has long been told twice when it is archived
                live(one, leads, after[:5])
            assert seen(loop, leads) == seen(other, leads)


@pytest.fixture(params=["sqlite", "postgresql"])
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """A company of two with some history, on both databases."""
    if request.param == "sqlite":
        with on_sqlite() as made:
            yield made
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as url, a_store(url) as store:
        yield Loop(store, RULES["30", 1], a_policy())


MIXED = [(kind, grade, who) for kind in (Kind.DELIVERED, Kind.OPEN, Kind.CLICK) for grade in Grade for who in (0, 1)]
STORY = [("reply interested", 0), ("call budget", 0), ("wait 1 hours", 0), ("accept", 0), ("click", 1), ("bounce", 1)]


def a_past(loop: Loop) -> list[Lead]:
    leads = a_company_of_two(loop)
    a_pass(loop)
    live(loop, leads, STORY)
    for _ in range(3):
        noise(loop, leads, MIXED)
        loop.clock.advance(days=1)
    return leads


def counts(loop: Loop) -> tuple[int, ...]:
    tables = (responses, archived_responses, raw_events, archived_events)
    return tuple(sql(loop, select(func.count()).select_from(table)) for table in tables)


def test_machines_and_deliveries_move_and_people_stay(loop: Loop) -> None:
    leads = a_past(loop)
    before, was = seen(loop, leads), counts(loop)
    moved = retention.run(store=loop.store, now=loop.now, keep=timedelta(hours=36))
    assert moved == {"responses": 24, "events": 36}  # of the third day none, and of the others not what people did
    assert counts(loop) == (was[0] - 24, 24, was[2] - 36, 36)
    assert seen(loop, leads) == before
    assert sql(loop, select(func.count()).where(archived_responses.c.grade == Grade.HUMAN.value)) == 0
    assert retention.run(store=loop.store, now=loop.now, keep=timedelta(hours=36)) == {"responses": 0, "events": 0}
    loop.clock.advance(days=2)
    assert retention.run(store=loop.store, now=loop.now, keep=timedelta(hours=36)) == {"responses": 11, "events": 17}
    assert seen(loop, leads)["history 1"] == before["history 1"]


def test_whoever_is_cut_off_goes_on_where_it_was(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = a_past(loop)
    before = seen(loop, leads)
    monkeypatch.setattr(retention, "BATCH", {"responses": 9, "events": 8})
    steps = 0
    while any(retention.run(store=loop.store, now=loop.now, keep=ALL, batches=1).values()):
        steps += 1
        assert seen(loop, leads) == before
    assert steps > 5
    assert counts(loop)[1::2] == (35, 53)  # the newest row of each stays, so that its number is not given again


@pytest.mark.parametrize("loop", ["sqlite"], indirect=True)
def test_two_daemons_at_the_same_rows_move_them_once(loop: Loop) -> None:
    leads = a_past(loop)
    before = seen(loop, leads)
    with loop.store.unit() as work:  # as if nobody had left a mark
        work.archive.move_responses(after=0, before=loop.now, limit=20)
        work.commit()
    retention.run(store=loop.store, now=loop.now, keep=ALL)
    assert seen(loop, leads) == before


@pytest.mark.parametrize("loop", ["sqlite"], indirect=True)
def test_a_delivery_in_the_archive_that_comes_again_is_known(loop: Loop) -> None:
    leads = a_past(loop)
    retention.run(store=loop.store, now=loop.now, keep=ALL)
    with loop.store.unit() as work:
        assert not work.responses.keep_raw("sendgrid", KEY, b"again", loop.now)
        assert work.responses.raw([KEY]) == {KEY: KEY_BODY}
    assert zlib.decompress(sql(loop, select(archived_events.c.body).where(archived_events.c.key == KEY))) == KEY_BODY
    assert leads


KEY_BODY = b"2026-03-03T10:00:00+00:00 0"
KEY = sha256(KEY_BODY).hexdigest()


def test_a_click_in_the_archive_that_is_judged_a_persons_counts_again(loop: Loop) -> None:
    leads = a_past(loop)
    retention.run(store=loop.store, now=loop.now, keep=ALL)
    with loop.store.unit() as work:
        click = next(
            one
            for one in work.responses.stored(lead=leads[0].id)
            if one.response.kind is Kind.CLICK and one.response.grade is Grade.MACHINE
        )
        work.responses.judge(click.id, {"grade": Grade.LIKELY_MACHINE.value, "why": "a burst"})
        assert click.id not in {one.id for one in work.responses.with_ids([leads[0].id])[leads[0].id]}
        work.responses.judge(click.id, {"grade": Grade.HUMAN.value, "why": "no burst"})
        again = {one.id: one.response for one in work.responses.with_ids([leads[0].id])[leads[0].id]}[click.id]
        assert (again.grade, again.why) == (Grade.HUMAN, "no burst")
        assert len([one for one in work.responses.stored() if one.id == click.id]) == 1
        work.commit()


@pytest.mark.parametrize("loop", ["sqlite"], indirect=True)
def test_whoever_is_forgotten_is_forgotten_in_the_archive_too(loop: Loop) -> None:
    leads = a_past(loop)
    with loop.store.unit() as work:
        work.responses.keep_raw("eml", "1", f"From: {leads[0].email}".encode(), loop.now)
        work.responses.raw_done(work.responses.raw_new(1)[0][0], loop.now)
        work.responses.keep_raw("eml", "2", b"the newest", loop.now)
        work.commit()
    retention.run(store=loop.store, now=loop.now, keep=ALL)
    held = persons.everything(leads[0].id, store=loop.store)
    assert len(held["archived_responses"]) > 10
    assert [row["body"] for row in held["raw_events"]] == [f"From: {leads[0].email}"]
    with loop.store.unit() as work:
        work.persons.erase(leads[0].id, loop.now)
        work.commit()
    query = select(archived_responses.c.detail).where(archived_responses.c.lead_id == leads[0].id)
    assert sql(loop, query.where(archived_responses.c.detail.is_not(None)).exists().select()) in (False, 0)
    assert not sql(loop, select(func.count()).where(archived_events.c.key == "1"))


def test_no_step_of_it_reads_a_whole_table(loop: Loop) -> None:
    a_past(loop)
    retention.run(store=loop.store, now=loop.now, keep=timedelta(hours=36))
    engine, asked = store_of(loop).engine, list[tuple[str, Any]]()

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    loop.clock.advance(days=9)
    retention.run(store=loop.store, now=loop.now, keep=timedelta(days=3))
    with loop.store.unit(write=False) as work:
        work.responses.of_lead(1)
        work.responses.of_touches(["x"])
        work.responses.clicks(loop.now, loop.now)
    event.remove(engine, "before_cursor_execute", note)
    assert len(asked) > 10
    with engine.connect() as db:
        if engine.dialect.name == "postgresql":
            db.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in asked:
            word = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
            many = parameters[0] if isinstance(parameters, list) else parameters
            plan = "\n".join(str(row) for row in db.exec_driver_sql(f"{word} {statement}", many))
            for table in ("responses", "raw_events", "archived_responses", "archived_events"):
                assert f"SCAN {table}'" not in plan, plan
                assert f"Seq Scan on {table}" not in plan, plan
