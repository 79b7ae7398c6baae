"""SendGrid's own lists are read back whole, page by page, and nothing is done where one of them cannot be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from nurture.adapters.mail.sendgrid_lists import LISTS, PAGE, read_lists
from nurture.domain.errors import NurtureError, RefusedError, RequestError, UnreachableError

KEY = "SG.of-a-test"
EMPTY: dict[str, Any] = {path: [] for path in LISTS}


@contextmanager
def a_sendgrid(lists: dict[str, Any]) -> Iterator[str]:
    """An API with these lists: rows, or the status and body of an answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            found = lists.get(parts.path, (404, b"{}"))
            if self.headers["Authorization"] != f"Bearer {KEY}":
                found = (401, b"{}")
            if isinstance(found, list):
                first, most = int(query["offset"][0]), int(query["limit"][0])
                found = (200, json.dumps(found[first : first + most]).encode())
            status, body = found
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/v3/suppression/bounces")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


def test_every_list_is_read_with_its_reason_and_dead_addresses_end_mail_alone() -> None:
    lists = EMPTY | {
        "/v3/asm/suppressions": [{"email": "a@x.example", "group_id": 3, "group_name": "News", "created_at": 1}],
        "/v3/suppression/unsubscribes": [{"email": "b@x.example", "created": 1}],
        "/v3/suppression/spam_reports": [{"email": "c@x.example", "created": 1, "ip": "192.0.2.1"}],
        "/v3/suppression/bounces": [
            {"email": "d@x.example", "created": 1, "status": "5.1.1", "reason": "550 5.1.1 no such user"},
            {"email": "full@x.example", "created": 1, "status": "5.2.2", "reason": "552 5.2.2 mailbox full"},
            {"email": "blocked@x.example", "created": 1, "status": "5.7.1", "reason": "550 5.7.1 blocked by policy"},
        ],
        "/v3/suppression/invalid_emails": [{"email": "e@x.example", "created": 1, "reason": "no MX"}],
    }
    with a_sendgrid(lists) as host:
        found = list(read_lists(KEY, host))
    assert found == [
        ("a@x.example", "all", "group_unsubscribe"),
        ("b@x.example", "all", "unsubscribe"),
        ("c@x.example", "all", "complaint"),
        ("d@x.example", "email", "hard_bounce"),
        ("e@x.example", "email", "hard_bounce"),
    ]


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
def test_a_long_list_is_read_to_its_end(count: int) -> None:
    rows = [{"email": f"{number}@x.example"} for number in range(count)]
    with a_sendgrid(EMPTY | {"/v3/suppression/unsubscribes": rows}) as host:
        assert len(list(read_lists(KEY, host))) == count


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((403, b"{}"), RefusedError),
        ((500, b"oops"), UnreachableError),
        ((302, b""), UnreachableError),
        ((200, b"<html>"), UnreachableError),
        ((200, b'{"errors": []}'), UnreachableError),
    ],
)
def test_a_list_that_cannot_be_read_is_said_and_never_taken_for_an_empty_one(
    answer: tuple[int, bytes], problem: type[NurtureError]
) -> None:
    with a_sendgrid(EMPTY | {"/v3/suppression/bounces": answer}) as host, pytest.raises(problem):
        list(read_lists(KEY, host))


@pytest.mark.parametrize(("key", "host"), [("", "https://api.sendgrid.com"), (KEY, "http://api.sendgrid.com")])
def test_a_key_that_cannot_work_or_would_travel_in_the_clear_is_refused(key: str, host: str) -> None:
    with pytest.raises(RequestError):
        list(read_lists(key, host))


def test_a_provider_that_is_away_is_said_to_be() -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        list(read_lists(KEY, "http://127.0.0.1:9"))
