"""What breaks an invariant of the send protocol is parked or stops everything, and is written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nurture.domain.draft import Draft, Rendered
from nurture.domain.message import Message
from nurture.domain.touch import State
from nurture.domain.verdict import Verdict, Yes
from nurture.flow.dispatch import nightly
from nurture.flow.dispatch.make import Making
from tests.builders import a_lead, a_touch
from tests.fakes import OutboxFake, RendererFake
from tests.flow.loop import Loop, a_loop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- email: hello\n- wait: 2 days\n- email: more") as made:
        yield made


@pytest.mark.parametrize(
    "wrong", [{"touch": "another"}, {"to": "eve@example.com"}, {"message_id": "<another@acme.example>"}]
)
def test_a_mail_that_is_not_the_one_of_its_touch_is_parked_and_no_other(loop: Loop, wrong: dict[str, Any]) -> None:
    ada, bo = a_lead(loop.store), a_lead(loop.store)

    def confused(draft: Draft, mail: Rendered) -> Rendered:
        return replace(mail, message=replace(mail.message, **wrong)) if draft.to == ada.email else mail

    loop.renderer = RendererFake(confused)
    loop.enroll(ada, bo)
    loop.tick()
    assert (loop.states(ada), loop.states(bo)) == (["hello failed"], ["hello sent"])
    assert "cannot be the one of its touch" in loop.touches(ada)[0].because
    assert len(loop.mailer.asked) == 1


class Talkative(OutboxFake):
    """A mailer that gives a verdict twice."""

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[str, Verdict]]:
        """Each verdict, and the first once more."""
        yield from super().send(messages, deadline=deadline)
        yield messages[0].touch, Yes()


def test_a_count_that_does_not_add_up_stops_all_sending(loop: Loop) -> None:
    loop.mailer = Talkative()
    ada, bo = a_lead(loop.store), a_lead(loop.store)
    loop.enroll(ada)
    loop.tick()
    loop.enroll(bo)
    loop.tick(minutes=1)
    assert (loop.states(ada), loop.states(bo)) == (["hello sent"], ["hello planned"])
    with loop.store.unit(write=False) as work:
        assert "which was not handed over" in work.control.switches()["send"].reason


def test_more_intents_than_there_are_slots_stop_all_sending(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.policy = replace(loop.policy, group=2)
    whole = Making.groups
    monkeypatch.setattr(Making, "groups", lambda making, size: whole(making, size + 1))
    loop.enroll(*[a_lead(loop.store) for _ in range(6)])
    loop.tick()
    with loop.store.unit(write=False) as work:
        assert "3 intents for 2 slots" in work.control.switches()["send"].reason


def test_the_full_count_finds_what_is_broken_and_notes_each_once(loop: Loop) -> None:
    ada = a_lead(loop.store)
    loop.enroll(ada)
    loop.tick()
    assert nightly.run(store=loop.store, now=loop.now) == 0
    broken = a_touch(loop.store, lead=ada, id="stuck", state=State.SENDING, intent_at=None, lease_until=None, attempt=0)
    assert [nightly.run(store=loop.store, now=loop.now) for _ in range(2)] == [1, 1]
    with loop.store.unit(write=False) as work:
        assert [one.detail["touch"] for one in work.notes.select(what="invariant")] == [broken.id]
