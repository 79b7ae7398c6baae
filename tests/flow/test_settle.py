"""What nobody knows: a dead process leaves doubt, time or a person settles it, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State
from nurture.domain.verdict import Maybe
from nurture.flow import provider_events
from nurture.flow.dispatch import run as dispatch
from nurture.flow.dispatch import settle
from nurture.flow.respond import Report
from nurture.moves import listening
from nurture.ports.world import Asked, SendLog
from tests.builders import a_lead
from tests.fakes import OutboxFake
from tests.flow.loop import Loop, a_loop

STEPS = """
- email: first
- wait: 2 days
- email: second
"""


def in_doubt(loop: Loop, mailer: str = "outbox") -> str:
    """A touch whose request got no clear answer."""
    lead = a_lead(loop.store)
    loop.enroll(lead)
    loop.mailer = OutboxFake(answers=lambda message: Maybe("cut off"), name=mailer)
    loop.tick()
    [touch] = loop.touches(lead)
    assert touch.state == "in_doubt"
    loop.mailer = OutboxFake(name=mailer)
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


@dataclass
class Log:
    """A provider's log that knows what it is told."""

    says: bool | None
    asked: list[Asked] = field(default_factory=list)

    def took(self, asked: Sequence[Asked]) -> Mapping[str, bool | None]:
        """The same of each."""
        self.asked += asked
        return {one.touch: self.says for one in asked}


def look(loop: Loop, log: SendLog, **later: float) -> None:
    loop.clock.advance(**later)
    settle.run(store=loop.store, policy=loop.policy, now=loop.now, log=log)


@pytest.mark.parametrize(("says", "after", "sent"), [(True, "sent", 1), (False, "sent", 2), (None, "in_doubt", 1)])
def test_the_log_of_the_provider_settles_it_after_half_an_hour(
    tmp_path: Path, says: bool | None, after: str, sent: int
) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        loop.mailer.name = "sendgrid"
        in_doubt(loop, "sendgrid")
        log = Log(says)
        look(loop, log, minutes=29)
        assert log.asked == []
        look(loop, log, minutes=2)
        assert len(log.asked) == 1
        dispatch.run(loop.desk)
        assert loop.states() == [f"first {after}"]
        assert len(loop.mailer.sent) == sent - 1


def test_a_log_that_says_nothing_is_asked_again_and_given_up_after_26_hours(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        in_doubt(loop, "sendgrid")
        log = Log(None)
        for _ in range(60):
            look(loop, log, minutes=30)
        assert loop.states() == ["first unknown"]
        assert 45 <= len(log.asked) <= 53


def test_every_question_to_the_log_is_about_the_same_time(tmp_path: Path) -> None:
    """Else a log that is believed only some minutes later would be asked too soon for ever."""
    with a_loop(tmp_path, STEPS, settle_after=timedelta(seconds=20)) as loop:
        began = loop.now
        in_doubt(loop, "sendgrid")
        log = Log(None)
        for _ in range(5):
            look(loop, log, minutes=3)
        assert len(log.asked) == 5
        assert {(one.since, one.until) for one in log.asked} == {(began, log.asked[0].until)}
        assert began <= log.asked[0].until < began + timedelta(seconds=20)


def test_of_a_dead_process_the_log_is_asked_about_the_time_until_it_was_missed(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        touch = in_doubt(loop, "sendgrid")
        with loop.store.unit() as work:  # as it stands when its process dies
            stands = replace(work.touches.get([touch])[touch], state=State.SENDING, doubted_at=None)
            dying = replace(stands, lease_until=loop.now + timedelta(minutes=2))
            work.touches.save([dying], was={touch: (dying.attempt, State.IN_DOUBT)})
            work.commit()
        log = Log(None)
        look(loop, log, minutes=3)
        missed = loop.now
        look(loop, log, minutes=31)
        look(loop, log, minutes=31)
        assert [one.until for one in log.asked] == [missed, missed]


def test_hold_asks_no_log(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS, in_doubt="hold") as loop:
        in_doubt(loop, "sendgrid")
        log = Log(True)
        look(loop, log, days=3)
        assert (log.asked, loop.states()) == ([], ["first in_doubt"])


def hear(loop: Loop, *, up_since: datetime, of: datetime | None) -> None:
    """The endpoint has been up, and the provider has told of an attempt."""
    with loop.store.unit() as work:
        work.control.set_mark(listening.UP, up_since.isoformat(), loop.now)
        listening.heard_of(work, [of] if of is not None else [])
        work.commit()


@pytest.mark.parametrize(
    ("up_since", "of", "mailer", "unread", "after"),
    [
        (-60, 60, "sendgrid", False, "sent"),
        (60, 120, "sendgrid", False, "unknown"),  # the endpoint was away in between
        (-60, -30, "sendgrid", False, "unknown"),  # nothing was heard of later attempts
        (-60, None, "sendgrid", False, "unknown"),
        (-60, 60, "sendgrid", True, "unknown"),  # what came was not all read
        (-60, 60, "outbox", False, "unknown"),
    ],
)
def test_after_26_hours_silence_means_no_only_where_an_event_would_have_come(
    tmp_path: Path, up_since: int, of: int | None, mailer: str, unread: bool, after: str
) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        began = loop.now
        in_doubt(loop, mailer)
        if unread:
            provider_events.take_batch(b"[]", store=loop.store, now=loop.now)
        loop.clock.advance(hours=26)
        heard = began + timedelta(minutes=of) if of is not None else None
        hear(loop, up_since=began + timedelta(minutes=up_since), of=heard)
        assert dispatch.run(loop.desk).sent == 0
        loop.tick()
        assert loop.states() == [f"first {after}"]
        assert len(loop.mailer.sent) == (after == "sent")


def test_an_endpoint_is_up_since_its_last_long_break(tmp_path: Path) -> None:
    with a_loop(tmp_path, STEPS) as loop:
        began = loop.now
        for minutes, up_since in ((0, 0), (4, 0), (5, 0), (6, 15), (1, 15)):
            loop.clock.advance(minutes=minutes)
            with loop.store.unit() as work:
                listening.is_up(work, loop.now)
                mark = work.control.mark(listening.UP)
                work.commit()
            assert mark == ((began + timedelta(minutes=up_since)).isoformat(), loop.now)
