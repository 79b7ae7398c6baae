"""Forms and visits: who may say what about whom."""

from __future__ import annotations

from typing import Any

import pytest

from nurture.adapters.store.tokens import Tokens
from nurture.domain.response import Kind
from tests.web.house import House

FORMS, VISITS = "/api/v1/forms", "/api/v1/visits"
FORM = {"email": " Grace@Example.com ", "first_name": "Grace", "form": "quote", "facts": {"budget": "50000 EUR"}}


@pytest.fixture
def bearer(house: House) -> dict[str, str]:
    """The header of a program that may use the API."""
    assert house.app.store
    token = Tokens(house.app.sql.engine).create("website", at=house.clock.now(), by="test")
    return {"Authorization": f"Bearer {token}"}


def found(house: House, address: str) -> Any:
    """The lead with this address."""
    with house.app.store.unit(write=False) as work:
        return work.leads.find(address)


def test_a_form_makes_a_lead_and_is_its_response(house: House, bearer: dict[str, str]) -> None:
    answer = house.client.post(FORMS, json={**FORM, "intent": "request", "x.campaign": "spring"}, headers=bearer)
    lead = found(house, "grace@example.com")
    assert answer.json() == {"recorded": True, "lead": str(lead.id), "created": True, "unread": {}}
    assert (lead.first_name, lead.asked_for_sales, lead.custom) == ("Grace", True, {"campaign": "spring"})
    (form,) = house.responses(lead.id)
    assert (form.kind, form.detail["form"]) == (Kind.FORM, "quote")
    with house.app.store.unit(write=False) as work:
        assert [fact.value for fact in work.leads.facts([lead.id])[lead.id]] == ["50000 EUR"]


def test_the_same_form_again_finds_the_lead_and_its_id_makes_it_the_same(house: House, bearer: dict[str, str]) -> None:
    first = house.client.post(FORMS, json={**FORM, "id": "f-1"}, headers=bearer).json()
    house.clock.advance(minutes=1)
    again = house.client.post(FORMS, json={**FORM, "id": "f-1"}, headers=bearer).json()
    assert again == {"recorded": False, "lead": first["lead"], "created": False, "unread": {}}
    assert len(house.responses(int(first["lead"]))) == 1


def test_a_form_of_somebody_known_by_their_id_makes_nobody(house: House, bearer: dict[str, str]) -> None:
    first = house.client.post(FORMS, json={**FORM, "external_id": "c-1"}, headers=bearer).json()
    body = {**FORM, "external_id": "c-1", "email": "grace@new.example"}
    answer = house.client.post(FORMS, json=body, headers=bearer).json()
    assert (answer["lead"], answer["created"]) == (first["lead"], False)


def test_a_form_may_be_sent_as_a_browser_does(house: House, bearer: dict[str, str]) -> None:
    answer = house.client.post(FORMS, data={"email": "a@b.example", "form": "news"}, headers=bearer)
    assert answer.json()["created"] is True
    answer = house.client.post(FORMS, files={"email": (None, "a@b.example"), "form": (None, "news")}, headers=bearer)
    assert answer.status_code == 422
    assert answer.json()["error"] == "A multipart form is not read here."


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nurture_wrong"}, {"Authorization": "Basic eDp5"}])
def test_without_a_token_nothing_is_taken(house: House, headers: dict[str, str]) -> None:
    answer = house.client.post(FORMS, json=FORM, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert found(house, "grace@example.com") is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"email": "no", "form": "f"}, "no @ in it"),
        ({"email": "a@b.example"}, "'form' is missing"),
        ({"email": "a@b.example", "form": "f", "frist_name": "A"}, "Did you mean 'first_name'?"),
        ({"email": "a@b.example", "form": "f", "status": "won"}, "'status' is not known here"),
        ({"email": "a@b.example", "form": "f", "first_name": ["A"]}, "neither a text nor a number"),
        ({"email": "a@b.example", "form": "f", "first_name": True}, "neither a text nor a number"),
        ({"email": "a@b.example", "form": "f", "intent": "buy"}, "'intent' is not known"),
        ({"email": "a@b.example", "form": "f", "at": "yesterday"}, "not a moment"),
        ({"email": "a@b.example", "form": "f", "notes": "x" * 20_000}, "too long"),
        ({"form": "f"}, "Nobody is named"),
        ({}, "no fields"),
    ],
)
def test_what_is_wrong_is_said_in_words(house: House, bearer: dict[str, str], body: Any, says: str) -> None:
    answer = house.client.post(FORMS, json=body, headers=bearer)
    assert answer.status_code == 422
    assert says in " ".join(answer.json().values())


def test_a_field_that_cannot_be_read_is_kept_and_named_and_no_form_is_lost_for_it(
    house: House, bearer: dict[str, str]
) -> None:
    body = {**FORM, "country": "Atlantis", "phone": "call me", "consent_at": "2026-01-01"}
    answer = house.client.post(FORMS, json=body, headers=bearer).json()
    assert set(answer["unread"]) == {"country", "phone", "consent_at"}
    assert "Atlantis" in answer["unread"]["country"]
    lead = found(house, "grace@example.com")
    assert (lead.first_name, lead.country) == ("Grace", None)
    assert house.responses(lead.id)[0].detail["fields"]["country"] == "Atlantis"


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2099-01-01T00:00:00Z", "'at' lies in the future."),
        ("9999-12-31T23:59:00-10:00", "'at' lies in the future."),
        ("0001-01-01T00:00:00+14:00", "'at' lies too far back."),
        ("1960-01-01T00:00:00Z", "'at' lies too far back."),
    ],
)
def test_what_cannot_have_happened_then_is_refused(house: House, bearer: dict[str, str], at: str, says: str) -> None:
    answer = house.client.post(FORMS, json={**FORM, "at": at}, headers=bearer)
    assert (answer.status_code, answer.json()["error"]) == (409, says)
    assert found(house, "grace@example.com") is None


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b"\xff", b"[" * 50_000, b'{"form": "f", "notes": NaN}'])
def test_what_is_no_json_object_is_refused(house: House, bearer: dict[str, str], body: bytes) -> None:
    answer = house.client.post(FORMS, content=body, headers={**bearer, "Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_refused_form_leaves_nothing_behind(house: House, bearer: dict[str, str]) -> None:
    house.client.post(FORMS, json={"email": "a@b.example", "intent": "request"}, headers=bearer)
    assert found(house, "a@b.example") is None


def test_a_link_names_the_touch_and_needs_no_address(house: House) -> None:
    touch = house.mailed()
    token = house.app.links.token("c", [touch.id, "any"])
    assert house.client.post(VISITS, json={"token": token, "page": "/pricing"}).json() == {"recorded": True}
    (visit,) = house.responses(touch.lead)
    assert (visit.kind, visit.touch, visit.detail["page"]) == (Kind.VISIT, touch.id, "/pricing")


def test_a_forwarded_link_makes_the_colleague_and_never_scores_the_recipient(house: House) -> None:
    touch = house.mailed()
    token = house.app.links.token("c", [touch.id, "any"])
    answer = house.client.post(FORMS, json={"token": token, "email": "colleague@example.com", "form": "guide"})
    assert answer.json() == {"recorded": True}
    colleague = found(house, "colleague@example.com")
    (form,) = house.responses(colleague.id)
    assert form.touch is None
    assert house.responses(touch.lead) == []


def test_a_link_alone_never_changes_what_is_known_of_somebody(house: House, bearer: dict[str, str]) -> None:
    house.client.post(FORMS, json=FORM, headers=bearer)
    token = house.app.links.token("c", [house.mailed().id, "any"])
    body = {"token": token, "email": "grace@example.com", "first_name": "Mallory", "form": "guide"}
    assert house.client.post(FORMS, json=body).status_code == 200
    assert found(house, "grace@example.com").first_name == "Grace"
    trusted = {**body, "email": "new@example.com", "owner": "me@evil.example"}
    assert house.client.post(FORMS, json=trusted).status_code == 422


def test_a_visit_of_nobody_we_know_makes_nobody(house: House, bearer: dict[str, str]) -> None:
    answer = house.client.post(VISITS, json={"email": "a@b.example", "page": "/"}, headers=bearer)
    assert answer.status_code == 404
    assert found(house, "a@b.example") is None


def test_the_api_describes_itself(house: House) -> None:
    document = house.client.get("/api/v1/openapi.json").json()
    assert set(document["paths"]) >= {FORMS, VISITS}
    assert not any(path.startswith(("/u/", "/webhooks")) for path in document["paths"])
