"""Deliveries of the mail provider: verified, stored as they came, and only then answered."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from nurture.domain.errors import UnreachableError
from nurture.web.keeping import Keeper
from tests.fakes import A_TUESDAY as NOW
from tests.web.house import PUBLIC, TOML, House, a_batch, a_house, signed

EVENTS = "/webhooks/sendgrid/events"
INBOUND = "/webhooks/sendgrid/inbound"
BATCH = a_batch({"event": "delivered", "nurture_touch": "touch-1", "email": "ada@example.com", "timestamp": 1772528400})


def test_a_signed_batch_is_stored_byte_for_byte(house: House) -> None:
    answer = house.client.post(EVENTS, content=BATCH, headers=signed(BATCH))
    assert answer.status_code == 200
    assert house.raw() == [("sendgrid", BATCH)]


def test_a_repeated_batch_is_stored_once_and_welcome(house: House) -> None:
    for _ in range(3):
        assert house.client.post(EVENTS, content=BATCH, headers=signed(BATCH)).status_code == 200
    assert len(house.raw()) == 1


def test_many_that_arrive_at_once_are_each_stored_and_share_one_commit(house: House) -> None:
    bodies = [a_batch({"event": "delivered", "timestamp": 1772528400, "n": number % 80}) for number in range(120)]
    keeper = Keeper(house.app)
    commits: list[object] = []

    async def arrive() -> None:
        with house.app.store.unit() as work:
            work.control.set_mark("somebody else", "writes meanwhile", NOW)
            first = asyncio.create_task(keeper.keep("sendgrid", BATCH))
            await asyncio.sleep(0.1)  # it waits to write
            others = [asyncio.create_task(keeper.keep("sendgrid", body)) for body in bodies]
            await asyncio.sleep(0)
            event.listen(house.app.sql.engine, "commit", commits.append)
        await asyncio.gather(first, *others)

    asyncio.run(arrive())
    assert len(commits) == 2
    assert len(house.raw()) == 81
    assert {body for _, body in house.raw()} == {BATCH, *bodies}


def test_whoever_goes_away_while_it_is_stored_keeps_nobody_waiting(house: House) -> None:
    keeper = Keeper(house.app)

    async def arrive() -> None:
        with house.app.store.unit() as work:
            work.control.set_mark("somebody else", "writes meanwhile", NOW)
            first, gone, last = [asyncio.create_task(keeper.keep("sendgrid", body)) for body in (b"1", b"2", b"3")]
            await asyncio.sleep(0.1)  # they wait to be written, together
            gone.cancel()
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(first, last), 5)
        await asyncio.wait_for(keeper.keep("sendgrid", b"4"), 5)

    asyncio.run(arrive())
    assert {body for _, body in house.raw()} == {b"1", b"2", b"3", b"4"}


def test_whoever_waits_is_told_that_the_database_is_away(tmp_path: Path) -> None:
    with a_house(tmp_path / "here", database="postgresql+psycopg://nobody@127.0.0.1:1/none") as house:
        keeper = Keeper(house.app)
        for _ in range(2):
            with pytest.raises(UnreachableError):
                asyncio.run(keeper.keep("sendgrid", b"[]"))


def test_batches_in_any_order_are_all_stored(tmp_path: Path) -> None:
    batches = [a_batch({"event": kind, "timestamp": 1772528400}) for kind in ("processed", "delivered", "open")]
    for number, order in enumerate(permutations(batches)):
        with a_house(tmp_path / str(number)) as house:
            for body in order:
                assert house.client.post(EVENTS, content=body, headers=signed(body)).status_code == 200
            assert {body for _, body in house.raw()} == set(batches)


def forged() -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """What is not signed by the provider, or not as it arrived."""
    good = signed(BATCH)
    signature, at = list(good)[:2]
    yield "unsigned", BATCH, {}
    yield "no time", BATCH, {signature: good[signature]}
    yield "no signature", BATCH, {at: good[at]}
    yield "another time", BATCH, {**good, at: "1772528401"}
    yield "trimmed", BATCH.rstrip(), good
    yield "changed", BATCH.replace(b"ada", b"bob"), good
    yield "not base64", BATCH, {**good, signature: "%%%"}
    yield "not DER", BATCH, {**good, signature: base64.b64encode(b"no").decode()}
    yield "not UTF-8", b"\xff\xfe", signed(b"\xff\xfe")


@pytest.mark.parametrize(("body", "headers"), [pytest.param(b, h, id=name) for name, b, h in forged()])
def test_what_is_not_signed_is_refused_and_not_stored(house: House, body: bytes, headers: dict[str, str]) -> None:
    assert house.client.post(EVENTS, content=body, headers=headers).status_code == 403
    assert house.raw() == []


def test_an_operator_is_told_once_a_day_that_a_signature_does_not_fit_the_key(tmp_path: Path) -> None:
    with a_house(
        tmp_path, TOML + f'[sendgrid]\nevent_public_key = "{PUBLIC}"\ninbound_public_key = "{PUBLIC}"\n'
    ) as house:

        def alerts() -> list[str]:
            with house.app.store.unit(write=False) as work:
                return [one["payload"]["text"] for one in work.sales.deliveries_due(house.clock.now(), 9, kind="alert")]

        assert house.client.post(EVENTS, content=BATCH).status_code == 403
        assert alerts() == []  # not signed at all: it is not the provider
        for path in (EVENTS, INBOUND) * 2:
            assert house.client.post(path, content=BATCH, headers=signed(b"another")).status_code == 403
            house.clock.advance(hours=2)
        events, mail = alerts()
        assert f"{EVENTS}, and the signature does not fit sendgrid.event_public_key" in events
        assert f"{INBOUND}, and the signature does not fit sendgrid.inbound_public_key" in mail


def test_without_a_key_nothing_is_believed(tmp_path: Path) -> None:
    with a_house(tmp_path, TOML) as house:
        assert house.client.post(EVENTS, content=BATCH, headers=signed(BATCH)).status_code == 403
        assert house.raw() == []


@pytest.mark.parametrize("path", [EVENTS, INBOUND])
def test_a_database_that_is_away_makes_the_provider_come_again(tmp_path: Path, path: str) -> None:
    with a_house(tmp_path / "here", database="postgresql+psycopg://nobody@127.0.0.1:1/none") as house:
        assert house.client.post(path, content=BATCH, headers=signed(BATCH)).status_code == 503


def test_a_batch_that_is_too_large_is_refused_unread(house: House) -> None:
    body = b"[" + b" " * (2 * 1024 * 1024) + b"]"
    assert house.client.post(EVENTS, content=body, headers=signed(body)).status_code == 413

    def in_pieces() -> Iterator[bytes]:
        for _ in range(3 * 16):
            yield b" " * 65536

    answer = house.client.post(EVENTS, content=in_pieces(), headers=signed(b""))
    assert answer.request.headers.get("content-length") is None
    assert answer.status_code == 413
    assert house.raw() == []


MAIL = (
    b"From: =?iso-8859-1?Q?Andr=E9?= <andre@example.com>\r\nTo: replies+t.x@reply.acme.example\r\n"
    b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nD\xe9sol\xe9, pas maintenant.\r\n"
    b"--looks-like-a-boundary\r\n\x00\xff\r\n"
)


def test_raw_mail_is_stored_byte_for_byte_whatever_its_charset(house: House) -> None:
    answer = house.client.post(INBOUND, data={"envelope": "{}"}, files={"email": (None, MAIL)})
    assert answer.status_code == 200
    assert house.raw() == [("eml", MAIL)]


def test_the_same_mail_again_is_stored_once(house: House) -> None:
    for _ in range(2):
        house.client.post(INBOUND, files={"email": (None, MAIL)})  # each time with another boundary
    assert house.raw() == [("eml", MAIL)]


def test_a_parsed_mail_is_kept_with_its_boundary(house: House) -> None:
    answer = house.client.post(INBOUND, data={"from": "a@b.example"}, files={"attachment1": ("a.txt", b"hello")})
    assert answer.status_code == 200
    ((kind, body),) = house.raw()
    assert kind == "inbound"
    assert body.startswith(b"Content-Type: multipart/form-data; boundary=")
    assert b"hello" in body


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nbroken"),
        (
            {"Content-Type": "multipart/form-data; boundary=x"},
            b"--x\r\nContent-Disposition: form-data; name=email\r\n\r\ncut",
        ),
        ({"Content-Type": "multipart/form-data; boundary="}, b"anything"),
        ({"Content-Type": "text/nonsense; =;;"}, b"\x00\xff"),
        ({}, b""),
    ],
)
def test_mail_that_nobody_can_read_yet_is_kept_all_the_same(house: House, headers: dict[str, str], body: bytes) -> None:
    assert house.client.post(INBOUND, content=body, headers=headers).status_code == 200
    ((_, kept),) = house.raw()
    assert kept.endswith(body)


def test_mail_is_never_answered_with_its_end_for_being_large(house: House) -> None:
    headers = {"Content-Length": str(31 * 1024 * 1024), "Content-Type": "multipart/form-data; boundary=x"}
    answer: Any = house.client.post(INBOUND, content=b"", headers=headers)
    assert answer.status_code == 503


def test_with_a_key_unsigned_mail_is_refused(tmp_path: Path) -> None:
    with a_house(tmp_path, TOML + f'[sendgrid]\ninbound_public_key = "{PUBLIC}"\n') as house:
        assert house.client.post(INBOUND, content=MAIL).status_code == 403
        assert house.client.post(INBOUND, content=MAIL, headers=signed(MAIL)).status_code == 200
