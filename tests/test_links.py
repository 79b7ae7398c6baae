"""Addresses are signed as the library that reads them would sign them: links of the past and of the future work."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from nurture.adapters.links import Seal, SignedLinks


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_a_seal_is_the_librarys_hmac(key: bytes, text: bytes) -> None:
    seal = Seal(key)
    assert [seal.on(text), seal.on(b""), seal.on(text)] == [
        hmac.digest(key, each, "sha256") for each in (text, b"", text)
    ]


plain = st.text(st.characters(min_codepoint=32, max_codepoint=126)) | st.integers()


@given(plain | st.lists(plain, max_size=3), st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_a_token_is_the_one_that_the_library_writes_and_reads(value: Any, keys: list[str]) -> None:
    links = SignedLinks("https://a.example", keys)
    derived = [hmac.digest(key.encode("utf-8"), b"nurture.u", "sha256") for key in keys]
    options = {"digest_method": hashlib.sha256, "key_derivation": "none"}
    library = URLSafeSerializer(derived, salt=b"nurture.u", signer_kwargs=options)
    # A long value is written compressed by the library; it reads both.
    token = links.token("u", value)
    assert token == library.dumps(value) or library.dumps(value).startswith(".")
    assert links.read("u", token) == library.loads(token) == value
    assert links.read("p", token) is None


@pytest.mark.parametrize("keys", [["a"], ["an older one", "a newer one"]])
def test_a_reply_address_names_its_touch_under_any_key(keys: list[str]) -> None:
    address = SignedLinks("https://a.example", keys).reply_to("t1", "r.example")
    assert SignedLinks("https://a.example", [*keys, "the newest"]).read_reply_to(address.upper()) == "t1"
    assert SignedLinks("https://a.example", ["another"]).read_reply_to(address) is None


def test_what_was_signed_in_the_past_is_signed_so_today() -> None:
    links = SignedLinks("https://a.example", ["a key for tests"])
    assert links.unsubscribe("t1") == "https://a.example/u/InQxIg.jq4BEe-c2raOIrrE8DelPjL-RtC9oHyAm_QqT_riRPo"
    assert links.reply_to("t1", "r.example") == "replies+t1.nxh2widv4rxnug57@r.example"
