"""GET changes nothing, POST unsubscribes at once, whoever sends it and however often."""

from __future__ import annotations

from typing import Any

import pytest

from nurture.domain.enrollment import State
from nurture.domain.response import Kind
from nurture.flow import inbox as arrow
from tests.builders import a_lead
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


# A mail that this database does not know: an older copy was restored. ---------------------------------------------


def inbox(house: House, *, settled: bool = False) -> list[tuple[str, str]]:
    """Kind and sender of what waits for a person, or was settled."""
    with house.app.store.unit(write=False) as work:
        return [(one["kind"], one["sender"]) for one in work.notes.inbox(settled=settled)]


def test_one_click_in_a_mail_that_was_lost_is_taken_and_kept_for_a_person(house: House) -> None:
    for body in (b"List-Unsubscribe=One-Click", b"", b"\xff--broken"):
        assert house.client.post(house.path("u", "lost"), content=body).status_code == 200
    assert inbox(house) == [("unsubscribe", "")]
    touch = house.mailed()
    with house.app.store.unit(write=False) as work:
        (entry,) = work.notes.inbox()
    app = house.app
    common: dict[str, Any] = {"rules": app.rules.in_force(), "policy": app.policy, "new_id": app.clock.new_id}
    arrow.settle(entry["id"], lead=touch.lead, store=app.store, now=house.clock.now(), by="dana", **common)
    assert (inbox(house), enrollments(house, touch.lead)) == ([], {State.STOPPED})
    assert [one.kind for one in house.responses(touch.lead)] == [Kind.UNSUBSCRIBE]


@pytest.mark.parametrize("purpose", ["u", "p"])
def test_the_page_of_a_mail_that_was_lost_asks_for_the_address_and_changes_nothing(house: House, purpose: str) -> None:
    shown = house.client.get(house.path(purpose, "lost"))
    assert shown.status_code == 200
    assert f'action="{house.path("u", "lost")}"' in shown.text
    assert inbox(house) == []


def test_who_writes_their_address_is_left_alone_at_once(house: House) -> None:
    touch = house.mailed(lead=a_lead(house.app.store, email=ADDRESS))
    answer = house.client.post(house.path("u", "lost"), data={"address": " ADA@example.com "})
    assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
    assert house.scopes(ADDRESS) == {"all"}
    assert (inbox(house), inbox(house, settled=True)) == ([], [("unsubscribe", "")])
    house.client.post(house.path("u", "lost"), data={"address": ADDRESS})
    assert [one.kind for one in house.responses(touch.lead)] == [Kind.UNSUBSCRIBE]


def test_an_address_of_nobody_is_suppressed_too_and_the_answer_tells_no_difference(house: House) -> None:
    house.mailed()
    answers = [
        house.client.post(house.path("u", name), data={"address": address}).text.replace(address[0] + "•", "•")
        for name, address in (("lost-1", ADDRESS), ("lost-2", "bo@example.com"))
    ]
    assert answers[0] == answers[1]
    assert house.scopes("bo@example.com") == {"all"}


def test_a_lost_link_speaks_for_one_address_and_with_another_a_person_is_asked(house: House) -> None:
    for address in ("bo@example.com", ADDRESS, ADDRESS):
        assert house.client.post(house.path("u", "lost"), data={"address": address}).status_code == 200
    assert house.scopes(ADDRESS) == frozenset()
    assert inbox(house) == [("unsubscribe", ADDRESS)]


def test_what_is_no_address_is_asked_for_again(house: House) -> None:
    answer = house.client.post(house.path("u", "lost"), data={"address": "ada\r\nBcc: x"})
    assert (answer.status_code, "That is not an e-mail address" in answer.text) == (422, True)
    assert inbox(house) == []


def test_a_test_mail_unsubscribes_nobody_and_says_so(house: House) -> None:
    for method in ("GET", "POST"):
        answer = house.client.request(method, house.path("u", "preview7"))
        assert (answer.status_code, "This was a test" in answer.text) == (200, True)
    assert inbox(house) == []
