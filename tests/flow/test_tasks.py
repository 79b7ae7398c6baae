"""The caller's queue: who gets which task when, what they are told, and whose call it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nurture.domain.errors import RefusedError, RequestError
from nurture.domain.lead import Lead
from nurture.domain.response import CallOutcome, Kind
from nurture.domain.touch import Channel, State, Touch
from nurture.flow import promises, tasks
from nurture.flow.respond import Recorded, Report
from nurture.flow.tasks import Item
from nurture.moves import brief
from nurture.moves.handing_over import FAST_STEP
from nurture.moves.scene import load
from nurture.ports.store import Suppression
from tests.builders import a_company, a_lead, a_touch, an_enrollment
from tests.flow.loop import Loop, a_cadence, a_loop, in_force

PEOPLE = """
- {name: Cal, email: cal@acme.example, roles: [caller], calls_per_day: 2, timezone: Europe/Paris}
- {name: Dot, email: dot@acme.example, roles: [caller]}
"""
READINESS = """
promote: {when: stage == 'near_term', require: [budget, phone, timeline], if_missing: qualification}
"""
SCORING = """
engagement:
  rules:
    - {on: call, where: "outcome in ['connected', 'callback', 'replied', 'meeting_booked', 'meeting_held']", points: 7,
       because: talked with us}
"""
RULES = {"people.yaml": PEOPLE, "readiness.yaml": READINESS, "scoring.yaml": SCORING}
COURSES = {
    "course": a_cadence("- call: ring", more="priority: 20\nstop_on: [meeting]\n"),
    "urgent": a_cadence("- call: ring", name="urgent", more="priority: 90\n"),
    "qualification": a_cadence("- call: ring\n  ask: [budget, competitors]", name="qualification"),
}


@contextmanager
def a_queue(folder: Path) -> Iterator[Loop]:
    """A loop with two callers: Cal makes two calls a day, Dot as many as there are."""
    with a_loop(folder, "- call: ring") as loop:
        loop.rules = in_force(COURSES, RULES)
        yield loop


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Loop]:
    with a_queue(tmp_path) as made:
        yield made


def a_call(loop: Loop, cadence: str = "course", **over: Any) -> Touch:
    """An open call that any caller may make now."""
    channel, ask = over.pop("channel", Channel.CALL), over.pop("ask", ())
    lead = a_lead(loop.store, **{"phone": f"+331000{len(loop.touches()):05}", **over})
    place = an_enrollment(loop.store, lead=lead, cadence=cadence, next_at=None)
    values = {"channel": channel, "state": State.OPEN, "assigned": "caller", "step": "ring", "ask": ask}
    return a_touch(loop.store, enrollment=place, now=loop.now, **values)


def next_of(loop: Loop, who: str) -> Item | None:
    return tasks.next_for(who, **loop.common)


def taken_by(loop: Loop, who: str) -> Item:
    """What this person gets, where there is something."""
    item = next_of(loop, who)
    assert item is not None
    return item


def done(loop: Loop, task: str, by: str, outcome: CallOutcome = CallOutcome.NO_ANSWER, **over: Any) -> Recorded:
    return tasks.done(task, outcome, by=by, new_id=loop.clock.new_id, **over, **loop.common)


def test_a_promise_goes_first_then_the_larger_priority_then_the_better_score(queue: Loop) -> None:
    low, best, urgent = a_call(queue), a_call(queue, fit=30.0), a_call(queue, "urgent")
    called = a_lead(queue.store, phone="+33188888888")
    promises.add(called.id, on=queue.now + timedelta(hours=1), text="Call", by="Cal", **queue.common)
    queue.clock.advance(hours=2)
    promises.run(**queue.common, new_id=queue.clock.new_id)
    order = []
    while (item := next_of(queue, "Dot")) is not None:
        order.append(item.lead.id)
        done(queue, item.touch.id, "Dot")
    assert order == [called.id, urgent.lead, best.lead, low.lead]


def test_what_a_colleague_said_of_the_company_is_not_asked_again_and_what_is_personal_is(queue: Loop) -> None:
    company = a_company(queue.store)
    a_call(queue, ask=("budget", "hot_buttons", "drivers"), company=company)
    colleague = a_lead(queue.store, company=company)
    said = {"facts": {"budget": "20k EUR", "hot_buttons": "quiet machines"}}
    queue.report(Report(Kind.FORM, queue.now, colleague.id, detail=said))
    assert taken_by(queue, "Dot").questions == ("hot_buttons", "drivers", "timeline")


def test_a_hand_raiser_is_called_before_who_asked_a_question_whatever_their_score(queue: Loop) -> None:
    asked = {"enrollment": None, "channel": Channel.CALL, "state": State.OPEN, "assigned": "caller", "now": queue.now}
    question, request = (
        a_touch(queue.store, lead=a_lead(queue.store, phone=f"+3310000000{fit}", fit=float(fit)), step=step, **asked).id
        for fit, step in ((9, "reply"), (1, FAST_STEP))
    )
    assert [taken_by(queue, who).touch.id for who in ("Dot", "Cal")] == [request, question]


def test_nobody_else_is_sent_to_a_lead_that_somebody_is_busy_with(queue: Loop) -> None:
    call = a_call(queue)
    letter = a_touch(
        queue.store,
        lead=call.lead,
        enrollment=None,
        channel=Channel.LETTER,
        state=State.OPEN,
        assigned="caller",
        now=queue.now,
    )
    first = taken_by(queue, "Dot").touch.id
    assert first == letter.id  # it answers a person, and goes first
    assert next_of(queue, "Cal") is None
    done(queue, first, "Dot", CallOutcome.REPLIED)
    assert taken_by(queue, "Cal").touch.id == call.id


@pytest.mark.parametrize(
    ("agreed", "opens"),
    [
        ("2026-03-04T15:30:00", "2026-03-04T15:30"),
        ("2026-03-03T15:30:00", "2026-03-03T15:30"),  # today, a little later
        ("2026-03-04T20:00:00", "2026-03-04T20:00"),  # they named the hour: no window forbids it
        ("2026-03-04", "2026-03-04T09:00"),
    ],
)
def test_a_callback_is_due_at_its_moment_where_the_lead_is(queue: Loop, agreed: str, opens: str) -> None:
    zone = ZoneInfo("Europe/Paris")
    until = date.fromisoformat(agreed) if len(agreed) == 10 else datetime.fromisoformat(agreed).replace(tzinfo=zone)
    task = a_call(queue)
    done(queue, task.id, "Dot", CallOutcome.CALLBACK, until=until)
    moment = datetime.fromisoformat(opens).replace(tzinfo=zone)
    queue.clock.advance(seconds=(moment - queue.now).total_seconds() - 60)
    promises.run(**queue.common, new_id=queue.clock.new_id)
    assert next_of(queue, "Dot") is None
    queue.clock.advance(minutes=1)
    promises.run(**queue.common, new_id=queue.clock.new_id)
    assert taken_by(queue, "Dot").touch.due_at == moment


def test_who_said_no_or_is_asleep_is_not_called_and_what_is_no_call_is_done_at_any_hour(queue: Loop) -> None:
    a_call(queue, do_not_call=True)
    a_call(queue, phone=None)
    blocked = a_call(queue, phone="+33111111111")
    with queue.store.unit() as work:
        work.suppressions.add(Suppression("+33111111111", "phone", "asked", queue.now, blocked.lead), by="test")
        work.commit()
    with queue.store.unit() as work:  # a promise is called in office hours: 10 at night in Tokyo is none
        asleep = a_lead(work, phone="+81300000000", timezone="Asia/Tokyo")
        a_touch(
            work, lead=asleep, enrollment=None, channel=Channel.CALL, state=State.OPEN, assigned="caller", now=queue.now
        )
        work.commit()
    queue.clock.advance(hours=4)
    assert next_of(queue, "Dot") is None
    letter = a_call(queue, phone=None, channel=Channel.LETTER)
    item = taken_by(queue, "Dot")
    assert item.touch.id == letter.id


def test_a_caller_makes_so_many_calls_a_day_where_they_live_and_other_work_goes_on(queue: Loop) -> None:
    made = [a_call(queue, channel=one).id for one in (Channel.CALL, Channel.VOICEMAIL, Channel.CALL)]
    for _ in range(2):
        item = taken_by(queue, "Cal")
        done(queue, item.touch.id, "Cal")
    assert next_of(queue, "Cal") is None
    letter = a_call(queue, channel=Channel.LETTER)
    item = taken_by(queue, "Cal")
    assert item.touch.id == letter.id
    done(queue, letter.id, "Cal", CallOutcome.REPLIED)
    queue.clock.advance(hours=13.75)  # 23:45 in Paris, where Cal is
    assert next_of(queue, "Cal") is None
    queue.clock.advance(hours=0.5)
    item = taken_by(queue, "Cal")
    assert item.touch.id in made
    assert next_of(queue, "Dot") is None


def test_a_call_counts_for_who_made_it_also_where_another_had_taken_it(queue: Loop) -> None:
    for _ in range(3):
        a_call(queue)
    taken = taken_by(queue, "Cal")
    recorded = done(queue, taken.touch.id, "dot@acme.example", CallOutcome.CONNECTED, facts={"budget": "20k EUR"})
    assert recorded.response is not None
    assert recorded.note == "cal@acme.example had this task; it counts as done by dot@acme.example"
    for _ in range(2):  # of Cal's two calls of the day none is used up
        item = taken_by(queue, "Cal")
        assert item.touch.id != taken.touch.id
        done(queue, item.touch.id, "Cal")


def test_who_is_no_caller_writes_an_outcome_down_for_who_has_the_task(queue: Loop) -> None:
    a_call(queue)
    taken = taken_by(queue, "Cal")
    assert done(queue, taken.touch.id, "otto").note == ""
    assert [one.claimed_by for one in queue.touches()] == ["cal@acme.example"]
    assert done(queue, taken.touch.id, "otto").note == "done before"


@pytest.mark.parametrize("outcome", [CallOutcome.NO_ANSWER, CallOutcome.CONNECTED])
def test_an_outcome_for_a_task_that_another_has_done_is_refused_and_says_who(queue: Loop, outcome: CallOutcome) -> None:
    task = a_call(queue).id
    done(queue, task, "Cal")
    assert done(queue, task, "Cal").note == "done before"
    with pytest.raises(RefusedError, match=r"done already \(no answer, by cal@acme\.example\)"):
        done(queue, task, "Dot", outcome)
    with queue.store.unit(write=False) as work:
        assert [one.response.outcome for one in work.responses.stored()] == [CallOutcome.NO_ANSWER]


def test_the_caller_reads_the_whole_history_and_what_nobody_knows_yet(queue: Loop) -> None:
    task = a_call(queue, "qualification", ask=("budget", "competitors"))
    lead = task.lead
    queue.report(Report(Kind.FORM, queue.now, lead, detail={"facts": {"budget": "20k EUR"}, "form": "quote"}))
    queue.clock.advance(hours=1)
    item = taken_by(queue, "Dot")
    assert item.questions == ("competitors", "timeline")  # asked by the step, then required to be promoted
    assert [one.questions for one in tasks.listed(store=queue.store, rules=queue.rules, now=queue.now)] == [
        item.questions
    ]
    assert any(one.text == "Filled in the form quote" for one in item.history)
    again = taken_by(queue, "Dot")
    assert (again.questions, again.history) == (item.questions, item.history)
    queue.clock.advance(days=181)  # what was learned has grown old, and is asked again
    item = taken_by(queue, "Dot")
    assert item.questions == ("budget", "competitors", "timeline")


@pytest.mark.parametrize("outcome", sorted(tasks.DATED))
def test_an_agreed_moment_that_has_passed_is_refused_and_nothing_is_stored(queue: Loop, outcome: CallOutcome) -> None:
    task = a_call(queue).id
    for past in (queue.now, queue.now.date() - timedelta(days=1)):
        with pytest.raises(RequestError, match="is past"):
            done(queue, task, "Dot", outcome, until=past)
    assert queue.states() == ["ring open"]
    done(queue, task, "Dot", outcome, until=queue.now.date())  # today is still to come


# What follows from an outcome: its enrollment, whether the number may be called, what waits for a person, whether it is
# human evidence, and the points of a rule for conversations.
GOES_ON = ("active", True, False, False, 0)
TALKED = ("active", True, False, True, 7)
EFFECTS: dict[CallOutcome, tuple[str, bool, bool, bool, int]] = {
    CallOutcome.CONNECTED: TALKED,
    CallOutcome.VOICEMAIL: GOES_ON,
    CallOutcome.NO_ANSWER: GOES_ON,
    CallOutcome.BUSY: GOES_ON,
    CallOutcome.GATEKEEPER: GOES_ON,
    CallOutcome.WRONG_NUMBER: ("active", False, False, False, 0),
    CallOutcome.CALLBACK: TALKED,
    CallOutcome.NOT_INTERESTED: ("stopped", True, False, False, 0),
    CallOutcome.WRONG_PERSON: ("stopped", True, True, False, 0),
    CallOutcome.LEFT_COMPANY: ("stopped", True, True, False, 0),
    CallOutcome.REPLIED: TALKED,
    CallOutcome.DO_NOT_CALL: ("active", False, False, False, 0),
    CallOutcome.MEETING_BOOKED: ("stopped", True, False, True, 7),
    CallOutcome.MEETING_HELD: ("stopped", True, False, True, 7),
    CallOutcome.MEETING_CANCELED: GOES_ON,
    CallOutcome.NO_SHOW: GOES_ON,
}


@pytest.mark.parametrize("outcome", CallOutcome)
def test_each_outcome_has_its_effect(queue: Loop, outcome: CallOutcome) -> None:
    task = a_call(queue)
    until = queue.now + timedelta(days=3) if outcome in tasks.DATED else None
    done(queue, task.id, "Dot", outcome, until=until)
    with queue.store.unit(write=False) as work:
        lead = work.leads.get([task.lead])[task.lead]
        scopes = work.suppressions.scopes([lead.phone or ""]).get(lead.phone or "", frozenset())
        (heard,) = work.responses.of_leads([lead.id])[lead.id]
        seen = (
            queue.enrollment(lead).state.value,
            not lead.do_not_call and "phone" not in scopes,
            bool(work.notes.inbox()),
            heard.is_evidence,
            round(lead.engagement),
        )
        promised = [row["due_on"] for row in work.notes.promises(lead=lead.id)]
    assert seen == EFFECTS[outcome]
    assert promised == ([until.date()] if until is not None else [])


def test_facts_that_contradict_each_other_are_all_kept_and_shown(queue: Loop) -> None:
    task = a_call(queue)
    detail = {"facts": {"budget": "50k EUR"}}
    queue.report(Report(Kind.FORM, queue.now, task.lead, detail=detail))
    queue.clock.advance(days=1)
    done(queue, task.id, "Dot", CallOutcome.CONNECTED, facts={"budget": "none this year"})
    with queue.store.unit(write=False) as work:
        kept = [(one.value, one.source, one.by) for one in work.leads.facts([task.lead])[task.lead]]
        scene = load(work, [task.lead], rules=queue.rules, policy=queue.policy, now=queue.now)
        made = brief.build(work, scene.leads[task.lead], scene)
    assert kept == [("50k EUR", "form", "tester"), ("none this year", "call", "Dot")]
    (budget,) = [one for one in made.sections if one.name == "budget"]
    assert budget.contradicted
    assert [one.text for one in budget.statements] == ["none this year", "50k EUR"]


# The budget of attempts -------------------------------------------------------------------------------------------

LONG = "\n".join(
    f"- call: ring\n  id: call-{one}\n- if: outcome('call-{one}') == 'no_answer'\n  then:\n"
    f"    - voicemail: hello\n      id: beep-{one}\n- email: mail\n  id: mail-{one}\n  repeat: true\n- wait: 1 day"
    for one in range(1, 7)
)


@contextmanager
def a_qualification(folder: Path, goal: str = "") -> Iterator[tuple[Loop, Lead]]:
    """Six calls, each with its voicemail and followed by a mail: more than the budget of seven."""
    with a_loop(folder, "- call: ring") as loop:
        loop.rules = in_force({"qualification": a_cadence(LONG, name="qualification", more=goal)}, RULES)
        lead = a_lead(loop.store, phone="+33123456789")
        loop.enroll(lead, cadence="qualification")
        yield loop, lead


def work_on(loop: Loop, days: int, outcome: CallOutcome = CallOutcome.NO_ANSWER, **over: Any) -> None:
    """Passes, and a caller who does what is open."""
    for _ in range(days * 4):
        loop.tick(hours=6)
        for one in loop.touches():
            if one.state is State.OPEN:
                done(loop, one.id, "Dot", outcome, **over)
                loop.tick(minutes=1)


def test_seven_contacts_are_made_by_phone_voicemail_and_mail_and_no_more(tmp_path: Path) -> None:
    with a_qualification(tmp_path) as (loop, lead):
        assert loop.policy.attempts == 7
        work_on(loop, 12)
        made = [one for one in loop.touches(lead) if one.counted_at is not None]
        spoken = [one.step for one in made if one.channel is not Channel.VOICEMAIL]
        assert spoken == ["call-1", "mail-1", "call-2", "mail-2", "call-3", "mail-3", "call-4"]
        # A voicemail with its call is one contact: the last call still has its own.
        assert [one.step for one in made if one.channel is Channel.VOICEMAIL][-1] == "beep-4"
        rest = [one for one in loop.touches(lead) if one.counted_at is None]
        assert {(one.state.value, one.reason) for one in rest} == {("skipped", "attempts_used")}
        assert loop.enrollment(lead, "qualification").state == "done"


def test_the_budget_is_a_ceiling_and_no_quota(tmp_path: Path) -> None:
    with a_qualification(tmp_path, "goal: budget\n") as (loop, lead):
        work_on(loop, 3, CallOutcome.CONNECTED, facts={"budget": "20k EUR"})
        assert [one.step for one in loop.touches(lead) if one.counted_at is not None] == ["call-1"]
        assert loop.enrollment(lead, "qualification").state == "goal_met"
