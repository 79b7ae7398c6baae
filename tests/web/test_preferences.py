"""Less often, a pause, stop, as before: by forms alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nurture.domain.enrollment import Pause, State
from nurture.domain.touch import Touch
from nurture.flow import persons
from nurture.moves.scene import load
from nurture.moves.start import start
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


def test_a_pause_until_a_day_holds_until_that_day_begins_for_them(house: House) -> None:
    touch = house.mailed()
    answer = choose(house, touch, choice="pause", months="3", until="2026-09-01")
    assert "Now paused until 1 September 2026" in answer.text
    assert lead_row(house, touch)["paused_until"] == datetime(2026, 8, 31, 22, 0, tzinfo=UTC)  # midnight in Paris


@pytest.mark.parametrize("until", ["2026-03-03", "2025-01-01", "2027-03-05", "9999-12-31", "next week", "0"])
def test_a_day_that_is_past_too_far_or_none_is_refused_with_words(house: House, until: str) -> None:
    touch = house.mailed()
    answer = choose(house, touch, choice="pause", months="3", until=until)
    assert answer.status_code == 422
    assert lead_row(house, touch)["paused_until"] is None


def test_a_pause_also_holds_a_cadence_that_is_entered_during_it(house: House) -> None:
    touch = house.mailed()
    choose(house, touch, choice="pause", months="3")
    with house.app.store.unit() as work:
        scene = load(
            work, [touch.lead], rules=house.app.rules.in_force(), policy=house.app.policy, now=house.app.clock.now()
        )
        cadence = scene.rules.workspace.cadences["evergreen"]
        number = start(work, cadence, touch.lead, scene, by="test", exclusive=False)
        work.commit()
    with house.app.store.unit(write=False) as work:
        later = work.enrollments.get([number or 0])[number or 0]
    assert (later.state, later.next_at) == (State.PAUSED, datetime(2026, 6, 3, 9, 0, tzinfo=UTC))
    choose(house, touch, choice="before")
    with house.app.store.unit(write=False) as work:
        states = {one.state for one in work.enrollments.all_of([touch.lead])[touch.lead]}
    assert states == {State.ACTIVE}


def test_the_links_work_for_as_long_as_the_mail_exists(house: House) -> None:
    touch = house.mailed()
    house.clock.advance(days=5 * 365)
    assert house.client.get(house.path("p", touch.id)).status_code == 200
    assert "You are unsubscribed" in house.client.post(house.path("u", touch.id)).text
    assert house.scopes("ada@example.com") == {"all"}


def test_somebody_who_was_forgotten_may_still_press_the_button(house: House) -> None:
    touch = house.mailed()
    persons.forget(touch.lead, store=house.app.store, now=house.app.clock.now(), by="test")
    for path in (house.path("u", touch.id), house.path("p", touch.id)):
        assert house.client.get(path).status_code == 200
    answer = house.client.post(house.path("u", touch.id))
    assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
