"""The JSON API: leads, responses, enrollments, tasks, handoffs; and a document that holds what it says."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from nurture.adapters.store.tokens import Tokens
from nurture.domain.touch import Channel, State
from nurture.flow import handoff as arrow
from tests.builders import a_lead, a_touch
from tests.web.house import House

Call = Callable[..., Any]


@pytest.fixture
def api(house: House) -> Call:
    """Calls the API with a token; gives status and JSON."""
    assert house.app.store
    token = Tokens(house.app.sql.engine).create("crm", at=house.clock.now(), by="test")

    def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = json.dumps(body) if body is not None else None
        answer = house.client.request(method, f"/api/v1{path}", content=content, headers=headers)
        return answer.status_code, answer.json()

    return call


def a_call(house: House, **over: Any) -> str:
    """An open call of a lead that may be called now."""
    lead = a_lead(house.app.store, phone="+33123456789")
    values = {"channel": Channel.CALL, "state": State.OPEN, "step": "intro", "assigned": "caller", **over}
    return a_touch(house.app.store, lead=lead, enrollment=None, now=house.clock.now(), **values).id


def offered(house: House, **over: Any) -> tuple[int, int]:
    """A lead on Lee's desk, and its handoff."""
    lead = a_lead(house.app.store, status="offered", **over)
    with house.app.store.unit() as work:
        promotion = work.sales.promote(lead.id, at=house.clock.now(), why="ready", brief={}, value=1.0)
        assert promotion is not None
        values = {"lead_id": lead.id, "promotion_id": promotion, "state": "offered", "rep": "lee@acme.example"}
        number = work.sales.add_handoff({**values, "created_at": house.clock.now(), "offered_at": house.clock.now()})
        work.commit()
    return lead.id, number


@pytest.mark.parametrize("path", ["/leads", "/responses", "/enrollments", "/tasks", "/handoffs"])
def test_nothing_is_told_without_a_token_that_we_know(house: House, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nurture_wrong"}, {"Authorization": "Basic eDp5"}):
        answer = house.client.get(f"/api/v1{path}", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_leads_are_found_or_made_and_each_refused_one_says_why(house: House, api: Call) -> None:
    body = [{"email": "ada@b.example", "first_name": "Ada", "x.tier": 3}, {"email": "no"}, {"emial": "x"}]
    status, done = api("POST", "/leads", body)
    assert (status, done["created"], [one["line"] for one in done["refused"]]) == (200, 1, [2, 3])
    assert "no @ in it" in done["refused"][0]["reason"]
    assert api("POST", "/leads", body[:1])[1]["unchanged"] == 1
    status, lead = api("GET", "/leads/ada@b.example")
    assert (lead["first_name"], lead["x.tier"], lead["stage"]) == ("Ada", "3", "unknown")
    assert api("GET", f"/leads/{lead['id']}")[1] == lead
    assert api("GET", "/leads/nobody@b.example")[0] == 404


def test_what_is_no_character_is_left_out_and_a_field_has_a_name(house: House, api: Call) -> None:
    half = {"email": "ada@b.example", "first_name": "A\ud800da", "notes": "\udfff", "x.tier": "g\ud800"}
    assert api("POST", "/leads", [half])[1]["created"] == 1
    lead = api("GET", "/leads/ada@b.example")[1]
    assert (lead["first_name"], lead["x.tier"]) == ("Ada", "g")
    (refused,) = api("POST", "/leads", [{"email": "ada@b.example", "x.": "1"}])[1]["refused"]
    assert "x.NAME" in refused["reason"]
    for field in ("form", "first_name", "id", "x.\ud800"):
        assert api("POST", "/forms", {"email": "ada@b.example", "form": "a", field: "\ud800"})[0] == 422


def test_a_program_is_sent_to_the_document_and_not_to_a_button(api: Call) -> None:
    for path in ("/nothing", "/leads/ada@b.example/facts"):
        assert "/api/v1/openapi.json" in api("GET", path)[1]["hint"]


def test_a_list_goes_on_where_the_page_before_ended(house: House, api: Call) -> None:
    for _ in range(3):
        a_lead(house.app.store)
    token = Tokens(house.app.sql.engine).create("pages", at=house.clock.now(), by="test")
    path, found = "/api/v1/leads?limit=2", []
    while path:
        answer = house.client.get(path, headers={"Authorization": f"Bearer {token}"})
        found.append([row["id"] for row in answer.json()])
        path = answer.headers.get("link", "").partition(">")[0].lstrip("<")
    assert found == [["1", "2"], ["3"]]


def test_what_was_learned_and_done_is_in_score_timeline_and_names(house: House, api: Call) -> None:
    lead = a_lead(house.app.store)
    assert api("POST", f"/leads/{lead.id}/facts", {"name": "budget", "value": "20k EUR"})[1]["budget"] is True
    report = {"lead": lead.email, "kind": "form", "form": "quote", "intent": "request", "id": "f-1"}
    status, told = api("POST", "/responses", report)
    assert (status, told["lead"]) == (200, str(lead.id))
    assert api("POST", "/responses", report)[1]["response"] is None  # the same again
    (response,) = api("GET", f"/responses?lead={lead.id}")[1]
    assert (response["lead"], response["email"]) == (str(lead.id), lead.email)
    assert (response["kind"], response["grade"], response["detail"]["form"]) == ("form", "human", "quote")
    score = api("GET", f"/leads/{lead.id}/score")[1]
    assert score["score"] == pytest.approx(sum(line["worth"] for line in score["ledger"])) == 10
    assert [entry["what"] for entry in api("GET", f"/leads/{lead.id}/timeline")[1]].count("form") == 1


def test_enrolling_pausing_and_stopping_say_the_state(house: House, api: Call) -> None:
    lead = a_lead(house.app.store)
    status, row = api("POST", "/enrollments", {"lead": lead.email, "cadence": "evergreen"})
    assert (status, row["state"]) == (200, "active")
    status, refusal = api("POST", "/enrollments", {"lead": lead.email, "cadence": "evergreen"})
    assert (status, refusal["error"]) == (409, "The lead is in evergreen already.")
    assert api("POST", "/enrollments", {"lead": lead.email, "cadence": "evergren"})[0] == 404
    assert [one["state"] for one in api("POST", "/enrollments/pause", {"lead": lead.email})[1]] == ["paused"]
    assert [one["state"] for one in api("POST", "/enrollments/resume", {"lead": lead.email})[1]] == ["active"]
    assert [one["state"] for one in api("POST", "/enrollments/stop", {"lead": lead.email})[1]] == ["stopped"]
    assert [one["state"] for one in api("GET", f"/enrollments?lead={lead.id}")[1]] == ["stopped"]


def test_a_task_is_taken_given_back_and_done_once(house: House, api: Call) -> None:
    task = a_call(house, ask=("budget", "competitors"))
    (open_task,) = api("GET", "/tasks")[1]
    assert (open_task["id"], open_task["questions"][:2]) == (task, ["budget", "competitors"])
    api("POST", f"/leads/{open_task['lead']}/facts", {"name": "budget", "value": "20k EUR"})
    assert "budget" not in api("GET", "/tasks")[1][0]["questions"]  # nobody asks what is known
    taken = api("POST", "/tasks/next", {"person": "Cal"})[1]
    assert (taken["id"], taken["history"][0]["text"]) == (task, "Call “intro” to be done by 2026-03-03")
    assert api("POST", "/tasks/next", {"person": "Dot"})[1] is None
    assert api("POST", f"/tasks/{task}/release")[1]["claimed_by"] is None
    assert api("POST", "/tasks/next", {"person": "Dot"})[1]["claimed_by"] == "dot@acme.example"
    body = {"outcome": "connected", "facts": {"budget": "20k EUR"}, "person": "Dot"}
    assert api("POST", f"/tasks/{task}/done", body)[0] == 200
    assert api("POST", f"/tasks/{task}/done", body)[1]["note"] == "done before"
    assert api("POST", f"/tasks/{task}/done", {"outcome": "voicemail"})[0] == 409
    assert api("POST", f"/tasks/{task}/done", body | {"person": "Cal"})[0] == 409  # Dot did it, and Cal is told
    assert api("GET", "/tasks")[1] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"outcome": "callback"}, 422),
        ({"outcome": "callback", "until": "2026-03-04T10:00:00Z"}, 200),
        ({"outcome": "callback", "until": "2020-03-04T10:00:00Z"}, 409),
        ({"outcome": "vanished"}, 422),
        ({"outcome": "connected", "facts": {"weather": "fine"}}, 422),
        ({"outcome": "connected", "person": "Nobody"}, 404),
    ],
)
def test_an_outcome_needs_what_it_needs(house: House, api: Call, body: dict[str, Any], status: int) -> None:
    assert api("POST", f"/tasks/{a_call(house)}/done", body)[0] == status


def test_sales_answers_and_the_same_answer_again_changes_nothing(house: House, api: Call) -> None:
    lead, number = offered(house)
    assert [one["id"] for one in api("GET", f"/handoffs?lead={lead}&state=offered")[1]] == [str(number)]
    assert api("GET", f"/handoffs/{number}/brief")[1]["lead"] == str(lead)
    status, told = api("POST", f"/handoffs/{number}/accept", {})
    assert (status, told["changed"], told["handoff"]["state"]) == (200, True, "accepted")
    assert api("POST", f"/handoffs/{number}/accept")[1]["changed"] is False
    assert api("POST", f"/handoffs/{number}/contacted")[1]["changed"] is True
    assert api("POST", f"/handoffs/{number}/won", {"value": "12500"})[0] == 422  # of which currency?
    assert api("POST", f"/handoffs/{number}/won", {"value": "12500 EUR"})[1]["handoff"]["amount"] == 12500
    assert api("POST", f"/handoffs/{number}/lost", {})[0] == 409
    with house.app.store.unit(write=False) as work:
        assert work.notes.of_lead(lead)[-1].by == "crm"


def test_a_rejection_needs_an_agreed_reason(house: House, api: Call) -> None:
    _, number = offered(house)
    status, refusal = api("POST", f"/handoffs/{number}/reject", {"reason": "bad_timming"})
    assert (status, refusal["hint"]) == (404, "Did you mean 'bad_timing'?")
    status, told = api("POST", f"/handoffs/{number}/reject", {"reason": "bad_timing", "until": "2026-06-01"})
    assert (status, told["handoff"]["return_at"][:10]) == (200, "2026-06-01")
    assert [one["state"] for one in arrow.listed(house.app.store)] == ["rejected"]


# The document --------------------------------------------------------------------------------------------------------


def test_the_api_holds_what_its_document_says(house: House) -> None:
    # Here: it takes over a second to import, in the one process that runs this test.
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.core.result import Ok

    assert house.app.store
    token = Tokens(house.app.sql.engine).create("fuzz", at=house.clock.now(), by="test")
    a_call(house)
    offered(house)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", house.client.app)
        for found in document.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

            @settings(max_examples=1, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
            @given(case=st.one_of(modes))
            def holds(case: schemathesis.Case[Any]) -> None:
                case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

            holds()


def test_the_document_names_every_path(house: House) -> None:
    paths = set(house.client.get("/api/v1/openapi.json").json()["paths"])
    areas = {path.split("/")[3] for path in paths}
    assert areas == {"forms", "visits", "leads", "responses", "enrollments", "tasks", "handoffs"}


def test_a_method_that_is_not_there_is_told_those_that_are(house: House) -> None:
    answer = house.client.delete("/api/v1/leads")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    answer = house.client.head("/api/v1/forms")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")
    for page in ("/u/x", "/p/x", "/h/x"):
        assert house.client.put(page).headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["leads", "leads/1", "leads/2", "tasks", "openapi.json"])
def test_head_is_answered_as_get_is_without_the_body(house: House, path: str) -> None:
    a_lead(house.app.store)
    bearer = {"Authorization": f"Bearer {Tokens(house.app.sql.engine).create('crm', at=house.clock.now(), by='test')}"}
    for headers in (bearer, {}):
        got, head = (house.client.request(method, f"/api/v1/{path}", headers=headers) for method in ("GET", "HEAD"))
        assert got.content
        assert (head.status_code, dict(head.headers), head.content) == (got.status_code, dict(got.headers), b"")


def test_what_cannot_be_read_as_json_is_said(house: House) -> None:
    token = Tokens(house.app.sql.engine).create("raw", at=house.clock.now(), by="test")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for body in (b"{", b"\xff\xfe", b"[" * 50_000):
        assert house.client.post("/api/v1/enrollments", content=body, headers=headers).status_code == 422
