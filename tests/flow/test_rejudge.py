"""Verdicts made again: bursts that arrive in pieces, one address behind many people, rules that changed since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.mail.inbound import EmailReader
from nurture.domain import machines
from nurture.domain.classify import intents
from nurture.domain.lead import Lead
from nurture.domain.machines import Hit
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import Touch
from nurture.flow import rejudge, replies
from nurture.flow.respond import Report
from nurture.moves.grading import seen
from tests.builders import a_lead
from tests.flow.loop import Loop, a_loop

SCORING = """
engagement:
  half_life: 30 days
  rules:
    - {on: click, points: 4, because: read further}
    - {on: reply, where: "intent == 'interested'", points: 25, because: answered}
"""
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0"


class NoTokens:
    """Nobody answers to a signed address here."""

    def read_reply_to(self, address: str) -> str | None:
        """None."""
        return None


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- email: hello\n- wait: 3 months", files={"scoring.yaml": SCORING}) as made:
        yield made


def mailed(loop: Loop, **over: Any) -> tuple[Lead, Touch]:
    """A lead that got the mail, an hour ago."""
    lead = a_lead(loop.store, **over)
    loop.enroll(lead)
    loop.tick()
    [touch] = loop.touches(lead)
    return lead, touch


def click(loop: Loop, touch: Touch, url: str, **over: Any) -> None:
    """A click on our own link, as it is judged when nothing else is known of it."""
    hit = Hit(loop.now, f"https://acme.example/{url}", **{"ip": "203.0.113.9", "user_agent": BROWSER, **over})
    loop.report(Report(Kind.CLICK, loop.now, touch=touch.id, detail=seen(hit)))


def grades(loop: Loop, touch: Touch) -> list[Grade]:
    with loop.store.unit(write=False) as work:
        return [one.grade for one in work.responses.of_touch(touch.id) if one.kind is Kind.CLICK]


def engagement(loop: Loop, lead: Lead) -> float:
    with loop.store.unit(write=False) as work:
        return work.leads.get([lead.id])[lead.id].engagement


def again(loop: Loop, **over: Any) -> rejudge.Outcome:
    return rejudge.run(reader=EmailReader(), new_id=loop.clock.new_id, by="tester", **{**loop.common, **over})


def test_the_first_clicks_of_a_burst_are_taken_back_when_the_rest_arrives(loop: Loop) -> None:
    lead, touch = mailed(loop)
    loop.clock.advance(hours=1)
    click(loop, touch, "a", user_agent="")
    assert grades(loop, touch) == [Grade.LIKELY_MACHINE]
    for url in "bc":
        loop.clock.advance(seconds=1)
        click(loop, touch, url)
    assert grades(loop, touch) == [Grade.MACHINE, Grade.LIKELY_MACHINE, Grade.LIKELY_MACHINE]
    assert engagement(loop, lead) == 0
    loop.clock.advance(hours=1)
    click(loop, touch, "a")
    assert grades(loop, touch)[-1] is Grade.HUMAN
    assert engagement(loop, lead) == pytest.approx(4)


def test_one_address_that_follows_the_mails_of_many_is_nobody_of_them(loop: Loop) -> None:
    people = [mailed(loop) for _ in range(machines.MANY_RECIPIENTS)]
    loop.clock.advance(hours=1)
    for _, touch in people:
        loop.clock.advance(seconds=20)
        click(loop, touch, "a")
    assert {grade for _, touch in people for grade in grades(loop, touch)} == {Grade.LIKELY_MACHINE}
    assert [engagement(loop, lead) for lead, _ in people] == [0] * len(people)


def test_what_a_person_entered_is_not_judged(loop: Loop) -> None:
    lead, touch = mailed(loop)
    loop.report(Report(Kind.CLICK, loop.now, touch=touch.id, detail={"url": "https://acme.example/a"}))
    assert again(loop).looked_at == 0
    assert engagement(loop, lead) == pytest.approx(4)


def test_a_rule_that_changed_is_applied_to_what_was_recorded_before(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, touch = mailed(loop)
    loop.clock.advance(seconds=25)
    click(loop, touch, "a")
    loop.clock.advance(days=1)
    monkeypatch.setattr(machines, "TOO_SOON", timedelta(seconds=30))
    [seen_dry] = again(loop, dry_run=True).changed
    assert grades(loop, touch) == [Grade.HUMAN]
    [changed] = again(loop).changed
    assert changed == seen_dry
    assert (changed.was, changed.now, changed.why) == ("human", "likely machine", "it came 25 s after the delivery")
    assert engagement(loop, lead) == 0
    assert again(loop).changed == ()
    with loop.store.unit(write=False) as work:
        assert [one.lead for one in work.notes.select(what="regraded")] == [lead.id]


def answered(loop: Loop, lead: Lead, touch: Touch, words: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = lead.email, "dana@acme.example"
    mail["Subject"], mail["Message-ID"], mail["In-Reply-To"] = "Re: hello", "<a@example.com>", touch.message_id
    mail.set_content(words)
    replies.take_mail([("x", mail.as_bytes())], store=loop.store, now=loop.now)
    replies.process(reader=EmailReader(), tokens=NoTokens(), new_id=loop.clock.new_id, **loop.common)


def test_a_reply_is_read_again_from_the_mail_that_was_kept(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    lead, touch = mailed(loop)
    loop.clock.advance(hours=1)
    with monkeypatch.context() as then:
        then.setattr(intents, "_PATTERNS", ())
        answered(loop, lead, touch, "We are very interested in this.\n")
    assert engagement(loop, lead) == 0
    loop.clock.advance(days=1)
    [changed] = again(loop).changed
    assert (changed.was, changed.now) == ("reply (other)", "reply (interested)")
    assert engagement(loop, lead) > 20
    with loop.store.unit(write=False) as work:
        [entry] = work.notes.inbox()
    assert "What followed then was not undone" in entry["why"]
    assert again(loop).changed == ()


def test_a_wish_to_be_left_alone_that_was_not_understood_is_obeyed_at_once(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, touch = mailed(loop)
    loop.clock.advance(hours=1)
    with monkeypatch.context() as then:
        then.setattr(intents, "_PATTERNS", ())
        answered(loop, lead, touch, "Please remove me from your list.\n")
    assert again(loop).changed[0].now == "reply (unsubscribe)"
    assert lead.email is not None
    with loop.store.unit(write=False) as work:
        assert work.suppressions.scopes([lead.email])[lead.email] == {"all"}
