"""GET changes nothing, POST unsubscribes at once, whoever sends it and however often."""

from __future__ import annotations

import pytest

from nurture.domain.enrollment import State
from nurture.domain.response import Kind
from tests.web.house import House

ADDRESS = "ada@example.com"


def enrollments(house: House, lead: int) -> set[State]:
    """In which states a lead's enrollments are."""
    with house.app.store.unit(write=False) as work:
        return {one.state for one in work.enrollments.all_of([lead]).get(lead, [])}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_link_changes_nothing(house: House, method: str) -> None:
    touch = house.mailed()
    answer = house.client.request(method, house.path("u", touch.id))
    assert answer.status_code == 200
    assert house.responses(touch.lead) == []
    assert house.scopes(ADDRESS) == frozenset()


def test_the_page_shows_a_masked_address_and_a_button_that_posts(house: House) -> None:
    page = house.client.get(house.path("u", house.mailed().id)).text
    assert "a•••@example.com" in page
    assert ADDRESS not in page
    assert '<form method="post"' in page
    assert "<script" not in page


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"\xff\xfe", "headers": {"Content-Type": "multipart/form-data; boundary="}},
    ],
    ids=["urlencoded", "multipart", "empty", "broken"],
)
def test_one_click_unsubscribes_without_cookie_or_redirect(house: House, body: dict[str, object]) -> None:
    touch = house.mailed()
    answer = house.client.post(house.path("u", touch.id), **body)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert house.scopes(ADDRESS) == {"all"}
    assert enrollments(house, touch.lead) == {State.STOPPED}


def test_unsubscribing_again_changes_nothing(house: House) -> None:
    touch = house.mailed()
    answers = []
    for _ in range(3):
        answers.append(house.client.post(house.path("u", touch.id)).status_code)
        house.clock.advance(days=1)
    assert answers == [200, 200, 200]
    assert [one.kind for one in house.responses(touch.lead)] == [Kind.UNSUBSCRIBE]


def test_it_works_anew_for_who_was_taken_off_the_list_in_between(house: House) -> None:
    touch = house.mailed()
    house.client.post(house.path("u", touch.id))
    with house.app.store.unit() as work:
        for address in (ADDRESS, work.leads.get([touch.lead])[touch.lead].email or ""):
            work.suppressions.remove(address)
        work.commit()
    house.clock.advance(days=400)
    house.client.post(house.path("u", touch.id))
    assert house.scopes(ADDRESS) == {"all"}


@pytest.mark.parametrize("token", ["x", "InRvdWNoIg.AAAA", "%00", "a" * 4000, "..%2f"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_is_not_ours_gets_a_friendly_page(house: House, method: str, token: str) -> None:
    answer = house.client.request(method, f"/u/{token}")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_a_token_of_another_purpose_is_none(house: House) -> None:
    touch = house.mailed()
    token = house.app.links.token("p", touch.id)
    assert house.client.post(f"/u/{token}").status_code == 404
    assert house.scopes(ADDRESS) == frozenset()


def test_a_touch_that_is_gone_looks_like_a_token_that_is_not_ours(house: House) -> None:
    gone = house.client.post(house.path("u", "no-such-touch"))
    wrong = house.client.post("/u/x")
    assert (gone.status_code, gone.text) == (wrong.status_code, wrong.text)
