"""Whatever is posted or mailed to us: kept, refused or set aside with a reason; no exception, no changed lead."""

from __future__ import annotations

import gzip
import io
import json
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.store import schema
from nurture.daemon import incoming
from nurture.domain.touch import State, Touch
from tests.builders import a_lead
from tests.web.house import SENDGRID, TOML, House, a_house, apply, signed

ADA = "ada@example.com"
ODD = "x\x00\ud800\x1b[2J\r\nBcc: eve@example.com"


def events(touch: Touch) -> Iterator[Any]:
    """Signed deliveries that no honest provider sends, about a real touch."""
    at = 1772532000
    base = {"event": "open", "email": ADA, "nurture_touch": touch.id, "timestamp": at, "url": "https://acme.example/x"}
    yield [None, 1, "x", [], {"event": None}, {"event": 5}, {"event": []}]
    yield {"event": "click"}
    yield [base | {"url": ODD, "useragent": ODD, "ip": ODD, "sg_event_id": ODD}]
    yield [base | {"event": kind, "reason": ODD, "status": ODD, "type": ODD} for kind in ("bounce", "dropped", "open")]
    odd: dict[str, list[Any]] = {
        "nurture_touch": [ODD, {"a": 1}, [touch.id], "x" * 100_000, -1, 1e400],
        "timestamp": [1e400, float("nan"), -(10**30), "soon", None, {}, 10**30],
        "email": [ODD, None, {}, "@", "x" * 10_000],
    }
    yield from ([base | {name: value} for value in values] for name, values in odd.items())
    yield [base | {"event": "no such kind", "url": "x" * 1_000_000}]


def broken() -> Iterator[bytes]:
    """Signed deliveries that are no JSON, or that would be too deep."""
    yield from (b"", b"\xef\xbb\xbf[]", b"[" * 100_000, b'{"a":' * 100_000, b"[{}", b"NaN", b"\x1f\x8b" + b"\0" * 100)
    yield gzip.compress(b"[]" * 1000)


def bomb() -> bytes:
    """An archive of ten megabytes that is a few kilobytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("invoice.txt", b"\0" * 10_000_000)
    return file.getvalue()


def mails(to: str) -> Iterator[bytes]:
    """Mails that are broken, or hostile; each goes to an address that names a real touch of somebody else."""
    head = b"From: Eve <eve@evil.example>\r\nTo: " + to.encode() + b"\r\n"
    yield b""
    yield b"\0" * 1000
    yield bytes(range(256)) * 20
    yield head + b"Subject: =?utf-8?B?////?= =?no-such?Q?=FF?=\r\n\r\n\xff\xfe\x00 unsubscribe"
    yield head + b"Content-Type: text/plain; charset=no-such-charset\r\n\r\nstop\xff"
    yield head + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + b"--a\r\n" * 20_000
    yield head + b'Content-Type: multipart/mixed; boundary="' + b"b" * 5000 + b'"\r\n\r\ntext'
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(300))
    yield head + nested + b"deep"
    yield head + b"Content-Transfer-Encoding: base64\r\n\r\n!!!!====" + b"A" * 1001
    yield head + b"Content-Type: application/zip\r\nContent-Disposition: attachment; filename=a.zip\r\n\r\n" + bomb()
    yield head + b"Subject: " + b"a" * 200_000 + b"\r\nReferences: " + b"<x@y> " * 20_000 + b"\r\n\r\nhello"
    yield head + b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\nMessage-ID: \x00\xff\r\n\r\nRe: nothing"
    yield head + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000 + b"<script>alert(1)</script>"
    yield (
        b"From: "
        + ODD.encode("utf-8", "surrogatepass")
        + b"\r\nTo: "
        + to.encode()
        + b"\r\n\r\ninterested, please call"
    )


def columns(house: House, lead: int) -> dict[str, Any]:
    """All that is stored of a lead itself."""
    with house.app.store.unit(write=False) as work:
        return work.leads.columns(lead)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_hostile_deliveries_are_kept_or_set_aside_and_change_no_lead(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture, database: str
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    with a_house(tmp_path / "w", TOML + SENDGRID, database=url) as house:
        if url:
            schema.upgrade(house.app.sql.engine)
            apply(house.app)
        touch = house.mailed(lead=a_lead(house.app.store, email=ADA), address=ADA)
        before = columns(house, touch.lead)
        bodies = [json.dumps(one).encode() for one in events(touch)] + list(broken())
        for body in bodies:
            answer = house.client.post("/webhooks/sendgrid/events", content=body, headers=signed(body))
            assert answer.status_code in (200, 403), body[:80]
        for mail in mails(house.app.links.reply_to(touch.id, "reply.acme.example")):
            answer = house.client.post("/webhooks/sendgrid/inbound", files={"email": (None, mail)})
            assert answer.status_code == 200, mail[:200]
        house.clock.advance(minutes=5)
        incoming.process(house.app, house.app.store, house.clock.now())
        with house.app.store.unit(write=False) as work:
            assert work.responses.raw_new(100) == []  # nothing is left that would hold up what comes behind it
            assert work.touches.get([touch.id])[touch.id].state is State.SENT
        after = columns(house, touch.lead)
    looked_at = {"enroll_check", "ready_check", "scored_at"}
    assert {name for name in before if before[name] != after[name]} <= looked_at
    assert [one.message for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR] == []
