"""What became of leads and of what was sent, counted by the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nurture.adapters.store.unit import SqlStore
from nurture.domain.lead import LeadId
from nurture.domain.response import CallOutcome, Grade, Intent, Kind, Response
from nurture.domain.touch import Channel, Reason, State
from nurture.ports.reports import Desk, Earned, Entered, Made, Reached, Waiting
from nurture.ports.store import Change, Unit
from tests.builders import a_company, a_lead, a_sent_touch, a_touch, an_enrollment
from tests.fakes import A_TUESDAY

LATER = A_TUESDAY + timedelta(days=3)


def a_handoff(work: Unit, lead: LeadId, **values: Any) -> None:
    """A handoff of a promotion of its own; nothing open."""
    promotion = work.sales.promote(lead, at=A_TUESDAY, why="", brief={}, value=1)
    assert promotion is not None
    work.sales.close_promotion(promotion)
    work.sales.add_handoff({"lead_id": lead, "promotion_id": promotion, "created_at": A_TUESDAY, **values})


def to_near_term(lead: LeadId) -> Change:
    detail = {"from": "unknown", "to": "near_term"}
    return Change("stage", "unknown -> near_term", LATER, by="test", lead=lead, detail=detail)


def test_each_lead_counts_once_for_each_step_that_it_ever_reached(store: SqlStore) -> None:
    with store.unit() as work:
        far = a_lead(work, source="fair", consent=False).id
        for _ in range(2):
            a_sent_touch(work, lead=far)
            a_handoff(work, far, state="rejected", rep="lee@acme.example", offered_at=A_TUESDAY)
            work.notes.add([to_near_term(far), Change("accepted", "", LATER, by="test", lead=far)])
        a_lead(work, source="fair", stage="near_term", created_at=A_TUESDAY + timedelta(days=1), consent=False)
        a_lead(work, source="fair", created_at=A_TUESDAY + timedelta(days=2), consent=False)
        a_lead(work, source="fair", merged_into=far, consent=False)
        a_lead(work, source="", consent=False)
        a_lead(work, source=None, consent=False)
        found = work.reports.reached()
    middle = A_TUESDAY + timedelta(days=1)
    assert found == [
        Reached("fair", 3, 1, 0, near_term=2, offered=1, accepted=1, rejected=1, won=0, middle=middle),
        Reached(None, 2, 0, 0, near_term=0, offered=0, accepted=0, rejected=0, won=0, middle=A_TUESDAY),
    ]


def test_how_long_each_step_took_counts_from_the_first_time_and_keeps_who_still_waits(store: SqlStore) -> None:
    day = timedelta(days=1)
    with store.unit() as work:
        lead = a_lead(work, source="fair", consent=False).id
        a_lead(work, source="fair", consent=False)
        for days in (5, 2):
            a_sent_touch(work, lead=lead, now=A_TUESDAY + days * day)
        a_handoff(work, lead, state="rejected", rep="lee@acme.example", offered_at=A_TUESDAY + 4 * day)
        times = {
            "offered_at": A_TUESDAY + 9 * day,
            "answered_at": A_TUESDAY + 10 * day,
            "ended_at": A_TUESDAY + 30 * day,
        }
        a_handoff(work, lead, state="won", rep="kim@acme.example", **times)
        work.notes.add([to_near_term(lead)])
        found = work.reports.waited()
    begun = A_TUESDAY.date()
    took = {one.step: (one.reached - begun).days for one in found if one.reached is not None}
    assert took == {"contacted": 2, "near_term": 3, "offered": 4, "accepted": 10, "won": 30}
    assert {(one.source, one.arrived, one.leads) for one in found} == {("fair", begun, 1)}
    assert sorted(one.step for one in found if one.reached is None) == sorted(took)


def test_a_response_is_evidence_here_as_it_is_in_the_domain(store: SqlStore) -> None:
    cases: list[tuple[Kind, Grade, dict[str, str]]] = [(kind, grade, {}) for kind in Kind for grade in Grade]
    cases += [(Kind.CALL, Grade.HUMAN, {"outcome": one}) for one in CallOutcome]
    cases += [(kind, Grade.HUMAN, {"intent": one}) for one in Intent for kind in (Kind.REPLY, Kind.FORM)]
    expected = {}
    with store.unit() as work:
        for number, (kind, grade, detail) in enumerate(cases):
            lead = a_lead(work, source=f"{number:03}", consent=False)
            one = Response(kind, A_TUESDAY, lead.id, grade=grade, detail=detail)
            work.responses.add(one, key=str(number), recorded_at=A_TUESDAY, by="test")
            expected[lead.source] = int(one.is_evidence)
        found = {one.source: one.responded for one in work.reports.reached()}
    assert 0 < sum(expected.values()) < len(expected)
    assert found == expected


def test_what_was_won_is_added_up_by_source_and_currency(store: SqlStore) -> None:
    with store.unit() as work:
        for source, currency, amount in (
            ("fair", "EUR", 1.5),
            ("fair", "EUR", 2),
            ("fair", "USD", 9),
            (None, "EUR", 4),
        ):
            lead = a_lead(work, source=source, consent=False).id
            a_handoff(work, lead, state="won", amount=amount, currency=currency)
        a_handoff(work, lead, state="won")
        a_handoff(work, lead, state="lost", amount=100, currency="EUR")
        found = {(one.source, one.currency): one for one in work.reports.earned()}
    assert found == {
        ("fair", "EUR"): Earned("fair", "EUR", 3.5),
        ("fair", "USD"): Earned("fair", "USD", 9.0),
        (None, "EUR"): Earned(None, "EUR", 4.0),
    }


def test_the_two_arms_of_a_cadence_are_counted_apart_from_the_first_enrollment_on(store: SqlStore) -> None:
    with store.unit() as work:
        for held_out, reached in ((False, True), (False, False), (True, True)):
            lead = a_lead(work, consent=False)
            early = Change("accepted", "", A_TUESDAY - timedelta(days=1), by="test", lead=lead.id)
            work.notes.add([early, *([to_near_term(lead.id)] if reached else [])])
            for now in (A_TUESDAY, A_TUESDAY + timedelta(days=9)):
                an_enrollment(work, lead=lead, held_out=held_out, now=now, exclusive=False)
        got, held_out_arm = work.reports.arms()
    assert (got.held_out, got.people, got.near_term, got.accepted, got.states) == (False, 2, 1, 0, {"active": 4})
    assert (held_out_arm.held_out, held_out_arm.people, held_out_arm.near_term) == (True, 1, 1)


def test_the_answers_to_a_cadence_are_people_and_not_machines(store: SqlStore) -> None:
    with store.unit() as work:
        sent = a_sent_touch(work)
        for number, (kind, grade) in enumerate(
            [(Kind.CLICK, Grade.HUMAN)] * 3 + [(Kind.REPLY, Grade.MACHINE), (Kind.OPEN, Grade.HUMAN)]
        ):
            one = Response(kind, A_TUESDAY, sent.lead, sent.id, grade=grade)
            work.responses.add(one, key=str(number), recorded_at=A_TUESDAY, by="test")
        [made] = work.reports.work()
    assert (made.cadence, made.touches, made.clicked, made.replied) == ("evergreen", {"sent": 1}, 1, 0)


def test_what_is_held_back_says_until_when(store: SqlStore) -> None:
    with store.unit() as work:
        for days in (1, 5):
            waits = an_enrollment(work, next_at=A_TUESDAY + timedelta(days=days))
            a_touch(work, enrollment=waits, reason=Reason.LIMIT_LEAD)
        a_touch(work, state=State.SKIPPED, reason=Reason.ALREADY_HAD)
        a_touch(work, state=State.SENT, reason=Reason.LIMIT_LEAD)  # it went in the end
        a_touch(work)
        waiting, skipped = work.reports.held()
    assert (waiting.reason, waiting.touches, waiting.leads) == ("limit_lead", 2, 2)
    assert (waiting.next_at, waiting.until) == (A_TUESDAY + timedelta(days=1), A_TUESDAY + timedelta(days=5))
    assert (skipped.reason, skipped.state, skipped.next_at, skipped.until) == ("already_had", "skipped", None, None)


def test_each_step_and_each_version_of_a_cadence_is_counted_with_the_people_who_answered_it(store: SqlStore) -> None:
    later = A_TUESDAY + timedelta(days=9)
    with store.unit() as work:
        lead = a_lead(work, consent=False).id
        both = [an_enrollment(work, lead=lead, version=version, exclusive=False) for version in (1, 2)]
        again = [a_sent_touch(work, enrollment=one) for one in both]
        a_touch(work, enrollment=both[1], step="call", channel=Channel.CALL, state=State.DONE, now=later)
        a_sent_touch(work, enrollment=an_enrollment(work, cadence="another"))
        for number, (touch, kind, grade) in enumerate(
            [(one, Kind.CLICK, Grade.HUMAN) for one in again]
            + [(again[0], Kind.REPLY, Grade.MACHINE), (again[1], Kind.UNSUBSCRIBE, Grade.HUMAN)]
        ):
            one = Response(kind, A_TUESDAY, lead, touch.id, grade=grade)
            work.responses.add(one, key=str(number), recorded_at=A_TUESDAY, by="test")
        steps = work.reports.made("evergreen", by="step")
        versions = work.reports.made("evergreen", by="version")
        entered = work.reports.entered("evergreen")
    assert steps == [
        Made("hello", "email", {"sent": 2}, {"click": 1, "unsubscribe": 1}),  # one person, though of two versions
        Made("call", "call", {"done": 1}, {}),
    ]
    assert [(one.part, one.touches, one.people) for one in versions] == [
        ("1", {"sent": 1}, {"click": 1}),
        ("2", {"sent": 1, "done": 1}, {"click": 1, "unsubscribe": 1}),
    ]
    assert entered == [Entered(1, "active", False, 1), Entered(2, "active", False, 1)]


def test_each_rep_is_counted_with_the_wait_in_the_middle_of_their_answers(store: SqlStore) -> None:
    with store.unit() as work:
        for hours, state, reason in ((1, "rejected", "no_fit"), (9, "accepted", None), (30, "rejected", "no_fit")):
            times = {"offered_at": A_TUESDAY, "answered_at": A_TUESDAY + timedelta(hours=hours)}
            lead = a_lead(work, consent=False).id
            a_handoff(work, lead, state=state, reason=reason, rep="lee@acme.example", **times)
        lead = a_lead(work, consent=False).id
        a_handoff(work, lead, state="offered", rep="kim@acme.example", offered_at=A_TUESDAY)
        a_handoff(work, lead, state="queued")
        kim, lee = work.reports.desks()
    assert kim == Desk("kim@acme.example", {"offered": 1}, {}, None)
    wait = timedelta(hours=9)
    assert lee == Desk("lee@acme.example", {"accepted": 1, "rejected": 2}, {"no_fit": 2}, wait)


def test_what_waits_for_a_person_is_counted_without_what_is_over_merged_or_not_ours(store: SqlStore) -> None:
    with store.unit() as work:
        company = a_company(work, timezone="Europe/Paris")
        idle, done = a_lead(work, timezone=None).id, a_lead(work).id
        busy = a_lead(work, company=company, timezone=None).id
        a_lead(work, status="won")
        a_lead(work, merged_into=idle)
        for lead, state, days in ((busy, State.OPEN, 3), (busy, State.OPEN, 1), (done, State.DONE, 9)):
            due = A_TUESDAY - timedelta(days=days)
            a_touch(work, lead=lead, channel=Channel.CALL, state=state, due_at=due, now=due, assigned="caller")
        a_touch(work, lead=done, state=State.IN_DOUBT)
        a_handoff(work, done, state="queued", reason="capacity")
        a_handoff(work, done, state="offered", rep="lee@acme.example")
        a_handoff(work, idle, state="rejected", rep="kim@acme.example")
        work.notes.to_inbox({"kind": "reply", "at": A_TUESDAY, "sender": "x@y.example", "why": "whose?", "key": "k"})
        found = work.reports.waiting(late_before=A_TUESDAY - timedelta(days=2))
        assert work.leads.idle() == [idle]
    held = frozenset({"caller", "lee@acme.example"})
    assert found == Waiting(idle=1, inbox=1, queued={"capacity": 1}, late=1, in_doubt=1, no_zone=1, doers=held)


def test_of_nothing_there_is_nothing_to_count(store: SqlStore) -> None:
    with store.unit(write=False) as work:
        counted = work.reports
        found = [counted.reached(), counted.earned(), counted.arms(), counted.work(), counted.held()]
        found += [counted.desks(), counted.entered("x"), counted.made("x", by="step")]
    assert found == [[]] * 8
