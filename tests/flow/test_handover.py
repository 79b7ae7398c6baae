"""Groups of mails are with the provider while the next are made, and no answer is lost for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, sleep

import pytest

from nurture.domain.enrollment import Enrollment
from nurture.domain.message import Message
from nurture.domain.touch import Reason, State, TouchId
from nurture.domain.verdict import Maybe, Verdict
from nurture.flow.dispatch import decide as deciding
from nurture.flow.dispatch.make import Making
from tests.builders import a_lead
from tests.fakes import OutboxFake
from tests.flow.loop import Loop, a_loop

GROUP = 3


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- email: one", group=GROUP) as made:
        yield made


def count(loop: Loop, state: State) -> int:
    return sum(one.state is state for one in loop.touches())


@dataclass
class Slow(OutboxFake):
    """A provider that answers the first request when more intents are committed than those it was handed."""

    loop: Loop | None = None
    handed: list[int] = field(default_factory=list)
    saw_more: bool = False

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        assert self.loop is not None
        until = monotonic() + 5
        while not (self.saw_more or self.handed) and monotonic() < until:
            self.saw_more = count(self.loop, State.SENDING) > len(messages)
            sleep(0.01)
        self.handed.append(len(messages))
        yield from super().send(messages, deadline=deadline)


def test_the_next_group_is_made_and_intended_while_one_is_with_the_provider(loop: Loop) -> None:
    loop.enroll(*[a_lead(loop.store) for _ in range(3 * GROUP)])
    loop.mailer = slow = Slow(loop=loop)
    assert loop.tick().sent == 3 * GROUP
    assert slow.saw_more
    assert slow.handed == [GROUP] * 3  # never two full ones at once: the second waits for the first
    assert count(loop, State.SENT) == 3 * GROUP


@dataclass
class Together(OutboxFake):
    """A provider that answers the first group when it was handed another."""

    handed: list[int] = field(default_factory=list)
    most: int = 0

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        self.handed.append(len(messages))
        until = monotonic() + 5
        while len(self.handed) < 2 and monotonic() < until:
            sleep(0.01)
        yield from super().send(messages, deadline=deadline)


def test_small_groups_are_with_the_provider_together(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = Making.groups
    monkeypatch.setattr(Making, "groups", lambda making, _: groups(making, 1))
    loop.enroll(*[a_lead(loop.store) for _ in range(GROUP)])
    loop.mailer = together = Together()
    began = monotonic()
    assert loop.tick().sent == GROUP
    assert together.handed == [1] * GROUP
    assert monotonic() - began < 4  # the first one did not wait in vain


def test_the_answers_of_one_batch_are_not_lost_by_a_mistake_with_another(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.policy = replace(loop.policy, batch=2 * GROUP)
    loop.enroll(*[a_lead(loop.store) for _ in range(4 * GROUP)])
    batches, order = 0, deciding.order

    def mistaken(batch: Sequence[Enrollment]) -> list[Enrollment]:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise ZeroDivisionError
        return order(batch)

    monkeypatch.setattr(deciding, "order", mistaken)
    with pytest.raises(ZeroDivisionError):
        loop.tick()
    assert (count(loop, State.SENT), count(loop, State.SENDING)) == (2 * GROUP, 0)
    loop.tick(minutes=11)  # the lease of those that nobody decided
    assert count(loop, State.SENT) == 4 * GROUP
    assert len({one.touch for one in loop.mailer.sent}) == len(loop.mailer.sent) == 4 * GROUP


def test_what_was_intended_before_the_breaker_opened_is_not_handed_over(loop: Loop) -> None:
    loop.policy = replace(loop.policy, group=5)
    loop.enroll(*[a_lead(loop.store) for _ in range(20)])
    loop.mailer.answers = lambda message: Maybe("no answer")
    loop.tick()
    held = [one for one in loop.touches() if one.state is State.PLANNED]
    assert len(loop.mailer.asked) == 6  # five at once, and the one that is tried
    assert {one.reason for one in held} == {Reason.BREAKER}
    assert len(held) == 14
    assert all(one.counted_at is None for one in held)
