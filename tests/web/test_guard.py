"""What stands around every request: limits, headers, and pages instead of tracebacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nurture.web.site import refusal
from tests.web.house import House

PATHS = ["/", "/healthz", "/readyz", "/metrics", "/u/x", "/p/x", "/c/x", "/h/x", "/nowhere", "/api/v1/nowhere"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers_that_keep_it_safe(house: House, path: str) -> None:
    headers = house.client.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/api/v1/forms", "/p/x", "/h/x"])
def test_a_body_that_is_too_long_is_refused_announced_or_not(house: House, path: str) -> None:
    assert house.client.post(path, content=b"x" * 70_000).status_code == 413

    def in_pieces() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 1000

    assert house.client.post(path, content=in_pieces()).status_code == 413


def test_what_is_not_there_is_a_page_for_people_and_json_for_programs(house: House) -> None:
    page = house.client.get("/nowhere")
    assert (page.status_code, "There is nothing here" in page.text) == (404, True)
    assert house.client.get("/api/v1/nowhere").json()["error"] == "There is nothing here."
    assert house.client.get("/webhooks/sendgrid/events").status_code == 405
    assert b"link stays valid" in refusal({"path": "/u/x"}, 503).body
    assert b"link" not in refusal({"path": "/api/v1/leads"}, 503).body


def test_a_bug_leaves_no_traceback_and_logs_no_token(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    touch = house.mailed()
    del house.app.__dict__["store"]
    house.app.__dict__["store"] = None  # what follows is a bug, not an outage
    path = house.path("u", touch.id)
    answer = house.client.get(path)
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "Traceback" not in answer.text
    assert "NoneType" not in answer.text
    logged = capsys.readouterr()
    assert "request_failed" in logged.out + logged.err
    assert path.removeprefix("/u/") not in logged.out + logged.err


def test_the_overview_shows_counts_and_nobody(house: House) -> None:
    house.mailed()
    page = house.client.get("/").text
    assert "Sent" in page
    assert "example.com" not in page
