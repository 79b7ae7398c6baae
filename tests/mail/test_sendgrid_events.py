"""Signed events: only the provider's own bytes are believed, and any of its habits can be read."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from nurture.adapters.mail.sendgrid_events import read_events, verify_event
from nurture.domain.errors import RequestError

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode("ascii")
BODY = '[{"event":"open","email":"größe@customer.example"}]\r\n'.encode()
SHARED = Path(__file__).parents[3] / "shared" / "data" / "sendgrid_events"


def signed(timestamp: str, body: bytes) -> str:
    return base64.b64encode(KEY.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode("ascii")


def test_the_signature_covers_the_raw_bytes_and_the_timestamp() -> None:
    signature = signed("1600112502", BODY)
    assert verify_event(PUBLIC, signature, "1600112502", BODY)
    assert not verify_event(PUBLIC, signature, "1600112503", BODY)
    assert not verify_event(PUBLIC, signature, "1600112502", BODY.strip())
    assert not verify_event(PUBLIC, signature, "1600112502", BODY.replace(b"open", b"click"))


# The keys are made anew in each process: what is tried has names of its own, the same in all of them.
@pytest.mark.parametrize(
    "signature",
    [None, "", "no base64!", "größe", "AAAA", signed("2", BODY)],
    ids=["none", "empty", "no-base64", "umlaut", "too-short", "of-another-time"],
)
@pytest.mark.parametrize("key", [PUBLIC, "", "no key", "größe"], ids=["key", "empty", "no-key", "umlaut"])
def test_anything_else_is_simply_not_signed(key: str, signature: str | None) -> None:
    assert not verify_event(key, signature, "1", BODY)
    assert not verify_event(key, signature, None, BODY)
    assert not verify_event(key, signature, "1", b"\xff\xfe")


@given(key=st.text(), signature=st.text(), timestamp=st.text(), body=st.binary())
def test_a_forgery_never_raises(key: str, signature: str, timestamp: str, body: bytes) -> None:
    assert not verify_event(key, signature, timestamp, body)
    assert not verify_event(PUBLIC, signature, timestamp, body)


def test_an_event_is_read_with_its_types_made_straight() -> None:
    (event,) = read_events(
        json.dumps(
            [
                {
                    "event": "bounce",
                    "email": " Ada@Customer.example",
                    "timestamp": "1600112502",
                    "nurture_touch": "t1",
                    "status": 5.1,
                    "reason": "no such user",
                    "type": "blocked",
                    "bounce_classification": "Reputation",
                    "sg_event_id": "e1",
                    "sg_message_id": "m1.filter",
                    "sg_machine_open": "true",
                    "category": "a",
                }
            ]
        ).encode()
    )
    assert (event.kind, event.touch, event.email) == ("bounce", "t1", "ada@customer.example")
    assert event.at == datetime(2020, 9, 14, 19, 41, 42, tzinfo=UTC)
    assert (event.status, event.reason, event.bounce_type) == ("5.1", "no such user", "blocked")
    assert (event.event_id, event.message_id, event.machine_open) == ("e1", "m1.filter", True)
    assert event.raw["category"] == "a"


def test_an_event_without_most_fields_is_still_an_event() -> None:
    (event,) = read_events(b'[{"event": "account_status_change"}]')
    assert (event.touch, event.email, event.at, event.machine_open) == (None, "", None, None)


def test_milliseconds_are_recognized() -> None:
    (event,) = read_events(b'[{"event": "open", "timestamp": 1600112502000}]')
    assert event.at == datetime(2020, 9, 14, 19, 41, 42, tzinfo=UTC)


def test_what_is_no_event_is_left_out_and_the_rest_is_kept() -> None:
    assert [event.kind for event in read_events(b'[1, null, {}, {"event": 5}, {"event": "open"}]')] == ["open"]


@pytest.mark.parametrize("body", [b"", b"{", b"5", b'"x"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_list_of_events_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        read_events(body)


values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3)
keys = st.sampled_from(
    ["event", "email", "timestamp", "nurture_touch", "status", "reason", "url", "sg_event_id", "sg_machine_open"]
)


@given(st.lists(st.dictionaries(keys, values, max_size=4), max_size=3))
def test_any_types_can_be_read(entries: list[dict[str, Any]]) -> None:
    events = read_events(json.dumps(entries).encode())
    assert len(events) == sum(isinstance(entry.get("event"), str) for entry in entries)


def test_real_batches_can_be_read_and_real_signatures_hold() -> None:
    for file in sorted(SHARED.glob("*events*.json")) if SHARED.is_dir() else []:
        body = file.read_bytes()
        if isinstance(json.loads(body), list):
            read_events(body)
    for file in sorted(SHARED.glob("signed*.json")) if SHARED.is_dir() else []:
        vector = json.loads(file.read_bytes())
        body = vector["payload"].encode()
        assert verify_event(vector["public_key"], vector["signature"], vector["timestamp"], body)
        assert read_events(body)
