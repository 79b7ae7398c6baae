"""What nobody knows: a dead process leaves doubt, time or a person settles it, and nothing is sent twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.domain.response import Grade, Kind
from nurture.domain.verdict import Maybe
from nurture.flow.dispatch import settle
from nurture.flow.respond import Report
from tests.builders import a_lead
from tests.fakes import OutboxFake
from tests.flow.loop import Loop, a_loop

STEPS = """
- email: first
- wait: 2 days
- email: second
"""


def in_doubt(loop: Loop) -> str:
    """A touch whose request got no clear answer."""
    lead = a_lead(loop.store)
    loop.enroll(lead)
    loop.mailer = OutboxFake(answers=lambda message: Maybe("cut off"))
    loop.tick()
    [touch] = loop.touches(lead)
    assert touch.state == "in_doubt"
    loop.mailer = OutboxFake()
    return touch.id


def test_without_any_event_it_is_unknown_after_26_hours_and_the_cadence_goes_on(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        in_doubt(loop)
        loop.tick(hours=25)
        assert loop.states() == ["first in_doubt"]
        loop.tick(hours=2)
        assert loop.states() == ["first unknown"]
        loop.tick(days=2)
        assert loop.states() == ["first unknown", "second sent"]
        assert len(loop.mailer.sent) == 1


def test_hold_leaves_it_to_a_person_for_ever(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS, in_doubt="hold") as loop:
        in_doubt(loop)
        loop.tick(days=30)
        assert loop.states() == ["first in_doubt"]


def test_a_verified_event_proves_that_it_was_sent(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        touch = in_doubt(loop)
        loop.report(Report(Kind.DELIVERED, loop.now, touch=touch, grade=Grade.MACHINE))
        assert loop.states() == ["first sent"]
        loop.tick(days=3)
        assert loop.states() == ["first sent", "second sent"]


def test_settled_as_not_sent_it_is_tried_again_once(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        touch = in_doubt(loop)
        settle.resolve(touch, "not_sent", store=loop.store, now=loop.now, by="otto")
        loop.tick(minutes=5)
        assert loop.states() == ["first sent"]
        assert len(loop.mailer.sent) == 1


def test_only_doubt_is_resolved_and_only_what_exists(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        touch = in_doubt(loop)
        settle.resolve(touch, "sent", store=loop.store, now=loop.now, by="otto")
        with pytest.raises(RefusedError, match="not in doubt"):
            settle.resolve(touch, "not_sent", store=loop.store, now=loop.now, by="otto")
        with pytest.raises(UnknownNameError):
            settle.resolve("nothing", "sent", store=loop.store, now=loop.now, by="otto")


def test_a_later_mail_forbids_to_send_the_doubtful_one_again(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        touch = in_doubt(loop)
        loop.tick(hours=27)
        loop.tick(days=3)
        with pytest.raises(RefusedError, match="later touch"):
            settle.resolve(touch, "resend", store=loop.store, now=loop.now, by="otto")


def test_what_counted_as_sent_is_not_sent_again_behind_a_cadence_that_went_on(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        touch = in_doubt(loop)
        loop.tick(hours=27)
        assert loop.states() == ["first unknown"]
        with pytest.raises(RefusedError, match="gone on"):
            settle.resolve(touch, "resend", store=loop.store, now=loop.now, by="otto")
        assert loop.states() == ["first unknown"]
