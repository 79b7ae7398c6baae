"""Slots, the queues that they stand in, and first waves, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from nurture.adapters.store.unit import SqlStore
from nurture.domain import touch
from nurture.domain.response import Grade, Kind, Response
from nurture.domain.touch import Reason
from nurture.domain.wave import Answers, Wave
from nurture.ports.pacing import Counted, Slot, Stand
from tests.builders import a_lead, a_touch, an_enrollment
from tests.fakes import A_TUESDAY

NOW, HOUR = A_TUESDAY, timedelta(hours=1)
DANA, DOMAIN = Counted("sender", ("dana", "kim")), Counted("domain", ("example.com",))


def test_mails_are_counted_by_sender_and_by_domain_from_after_a_moment(store: SqlStore) -> None:
    lead = a_lead(store)
    sent: dict[str, Any] = {"lead": lead, "state": touch.State.SENT, "domain": "example.com", "sender": "dana"}
    for hour in (-1, 0, 0, 1):
        a_touch(store, **sent, counted_at=NOW + hour * HOUR)
    a_touch(store, **(sent | {"sender": "kim"}), counted_at=NOW)
    a_touch(store, **(sent | {"channel": touch.Channel.CALL}), counted_at=NOW)
    a_touch(store, lead=lead, domain="example.com", sender="dana")
    with store.unit(write=False) as work:
        assert work.pacing.used(DANA, NOW - HOUR) == [(NOW, 3), (NOW + HOUR, 1)]
        assert work.pacing.used(Counted("sender", ("dana",)), NOW - HOUR) == [(NOW, 2), (NOW + HOUR, 1)]
        assert work.pacing.used(DOMAIN, NOW) == [(NOW + HOUR, 1)]


def test_a_slot_stands_in_every_queue_of_its_touch_until_it_is_taken_back(store: SqlStore) -> None:
    with store.unit() as work:
        assert not work.pacing.is_anything_held()
        first, second = Slot("a", 1, NOW, 7, "example.com", "dana"), Slot("b", 2, NOW + HOUR, 7)
        work.pacing.hold([first, second])
        work.pacing.hold([Slot("b", 2, NOW, 7, "example.com", "kim")])
        assert work.pacing.slots_of([1]) == {"a": first}
        assert {one.touch for one in work.pacing.slots_in([7, 8])[7]} == {"a", "b"}
        assert work.pacing.slots_for(DANA) == work.pacing.slots_for(DOMAIN) == [(NOW, 2)]
        work.pacing.let_go(["a"])
        assert work.pacing.slots_for(DANA) == [(NOW, 1)]
        work.pacing.sweep(NOW + HOUR)
        assert not work.pacing.is_anything_held()


def test_a_lock_raises_the_fence_and_says_how_it_stood(store: SqlStore) -> None:
    with store.unit() as work:
        assert work.pacing.stand(["mail"]) == {}
        assert work.pacing.lock(["mail", "sender"]) == {"mail": Stand(), "sender": Stand()}
        work.pacing.begin({"sender": NOW})
        assert work.pacing.lock(["sender"]) == {"sender": Stand(1, NOW)}
        work.commit()
    with store.unit(write=False) as work:
        assert work.pacing.stand(["sender", "mail"]) == {"mail": Stand(1), "sender": Stand(2, NOW)}


@pytest.mark.timeout(60)
def test_whoever_locks_waits_for_whoever_locked_and_sees_what_he_did(store: SqlStore) -> None:
    def raise_it(_: int) -> int:
        with store.unit() as work:
            fence = work.pacing.lock(["mail", "domain a", "sender b"])["mail"].fence
            work.commit()
        return fence

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(raise_it, range(12))) == list(range(12))


def test_a_first_wave_is_kept_replaced_and_over(store: SqlStore) -> None:
    wave = Wave("a", NOW, ("t1", "t2"), NOW + HOUR, "a complaint")
    with store.unit() as work:
        work.pacing.put_waves([Wave("a", NOW), Wave("b", NOW)])
        work.pacing.put_waves([wave])
        assert work.pacing.waves(templates=["a", "c"], lock=True) == {"a": wave}
        work.pacing.end_waves(["a"])
        assert work.pacing.waves() == {"b": Wave("b", NOW)}


def test_what_came_back_is_counted_by_mail_and_only_hard_bounces_are_bounces(store: SqlStore) -> None:
    mails = [a_touch(store, state=touch.State.SENT, counted_at=NOW) for _ in range(3)]
    planned = a_touch(store)
    said: list[tuple[Kind, dict[str, str], int]] = [
        (Kind.COMPLAINT, {}, 0),
        (Kind.COMPLAINT, {}, 0),
        (Kind.BOUNCE, {"bounce": "hard"}, 1),
        (Kind.BOUNCE, {"bounce": "full"}, 2),
        (Kind.REPLY, {"intent": "unsubscribe"}, 2),
        (Kind.REPLY, {"intent": "interested"}, 1),
    ]
    with store.unit() as work:
        for number, (kind, detail, mail) in enumerate(said):
            one = mails[mail]
            answer = Response(kind, NOW, one.lead, one.id, Grade.HUMAN, detail)
            work.responses.add(answer, key=str(number), recorded_at=NOW, by="test")
        work.commit()
    ids = [one.id for one in mails]
    with store.unit(write=False) as work:
        assert work.pacing.answers(ids) == Answers(3, complaints=1, hard_bounces=1, unsubscribes=1)
        assert work.pacing.out([*ids, planned.id]) == sorted(ids)


def test_who_waits_for_a_first_wave_is_woken(store: SqlStore) -> None:
    due = {reason: an_enrollment(store, next_at=NOW + HOUR) for reason in (Reason.FIRST_WAVE, Reason.WINDOW)}
    for reason, one in due.items():
        a_touch(store, lead=one.lead, enrollment=one, template="a", reason=reason)
    with store.unit() as work:
        work.pacing.wake_wave("a", NOW)
        after = work.enrollments.get([one.id for one in due.values()])
        assert after[due[Reason.FIRST_WAVE].id].next_at == NOW
        assert after[due[Reason.WINDOW].id].next_at == NOW + HOUR
