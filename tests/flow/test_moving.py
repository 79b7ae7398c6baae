"""A lead whose zone or country changes while it waits: windows, waits and days are those of where it is now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nurture.domain.lead import Lead
from nurture.flow import companies, leads
from tests.builders import a_company, a_lead
from tests.flow.loop import Loop, a_cadence, a_loop, in_force

HOUR = timedelta(hours=1)


def in_office_hours(loop: Loop, steps: str) -> None:
    """Put a cadence with a window in force."""
    text = a_cadence(steps).replace("mon-sun", "mon-fri").replace("00:00-24:00", "09:00-17:00")
    loop.rules = in_force({"course": text})


def move(loop: Loop, lead: Lead, **fields: Any) -> None:
    """Record where a lead is now."""
    leads.set_values(lead.id, fields, by="me", **loop.common)


def last_sent(loop: Loop, lead: Lead, zone: str) -> datetime:
    """When the last touch went out, as clocks there show it."""
    at = loop.touches(lead)[-1].sent_at
    assert at is not None
    return at.astimezone(ZoneInfo(zone))


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Honolulu"])
def test_a_wait_ends_in_the_window_of_where_the_lead_is_now(tmp_path: Path, zone: str) -> None:
    with a_loop(tmp_path, "- email: one") as loop:
        in_office_hours(loop, "- email: one\n- wait: 2 days\n- email: two")
        ada = a_lead(loop.store, timezone="Europe/Paris")
        loop.enroll(ada)
        loop.ticks(timedelta(days=1), every=3 * HOUR)
        assert loop.states(ada) == ["one sent"]
        move(loop, ada, timezone=zone)
        loop.ticks(timedelta(days=4), every=3 * HOUR)
        assert loop.states(ada) == ["one sent", "two sent"]
        local = last_sent(loop, ada, zone)
        assert local.weekday() < 5
        assert 9 <= local.hour < 17
        assert local.date() in (date(2026, 3, 5), date(2026, 3, 6))


@pytest.mark.parametrize(("before", "after"), [("Asia/Tokyo", "America/New_York"), ("America/New_York", "Asia/Tokyo")])
def test_the_day_that_is_waited_for_is_the_same_day_there(tmp_path: Path, before: str, after: str) -> None:
    with a_loop(tmp_path, "- wait_until: 04-01\n- email: one") as loop:
        ada = a_lead(loop.store, timezone=before)
        loop.enroll(ada)
        loop.tick()
        move(loop, ada, timezone=after)
        loop.ticks(timedelta(days=30), every=12 * HOUR)
        assert last_sent(loop, ada, after).date() == date(2026, 4, 1)


def test_a_mail_that_waits_for_the_morning_goes_when_it_is_morning_there(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one") as loop:
        in_office_hours(loop, "- email: one")
        ada = a_lead(loop.store, timezone="Pacific/Honolulu")  # it is 23:00 the day before
        loop.enroll(ada)
        loop.tick()
        assert loop.states(ada) == ["one planned"]
        move(loop, ada, timezone="Europe/Paris")
        loop.tick(minutes=1)
        assert loop.states(ada) == ["one sent"]


def test_business_days_are_those_of_the_country_where_the_lead_is_now(tmp_path: Path) -> None:
    with a_loop(tmp_path, "- email: one\n- wait: 3 business days\n- email: two") as loop:
        loop.clock.advance(days=80)
        ada = a_lead(loop.store, timezone="Europe/London", country="GB")  # Friday 22 May: Monday is a holiday in both
        loop.enroll(ada)
        loop.tick()
        move(loop, ada, country="DE", timezone="Europe/Berlin")
        loop.ticks(timedelta(days=7), every=6 * HOUR)
        assert last_sent(loop, ada, "Europe/Berlin").date() == date(2026, 5, 28)


def company_set(loop: Loop, lead: Lead) -> None:
    companies.set_values("Acme", {"timezone": "Europe/Paris"}, **loop.common, by="me")


def company_merge(loop: Loop, lead: Lead) -> None:
    companies.merge("Acme", "Paris", **loop.common, by="me")


def another_company(loop: Loop, lead: Lead) -> None:
    leads.set_values(lead.id, {"company": "Paris"}, **loop.common, by="me")


@pytest.mark.parametrize("moved", [company_set, company_merge, another_company])
def test_a_company_that_moves_takes_its_people_along(tmp_path: Path, moved: Callable[[Loop, Lead], None]) -> None:
    with a_loop(tmp_path, "- email: one") as loop:
        in_office_hours(loop, "- email: one")
        a_company(loop.store, name="Paris", timezone="Europe/Paris")
        ada = a_lead(loop.store, timezone=None, company=a_company(loop.store, name="Acme", timezone="Pacific/Honolulu"))
        loop.enroll(ada)
        loop.tick()
        assert loop.states(ada) == ["one planned"]
        moved(loop, ada)
        loop.tick(minutes=1)
        assert loop.states(ada) == ["one sent"]
