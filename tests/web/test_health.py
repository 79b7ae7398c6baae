"""Alive, ready, and what waits."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nurture.adapters import disk
from nurture.daemon.outage import Outage
from nurture.domain.errors import UnreachableError
from tests.web.house import House, a_house


def passed(house: House) -> None:
    """A daemon that is at work, and has just made a pass."""
    now = house.clock.now()
    with house.app.store.unit() as work:
        work.control.beat("d1", host="h", pid=1, now=now, sent=0)
        work.control.set_mark("last_pass", "d1", now)
        work.commit()


def test_it_is_ready_while_passes_are_made(house: House) -> None:
    passed(house)
    house.clock.advance(seconds=149)
    assert house.client.get("/readyz").json() == {"ready": True, "reasons": []}


def test_it_is_not_ready_when_passes_fail_to_come(house: House) -> None:
    passed(house)
    house.clock.advance(seconds=151)
    answer = house.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["no pass for 151 s"]


def test_it_is_ready_while_a_long_pass_gets_on(house: House) -> None:
    passed(house)
    Outage(house.app).failed(UnreachableError("The database is away.", hint=""))
    house.app.pass_began = house.app.clock.boottime()
    house.clock.advance(seconds=600)
    assert house.client.get("/readyz").status_code == 503  # it stands still
    house.app.moved_at = house.app.clock.boottime()
    assert house.client.get("/readyz").status_code == 200


def test_it_is_not_ready_while_passes_begin_and_do_not_go_through(house: House) -> None:
    outage = Outage(house.app)
    outage.failed(UnreachableError("The disk of the server is full.", hint="Make room."))
    house.clock.advance(seconds=40)
    passed(house)  # the first commit of a pass still finds room
    assert house.client.get("/readyz").status_code == 200
    house.clock.advance(seconds=111)
    passed(house)
    assert house.client.get("/readyz").json()["reasons"] == ["no pass went through for 151 s"]
    outage.worked()
    assert house.client.get("/readyz").status_code == 200


def test_a_daemon_that_just_started_after_a_long_rest_is_given_time(house: House) -> None:
    passed(house)
    with house.app.store.unit() as work:
        work.control.leave("d1", house.clock.now())
        work.commit()
    now = house.clock.advance(days=3)
    with house.app.store.unit() as work:
        work.control.beat("d2", host="h", pid=2, now=now, sent=0)
        work.commit()
    assert house.client.get("/readyz").status_code == 200


def test_it_is_alive_and_not_ready_without_a_database(tmp_path: Path) -> None:
    with a_house(tmp_path, database="postgresql+psycopg://nobody@127.0.0.1:1/none") as house:
        assert house.client.get("/healthz").status_code == 200
        answer = house.client.get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, ["the database does not answer"])


def test_it_is_not_ready_on_a_disk_that_is_full_and_does_not_say_where_that_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(house)
    monkeypatch.setattr(disk, "trouble", lambda folder: ("The disk is full", f"Make room at {folder}."))
    answer = house.client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["The disk is full"])


@pytest.mark.parametrize(("step", "older"), [("0000", True), ("9999", False)])
def test_an_older_schema_is_not_ready_and_one_that_a_newer_version_added_to_is(
    house: House, tmp_path: Path, step: str, older: bool
) -> None:
    with sqlite3.connect(tmp_path / "workspace" / "nurture.db") as db:
        db.execute("UPDATE alembic_version SET version_num = ?", (step,))
    db.close()
    assert ("the schema is older than this program" in house.client.get("/readyz").json()["reasons"]) is older


def test_metrics_count_what_waits(house: House) -> None:
    house.mailed()
    assert house.client.head("/metrics").status_code == 200
    lines = house.client.get("/metrics").text.splitlines()
    assert "nurture_due 1.0" in lines
    assert "nurture_late_seconds 3600.0" in lines
    assert "nurture_sent 1.0" in lines
    assert 'nurture_touches{state="in_doubt"} 0.0' in lines
