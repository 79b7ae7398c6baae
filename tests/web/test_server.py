"""The real server in its thread: it starts, answers, stops, and says when it cannot."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from pathlib import Path

import pytest

from nurture.domain.errors import UnreachableError
from nurture.web import guard, server
from nurture.web.app import make_app
from nurture.web.warm import warm
from tests.web.house import House, a_house


def test_it_serves_until_it_is_stopped(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    handle = server.start(make_app(house.app), "127.0.0.1:0")
    touch = house.mailed()
    path = house.path("u", touch.id)
    try:
        line = http.client.HTTPConnection(*handle.address, timeout=10)
        line.request("GET", path)
        answer = line.getresponse()
        assert answer.status == 200
        assert b"Unsubscribe" in answer.read()
        assert answer.headers["server"] is None
        line.request("HEAD", path)
        head = line.getresponse()
        assert (head.status, head.read()) == (200, b"")
        line.request("POST", path, body=b"List-Unsubscribe=One-Click")
        assert line.getresponse().read()
        line.close()
    finally:
        assert handle.stop() is True
    assert house.scopes("ada@example.com") == {"all"}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(handle.address, timeout=1)
    assert path.removeprefix("/u/") not in "".join(capsys.readouterr())
    assert not [one for one in threading.enumerate() if one.name == "web"]


def test_an_enormous_body_without_a_length_ends_the_request(house: House) -> None:
    handle = server.start(make_app(house.app), "127.0.0.1:0")
    try:
        with socket.create_connection(handle.address, timeout=10) as line:
            line.sendall(b"POST /p/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(70):
                line.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
            assert line.recv(4096).startswith(b"HTTP/1.1 413")
    finally:
        handle.stop()


@pytest.mark.parametrize(
    ("path", "status"),
    # 408, which makes the provider bring the events again; but a 4xx may be the end of a mail.
    [("/webhooks/sendgrid/events", 408), ("/webhooks/sendgrid/inbound", 503), ("/p/x", 408)],
)
def test_a_body_that_trickles_in_ends_the_request(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.1)
    handle = server.start(make_app(house.app), "127.0.0.1:0")
    try:
        with socket.create_connection(handle.address, timeout=10) as line:
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc".encode())
            assert line.recv(4096).startswith(f"HTTP/1.1 {status}".encode())
    finally:
        handle.stop()
    assert house.raw() == []


@pytest.mark.parametrize("bind", ["127.0.0.1:99999", "127.0.0.1:x", "no.such.host.invalid:0"])
def test_an_address_that_cannot_be_had_is_said_with_what_to_do(house: House, bind: str) -> None:
    with pytest.raises(UnreachableError, match=r"web\.bind"):
        server.start(make_app(house.app), bind)


def test_an_address_that_is_taken_is_said(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UnreachableError, match="another daemon"):
        server.start(make_app(house.app), f"127.0.0.1:{taken.getsockname()[1]}")


def test_connections_that_rest_keep_nobody_out_and_too_many_requests_under_way_do(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MOST_AT_ONCE", 1)
    handle = server.start(make_app(house.app), "127.0.0.1:0")
    resting = [http.client.HTTPConnection(*handle.address, timeout=10) for _ in range(4)]
    slow = socket.create_connection(handle.address, timeout=10)
    try:
        for line in resting:
            assert asked(line, "/healthz") == 200
        slow.sendall(b"POST /p/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert slow.recv(4096).startswith(b"HTTP/1.1 100")  # it is under way
        assert asked(resting[1], "/healthz") == 503
        slow.sendall(b"[]")
        assert slow.recv(4096).startswith(b"HTTP/1.1 4")
        until = time.monotonic() + 10  # it is over a moment after its answer
        while asked(resting[2], "/healthz") == 503:
            assert time.monotonic() < until
    finally:
        for line in resting:
            line.close()
        slow.close()
        handle.stop()


def asked(line: http.client.HTTPConnection, path: str) -> int:
    line.request("GET", path)
    answer = line.getresponse()
    answer.read()
    return answer.status


def test_nothing_is_left_of_what_a_server_does_before_it_listens(house: House) -> None:
    web = make_app(house.app)
    warm(web)
    with house.app.store.unit(write=False) as work:
        assert work.responses.raw_new(10) == []


def test_a_database_that_is_away_keeps_no_server_from_listening(tmp_path: Path) -> None:
    with a_house(tmp_path, database="postgresql+psycopg://nobody@127.0.0.1:1/none") as house:
        warm(make_app(house.app))
