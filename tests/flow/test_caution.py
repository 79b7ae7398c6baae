"""Too many complaints or dead addresses pause all mail and tell somebody; calls go on, and only a person resumes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.domain.message import Message
from nurture.domain.response import Kind
from nurture.domain.touch import State, Touch
from nurture.domain.verdict import ChannelDown, Verdict
from nurture.flow import switches
from nurture.flow.respond import Report
from tests.builders import a_lead, a_touch
from tests.flow.loop import Loop, a_loop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- email: hello\n- call: intro") as made:
        yield made


def mailed(loop: Loop, count: int) -> list[Touch]:
    """So many mails that went out."""
    with loop.store.unit() as work:
        lead = a_lead(work)
        sent = {"state": State.SENT, "sent_at": loop.now, "counted_at": None, "enrollment": None}
        made = [a_touch(work, lead=lead, step=f"mail-{number}", **sent) for number in range(count)]
        work.commit()
    return made


def heard(loop: Loop, touch: Touch, kind: Kind) -> None:
    """A complaint or a hard bounce."""
    detail = {"bounce": "hard", "address": "x@example.com"} if kind is Kind.BOUNCE else {}
    loop.report(Report(kind, loop.now, touch.lead, touch.id, detail=detail))


def paused(loop: Loop) -> str:
    """Why mail is paused; empty where it is not."""
    with loop.store.unit(write=False) as work:
        held = work.control.switches().get("mailer")
    return held.reason if held is not None else ""


def test_two_complaints_pause_all_mail_with_an_alert_and_calls_go_on(loop: Loop) -> None:
    first, second, *_ = mailed(loop, 40)
    waiting, calling = a_lead(loop.store), a_lead(loop.store, email=None, phone="+33155550100")
    heard(loop, first, Kind.COMPLAINT)
    heard(loop, first, Kind.COMPLAINT)  # the same again
    assert paused(loop) == ""
    heard(loop, second, Kind.COMPLAINT)
    assert paused(loop) == "2 complaints among the last 40 mails (5.0%); the limit is 0.1%"
    loop.enroll(waiting, calling)
    loop.ticks(timedelta(days=2))
    assert loop.states(waiting) == ["hello planned"]
    assert loop.states(calling) == ["hello skipped", "intro open"]
    with loop.store.unit(write=False) as work:
        (alert,) = work.sales.deliveries_due(loop.now, 10)
    assert (alert["kind"], alert["payload"]["subject"]) == ("alert", "All mail is paused")


def test_ten_dead_addresses_of_forty_pause_it_too(loop: Loop) -> None:
    for number, touch in enumerate(mailed(loop, 40)[:10], 1):
        assert paused(loop) == ""
        heard(loop, touch, Kind.BOUNCE)
        assert number == 10 or paused(loop) == ""
    assert paused(loop).startswith("10 hard bounces")


def test_after_a_person_resumed_it_the_count_begins_anew(loop: Loop) -> None:
    first, second, third, *_ = mailed(loop, 40)
    heard(loop, first, Kind.COMPLAINT)
    heard(loop, second, Kind.COMPLAINT)
    switches.resume("mailer", store=loop.store, now=loop.now, by="dana")
    heard(loop, third, Kind.COMPLAINT)
    assert paused(loop) == ""
    loop.clock.advance(hours=1)
    for touch in mailed(loop, 40)[:2]:
        heard(loop, touch, Kind.COMPLAINT)
    assert paused(loop) != ""


def test_a_refused_account_does_not_shorten_a_pause_that_a_person_must_end(loop: Loop) -> None:
    first, second, *_ = mailed(loop, 40)

    def complained_meanwhile(_: Message) -> Verdict:
        heard(loop, first, Kind.COMPLAINT)
        heard(loop, second, Kind.COMPLAINT)
        return ChannelDown("401")

    loop.mailer.answers = complained_meanwhile
    loop.enroll(a_lead(loop.store))
    loop.tick()
    assert paused(loop).startswith("2 complaints")


def test_only_the_last_mails_count(loop: Loop) -> None:
    heard(loop, mailed(loop, 1)[0], Kind.COMPLAINT)
    beginning = loop.now - timedelta(hours=1)
    loop.clock.advance(hours=1)
    mailed(loop, 5)
    with loop.store.unit(write=False) as work:
        counted = [work.reports.reception(last, since=beginning) for last in (5, 6)]
    assert [(one.mails, one.complained) for one in counted] == [(5, 0), (6, 1)]
