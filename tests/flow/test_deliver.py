"""What leaves for sales: at least once, under a stable id, and given up after three days with a note."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from nurture.adapters.store.unit import SqlStore
from nurture.domain.verdict import Again, Maybe, Never, Verdict, Yes
from nurture.flow import deliver
from nurture.ports.world import Courier, Delivery
from tests.builders import a_store
from tests.fakes import A_TUESDAY, FixedClock


@dataclass
class Carrier:
    """A courier that keeps what it was given; `answers` decides."""

    answers: Callable[[Delivery], Verdict] = lambda delivery: Yes()
    given: list[Delivery] = field(default_factory=list)

    def deliver(self, delivery: Delivery) -> Verdict:
        """Keep it, and answer."""
        self.given.append(delivery)
        return self.answers(delivery)


_COURIER: type[Courier] = Carrier


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store."""
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as made:
        yield made


def queue(store: SqlStore, *keys: str, kind: str = "webhook", to: str = "crm-note") -> None:
    """Queue deliveries."""
    with store.unit() as work:
        for key in keys:
            work.sales.deliver(key=key, kind=kind, to=to, payload={"key": key}, at=A_TUESDAY)
        work.commit()


def notes(store: SqlStore) -> list[str]:
    """What was given up."""
    with store.unit(write=False) as work:
        return [one.text for one in work.notes.select(what="delivery_given_up")]


def test_what_arrived_is_not_delivered_again(store: SqlStore) -> None:
    queue(store, "a", "b")
    carrier, clock = Carrier(), FixedClock()
    assert deliver.run(store=store, courier=carrier, now=clock.now()) == 2
    assert deliver.run(store=store, courier=carrier, now=clock.advance(days=1)) == 0
    assert [one.key for one in carrier.given] == ["a", "b"]


@pytest.mark.parametrize("verdict", [Again("busy"), Maybe("cut off")])
def test_what_did_not_arrive_is_tried_again_later_and_later_for_three_days(store: SqlStore, verdict: Verdict) -> None:
    queue(store, "a")
    carrier, clock = Carrier(lambda delivery: verdict), FixedClock()
    moments = []
    for step in [30] * 20 + [600] * (4 * 24 * 6):
        before = len(carrier.given)
        deliver.run(store=store, courier=carrier, now=clock.now())
        if len(carrier.given) > before:
            moments.append(clock.now())
        clock.advance(seconds=step)
    assert moments[-1] - A_TUESDAY <= timedelta(days=3)
    assert moments[-1] - A_TUESDAY > timedelta(days=2, hours=22)
    assert moments[1] - moments[0] <= timedelta(minutes=1)
    assert max(after - before for before, after in pairwise(moments)) <= timedelta(hours=1, minutes=10)
    assert {one.key for one in carrier.given} == {"a"}
    assert [one.attempt for one in carrier.given] == list(range(1, len(moments) + 1))
    assert len(notes(store)) == 1


def test_what_never_will_arrive_is_given_up_at_once_with_its_reason(store: SqlStore) -> None:
    queue(store, "a")
    deliver.run(store=store, courier=Carrier(lambda delivery: Never("a private address")), now=A_TUESDAY)
    assert notes(store) == ["the webhook a was not delivered and is given up: a private address"]


def test_a_receiver_that_does_not_answer_is_asked_once_in_a_pass_and_holds_up_no_other(store: SqlStore) -> None:
    queue(store, "a", "b", "c")
    queue(store, "x", kind="alert", to="ops@acme.example")
    carrier = Carrier(lambda delivery: Yes() if delivery.kind == "alert" else Again("not connected"))
    assert deliver.run(store=store, courier=carrier, now=A_TUESDAY) == 1
    assert sorted(one.key for one in carrier.given) == ["a", "x"]


def test_a_receiver_that_asks_for_patience_gets_it(store: SqlStore) -> None:
    queue(store, "a")
    clock = FixedClock()
    carrier = Carrier(lambda delivery: Again("HTTP 429", A_TUESDAY + timedelta(hours=5)))
    deliver.run(store=store, courier=carrier, now=clock.now())
    deliver.run(store=store, courier=carrier, now=clock.advance(hours=4))
    assert len(carrier.given) == 1
    deliver.run(store=store, courier=carrier, now=clock.advance(hours=1))
    assert len(carrier.given) == 2


class DiedError(Exception):
    """The process ends here."""


def test_what_a_daemon_was_carrying_when_it_died_is_carried_again(store: SqlStore) -> None:
    queue(store, "a")

    def die(delivery: Delivery) -> Verdict:
        raise DiedError

    with pytest.raises(DiedError):
        deliver.run(store=store, courier=Carrier(die), now=A_TUESDAY)
    carrier, clock = Carrier(), FixedClock()
    assert deliver.run(store=store, courier=carrier, now=clock.advance(minutes=4)) == 0  # another may be at it
    assert deliver.run(store=store, courier=carrier, now=clock.advance(minutes=2)) == 1
    assert [one.attempt for one in carrier.given] == [1]  # nobody answered the first
