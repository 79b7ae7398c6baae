"""Limits that many share: each touch that is put off gets a slot of its own, and is looked at then, not every day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from nurture.domain.lead import Lead
from nurture.domain.policy import Limits, Sender
from nurture.domain.rate import Ceiling, parse_rate, parse_warm_up
from nurture.domain.touch import Reason
from tests.builders import a_company, a_lead, a_store, an_enrollment
from tests.fakes import FixedClock
from tests.flow.loop import Loop, a_cadence, a_loop, a_policy, in_force

NONE = Limits(None, None, None, None, None)
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)


def a_sender(*ceilings: Ceiling) -> dict[str, Sender]:
    """A sender with a rate."""
    return {"dana": Sender("dana", "dana@acme.example", "Dana", "reply.example", "1 Road", ceilings=ceilings)}


def live(loop: Loop, until: timedelta) -> int:
    """Passes at every moment at which something is due, until some time has gone; how many looks that took."""
    end, looks = loop.now + until, 0
    while True:
        looks += loop.tick().looked_at
        with loop.store.unit(write=False) as work:
            due = work.enrollments.next_due()
        if due is None or due > end:
            return looks
        loop.clock.advance(seconds=(max(due, loop.now) - loop.now).total_seconds())


def moments(loop: Loop) -> list[datetime]:
    """When mails went, sorted."""
    return sorted(one.sent_at for one in loop.touches() if one.sent_at is not None)


def most_within(moments: list[datetime], span: timedelta) -> int:
    """The largest number of moments in any span of this length, its very beginning left out."""
    return max(sum(last - span < one <= last for one in moments) for last in moments)


def a_crowd(loop: Loop, count: int, **over: object) -> list[Lead]:
    """Many leads."""
    with loop.store.unit() as work:
        leads = [a_lead(work, **over) for _ in range(count)]
        work.commit()
    loop.enroll(*leads)
    return leads


def test_the_leads_of_one_company_cost_one_look_each_and_go_in_their_order(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", limits=Limits(None, None, None, 3, None), batch=64) as loop:
        leads = a_crowd(loop, 60, company=a_company(loop.store))
        looks = live(loop, timedelta(days=200))
        assert looks <= 2 * len(leads)  # once to be given a slot, once at it
        sent = {one.lead: one.sent_at for one in loop.touches() if one.sent_at is not None}
        order = [sent[lead.id] for lead in leads]
        assert order == sorted(order)
        assert most_within(moments(loop), WEEK) == 3
        assert moments(loop)[-1] - moments(loop)[0] == 19 * WEEK  # not a week later than it must be


def test_slots_go_to_the_larger_priority_then_who_was_due_first_then_the_lower_id(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", limits=Limits(None, None, None, 1, None)) as loop:
        loop.rules = in_force({name: a_cadence("- email: one", name=name, more=f"priority: {number}\n")
                               for name, number in (("quiet", 10), ("loud", 90))})  # fmt: skip
        company = a_company(loop.store)
        people = [a_lead(loop.store, company=company) for _ in range(6)]
        plan = [("quiet", 0), ("loud", 2), ("quiet", 1), ("loud", 1), ("loud", 2), ("quiet", 0)]
        for lead, (name, hours) in zip(people, plan, strict=True):
            an_enrollment(loop.store, lead=lead, cadence=name, priority=loop.rules.workspace.cadences[name].priority,
                          next_at=loop.now + hours * HOUR)  # fmt: skip
        loop.clock.advance(hours=3)
        live(loop, timedelta(days=60))
        sent = {one.lead: one.sent_at for one in loop.touches() if one.sent_at is not None}
        assert sorted(range(6), key=lambda number: sent[people[number].id]) == [3, 1, 4, 0, 5, 2]


def test_a_warm_up_costs_one_look_each_and_grows_from_the_first_mail(tmp_path: Path) -> None:
    senders = a_sender(parse_rate("5 per hour"), parse_warm_up("2 per hour x1.5 daily"))
    with a_loop(tmp_path, "- email: one", limits=NONE, senders=senders) as loop:
        leads = a_crowd(loop, 250)
        looks = live(loop, timedelta(days=30))
        assert looks <= 2 * len(leads)
        sent = moments(loop)
        assert len(sent) == 250
        days = [[one for one in sent if n <= (one - sent[0]) / timedelta(days=1) < n + 1] for n in range(4)]
        assert [most_within(day, HOUR) for day in days] == [2, 3, 4, 5]
        assert {one.reason for one in loop.touches()} == {None}


def test_newcomers_queue_behind_those_who_have_a_slot(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", limits=NONE, senders=a_sender(parse_rate("2 per hour"))) as loop:
        early = a_crowd(loop, 4)
        loop.tick()
        loop.clock.advance(minutes=59)
        late = a_crowd(loop, 2)
        assert loop.tick().sent == 0
        looks = live(loop, timedelta(hours=5))
        sent = {one.lead: one.sent_at for one in loop.touches() if one.sent_at is not None}
        assert max(sent[one.id] for one in early) < min(sent[one.id] for one in late)
        assert looks == 4


def test_all_mail_together_has_a_rate_whatever_the_sender(tmp_path: Path) -> None:
    senders = a_sender() | {"kim": Sender("kim", "kim@acme.example", "Kim", "reply.example", "1 Road")}
    with a_loop(tmp_path, "- email: one", limits=NONE, senders=senders, mail_rate=parse_rate("3 per hour")) as loop:
        a_crowd(loop, 7)
        assert loop.tick().sent == 3
        assert {one.reason for one in loop.touches() if one.sent_at is None} == {Reason.LIMIT_SENDER}
        live(loop, timedelta(hours=3))
        assert most_within(moments(loop), HOUR) == 3
        assert len(moments(loop)) == 7


def test_a_mail_domain_hands_out_slots_and_other_domains_go_on(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one", limits=Limits(None, None, None, None, 2)) as loop:
        leads = a_crowd(loop, 9)
        other = a_lead(loop.store, email="kim@elsewhere.example")
        loop.enroll(other)
        assert loop.tick().sent == 3
        assert live(loop, timedelta(hours=9)) == len(leads) - 2
        assert most_within(moments(loop), HOUR) <= 3


def test_the_queue_of_a_sender_keeps_to_the_window_and_fills_it_from_its_opening(tmp_path: Path) -> None:
    in_office_hours = a_cadence("- email: one").replace("mon-sun", "mon-fri").replace("00:00-24:00", "09:00-17:00")
    with a_loop(tmp_path, "- email: one", limits=NONE, senders=a_sender(parse_rate("10 per hour"))) as loop:
        loop.rules = in_force({"course": in_office_hours})
        a_crowd(loop, 100)
        assert live(loop, timedelta(days=10)) <= 2 * 100
        sent = moments(loop)
        assert len(sent) == 100
        assert most_within(sent, HOUR) == 10
        assert sent[-1] - sent[0] < timedelta(days=2)  # eighty a day


# Several daemons on one database


class OwnIds(FixedClock):
    """A clock whose ids are nobody else's."""

    def new_id(self) -> str:
        """An id."""
        return uuid4().hex


@pytest.mark.timeout(120)
def test_several_daemons_at_once_exceed_no_limit_together(postgres_url: str) -> None:
    people, senders = 40, a_sender(parse_rate("6 per hour"))
    rules = in_force({"course": a_cadence("- email: one")})
    policy = a_policy(limits=Limits(None, None, None, 2, 5), senders=senders, batch=4, group=2)
    with a_store(postgres_url) as store:
        loops = [Loop(store, rules, policy, OwnIds()) for _ in range(3)]
        with store.unit() as work:
            firms = [a_company(work, name=f"Firm {n}") for n in range(8)]
            leads = [a_lead(work, company=firms[n % 8]) for n in range(people)]
            work.commit()
        loops[0].enroll(*leads)
        looks = 0
        for _ in range(24):
            with ThreadPoolExecutor(len(loops)) as pool:
                looks += sum(tally.looked_at for tally in pool.map(Loop.tick, loops))
            with store.unit(write=False) as work:
                due = work.enrollments.next_due()
            if due is None:
                break
            for loop in loops:
                loop.clock.advance(seconds=max(1.0, (due - loop.now).total_seconds()))
        sent = [one for one in loops[0].touches() if one.sent_at is not None]
        assert len(sent) == people
        assert most_within(moments(loops[0]), HOUR) <= 5
        for firm in firms:
            mine = [one for one in sent if one.company == firm.id]
            assert most_within(sorted(one.sent_at for one in mine if one.sent_at), WEEK) <= 2
        assert looks <= 3 * people
