"""Whose turn it is to write to SQLite."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from nurture.adapters.store import schema
from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.tokens import Tokens
from nurture.adapters.store.turns import Turns
from nurture.adapters.store.unit import SqlStore
from nurture.domain.errors import UnreachableError
from tests.builders import a_store
from tests.fakes import A_TUESDAY as NOW


def test_the_turn_goes_to_whoever_came_first() -> None:
    turns, done = Turns(), list[int]()
    assert turns.take(1)

    def write(number: int) -> None:
        assert turns.take(10)
        done.append(number)
        turns.give()

    threads = [Thread(target=write, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(turns._waiting) < number:
            time.sleep(0.001)
    turns.give()
    for thread in threads:
        thread.join()
    assert done == [0, 1, 2, 3, 4]
    assert turns.take(0)  # nobody has it any more


def test_a_turn_that_does_not_come_is_not_waited_for_for_ever_and_goes_to_the_next() -> None:
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give()
    assert turns.take(0)


def test_a_web_request_is_not_left_out_by_a_pass_that_writes_without_a_pause(tmp_path: Path) -> None:
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as store:
        over = Event()

        def a_pass() -> None:
            while not over.is_set():
                with store.unit() as work:
                    work.control.set_mark("pass", "x", NOW)
                    time.sleep(0.01)
                    work.commit()

        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(a_pass)
            waits = []
            for number in range(20):
                time.sleep(0.005)
                began = time.monotonic()
                with store.unit() as work:
                    work.control.set_mark("web", str(number), NOW)
                    work.commit()
                waits.append(time.monotonic() - began)
            over.set()
            working.result()
    assert sorted(waits)[10] < 0.1


def test_a_transaction_that_fails_or_is_given_up_leaves_the_turn_to_others(tmp_path: Path) -> None:
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as store:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), store.unit() as work:
                work.control.set_mark("web", str(1 / 0), NOW)
            with store.unit() as work:
                work.control.set_mark("web", "given up", NOW)
        other = SqlStore(open_engine(f"sqlite:///{tmp_path / 'nurture.db'}", busy_seconds=0.05))
        with store.unit() as work:
            work.control.set_mark("web", "held", NOW)
            with pytest.raises(UnreachableError), other.unit() as theirs:
                theirs.control.set_mark("web", "too late", NOW)
        with other.unit() as theirs:
            theirs.control.set_mark("web", "in time", NOW)
            theirs.commit()
        other.engine.dispose()


def test_who_only_looks_waits_for_nobody_who_writes(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'nurture.db'}", busy_seconds=0.05)
    schema.upgrade(engine)
    token = Tokens(engine).create("website", at=NOW, by="test")
    with closing(sqlite3.connect(tmp_path / "nurture.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert schema.current(engine) == schema.NEWEST
        assert schema.check(engine) == []
        assert Tokens(engine).name_of(token) == "website"
        with SqlStore(engine).unit(write=False) as work:
            assert work.leads.find("nobody@example.com") is None
        with pytest.raises(UnreachableError, match="locked"), SqlStore(engine).unit() as work:
            work.control.set_mark("here", "", NOW)
    engine.dispose()
