"""Which rep gets a lead, and when the answer is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nurture.domain.calendar import WorkingHours
from nurture.domain.condition import parse
from nurture.domain.duration import parse_duration
from nurture.domain.history import LeadHistory
from nurture.domain.person import Person, Role
from nurture.domain.promotion import Code
from nurture.domain.readiness import Readiness
from nurture.domain.routing import Floor, Unrouted, deadline, manager_of, route
from nurture.domain.workspace import Workspace

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
REP = frozenset({Role.REP})
LEE = Person("Lee", "lee@acme.example", REP, takes=parse("country in ['US', 'FR']"), deputy="noor@acme.example")
KIM = Person("Kim", "kim@acme.example", REP, takes=parse("country == 'FR'"))
NOOR = Person("Noor", "noor@acme.example", REP, takes=parse("country == 'DE'"))
SAM = Person("Sam", "sam@acme.example", frozenset({Role.MANAGER}))


def floor(*people: Person, open_by: dict[str, int] | None = None, capacity: int = 2) -> Floor:
    staff = {one.email: one for one in people or (LEE, KIM, NOOR, SAM)}
    return Floor(Workspace(people=staff, readiness=Readiness(capacity=capacity)), open_by or {}, "UTC", None, NOW)


def routed(sales: Floor, country: str = "FR", owner: str | None = None, **more: Any) -> str:
    names = {"country": country, "owner": owner}
    values = {"rejected": {}, "evidence_at": None, **more}
    found = route(sales, names, LeadHistory(NOW), **values)
    return found.code if isinstance(found, Unrouted) else found.name


def test_the_territory_decides_first() -> None:
    assert routed(floor(), "DE") == "Noor"
    assert routed(floor(), "BR") == Code.NO_REP


def test_the_last_owner_goes_before_who_has_fewer() -> None:
    assert routed(floor(open_by={KIM.email: 1}), owner="Kim") == "Kim"
    assert routed(floor(open_by={LEE.email: 1})) == "Kim"
    assert routed(floor()) == "Lee"


def test_nobody_gets_more_than_fits_on_the_desk() -> None:
    assert routed(floor(open_by={LEE.email: 2, KIM.email: 2})) == Code.CAPACITY
    assert routed(floor(replace(LEE, capacity=3), open_by={LEE.email: 2})) == "Lee"
    assert routed(floor(replace(LEE, capacity=0))) == Code.CAPACITY


def test_who_is_away_is_left_out_and_the_deputy_stands_in() -> None:
    away = replace(LEE, away=((date(2026, 3, 1), date(2026, 3, 5)),))
    assert routed(floor(away, KIM, NOOR)) == "Kim"
    assert routed(floor(away, NOOR)) == "Noor"
    assert routed(floor(replace(away, deputy=None), NOOR)) == Code.CAPACITY


def test_a_rep_who_said_no_gets_it_again_only_after_90_days_or_with_new_evidence() -> None:
    sales = floor(LEE)
    no = {LEE.email: NOW - timedelta(days=89)}
    assert routed(sales, rejected=no) == Code.SAME_REP
    assert routed(sales, rejected=no, evidence_at=NOW - timedelta(days=90)) == Code.SAME_REP
    assert routed(sales, rejected=no, evidence_at=NOW - timedelta(days=1)) == "Lee"
    assert routed(sales, rejected={LEE.email: NOW - timedelta(days=90)}) == "Lee"


def test_who_had_this_offer_is_not_asked_twice() -> None:
    assert routed(floor(), tried=["LEE@acme.example"]) == "Kim"
    assert routed(floor(), tried=[LEE.email, KIM.email]) == Code.NO_REP


def test_the_manager_is_whom_the_rep_reports_to_else_the_first() -> None:
    boss = Person("Bo", "bo@acme.example", frozenset({Role.MANAGER}))
    staff = Workspace(people={one.email: one for one in (replace(LEE, reports_to=boss.email), KIM, SAM, boss)})
    assert manager_of(staff, LEE.email) == boss
    assert manager_of(staff, KIM.email) == SAM
    assert manager_of(staff, LEE.email, tried=[boss.email]) == SAM
    assert manager_of(Workspace(), LEE.email) is None


def test_friday_afternoon_plus_eight_business_hours_is_monday_afternoon() -> None:
    friday = datetime(2026, 3, 6, 16, 30, tzinfo=UTC)
    monday = datetime(2026, 3, 9, 16, 30, tzinfo=UTC)
    assert deadline(friday, parse_duration("8 business hours"), WorkingHours()) == monday


def test_a_deadline_runs_in_the_reps_own_zone_and_around_absences() -> None:
    hours = WorkingHours(zone="America/New_York", away=((date(2026, 3, 9), date(2026, 3, 9)),))
    friday = datetime(2026, 3, 6, 21, 30, tzinfo=UTC)  # 16:30 in New York
    due = deadline(friday, parse_duration("8 business hours"), hours)
    assert due == datetime(2026, 3, 10, 20, 30, tzinfo=UTC)  # Tuesday 16:30, after the change of clocks


@pytest.mark.parametrize(
    ("accepted", "due"),
    [
        ("2026-03-03 10:15", "2026-03-05 10:15"),
        ("2026-03-03 03:32", "2026-03-05 09:00"),  # Tuesday night: Thursday morning
        ("2026-03-03 17:00", "2026-03-06 09:00"),  # as it closes: like the next opening
        ("2026-03-07 12:00", "2026-03-11 09:00"),  # Saturday: Monday's opening plus two
    ],
)
def test_days_to_answer_run_from_when_the_rep_is_at_work(accepted: str, due: str) -> None:
    hours = WorkingHours(zone="America/New_York")
    start, end = (datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")) for text in (accepted, due))
    assert deadline(start, parse_duration("2 business days"), hours) == end


def test_who_is_absent_for_ever_still_has_a_deadline() -> None:
    gone = WorkingHours(away=((date(2026, 1, 1), date.max),))
    assert deadline(NOW, parse_duration("8 business hours"), gone) > NOW
