"""What is in force, what is paused, who is at work, what was imported; and the unit of work itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.unit import SqlStore
from nurture.domain.errors import RefusedError, RequestError, UnreachableError
from nurture.domain.fact import Fact, FactName
from nurture.domain.response import Kind, Response
from nurture.ports.store import Change, Store, Switch
from tests.builders import a_lead, a_sent_touch, a_touch, an_enrollment
from tests.fakes import A_TUESDAY as NOW

HOUR = timedelta(hours=1)


def test_applied_files_are_the_latest_and_the_generation_grows_only_with_a_change(store: SqlStore) -> None:
    with store.unit() as work:
        assert (work.control.generation(), work.control.files()) == (0, {})
        work.control.put_files({"a.yaml": "1", "b.yaml": "ü\r\n"}, at=NOW, by="ann")
        first = work.control.generation()
        work.control.put_files({"a.yaml": "1", "gone.yaml": None}, at=NOW, by="ann")
        assert work.control.generation() == first
        work.control.put_files({"a.yaml": "2", "b.yaml": None}, at=NOW, by="ann")
        assert work.control.generation() > first
        assert work.control.files() == {"a.yaml": "2"}
        work.control.put_files({"b.yaml": "ü\r\n", "empty.txt": ""}, at=NOW, by="ann")
        assert work.control.files() == {"a.yaml": "2", "b.yaml": "ü\r\n", "empty.txt": ""}


def test_a_version_of_a_cadence_stays_and_its_text_can_be_put_right(store: SqlStore) -> None:
    with store.unit() as work:
        for version, structure, content in (
            (1, "s1", "one"),
            (2, "s2", "two"),
            (2, "s2", "two, better"),
            (10, "s3", "ten"),
        ):
            work.control.put_version("cio", version, structure=structure, content=content, at=NOW, by="ann")
        assert work.control.versions() == {"cio": (10, "s3")}
        assert work.control.version("cio", 1) == "one"
        assert work.control.version("cio", 2) == "two, better"
        assert work.control.version("cio", 3) is None


def test_what_is_paused_can_be_paused_anew_and_let_go(store: SqlStore) -> None:
    everything = Switch("send", "provider is down", NOW, None, "daemon")
    cadence = Switch("cadence:cio", "wording", NOW, NOW + HOUR, "ann")
    with store.unit() as work:
        work.control.switch(everything)
        work.control.switch(cadence)
        work.control.switch(Switch("send", "still down", NOW, NOW + HOUR, "bob"))
        assert work.control.switches() == {
            "cadence:cio": cadence,
            "send": Switch("send", "still down", NOW, NOW + HOUR, "bob"),
        }
        assert work.control.unswitch("send")
        assert not work.control.unswitch("send")
        assert work.control.switches() == {"cadence:cio": cadence}


def test_a_mark_is_set_and_set_again(store: SqlStore) -> None:
    with store.unit() as work:
        assert work.control.mark("last_pass") is None
        work.control.set_mark("last_pass", "1", NOW)
        work.control.set_mark("last_pass", "2", NOW + HOUR)
        assert work.control.mark("last_pass") == ("2", NOW + HOUR)


def test_one_daemon_of_the_fleet_runs_a_job_in_each_slot(store: SqlStore) -> None:
    together = Barrier(4)

    def run(turn: int) -> bool:
        together.wait()
        with store.unit() as work:
            mine = work.control.take_job("report", "2026-03-03", at=NOW, by=f"d{turn}")
            work.commit()
            return mine

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [False, False, False, True]
    with store.unit() as work:
        assert work.control.take_job("report", "2026-03-04", at=NOW, by="d0")


def test_a_daemon_is_seen_leaves_and_comes_back(store: SqlStore) -> None:
    with store.unit() as work:
        work.control.beat("d1", host="a", pid=1, now=NOW, sent=0)
        work.control.beat("d2", host="b", pid=2, now=NOW + HOUR, sent=0)
        work.control.beat("d1", host="a", pid=1, now=NOW + 2 * HOUR, sent=7, passed=NOW + HOUR)
        first, second = work.control.daemons()
        assert (first["id"], first["started_at"], first["seen_at"], first["sent"]) == ("d1", NOW, NOW + 2 * HOUR, 7)
        assert (first["passed_at"], second["passed_at"]) == (NOW + HOUR, None)
        work.control.leave("d2", NOW + 3 * HOUR)
        assert work.control.daemons()[0] == {**second, "seen_at": NOW + 3 * HOUR, "stopped_at": NOW + 3 * HOUR}
        work.control.beat("d2", host="b", pid=3, now=NOW + 4 * HOUR, sent=0)
        assert work.control.daemons()[0]["stopped_at"] is None


def test_a_batch_remembers_what_it_did_to_each_lead(store: SqlStore) -> None:
    new, old = a_lead(store).id, a_lead(store, external_id="X", email="x@example.com").id
    with store.unit() as work:
        first = work.imports.begin(file="a.csv", source="fair", at=NOW, by="ann")
        second = work.imports.begin(file="b.csv", source=None, at=NOW + HOUR, by="ann")
        work.imports.add_rows(first, made=([new], [2]), changed=[(old, 3, {"title": "CIO", "changed_at": NOW})], at=NOW)
        work.imports.add_rows(first, made=([], []), changed=[(old, 9, {"title": "CTO", "country": "DE"})], at=NOW)
        work.imports.add_rows(first, made=([], []), changed=[], at=NOW)
        counts: dict[str, Any] = {"created": 1, "updated": 1, "unchanged": 0, "refused": [(4, "no @")]}
        assert work.imports.advance(first, was=0, line=9, **counts, finished_at=None)
        assert not work.imports.advance(first, was=0, line=9, **counts, finished_at=None)
        work.imports.undone(first, NOW + HOUR)
        assert [(row["lead_id"], row["before"]) for row in work.imports.rows(first)] == [
            (new, None),
            (old, {"title": "CIO", "changed_at": NOW.isoformat(), "country": "DE"}),
        ]
        assert [row["id"] for row in work.imports.select()] == [second, first]
        batch = work.imports.get(first)
        assert batch is not None
        assert (batch["created"], batch["refused"]) == (1, [(4, "no @")])
        assert batch["undone_at"] == NOW + HOUR
        assert work.imports.get(second + 1) is None


def test_known_leads_are_found_by_address_alias_and_external_id(store: SqlStore) -> None:
    lead = a_lead(store, email="new@example.com", external_id="X").id
    with store.unit() as work:
        work.leads.add_alias(lead, "old@example.com")
        emails = ["new@example.com", "old@example.com", "other@example.com"]
        assert work.arrivals.by_identity(emails, ["X", "Y"]) == (dict.fromkeys(emails[:2], lead), {"X": lead})
        assert work.arrivals.by_identity([], []) == ({}, {})


def test_a_lead_that_only_was_imported_is_removed_with_all_that_came_with_it(store: SqlStore) -> None:
    lead = a_lead(store).id
    with store.unit() as work:
        batch = work.imports.begin(file="a.csv", source=None, at=NOW, by="ann")
        work.imports.add_rows(batch, made=([lead], [2]), changed=[], at=NOW)
        work.leads.add_alias(lead, "old@example.com")
        work.leads.add_fact(lead, Fact(FactName.BUDGET, "20k", "import", NOW))
        work.notes.add([Change("imported", "from a.csv", NOW, "ann", lead)])
        work.imports.remove_leads([lead])
        work.commit()
        assert work.leads.get([lead]) == {}
        assert work.imports.rows(batch) == []
        assert work.leads.find("old@example.com") is None


def test_a_lead_with_a_history_is_not_removed(store: SqlStore) -> None:
    enrolled = an_enrollment(store).lead
    answered = a_lead(store).id
    into = a_lead(store)
    a_lead(store, merged_into=into.id)
    with store.unit() as work:
        work.responses.add(Response(Kind.VISIT, NOW, answered), key="k", recorded_at=NOW, by="")
        for lead in (enrolled, answered, into.id):
            with pytest.raises(RefusedError, match="history"):
                work.imports.remove_leads([lead])
            assert lead in work.leads.get([lead])


def test_a_unit_is_all_or_nothing_and_goes_on_after_a_commit(store: SqlStore) -> None:
    with store.unit() as work:
        kept = a_lead(work).id
        work.commit()
        lost = a_lead(work).id
    with suppress(ZeroDivisionError), store.unit() as work:
        lost_too = a_lead(work).id
        raise ZeroDivisionError
    with store.unit(write=False) as work:
        assert list(work.leads.get({kept, lost, lost_too})) == [kept]


def test_a_row_of_nobody_is_refused(store: SqlStore) -> None:
    with pytest.raises(IntegrityError):
        a_touch(store, lead=999_999, enrollment=None)


def test_readers_read_while_somebody_writes(store: SqlStore) -> None:
    lead = a_lead(store)
    with store.unit() as writing, store.unit(write=False) as reading:
        writing.leads.update(lead.id, {"title": "CTO"})
        assert reading.leads.get([lead.id]) == {lead.id: lead}


def test_writers_wait_for_each_other_and_lose_nothing(store: SqlStore) -> None:
    with store.unit() as work:
        work.control.set_mark("count", "0", NOW)
        work.commit()
    lead = a_lead(store).id

    def add(_turn: int) -> None:
        for _ in range(5):
            with store.unit() as work:
                work.touches.lock_for_limits([lead], [])
                mark = work.control.mark("count")
                assert mark is not None
                work.control.set_mark("count", str(int(mark[0]) + 1), NOW)
                work.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    with store.unit() as work:
        assert work.control.mark("count") == ("20", NOW)


def test_the_clock_of_a_pass_is_that_of_the_database_where_it_has_one(store: SqlStore) -> None:
    moment = store.now(NOW)
    assert moment.tzinfo is UTC
    assert (moment == NOW) is (store.engine.dialect.name == "sqlite")


def test_a_commit_on_sqlite_is_on_the_disk(
    tmp_path: Path, no_disk_is_waited_for: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nurture.adapters.store.engine._sqlite", no_disk_is_waited_for)
    engine = open_engine(f"sqlite:///{tmp_path / 'nurture.db'}")
    with engine.connect() as db:
        found = [db.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("synchronous", "journal_mode")]
    engine.dispose()
    assert found == [2, "wal"]


def test_another_kind_of_database_is_refused_and_one_that_is_away_is_unreachable() -> None:
    for url in ("mysql://u@h/x", "nonsense", "oracle+x://"):
        with pytest.raises(RequestError, match=r"database\.url"):
            open_engine(url)
    away: Store = SqlStore(open_engine("postgresql+psycopg://u@127.0.0.1:9/x"))
    with pytest.raises(UnreachableError), away.unit():
        pass


def test_the_builders_make_what_a_test_needs(store: SqlStore) -> None:
    sent = a_sent_touch(store)
    with store.unit() as work:
        assert sent.enrollment is not None
        assert work.enrollments.get([sent.enrollment])[sent.enrollment].lead == sent.lead
        assert work.leads.consents([sent.lead])[sent.lead][0].basis == "opt-in"
        with pytest.raises(ValueError, match="already"):
            an_enrollment(work, lead=an_enrollment(work).lead)
