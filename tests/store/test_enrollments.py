"""Enrollments in the database: one exclusive place, leases that never overlap, fences that hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store.tables import enrollments as table
from nurture.adapters.store.unit import SqlStore
from nurture.domain.enrollment import Pause, Place, State
from tests.builders import a_lead, an_enrollment
from tests.fakes import A_TUESDAY as NOW

HOUR = timedelta(hours=1)


def test_an_enrollment_comes_back_as_it_was_stored(store: SqlStore) -> None:
    place = Place(3, NOW - HOUR, {"stream-1": {"given": ["a"], "due": NOW.isoformat()}})
    made = an_enrollment(store, place=place, waiting=True, touch="t1", held_out=True, next_at=None)
    with store.unit() as work:
        assert work.enrollments.get([made.id]) == {made.id: made}
    assert (made.place, made.waiting, made.touch, made.held_out, made.next_at) == (place, True, "t1", True, None)


def test_a_lead_has_one_exclusive_place_and_any_number_of_others(store: SqlStore) -> None:
    lead = a_lead(store)
    first = an_enrollment(store, lead=lead)
    an_enrollment(store, lead=lead, exclusive=False)
    with store.unit() as work:
        assert work.enrollments.add(replace(first, cadence="other"), by="test") is None
        assert [one.id for one in work.enrollments.open_of([lead.id])[lead.id]] != []
        ended = replace(first, state=State.DONE, next_at=None, ended_at=NOW)
        assert work.enrollments.save([ended], fenced=False) == {first.id}
        assert work.enrollments.add(replace(first, cadence="other"), by="test") is not None
        assert len(work.enrollments.all_of([lead.id])[lead.id]) == 3
        assert len(work.enrollments.open_of([lead.id])[lead.id]) == 2


def test_a_paused_enrollment_still_holds_the_exclusive_place(store: SqlStore) -> None:
    first = an_enrollment(store)
    with store.unit() as work:
        paused = first.paused(Pause.OPERATOR, until=None, now=NOW)
        work.enrollments.save([paused], fenced=False)
        assert work.enrollments.add(first, by="test") is None


def test_two_that_enroll_one_lead_at_once_make_one_enrollment(store: SqlStore) -> None:
    model = an_enrollment(store)
    lead = a_lead(store).id
    together = Barrier(4)

    def enroll(_turn: int) -> bool:
        together.wait()
        with store.unit() as work:
            added = work.enrollments.add(replace(model, lead=lead), by="test")
            work.commit()
            return added is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(enroll, range(4))) == [False, False, False, True]


def test_an_invented_state_is_refused_by_the_database(store: SqlStore) -> None:
    made = an_enrollment(store)
    with pytest.raises(IntegrityError), store.engine.begin() as db:
        db.execute(table.update().where(table.c.id == made.id).values(state="asleep"))


def test_what_is_due_is_claimed_in_order_with_a_new_fence_and_only_once(store: SqlStore) -> None:
    late = an_enrollment(store, next_at=NOW)
    low = an_enrollment(store, next_at=NOW - HOUR, priority=10)
    high = an_enrollment(store, next_at=NOW - HOUR, priority=90)
    an_enrollment(store, next_at=NOW + HOUR)
    an_enrollment(store, state=State.PAUSED, next_at=NOW)
    lease = NOW + HOUR / 6
    with store.unit() as work:
        assert (work.enrollments.count_due(NOW), work.enrollments.next_due()) == (3, NOW - HOUR)
        first = work.enrollments.claim(NOW, limit=2, owner="a", lease_until=lease)
        work.commit()
        assert [one.id for one in first] == [high.id, low.id]
        assert [(one.next_at, one.fence) for one in first] == [(NOW - HOUR, 1), (NOW - HOUR, 1)]
        assert [one.id for one in work.enrollments.claim(NOW, limit=9, owner="b", lease_until=lease)] == [late.id]
        assert work.enrollments.claim(NOW, limit=9, owner="b", lease_until=lease) == []
        again = work.enrollments.claim(lease, limit=9, owner="b", lease_until=lease + HOUR)
        assert {one.id: one.fence for one in again} == {high.id: 2, low.id: 2, late.id: 2}


def test_claims_of_several_daemons_never_overlap(store: SqlStore) -> None:
    with store.unit() as work:
        due = {an_enrollment(work).id for _ in range(40)}
        work.commit()
    together = Barrier(4)

    def daemon(turn: int) -> list[int]:
        together.wait()
        mine: list[int] = []
        while True:
            with store.unit() as work:
                batch = work.enrollments.claim(NOW, limit=3, owner=f"d{turn}", lease_until=NOW + HOUR)
                work.commit()
            if not batch:
                return mine
            mine += [one.id for one in batch]

    with ThreadPoolExecutor(4) as pool:
        claimed = [one for mine in pool.map(daemon, range(4)) for one in mine]
    assert len(claimed) == len(set(claimed))
    assert set(claimed) == due


def test_a_daemon_that_lost_its_lease_stores_nothing(store: SqlStore) -> None:
    made, other = an_enrollment(store), an_enrollment(store)
    with store.unit() as work:
        slow = work.enrollments.claim(NOW, limit=9, owner="slow", lease_until=NOW + HOUR)
        work.commit()
        [quick] = [
            one
            for one in work.enrollments.claim(NOW + 2 * HOUR, limit=1, owner="quick", lease_until=NOW + 3 * HOUR)
            if one.id == made.id
        ]
        work.commit()
        late = [replace(one, next_at=NOW + 9 * HOUR) for one in slow]
        assert work.enrollments.save(late) == {other.id}
        assert work.enrollments.save([replace(quick, next_at=NOW + 5 * HOUR)]) == {made.id}
        work.commit()
        assert work.enrollments.get([made.id])[made.id].next_at == NOW + 5 * HOUR


def test_a_stop_from_outside_takes_the_row_away_from_whoever_holds_it(store: SqlStore) -> None:
    made = an_enrollment(store)
    with store.unit() as work:
        [held] = work.enrollments.claim(NOW, limit=1, owner="daemon", lease_until=NOW + HOUR)
        stopped = replace(made, state=State.STOPPED, next_at=None, reason="by hand", ended_at=NOW)
        assert work.enrollments.save([stopped], fenced=False) == {made.id}
        assert work.enrollments.save([replace(held, next_at=NOW + HOUR)]) == frozenset()
        assert work.enrollments.get([made.id])[made.id].state is State.STOPPED


def test_a_daemon_that_stores_while_somebody_stops_the_enrollment_loses(store: SqlStore) -> None:
    made = an_enrollment(store)
    with store.unit() as work:
        [held] = work.enrollments.claim(NOW, limit=1, owner="daemon", lease_until=NOW + HOUR)
        work.commit()

    def save() -> frozenset[int]:
        with store.unit() as work:
            stored = work.enrollments.save([replace(held, next_at=NOW + HOUR)])
            work.commit()
            return stored

    with ThreadPoolExecutor(1) as pool, store.unit() as work:
        stopped = replace(made, state=State.STOPPED, next_at=None, reason="by hand", ended_at=NOW)
        work.enrollments.save([stopped], fenced=False)
        late = pool.submit(save)
        with suppress(TimeoutError):
            late.result(0.2)  # it waits for the stop, which is not yet committed
        work.commit()
        assert late.result(20) == frozenset()
    with store.unit() as work:
        assert work.enrollments.get([made.id])[made.id].state is State.STOPPED


def test_what_is_not_committed_is_gone(store: SqlStore) -> None:
    made = an_enrollment(store)
    with store.unit() as work:
        work.enrollments.claim(NOW, limit=1, owner="dies", lease_until=NOW + HOUR)
        a_lead(work)
    with store.unit(write=False) as work:
        assert work.enrollments.get([made.id]) == {made.id: made}
        assert len(work.leads.search(None, now=NOW)) == 1


def test_only_active_ones_that_wait_are_woken(store: SqlStore) -> None:
    later, paused, ended = (
        an_enrollment(store, next_at=NOW + HOUR),
        an_enrollment(store, next_at=NOW + HOUR, state=State.PAUSED),
        an_enrollment(store, next_at=None),
    )
    with store.unit() as work:
        work.enrollments.wake([later.id, paused.id, ended.id], NOW)
        assert [one.id for one in work.enrollments.claim(NOW, limit=9, owner="d", lease_until=NOW)] == [later.id]


def test_dated_pauses_end_and_are_selected_with_everything_else(store: SqlStore) -> None:
    over = an_enrollment(store, state=State.PAUSED, next_at=NOW, cadence="revival")
    an_enrollment(store, state=State.PAUSED, next_at=NOW + HOUR)
    an_enrollment(store, state=State.PAUSED, next_at=None)
    with store.unit() as work:
        assert work.enrollments.paused_until(NOW, 9) == [over]
        assert len(work.enrollments.select(state=State.PAUSED)) == 3
        assert work.enrollments.select(cadence="revival") == [over]
        assert work.enrollments.select(lead=over.lead, state=State.ACTIVE) == []
        assert work.enrollments.started_since("revival", NOW) == 1
        assert work.enrollments.started_since("revival", NOW + HOUR) == 0
        assert work.enrollments.next_due() is None


def test_the_marks_of_those_who_are_looked_at_go_and_no_others(store: SqlStore) -> None:
    marks = [True, False, True, True, False, True, True]
    people = [a_lead(store, enroll_check=mark).id for mark in marks]
    marked = [lead for lead, mark in zip(people, marks, strict=True) if mark]
    with store.unit() as work:
        assert work.entering.take(3) == marked[:3]
        assert work.leads.flagged("enroll_check", None) == marked[3:]
        assert work.entering.take(9) == marked[3:]
        assert work.leads.flagged("enroll_check", None) == work.entering.take(9) == []
