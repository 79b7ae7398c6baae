"""Dispatch end to end: every verdict, every gate, every kind of step; who is sent what, when, and never twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

import pytest

from nurture.domain.draft import Draft, Rendered
from nurture.domain.enrollment import Pause
from nurture.domain.enrollment import State as Standing
from nurture.domain.errors import RefusedError
from nurture.domain.lead import Lead
from nurture.domain.message import Message
from nurture.domain.policy import Limits
from nurture.domain.response import Kind
from nurture.domain.touch import Reason, State, Touch, TouchId
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes
from nurture.flow import enroll, switches
from nurture.flow.dispatch import settle
from nurture.flow.respond import Report
from nurture.moves import enrolling
from nurture.ports.store import Consent, Suppression, Switch
from tests.builders import a_company, a_lead
from tests.fakes import OutboxFake, RendererFake, taken
from tests.flow.loop import TEXT, Loop, a_cadence, a_loop, in_force

TWO_MAILS = """
    - email: one
    - wait: 3 days
    - email: two
"""
CALL = """
    - call: ring
      within: 2 business days
    - if: outcome('ring') == 'expired'
      then: [{email: missed}]
      else: [{email: thanks}]
"""


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Loop]:
    """Two mails, three days apart."""
    with a_loop(tmp_path, TWO_MAILS) as loop:
        yield loop


def only(loop: Loop, lead: Lead) -> Touch:
    """The one touch of a lead."""
    (touch,) = loop.touches(lead)
    return touch


def at_first(verdict: Verdict) -> Callable[[Message], Verdict]:
    """A provider that answers this to the first attempt of the first mail, and takes every other."""
    return lambda message: verdict if message.attempt == 1 and "one for" in message.subject else taken(message)


# The verdicts ----------------------------------------------------------------------------------------------------


def test_a_mail_that_is_taken_is_sent_and_the_next_one_counts_from_it(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    assert mails.states(ada) == ["one sent"]
    assert only(mails, ada).provider_id == f"provider-{only(mails, ada).id}"
    mails.tick(days=2, hours=23)
    assert mails.states(ada) == ["one sent"]
    mails.tick(hours=1)
    assert mails.states(ada) == ["one sent", "two sent"]
    assert mails.enrollment(ada).state is Standing.DONE
    assert [message.to for message in mails.mailer.sent] == [ada.email, ada.email]


def test_a_refusal_for_now_is_tried_again_under_the_same_message_id(mails: Loop) -> None:
    mails.mailer.answers = at_first(Again("450 later"))
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    assert mails.states(ada) == ["one planned"]
    assert only(mails, ada).counted_at is None
    assert mails.tick(seconds=10).looked_at == 0
    mails.tick(seconds=30)
    assert mails.states(ada) == ["one sent"]
    first, second = mails.mailer.asked
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.message_id == second.message_id


def test_a_provider_that_names_a_moment_is_not_asked_before_it(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.mailer.answers = at_first(Again("429", mails.now + timedelta(hours=2)))
    mails.tick()
    mails.tick(hours=1, minutes=59)
    assert mails.states(ada) == ["one planned"]
    mails.tick(minutes=1)
    assert mails.states(ada) == ["one sent"]


def test_a_refusal_for_good_fails_this_mail_and_the_course_goes_on(mails: Loop) -> None:
    mails.mailer.answers = lambda message: Never("550") if "one for" in message.subject else taken(message)
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    assert only(mails, ada).reason is Reason.PROVIDER_REFUSED
    assert only(mails, ada).counted_at is None
    mails.tick(days=3)
    assert mails.states(ada) == ["one failed", "two sent"]


def test_a_problem_of_the_channel_holds_all_mail_and_no_lead_is_at_fault(mails: Loop) -> None:
    mails.policy = replace(mails.policy, group=1)
    mails.mailer.answers = lambda message: ChannelDown("401")
    ada, bob = a_lead(mails.store), a_lead(mails.store)
    mails.enroll(ada, bob)
    mails.tick()
    assert len(mails.mailer.asked) == 1
    assert mails.states() == ["one planned", "one planned"]
    assert {touch.reason for touch in mails.touches()} == {Reason.MAILER_PAUSED}
    mails.mailer.answers = taken
    mails.tick(minutes=14)
    assert len(mails.mailer.asked) == 1
    mails.tick(minutes=2)
    assert mails.states() == ["one sent", "one sent"]


def test_an_operator_is_told_once_a_day_that_the_provider_refuses_the_account(mails: Loop) -> None:
    mails.mailer.answers = lambda message: ChannelDown("401 wrong key")
    mails.enroll(*(a_lead(mails.store) for _ in range(3)))
    mails.tick()
    with mails.store.unit(write=False) as work:
        assert len(work.notes.select(what="mailer_paused")) == 1  # however many were on their way
    mails.ticks(timedelta(hours=2), every=timedelta(minutes=15))
    assert len(mails.mailer.asked) > 3
    with mails.store.unit(write=False) as work:
        (alert,) = work.sales.deliveries_due(mails.now, 10, kind="alert")
    assert alert["payload"]["subject"] == f"The mailer {mails.mailer.name} is paused"
    assert "401 wrong key" in alert["payload"]["text"]
    assert f"nurture mailer resume {mails.mailer.name}" in alert["payload"]["text"]


def test_a_send_with_no_answer_is_in_doubt_and_never_sent_again(mails: Loop) -> None:
    mails.mailer.answers = at_first(Maybe("cut off"))
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.ticks(timedelta(hours=25), every=timedelta(hours=1))
    assert mails.states(ada) == ["one in_doubt"]
    assert len(mails.mailer.asked) == 1
    assert only(mails, ada).counted_at is not None  # a touch in doubt counts as sent


def test_what_nothing_settles_is_unknown_and_the_course_goes_on_from_the_attempt(mails: Loop) -> None:
    mails.mailer.answers = lambda message: Maybe("cut off") if "one for" in message.subject else taken(message)
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    mails.tick(hours=25)
    mails.tick(hours=1)
    assert mails.states(ada) == ["one unknown"]
    mails.tick(days=3, hours=-26)
    assert mails.states(ada) == ["one unknown", "two sent"]


def test_under_hold_only_a_person_settles(tmp_path: Path) -> None:
    with a_loop(tmp_path, TWO_MAILS, in_doubt="hold") as loop:
        loop.mailer.answers = at_first(Maybe("cut off"))
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.ticks(timedelta(days=10), every=timedelta(days=1))
        assert loop.states(ada) == ["one in_doubt"]
        settle.resolve(only(loop, ada).id, "sent", store=loop.store, now=loop.now, by="tester")
        loop.tick()
        assert loop.states(ada) == ["one sent", "two sent"]


def test_settled_as_not_sent_it_goes_out_once_more(mails: Loop) -> None:
    mails.mailer.answers = at_first(Maybe("cut off"))
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    settle.resolve(only(mails, ada).id, "not_sent", store=mails.store, now=mails.now, by="tester")
    mails.tick(minutes=1)
    assert mails.states(ada) == ["one sent"]
    assert {message.message_id for message in mails.mailer.asked} == {only(mails, ada).message_id}


def test_nothing_is_sent_again_after_a_later_touch_has_gone(mails: Loop) -> None:
    mails.mailer.answers = lambda message: Maybe("cut off") if "one for" in message.subject else taken(message)
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.ticks(timedelta(days=5))
    unknown = mails.touches(ada)[0]
    with pytest.raises(RefusedError, match="later touch"):
        settle.resolve(unknown.id, "resend", store=mails.store, now=mails.now, by="tester")


class Crash(BaseException):
    """The process ends here, as by kill -9: nothing after it runs."""


class Dying(OutboxFake):
    """A mailer whose process dies at the request, before or after the provider took the mail."""

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        for message in messages:
            self.answers(message)
            self.asked.append(message)
            raise Crash
        yield from ()


def test_a_crash_between_intent_and_result_is_in_doubt_then_unknown_and_never_sent_twice(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    alive, mails.mailer = mails.mailer, Dying()
    with pytest.raises(Crash):
        mails.tick()
    mails.mailer = alive
    assert mails.states(ada) == ["one sending"]
    mails.tick(minutes=1)
    assert mails.states(ada) == ["one sending"]  # its lease has not run out: another daemon may be at it
    mails.tick(minutes=1)
    assert mails.states(ada) == ["one in_doubt"]
    mails.tick(hours=26)
    assert mails.states(ada) == ["one unknown"]
    assert mails.mailer.sent == []


def test_a_crash_before_the_intent_loses_nothing(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)

    def dies() -> None:
        raise Crash

    between(mails, dies)
    with pytest.raises(Crash):
        mails.tick()
    mails.renderer = None
    assert mails.tick(minutes=9).sent == 0  # still leased
    assert mails.tick(minutes=2).sent == 1


@pytest.mark.parametrize("kind", [Kind.DELIVERED, Kind.CLICK, Kind.OPEN])
def test_a_verified_event_proves_that_a_touch_in_doubt_was_sent(mails: Loop, kind: Kind) -> None:
    mails.mailer.answers = at_first(Maybe("cut off"))
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    mails.report(Report(kind, mails.now, touch=only(mails, ada).id))
    assert mails.states(ada) == ["one sent"]
    mails.tick(days=3)
    assert mails.states(ada) == ["one sent", "two sent"]


def test_an_event_that_overtakes_a_refusal_wins(mails: Loop) -> None:
    def refuse_though_taken(message: Message) -> Verdict:
        mails.report(Report(Kind.DELIVERED, mails.now, touch=message.touch))
        return Again("450 later") if message.attempt == 1 else Yes()

    mails.mailer.answers = refuse_though_taken
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    mails.tick(hours=2)
    assert mails.states(ada) == ["one sent"]
    assert len(mails.mailer.asked) == 1


# The gates -------------------------------------------------------------------------------------------------------


def test_a_pause_between_the_decision_and_the_intent_is_obeyed(mails: Loop) -> None:
    ada, bob = a_lead(mails.store), a_lead(mails.store)
    mails.enroll(ada, bob)
    between(mails, lambda: enroll.pause([ada.id], until=None, store=mails.store, now=mails.now, by="me"))
    assert mails.tick().sent == 1
    assert [message.to for message in mails.mailer.sent] == [bob.email]
    assert mails.enrollment(ada).state is Standing.PAUSED
    enroll.resume([ada.id], store=mails.store, now=mails.now, by="me")
    mails.tick(minutes=10)
    assert [message.to for message in mails.mailer.sent] == [bob.email, ada.email]


def test_a_stop_between_the_decision_and_the_intent_is_obeyed(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    between(
        mails,
        lambda: enroll.stop([ada.id], cadence=None, store=mails.store, now=mails.now, by="me"),
    )
    assert mails.tick().sent == 0
    assert "one planned" not in mails.states(ada)
    assert mails.enrollment(ada).state is Standing.STOPPED


def test_an_unsubscribe_between_the_decision_and_the_intent_is_obeyed(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    between(mails, lambda: mails.report(Report(Kind.UNSUBSCRIBE, mails.now, lead=ada.id)))
    assert mails.tick().sent == 0
    assert mails.mailer.asked == []


@pytest.mark.parametrize("without_basis", ["hold", "send"])
def test_a_basis_that_is_withdrawn_between_the_decision_and_the_intent_holds_the_mail(
    tmp_path: Path, without_basis: str
) -> None:
    with a_loop(tmp_path, "- email: one", without_basis=without_basis) as loop:
        ada, bob = a_lead(loop.store), a_lead(loop.store)
        loop.enroll(ada, bob)
        between(loop, lambda: consent(loop, ada, "none"))
        assert loop.tick().sent == 1
        assert (only(loop, ada).reason, only(loop, bob).state) == (Reason.NO_CONSENT, State.SENT)
        consent(loop, ada, "opt_in")
        loop.tick(days=1)
        assert loop.states(ada) == ["one sent"]


def consent(loop: Loop, lead: Lead, basis: str) -> None:
    """Record a basis for e-mail."""
    with loop.store.unit() as work:
        work.leads.add_consent(lead.id, Consent(basis, loop.now))
        work.commit()


def test_sending_that_is_paused_between_the_decision_and_the_intent_waits(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    between(mails, lambda: pause_sending(mails, "send"))
    assert mails.tick().sent == 0
    assert only(mails, ada).reason is Reason.PAUSED


def between(loop: Loop, act: Callable[[], object]) -> None:
    """Do something once, after a mail was rendered and before its intent."""
    done: list[object] = []

    def acting(_: Draft, mail: Rendered) -> Rendered:
        if not done:
            done.append(act())
        return mail

    loop.renderer = RendererFake(acting)


def pause_sending(loop: Loop, name: str) -> None:
    """Pause something by its switch."""
    with loop.store.unit() as work:
        work.control.switch(Switch(name, "test", loop.now, None, "tester"))
        work.commit()


def test_a_lead_of_a_paused_cadence_costs_a_look_a_day_and_goes_on_when_it_is_resumed(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one") as loop:
        loop.enroll(a_lead(loop.store))
        pause_sending(loop, "cadence:course")
        assert sum(loop.tick(hours=1).looked_at for _ in range(7 * 24)) <= 8
        assert switches.resume("cadence:course", store=loop.store, now=loop.now, by="me")
        assert loop.tick().sent == 1


@pytest.mark.parametrize("name", ["send", "cadence:course"])
def test_a_switch_holds_and_lets_go(mails: Loop, name: str) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    pause_sending(mails, name)
    mails.ticks(timedelta(days=2))
    assert mails.states(ada) == ["one planned"]
    assert switches.resume(name, store=mails.store, now=mails.now, by="me")
    mails.tick()
    assert mails.states(ada) == ["one sent"]


def test_a_changed_address_is_the_one_that_is_written_to(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    pause_sending(mails, "send")
    mails.tick()
    with mails.store.unit() as work:
        work.control.unswitch("send")
        work.leads.update(ada.id, {"email": "ada@new.example"})
        work.commit()
    assert mails.tick(hours=1).looked_at < 3
    assert [message.to for message in mails.mailer.sent] == ["ada@new.example"]
    assert only(mails, ada).address == "ada@new.example"


def test_the_same_mail_is_had_once_in_any_enrollment(mails: Loop) -> None:
    mails.rules = in_force(
        {"course": a_cadence("- email: shared/one"), "other": a_cadence("- email: shared/one", name="other")}
    )
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    mails.enroll(ada, cadence="other")
    mails.tick(days=1)
    assert [touch.state.value for touch in mails.touches(ada)] == ["sent", "skipped"]
    assert mails.touches(ada)[1].reason is Reason.ALREADY_HAD
    assert len(mails.mailer.sent) == 1


def test_a_mail_that_may_repeat_is_sent_again(mails: Loop) -> None:
    again = "- {email: shared/one, repeat: true}"
    mails.rules = in_force({"course": a_cadence(again), "other": a_cadence(again, name="other")})
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    mails.enroll(ada, cadence="other")
    mails.tick(days=1)
    assert len(mails.mailer.sent) == 2


@pytest.mark.parametrize(("scope", "states"), [("all", ["skipped"] * 2), ("email", ["skipped", "open"])])
def test_a_suppressed_address_is_skipped_in_its_scope(tmp_path: Path, scope: str, states: list[str]) -> None:
    with a_loop(tmp_path, "- email: one\n- call: ring") as loop:
        ada = a_lead(loop.store, phone="+33100000000")
        loop.enroll(ada)
        with loop.store.unit() as work:
            work.suppressions.add(Suppression(str(ada.email), scope, "test", loop.now), by="me")
            work.commit()
        loop.tick()
        assert [touch.state.value for touch in loop.touches(ada)] == states
        assert loop.touches(ada)[0].reason is Reason.SUPPRESSED


def test_who_must_not_be_called_is_not(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- call: ring\n- email: one") as loop:
        ada, bob = a_lead(loop.store, phone="+33100000000", do_not_call=True), a_lead(loop.store)
        loop.enroll(ada, bob)
        loop.tick()
        assert loop.states(ada) == loop.states(bob) == ["ring skipped", "one sent"]
        assert [loop.touches(one)[0].reason for one in (ada, bob)] == [Reason.SUPPRESSED, Reason.NO_ADDRESS]


def test_without_a_basis_mail_waits_and_calls_go_on(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- call: ring\n  within: 1 business day\n- email: one") as loop:
        ada = a_lead(loop.store, phone="+33100000000", consent=False)
        loop.enroll(ada)
        loop.ticks(timedelta(days=4))
        assert loop.states(ada) == ["ring expired", "one planned"]
        assert loop.touches(ada)[1].reason is Reason.NO_CONSENT
        assert loop.mailer.asked == []


def test_the_held_out_arm_runs_its_waits_and_makes_no_contact(tmp_path: Path) -> None:
    with a_loop(tmp_path, TWO_MAILS, more="holdout: 100%\n") as loop:
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.tick()
        assert loop.enrollment(ada).state is Standing.ACTIVE
        loop.tick(days=3)
        assert {touch.reason for touch in loop.touches(ada)} == {Reason.HOLDOUT}
        assert loop.enrollment(ada).state is Standing.DONE
        assert loop.mailer.asked == []


def test_a_mail_waits_for_the_window_where_the_lead_is(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one") as loop:
        rules = a_cadence("- email: one").replace("mon-sun", "mon-fri").replace("00:00-24:00", "09:00-17:00")
        loop.rules = in_force({"course": rules})
        paris, auckland = a_lead(loop.store), a_lead(loop.store, timezone="Pacific/Auckland")
        loop.enroll(paris, auckland)
        loop.ticks(timedelta(days=2), every=timedelta(minutes=45))
        for lead in (paris, auckland):
            sent = only(loop, lead).sent_at
            assert sent is not None
            local = sent.astimezone(ZoneInfo(str(lead.timezone)))
            assert local.weekday() < 5
            assert 9 <= local.hour < 17


def test_the_limits_of_a_lead_defer_and_never_drop(tmp_path: Path) -> None:
    steps = "\n".join(f"- email: m{number}" for number in range(5))
    with a_loop(tmp_path, steps, limits=Limits(1, 2, 6, None, None)) as loop:
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.ticks(timedelta(days=30))
        moments = [touch.sent_at for touch in loop.touches(ada)]
        assert len(moments) == 5
        assert all(one is not None for one in moments)
        sent = sorted(one for one in moments if one)
        assert len({one.date() for one in sent}) == 5
        assert all(later - earlier >= timedelta(days=7) for earlier, later in zip(sent, sent[2:], strict=False))


def test_the_limit_of_a_company_holds_across_one_batch_and_many_groups(tmp_path: Path) -> None:
    for group in (1, 64):
        folder = tmp_path / str(group)
        folder.mkdir()
        with a_loop(folder, "- email: one", limits=Limits(None, None, None, 3, None), group=group) as loop:
            company = a_company(loop.store)
            people = [a_lead(loop.store, company=company) for _ in range(8)]
            loop.enroll(*people)
            assert loop.tick().sent == 3
            waiting = [touch for touch in loop.touches() if touch.sent_at is None]
            assert {touch.reason for touch in waiting} == {Reason.LIMIT_COMPANY}
            loop.ticks(timedelta(days=15))
            assert len(loop.mailer.sent) == 8


def test_a_task_that_is_handed_out_does_not_use_up_the_limit_of_the_company(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- call: ring", limits=Limits(None, None, None, 1, None)) as loop:
        company = a_company(loop.store)
        people = [a_lead(loop.store, company=company, phone=f"+3310000000{n}") for n in range(2)]
        loop.enroll(*people)
        assert loop.tick().tasks == 2


def test_the_limit_of_a_mail_domain_holds(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", limits=Limits(None, None, None, None, 2)) as loop:
        people = [a_lead(loop.store) for _ in range(5)]
        loop.enroll(*people)
        assert loop.tick().sent == 2
        assert loop.tick(minutes=30).sent == 0
        assert loop.tick(minutes=30).sent == 2


# One bad lead ----------------------------------------------------------------------------------------------------


def test_a_template_that_fails_for_one_lead_parks_that_touch_and_no_other(tmp_path: Path) -> None:
    picky = "---\nsubject: One\n---\n<p>{{ 7 // (x.size | int) }} {{ unsubscribe_url }} {{ postal_address }}</p>"
    files = {"templates/course/one.html": picky, "templates/course/one.txt": TEXT}
    with a_loop(tmp_path, TWO_MAILS, files=files, limits=Limits(None, None, None, 1, None)) as loop:
        company = a_company(loop.store)
        bad = a_lead(loop.store, custom={}, company=company)
        good = a_lead(loop.store, custom={"size": "7"}, company=company)
        loop.enroll(bad, good)
        loop.tick()
        assert loop.states(bad) == ["one failed"]
        assert only(loop, bad).reason is Reason.RENDER
        assert "course/one.html" in only(loop, bad).because
        assert loop.states(good) == ["one sent"]  # what was not made uses up no limit either
        loop.ticks(timedelta(days=20))
        assert loop.states(bad) == ["one failed", "two sent"]


@pytest.mark.parametrize(
    "poison",
    [
        "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",  # would take minutes
        "{% for a in range(1000) %}{{ x.size * 2000 }}{% endfor %}",  # would be gigabytes
    ],
)
def test_a_lead_for_whom_a_template_runs_on_or_swells_delays_nobody(tmp_path: Path, poison: str) -> None:
    page = "---\nsubject: One\n---\n{% if x.size %}" + poison + "{% endif %}{{ unsubscribe_url }} {{ postal_address }}"
    files = {"templates/course/one.html": page, "templates/course/one.txt": TEXT}
    with a_loop(tmp_path, TWO_MAILS, files=files) as loop:
        people = [a_lead(loop.store, custom={}) for _ in range(9)]
        bad = a_lead(loop.store, custom={"size": "1000"})
        loop.enroll(bad, *people)
        began = monotonic()
        loop.tick()
        assert monotonic() - began < 5  # two seconds are what one mail may take
        assert loop.states(bad) == ["one failed"]
        assert only(loop, bad).reason is Reason.RENDER
        assert {loop.states(one)[0] for one in people} == {"one sent"}


# The steps -------------------------------------------------------------------------------------------------------


def test_a_task_holds_its_cadence_until_it_is_done(tmp_path: Path) -> None:
    with a_loop(tmp_path, CALL) as loop:
        ada = a_lead(loop.store, phone="+33100000000")
        loop.enroll(ada)
        loop.tick()
        task = only(loop, ada)
        assert task.state.value == "open"
        assert task.counted_at is None
        assert "Call Ada" in str(task.script)
        loop.tick(hours=5)
        loop.report(Report(Kind.CALL, loop.now, touch=task.id, detail={"outcome": "connected"}))
        loop.tick()
        assert loop.states(ada) == ["ring done", "thanks sent"]
        assert loop.touches(ada)[0].counted_at == loop.now


def test_a_task_that_nobody_did_expires_and_can_be_branched_on(tmp_path: Path) -> None:
    with a_loop(tmp_path, CALL) as loop:
        ada = a_lead(loop.store, phone="+33100000000")
        loop.enroll(ada)
        loop.ticks(timedelta(days=3))
        assert loop.states(ada) == ["ring expired", "missed sent"]


def test_waiting_for_a_click_ends_with_the_click_or_with_its_time(tmp_path: Path) -> None:
    steps = """
        - email: one
        - wait_for: clicked('one')
          timeout: 10 days
        - if: clicked('one')
          then: [{email: more}]
          else: [{email: other}]
    """
    with a_loop(tmp_path, steps) as loop:
        ada, bob = a_lead(loop.store), a_lead(loop.store)
        loop.enroll(ada, bob)
        loop.tick()
        loop.clock.advance(days=2)
        loop.report(Report(Kind.CLICK, loop.now, touch=only(loop, ada).id, detail={"url": "https://acme.example/one"}))
        loop.tick()
        assert (loop.states(ada), loop.states(bob)) == (["one sent", "more sent"], ["one sent"])
        loop.tick(days=8)
        assert loop.states(bob) == ["one sent", "other sent"]


def test_a_stream_gives_one_item_at_a_time_and_the_last_one_also_waits_its_turn(tmp_path: Path) -> None:
    steps = "- stream: {every: 1 week, items: [a, b, c]}"
    with a_loop(tmp_path, steps) as loop:
        window = a_cadence(steps).replace("00:00-24:00", "12:00-14:00")
        loop.rules = in_force({"course": window})
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.ticks(timedelta(weeks=5), every=timedelta(hours=2))
        assert loop.states(ada) == ["a sent", "b sent", "c sent"]
        assert loop.enrollment(ada).state is Standing.DONE


def test_the_only_item_of_a_stream_is_sent_also_where_it_has_to_wait(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- stream: {every: 1 week, items: [a]}", limits=Limits(1, 2, 6, None, None)) as loop:
        ada = a_lead(loop.store)
        loop.enroll(ada)
        pause_sending(loop, "cadence:course")
        loop.tick()
        assert switches.resume("cadence:course", store=loop.store, now=loop.now, by="me")
        loop.tick()
        assert loop.states(ada) == ["a sent"]


def test_a_goal_that_is_reached_ends_it_and_the_planned_mail_with_it(tmp_path: Path) -> None:
    steps = "- email: one\n- wait: 1 day\n- email: two"
    more = "goal: clicked('one')\n"
    with a_loop(tmp_path, steps, more=more, limits=Limits(1, 1, 6, None, None)) as loop:
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.tick()
        loop.tick(days=1)
        assert loop.states(ada) == ["one sent", "two planned"]
        loop.report(Report(Kind.CLICK, loop.now, touch=loop.touches(ada)[0].id, detail={"url": "https://a.example"}))
        loop.ticks(timedelta(days=8))
        assert loop.states(ada) == ["one sent", "two skipped"]
        assert loop.enrollment(ada).state is Standing.GOAL_MET


def test_a_cadence_hands_over_to_another(mails: Loop) -> None:
    mails.rules = in_force(
        {"course": a_cadence("- email: one\n- enroll: next"), "next": a_cadence("- email: two", name="next")}
    )
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    mails.tick()
    assert mails.states(ada) == ["one sent", "two sent"]
    assert mails.enrollment(ada).reason == "handed over"
    assert mails.enrollment(ada, "next").state is Standing.DONE


def test_set_writes_fields_that_later_steps_see(tmp_path: Path) -> None:
    steps = """
        - set: {x.program: blue}
        - if: x.program == 'blue'
          then: [{email: blue}]
          else: [{email: red}]
    """
    with a_loop(tmp_path, steps) as loop:
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.tick()
        assert loop.states(ada) == ["blue sent"]
        with loop.store.unit(write=False) as work:
            assert work.leads.get([ada.id])[ada.id].custom == {"program": "blue"}


# Pauses ----------------------------------------------------------------------------------------------------------


def test_a_pause_keeps_what_was_left_of_the_wait(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    mails.tick()
    mails.tick(days=1)
    enroll.pause([ada.id], until=None, store=mails.store, now=mails.now, by="me")
    mails.ticks(timedelta(days=20))
    enroll.resume([ada.id], store=mails.store, now=mails.now, by="me")
    mails.tick(days=1, hours=23)
    assert mails.states(ada) == ["one sent"]
    mails.tick(hours=1)
    assert mails.states(ada) == ["one sent", "two sent"]


def test_a_dated_pause_ends_by_itself(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    enroll.pause([ada.id], until=mails.now + timedelta(days=5), store=mails.store, now=mails.now, by="me")
    mails.tick(days=4)
    assert mails.states(ada) == []
    mails.tick(days=1)
    assert mails.states(ada) == ["one sent"]


@pytest.mark.timeout(20)
def test_a_dated_pause_that_ends_leaves_an_undated_one_standing(mails: Loop) -> None:
    ada = a_lead(mails.store)
    mails.enroll(ada)
    enroll.pause([ada.id], until=None, store=mails.store, now=mails.now, by="me")
    with mails.store.unit() as work:
        until = mails.now + timedelta(days=5)
        enrolling.pause(work, [ada.id], Pause.AUTO_REPLY, until=until, now=mails.now, by="me")
        work.commit()
    mails.tick(days=6)
    assert mails.enrollment(ada).state is Standing.PAUSED
    assert list(mails.enrollment(ada).pauses) == [Pause.OPERATOR]
    enroll.resume([ada.id], store=mails.store, now=mails.now, by="me")
    assert mails.tick(minutes=1).sent == 1


def test_what_stays_paused_for_another_reason_is_not_said_to_go_on(mails: Loop) -> None:
    lead = a_lead(mails.store)
    mails.enroll(lead)
    with mails.store.unit() as work:
        for why in (Pause.REPLY, Pause.QUALIFICATION):
            enrolling.pause(work, [lead.id], why, until=None, now=mails.now, by="test")
        said = []
        for why in (Pause.REPLY, Pause.QUALIFICATION):
            enrolling.resume(work, [lead.id], why, now=mails.now, by="test")
            said.append([one.text for one in work.notes.of_lead(lead.id) if one.what == "resumed"])
    assert said == [[], ["course goes on"]]


def test_a_pause_does_not_move_the_day_that_a_cadence_waits_for(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- wait_until: 09-01\n- email: one") as loop:
        ada, bob = a_lead(loop.store), a_lead(loop.store)
        loop.enroll(ada, bob)
        loop.tick(days=1)
        enroll.pause([ada.id, bob.id], until=None, store=loop.store, now=loop.now, by="me")
        loop.tick(days=100)
        enroll.resume([ada.id], store=loop.store, now=loop.now, by="me")
        loop.ticks(timedelta(days=90), every=timedelta(days=1))
        sent = only(loop, ada).sent_at
        assert sent is not None
        assert (sent.month, sent.day) in {(9, 1), (9, 2)}
        enroll.resume([bob.id], store=loop.store, now=loop.now, by="me")
        loop.tick()
        assert loop.states(bob) == ["one sent"]  # the day came and went meanwhile: not a year later


def test_a_webhook_step_tells_of_lead_enrollment_and_step(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- webhook: crm-note\n- wait: 1 day") as loop:
        ada = a_lead(loop.store)
        loop.enroll(ada)
        loop.tick()
        assert loop.states(ada) == ["crm-note sent"]
        with loop.store.unit(write=False) as work:
            (told,) = work.sales.deliveries_due(loop.now, 10)
        assert (told["kind"], told["to"], told["key"]) == ("webhook", "crm-note", loop.touches(ada)[0].id)
        said = told["payload"]
        assert (said["lead_id"], said["lead"]["email"]) == (str(ada.id), ada.email)
        assert (said["cadence"], said["version"], said["step"]) == ("course", 1, "crm-note")
        assert said["enrollment"] == str(loop.enrollment(ada).id)
