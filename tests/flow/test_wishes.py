"""What people ask for, and what their mailboxes say, is still obeyed by the passes of the days that follow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.domain.lead import Lead
from nurture.domain.policy import Limits
from nurture.domain.response import Kind
from nurture.domain.touch import State
from nurture.flow import preferences
from nurture.flow.respond import Report
from tests.builders import a_lead
from tests.flow.loop import Loop, a_cadence, a_loop

TWO_MAILS = "- email: hello\n- wait: 2 days\n- email: more"
LETTERS = a_cadence("- wait: 10 days\n- email: letter", name="letters", more="exclusive: false\n")


def mailed(loop: Loop) -> Lead:
    """A lead that got its first mail."""
    lead = a_lead(loop.store)
    loop.enroll(lead)
    loop.tick()
    assert loop.states(lead)[0] == "hello sent"
    return lead


def heard(loop: Loop, lead: Lead, kind: Kind, **detail: Any) -> None:
    """A response to the first mail."""
    loop.report(Report(kind, loop.now, lead.id, loop.touches(lead)[0].id, detail=detail))


def test_who_asked_for_less_gets_one_mail_in_thirty_days(tmp_path: Path) -> None:
    with a_loop(tmp_path, TWO_MAILS, limits=Limits()) as loop:
        lead, other = mailed(loop), mailed(loop)
        preferences.less_often(lead.id, store=loop.store, now=loop.now, by="web")
        loop.ticks(timedelta(days=29))
        assert (loop.states(lead), loop.states(other)) == (["hello sent", "more planned"], ["hello sent", "more sent"])
        loop.ticks(timedelta(days=4))
        assert loop.states(lead) == ["hello sent", "more sent"]


@pytest.mark.parametrize(
    ("detail", "silent_until"),
    [
        ({"away": True}, 14 + 2),  # without a date: 14 days, and what was left of the wait
        ({"away": False}, 2),  # a ticket was opened: nobody is away
    ],
)
def test_an_automatic_answer_holds_mail_back_only_for_who_is_away(
    tmp_path: Path, detail: dict[str, Any], silent_until: int
) -> None:
    with a_loop(tmp_path, TWO_MAILS) as loop:
        lead = mailed(loop)
        heard(loop, lead, Kind.AUTO_REPLY, **detail)
        loop.ticks(timedelta(days=silent_until - 0.5))
        assert "more sent" not in loop.states(lead)
        loop.ticks(timedelta(days=1.5))
        assert loop.states(lead) == ["hello sent", "more sent"]


def test_a_reply_pauses_the_other_cadences_until_it_is_answered(tmp_path: Path) -> None:
    with a_loop(tmp_path, TWO_MAILS, files={"cadences/letters.yaml": LETTERS}) as loop:
        lead = mailed(loop)
        loop.enroll(lead, cadence="letters")
        heard(loop, lead, Kind.REPLY, intent="question", text="Does it work with ours?")
        assert [loop.enrollment(lead, name).state.value for name in ("course", "letters")] == ["stopped", "paused"]
        loop.ticks(timedelta(days=30))
        assert loop.states(lead) == ["hello sent", "reply open"]
        (task,) = [one for one in loop.touches(lead) if one.state is State.OPEN]
        loop.report(Report(Kind.CALL, loop.now, lead.id, task.id, detail={"outcome": "replied"}))
        assert loop.enrollment(lead, "letters").state.value == "active"
        loop.ticks(timedelta(days=14))
        assert "letter sent" in loop.states(lead)


@pytest.mark.parametrize("kind", [Kind.UNSUBSCRIBE, Kind.COMPLAINT])
def test_who_wants_to_be_left_alone_is_on_nobodys_list_of_tasks(tmp_path: Path, kind: Kind) -> None:
    with a_loop(tmp_path, TWO_MAILS) as loop:
        lead = mailed(loop)
        heard(loop, lead, Kind.REPLY, intent="question")
        assert loop.states(lead) == ["hello sent", "reply open"]
        loop.clock.advance(minutes=5)
        heard(loop, lead, kind)
        assert loop.states(lead) == ["hello sent", "reply canceled"]
