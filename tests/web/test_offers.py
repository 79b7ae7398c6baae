"""A rep reads the brief, and accepts or rejects it once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nurture.flow import deliver
from nurture.moves.brief import build
from nurture.moves.scene import load
from tests.builders import a_company, a_lead
from tests.web.house import House

LEE = "lee@acme.example"
A_SLIP = {"reason": "bad_timing", "until": "9999-12-31"}  # of the pen


def an_offer(house: House, rep: str = LEE) -> int:
    """A lead that is offered to a rep."""
    now = house.clock.now()
    company = a_company(house.app.store, name="Globex <b>GmbH</b>")
    lead = a_lead(house.app.store, company=company, first_name="Ada", status="offered", phone="+4930123456")
    with house.app.store.unit() as work:
        scene = load(work, [lead.id], rules=house.app.rules.in_force(), policy=house.app.policy, now=now)
        brief = build(work, lead, scene, why=["asked for a quote"])
        promotion = work.sales.promote(lead.id, at=now, why="asked", brief=brief.as_json(), value=1)
        row = {"lead_id": lead.id, "promotion_id": promotion, "rep": rep, "state": "offered", "created_at": now}
        number = work.sales.add_handoff({**row, "offered_at": now, "due_at": now + timedelta(hours=8)})
        due = (now + timedelta(hours=8)).isoformat()
        payload = {"handoff": number, "rep": "Lee", "due_at": due, "brief": brief.as_json()}
        work.sales.deliver(key=f"brief:{number}", kind="brief", to=rep, payload=payload, at=now)
        work.commit()
    return number


def row_of(house: House, number: int) -> dict[str, Any]:
    """The handoff as stored."""
    with house.app.store.unit(write=False) as work:
        return work.sales.handoff(number) or {}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_page_shows_the_brief_and_changes_nothing(house: House, method: str) -> None:
    number = an_offer(house)
    before = row_of(house, number)
    answer = house.client.request(method, house.path("h", [number, LEE]))
    assert answer.status_code == 200
    assert row_of(house, number) == before
    if method == "GET":
        assert "asked for a quote" in answer.text
        assert "Globex &lt;b&gt;GmbH" in answer.text
        assert "Bad timing" in answer.text
        assert "<script" not in answer.text


def test_the_style_of_the_page_is_let_in_by_its_nonce_alone(house: House) -> None:
    answer = house.client.get(house.path("h", [an_offer(house), LEE]))
    nonce = answer.headers["content-security-policy"].split("'nonce-")[1].split("'")[0]
    assert answer.text.count("<style") == answer.text.count(f'<style nonce="{nonce}"') == 2
    assert "style=" not in answer.text


def test_accepting_is_done_once_and_repeated_without_harm(house: House) -> None:
    number = an_offer(house)
    for _ in range(2):
        answer = house.client.post(house.path("h", [number, LEE]), data={"answer": "accept"})
        assert answer.status_code == 200
        house.clock.advance(minutes=5)
    assert row_of(house, number)["state"] == "accepted"
    assert "<form" not in answer.text


def test_rejecting_needs_an_agreed_reason(house: House) -> None:
    number = an_offer(house)
    path = house.path("h", [number, LEE])
    for fields in ({}, {"reason": "nonsense"}, {"reason": "bad_timing", "until": "soon"}, A_SLIP):
        answer = house.client.post(path, data={"answer": "reject", **fields})
        assert answer.status_code == 422
    assert row_of(house, number)["state"] == "offered"
    fields = {"reason": "bad_timing", "until": "2026-09-01", "note": "call\0 in autumn"}  # no database takes a NUL
    answer = house.client.post(path, data={"answer": "reject", **fields})
    assert answer.status_code == 200
    assert (row_of(house, number)["state"], row_of(house, number)["note"]) == ("rejected", "call in autumn")
    said = "You gave this lead back: bad timing. It returns on 1 September 2026."
    assert said in house.client.get(path).text
    answer = house.client.post(path, data={"answer": "accept"})
    assert answer.status_code == 409
    assert f"Your answer was not taken. {said}" in answer.text


def test_an_answer_that_comes_too_late_is_refused_kindly(house: House) -> None:
    number = an_offer(house)
    path = house.path("h", [number, LEE])
    assert "Do they expect your call?" in house.client.get(path).text
    with house.app.store.unit() as work:
        work.sales.save_handoff(number, {"state": "expired", "due_at": None}, was="offered")
        work.commit()
    answer = house.client.post(path, data={"answer": "accept"})
    assert answer.status_code == 409
    assert "Your answer was not taken. The time to answer has passed" in answer.text
    assert "Handoff" not in answer.text
    page = house.client.get(path).text
    assert "offered to somebody else" in page
    assert "Do they expect your call?" not in page  # it is no longer theirs to make


def test_a_token_opens_only_what_was_offered_to_this_rep(house: House) -> None:
    number = an_offer(house)
    for value in ([number, "kim@acme.example"], [number + 1, LEE], [str(number), LEE], number, [True, LEE]):
        assert house.client.post(house.path("h", value), data={"answer": "accept"}).status_code == 404
    assert row_of(house, number)["state"] == "offered"


def test_the_brief_goes_to_the_rep_by_mail_with_the_link_that_answers(house: House) -> None:
    number = an_offer(house)
    assert deliver.run(store=house.app.store, courier=house.app.courier, now=house.clock.now()) == 1
    (mail,) = house.mailer.sent
    assert mail.to == LEE
    link = house.app.links.offer(number, LEE)
    assert link in mail.text
    assert house.client.get(link).status_code == 200
