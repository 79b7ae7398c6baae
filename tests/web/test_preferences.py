"""Less often, a pause, stop, as before: by forms alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nurture.domain.enrollment import Pause, State
from nurture.domain.touch import Touch
from tests.web.house import House


def choose(house: House, touch: Touch, **fields: str) -> Any:
    """Send one of the page's forms."""
    return house.client.post(house.path("p", touch.id), data=fields)


def lead_row(house: House, touch: Touch) -> dict[str, Any]:
    """The stored lead."""
    with house.app.store.unit(write=False) as work:
        return work.leads.columns(touch.lead)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_page_changes_nothing(house: House, method: str) -> None:
    touch = house.mailed()
    before = lead_row(house, touch)
    assert house.client.request(method, house.path("p", touch.id)).status_code == 200
    assert lead_row(house, touch) == before


def test_less_often_holds_for_a_year_and_is_shown(house: House) -> None:
    touch = house.mailed()
    answer = choose(house, touch, choice="less")
    assert lead_row(house, touch)["light_until"] == datetime(2027, 3, 3, 10, 0, tzinfo=UTC)
    assert "at most once in 30 days, until 3 March 2027" in answer.text
    assert "asked for less mail" in [*history(house, touch)][-1]


def history(house: House, touch: Touch) -> list[str]:
    """The history of the lead, in words."""
    with house.app.store.unit(write=False) as work:
        return [one.text for one in work.notes.of_lead(touch.lead)]


def test_a_pause_holds_until_its_date_in_the_zone_of_the_lead(house: House) -> None:
    touch = house.mailed()
    answer = choose(house, touch, choice="pause", months="3")
    assert "Now paused until 3 June 2026" in answer.text
    with house.app.store.unit(write=False) as work:
        (one,) = work.enrollments.all_of([touch.lead])[touch.lead]
    assert one.state is State.PAUSED
    # 11:00 in Paris before and after the clocks change.
    assert one.pauses == {Pause.PREFERENCE.value: "2026-06-03T09:00:00+00:00"}


@pytest.mark.parametrize("months", ["", "2", "-1", "1e3", "99999999999999999999", "²"])
def test_a_pause_of_another_length_is_refused_with_words(house: House, months: str) -> None:
    touch = house.mailed()
    answer = choose(house, touch, choice="pause", months=months)
    assert answer.status_code == 422
    assert "1, 3 or 6 months" in answer.text


def test_as_before_takes_both_back(house: House) -> None:
    touch = house.mailed()
    choose(house, touch, choice="less")
    choose(house, touch, choice="pause", months="6")
    choose(house, touch, choice="before")
    assert lead_row(house, touch)["light_until"] is None
    with house.app.store.unit(write=False) as work:
        (one,) = work.enrollments.all_of([touch.lead])[touch.lead]
    assert (one.state, one.pauses) == (State.ACTIVE, {})


def test_stop_unsubscribes_and_leaves_nothing_to_choose(house: House) -> None:
    touch = house.mailed()
    answer = choose(house, touch, choice="stop")
    assert "You are unsubscribed" in answer.text
    assert house.scopes("ada@example.com") == {"all"}
    assert "<form" not in house.client.get(house.path("p", touch.id)).text


@pytest.mark.parametrize("body", [b"", b"choice=everything", b"\xff", b"&".join([b"a=1"] * 500)])
def test_a_form_that_is_none_of_ours_changes_nothing(house: House, body: bytes) -> None:
    touch = house.mailed()
    before = lead_row(house, touch)
    answer = house.client.post(
        house.path("p", touch.id), content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 422
    assert lead_row(house, touch) == before
