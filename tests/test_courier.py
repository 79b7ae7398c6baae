"""Hooks are signed, known again by their id, and never reach a private address."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from nurture.adapters.courier import Hook, PostCourier
from nurture.adapters.mail.mime import mime
from nurture.domain.policy import Sender
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes
from nurture.ports.world import Delivery
from tests.fakes import A_TUESDAY, OutboxFake

SECRET = "a secret of the tests"


@dataclass
class Receiver:
    """A server that keeps what it is sent, and answers as told."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    one = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.got.append((self.path, dict(self.headers), body))
            if one.status == 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(one.status)
            for name, value in one.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        one.url = f"http://127.0.0.1:{server.server_port}/hook?a=1"
        try:
            yield one
        finally:
            server.shutdown()
            thread.join()


def courier(url: str = "", **over: Any) -> PostCourier:
    """A courier with one webhook."""
    values: dict[str, Any] = {
        "mailer": OutboxFake,
        "mail_seconds": 90.0,
        "sender": Sender("mail", "dana@acme.example", "Dana"),
        "boottime": lambda: 0.0,
        "brief": lambda payload, to: ("For you", "<p>html</p>", "text"),
        "webhooks": {"crm-note": Hook(url, SECRET)},
        "allow_loopback": True,
        **over,
    }
    return PostCourier(**values)


def a_delivery(kind: str = "webhook", to: str = "crm-note", **payload: Any) -> Delivery:
    """Something to hand over."""
    return Delivery(7, "key-7", kind, to, payload or {"näme": "Ada"}, A_TUESDAY, A_TUESDAY + timedelta(hours=1))


def test_a_hook_is_signed_over_its_time_and_its_body() -> None:
    with receiver() as one:
        assert courier(one.url).deliver(a_delivery()) == Yes()
    ((path, headers, body),) = one.got
    assert path == "/hook?a=1"
    at = headers["X-Nurture-Timestamp"]
    expected = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Nurture-Signature"] == f"sha256={expected}"
    assert headers["X-Nurture-Id"] == "key-7"
    document = {"id": "key-7", "kind": "webhook", "at": "2026-03-03T09:00:00+00:00", "data": {"näme": "Ada"}}
    assert json.loads(body) == document


def test_every_attempt_has_the_same_id_and_body() -> None:
    with receiver() as one:
        for _ in range(2):
            courier(one.url).deliver(a_delivery())
    assert len({(headers["X-Nurture-Id"], body) for _, headers, body in one.got}) == 1


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (204, {}, Yes),
        (302, {"Location": "http://127.0.0.1/"}, Never),
        (401, {}, ChannelDown),
        (404, {}, Again),
        (410, {}, Never),
        (429, {"Retry-After": "60"}, Again),
        (500, {}, Again),
        (0, {}, Maybe),
    ],
)
def test_each_answer_has_its_verdict(status: int, headers: dict[str, str], kind: type[Verdict]) -> None:
    with receiver() as one:
        one.status, one.headers = status, headers
        verdict = courier(one.url).deliver(a_delivery())
    assert isinstance(verdict, kind)
    assert len(one.got) == 1
    if status == 429:
        assert verdict == Again("HTTP 429", A_TUESDAY + timedelta(hours=1, seconds=60))


def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert courier(f"http://127.0.0.1:{port}/").deliver(a_delivery()) == Again("not connected")


PRIVATE = [
    "http://127.0.0.1/",
    "http://localhost/",
    "http://[::1]/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1/",
    "http://[fd00::1]/",
    "http://[fe80::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://224.0.0.1/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_refused_in_every_disguise(url: str) -> None:
    verdict = courier(url, allow_loopback=False).deliver(a_delivery())
    assert verdict == Never("the address is a private one, and hooks may not reach those")


def test_a_public_name_that_leads_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", ("8.8.8.8", port)), (2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    assert isinstance(courier("http://public.example/").deliver(a_delivery()), Never)


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "file:///etc/passwd", "a.example", "http://u:p@a.example/", "http://[x/"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert isinstance(courier(url).deliver(a_delivery()), Never)


def test_a_hook_that_is_not_set_waits_for_its_setting() -> None:
    assert courier("").deliver(a_delivery()) == Again("webhooks.crm-note.url is not set")
    assert courier("").deliver(a_delivery("crm", "crm")) == Again("crm.webhook is not set")


def test_a_brief_and_an_alert_go_by_mail_under_a_stable_name() -> None:
    outbox = OutboxFake()
    post = courier(mailer=lambda: outbox)
    assert isinstance(post.deliver(a_delivery("brief", "lee@acme.example")), Yes)
    alert = a_delivery("alert", "sam@acme.example", subject="Late", text="Ada <b>\n\nwaits")
    assert isinstance(post.deliver(alert), Yes)
    brief, late = outbox.sent
    assert "List-Unsubscribe" not in mime(brief).decode()  # work mail is no list
    assert (brief.to, brief.subject, brief.message_id) == ("lee@acme.example", "For you", "<delivery-7@acme.example>")
    assert late.html == "<p>Ada &lt;b&gt;</p><p>waits</p>"


def test_a_mail_that_cannot_be_made_is_given_up_with_its_reason() -> None:
    assert courier().deliver(a_delivery("alert", "not an address@", subject="x", text="y")) == Never(
        "'to' is not a usable e-mail address."
    )
