"""A click leads to where the database says, is recorded once it is judged, and never keeps anybody from arriving."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State, Touch
from tests.web.house import BROWSER, House

TARGET = "https://acme.example/benchmark?a=1&b=2#top"


def a_link(house: House, touch: Touch, target: str = TARGET) -> str:
    """The path of a tracked link in a mail."""
    with house.app.store.unit() as work:
        work.touches.add_links({"link-1": target})
        work.commit()
    return house.path("c", [touch.id, "link-1"])


def grades(house: House, touch: Touch) -> list[Grade]:
    """How the clicks of a lead were judged."""
    return [one.grade for one in house.responses(touch.lead) if one.kind is Kind.CLICK]


def test_a_person_who_clicks_arrives_and_counts(house: House) -> None:
    touch = house.mailed()
    answer = house.client.get(a_link(house, touch), headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (302, TARGET)
    assert answer.headers["cache-control"] == "no-store"
    (click,) = house.responses(touch.lead)
    assert (click.grade, click.url, click.touch) == (Grade.HUMAN, TARGET, touch.id)


def test_a_head_request_is_a_machine(house: House) -> None:
    touch = house.mailed()
    assert house.client.head(a_link(house, touch), headers=BROWSER).status_code == 302
    assert grades(house, touch) == [Grade.MACHINE]


@pytest.mark.parametrize(
    "said", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}]
)
def test_what_a_browser_fetches_ahead_is_no_click(house: House, said: dict[str, str]) -> None:
    touch = house.mailed()
    path = a_link(house, touch)
    assert house.client.get(path, headers={**BROWSER, **said}).headers["location"] == TARGET
    house.client.get(path, headers=BROWSER)
    ahead, click = house.responses(touch.lead)
    assert (ahead.grade, ahead.why) == (Grade.MACHINE, "it was fetched ahead of a click")
    assert click.grade is Grade.HUMAN


def test_a_double_click_is_one(house: House) -> None:
    touch = house.mailed()
    path = a_link(house, touch)
    for _ in range(2):
        assert house.client.get(path, headers=BROWSER).status_code == 302
        house.clock.advance(seconds=0.3)
    house.clock.advance(seconds=1)
    house.client.get(path, headers=BROWSER)
    assert grades(house, touch) == [Grade.HUMAN, Grade.HUMAN]


def test_a_tool_seconds_after_the_mail_is_a_machine_and_a_person_later_still_counts(house: House) -> None:
    touch = house.mailed()
    path = a_link(house, touch)
    house.clock.advance(seconds=-3597)
    house.client.get(path, headers={"User-Agent": "LinkScanner/1.0 bot"})
    house.clock.advance(hours=2)
    house.client.get(path, headers=BROWSER)
    assert grades(house, touch) == [Grade.MACHINE, Grade.HUMAN]


def test_a_repaired_link_leads_to_the_new_place_from_old_mail(house: House) -> None:
    path = a_link(house, house.mailed())
    with house.app.store.unit() as work:
        assert work.touches.repair_link(TARGET, "https://acme.example/new") == 1
        work.commit()
    assert house.client.get(path, headers=BROWSER).headers["location"] == "https://acme.example/new"


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://a.example", "x"]
)
def test_a_target_that_is_no_web_address_leads_nowhere(house: House, target: str) -> None:
    answer = house.client.get(a_link(house, house.mailed(), target), headers=BROWSER)
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_an_unknown_link_or_token_gets_a_friendly_page(house: House) -> None:
    touch = house.mailed()
    for path in (
        "/c/x",
        house.path("c", [touch.id, "no-such-link"]),
        house.path("c", touch.id),
        house.path("c", [1, 2]),
    ):
        answer = house.client.get(path, headers=BROWSER)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


def test_a_person_arrives_also_when_the_click_cannot_be_recorded(house: House) -> None:
    touch = house.mailed()
    path = a_link(house, touch)
    with house.app.store.unit() as work:  # what is in force cannot be read any more
        work.control.put_files({"scoring.yaml": "fit: ["}, at=house.clock.now(), by="test")
        work.commit()
    assert house.client.get(path, headers=BROWSER).status_code == 302


def test_a_click_on_a_mail_in_doubt_proves_that_it_was_sent(house: House) -> None:
    now = house.clock.now()
    touch = house.mailed(state=State.IN_DOUBT, sent_at=None, lease_until=now + timedelta(hours=1))
    house.client.get(a_link(house, touch), headers=BROWSER)
    with house.app.store.unit(write=False) as work:
        assert work.touches.get([touch.id])[touch.id].state is State.SENT
