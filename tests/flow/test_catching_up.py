"""Time that was missed, several cadences for one lead, and who a mail is from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nurture.domain.lead import Lead
from nurture.domain.policy import Limits, Sender
from nurture.domain.response import Kind
from nurture.domain.touch import Reason
from nurture.flow.respond import Report
from tests.builders import a_lead
from tests.flow.loop import HTML, Loop, a_cadence, a_loop, in_force

NONE = Limits(None, None, None, None, None)
PARIS = ZoneInfo("Europe/Paris")
BESIDE = "exclusive: false\n"


def cadences(loop: Loop, **steps: str) -> None:
    """Cadences that run beside each other, by name; a name ends with its priority."""
    loop.rules = in_force(
        {
            name: a_cadence(text, name=name, more=f"{BESIDE}priority: {name.rpartition('_')[2]}\n")
            for name, text in steps.items()
        }
    )


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """A loop without limits."""
    with a_loop(tmp_path, "- email: one", limits=NONE) as loop:
        yield loop


def sent(loop: Loop, lead: Lead) -> list[str]:
    """The mails of a lead, with the day of the month on which they went, where the lead is."""
    mails = sorted((one.sent_at, one.step) for one in loop.touches(lead) if one.sent_at is not None)
    return [f"{step} {at.astimezone(PARIS).day}" for at, step in mails]


def test_after_days_of_downtime_a_lead_gets_one_catch_up_touch_a_day(loop: Loop) -> None:
    cadences(
        loop, a_90="- wait: 1 day\n- email: a", b_50="- wait: 2 days\n- email: b", c_40="- wait: 1 day\n- email: c"
    )
    ada = a_lead(loop.store)
    for name in loop.rules.workspace.cadences:
        loop.enroll(ada, cadence=name)
    loop.tick()
    loop.tick(days=7)  # nothing ran meanwhile
    today = loop.now.day
    assert sent(loop, ada) == [f"a {today}"]
    assert {one.reason for one in loop.touches(ada) if one.sent_at is None} == {Reason.DOWNTIME}
    loop.ticks(timedelta(days=3), every=timedelta(hours=1))
    assert [one.split()[1] for one in sent(loop, ada)] == [str(today), str(today + 1), str(today + 2)]


def test_a_cadence_catches_up_once_and_then_counts_from_there(loop: Loop) -> None:
    cadences(loop, a_50="- email: one\n- wait: 1 day\n- email: two\n- wait: 1 day\n- email: three")
    ada = a_lead(loop.store)
    loop.enroll(ada, cadence="a_50")
    loop.tick()
    loop.tick(days=9)
    day = loop.now.day
    loop.ticks(timedelta(days=2), every=timedelta(hours=1))
    assert sent(loop, ada)[1:] == [f"two {day}", f"three {day + 1}"]


def test_what_is_due_together_and_was_not_missed_goes_together(loop: Loop) -> None:
    cadences(loop, a_90="- email: a", b_50="- email: b")
    ada = a_lead(loop.store)
    for name in loop.rules.workspace.cadences:
        loop.enroll(ada, cadence=name)
    assert loop.tick().sent == 2


def test_of_two_touches_planned_for_one_day_the_larger_priority_goes(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", limits=Limits(1, None, None, None, None)) as loop:
        cadences(loop, low_40="- wait: 2 hours\n- email: low", high_90="- wait: 5 hours\n- email: high")
        ada, bob = a_lead(loop.store), a_lead(loop.store)
        loop.enroll(ada, bob, cadence="low_40")
        loop.enroll(ada, cadence="high_90")
        today = loop.now.day
        loop.ticks(timedelta(days=2), every=timedelta(hours=1))
        assert sent(loop, ada) == [f"high {today}", f"low {today + 1}"]
        assert sent(loop, bob) == [f"low {today}"]


def test_a_larger_priority_that_only_waits_today_holds_nobody_back(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", limits=Limits(1, None, None, None, None)) as loop:
        waits = "- wait: 5 hours\n- wait: 9 days\n- email: high"
        cadences(loop, low_40="- wait: 2 hours\n- email: low", high_90=waits)
        ada = a_lead(loop.store)
        for name in loop.rules.workspace.cadences:
            loop.enroll(ada, cadence=name)
        today = loop.now.day
        loop.ticks(timedelta(hours=4), every=timedelta(hours=1))
        assert sent(loop, ada) == [f"low {today}"]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(-0.9, 60 * 24 * 4), min_size=3, max_size=10))
def test_nothing_is_early_however_the_clock_jumps(loop: Loop, jumps: list[float]) -> None:
    cadences(loop, a_50="- email: one\n- wait: 1 day\n- email: two\n- wait: 3 hours\n- email: three")
    ada = a_lead(loop.store)
    loop.enroll(ada, cadence="a_50")
    for minutes in [0.0, *jumps]:  # back by less than a minute, or on by days
        loop.tick(minutes=minutes)
    went = {one.step: one.sent_at for one in loop.touches(ada) if one.sent_at is not None}
    first = went["one"]
    assert went.get("two", datetime.max.replace(tzinfo=first.tzinfo)) - first >= timedelta(days=1)
    if "three" in went:
        assert went["three"] - went["two"] >= timedelta(hours=3)


@pytest.mark.parametrize(
    ("matter", "cadence", "address"), [("kim", "", "kim"), ("kim", "lee", "kim"), ("", "lee", "lee")]
)
def test_the_sender_is_the_mails_own_then_the_cadences_then_the_first(
    tmp_path: Path, matter: str, cadence: str, address: str
) -> None:
    senders = {
        name: Sender(name, f"{name}@acme.example", name.title(), "r.example", "1 Road")
        for name in ("dana", "kim", "lee")
    }
    html = HTML.format(name="one").replace("subject:", f"from: {matter}\nsubject:" if matter else "subject:")
    more = f"from: {cadence}\n" if cadence else ""
    files = {"templates/course/one.html": html}
    with a_loop(tmp_path, "- email: one\n- email: two", files=files, more=more, senders=senders) as loop:
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.tick()
        first, second = loop.mailer.sent
        assert first.from_email == f"{address}@acme.example"
        assert second.from_email == f"{cadence or 'dana'}@acme.example"
        assert loop.touches(ada)[0].sender == address


def test_a_call_with_its_voicemail_is_one_touch(tmp_path: Path) -> None:
    steps = "- call: ring\n- voicemail: tape\n- wait: 1 day\n- email: one\n- wait: 1 day\n- email: two"
    with a_loop(tmp_path, steps, limits=Limits(1, 2, None, None, None)) as loop:
        ada = a_lead(loop.store, phone="+33100000000")
        loop.enroll(ada)
        for outcome in ("no_answer", "connected"):
            loop.tick()
            task = loop.touches(ada)[-1]
            loop.report(Report(Kind.CALL, loop.now, touch=task.id, detail={"outcome": outcome}))
        assert loop.states(ada) == ["ring done", "tape done"]  # on one day, with one a day
        loop.ticks(timedelta(days=5), every=timedelta(hours=6))
        assert loop.states(ada)[2:] == ["one sent", "two planned"]
        loop.ticks(timedelta(days=3), every=timedelta(hours=6))
        assert loop.states(ada)[2:] == ["one sent", "two sent"]
