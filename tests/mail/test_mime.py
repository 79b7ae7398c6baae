"""The mail writer, with the standard library's parser as the oracle."""

from __future__ import annotations

import email
import email.policy
import string
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nurture.adapters.mail.mime import mime
from nurture.domain.message import MessageError, _by_parts, ascii_address, message_id_for
from tests.mail.messages import NOON, a_message

# What a header can hold: no line ends and no half characters. The parser cannot read back some invisible ones.
not_in_headers: Final = ("Cs", "Cc", "Zl", "Zp")
characters = st.characters(exclude_categories=not_in_headers)
one_line = st.text(characters, min_size=1, max_size=300).filter(lambda text: bool(text.strip()))
bodies = st.text(
    st.one_of(st.sampled_from(" .=\t\n\r-äé漢😀"), st.characters(codec="utf-8", exclude_characters="\0")),
    min_size=1,
    max_size=2000,
).filter(lambda text: bool(text.strip()))
local_parts = st.text(string.ascii_letters + string.digits + "+-_", min_size=1, max_size=64)


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def content(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return lines_of(payload.decode("utf-8"))


@given(subject=one_line, to_name=one_line, from_name=one_line, local=local_parts, extra=one_line)
@example(subject="=?utf-8?q?x?= <b>", to_name='Doe, "Jane" \\ (x)', from_name=" a  b ", local="a", extra="<x>, <y>")
@example(subject="word " * 60, to_name="x" * 300, from_name="..", local="a" * 64, extra="y" * 500)
def test_headers_are_read_back_as_they_were_written(
    subject: str, to_name: str, from_name: str, local: str, extra: str
) -> None:
    subject = subject[:900]
    message = a_message(
        subject=subject, to_name=to_name, from_name=from_name, to=f"{local}@x.example", headers=(("X-Extra", extra),)
    )
    raw = mime(message)
    mail, older = parsed(raw), email.message_from_bytes(raw)
    assert mail["Subject"] == subject.strip()
    assert mail["X-Extra"] == extra.strip()
    for header, name, address in (
        ("To", to_name, message.to),
        ("From", from_name, message.from_email),
        ("Reply-To", "", message.reply_to),
    ):
        # Not `addresses` of the newer parser: up to Python 3.12 it puts spaces between the encoded words of a name.
        written_name, written_address = parseaddr(older[header])
        assert (str(make_header(decode_header(written_name))), written_address) == (name.strip(), address)


@given(text=bodies, html=bodies)
@example(text=".\n..\n.\r\n", html="x" * 5000)
@example(text="trailing \t \nspaces  ", html="漢字" * 400)
@example(text="From me\nx", html="a" * 901 + "\n" + "b" * 900)
@example(text="--=_t1--\r\n--=_t1\n=_t1", html="From me\n=3D=\n=")
def test_bodies_are_read_back_as_they_were_written(text: str, html: str) -> None:
    mail = parsed(mime(a_message(text=text, html=html)))
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert content(mail, "plain") == lines_of(text)
    assert content(mail, "html") == lines_of(html)
    assert not mail.defects


@given(subject=one_line, name=one_line, text=bodies)
@example(subject="s", name="n", text="x" * 2000)
@example(subject="s", name="n", text=".")
def test_every_line_is_short_seven_bit_and_does_not_start_with_a_dot(subject: str, name: str, text: str) -> None:
    raw = mime(a_message(subject=subject[:900], to_name=name, text=text))
    assert raw.isascii()
    for line in raw.split(b"\r\n"):
        assert len(line) <= 78 or (line.decode() in text and len(line) <= 900)
        assert b"\r" not in line
        assert b"\n" not in line
        assert not line.startswith(b".")


def test_a_mail_says_who_it_is_from_and_how_to_leave() -> None:
    mail = parsed(mime(a_message()))
    assert mail["Message-ID"] == "<t1@vendor.example>"
    assert mail["Date"].datetime == NOON
    assert mail["List-Unsubscribe"] == "<https://vendor.example/u/t1>, <mailto:stop+t1@reply.vendor.example>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "<news.vendor.example>"
    assert mail["Auto-Submitted"] == "no"
    assert mail["MIME-Version"] == "1.0"


def test_a_long_unsubscribe_address_is_never_broken() -> None:
    url = "https://vendor.example/u/" + "x" * 800
    raw = mime(a_message(unsubscribe_url=url))
    assert f"<{url}>".encode() in raw
    assert parsed(raw)["List-Unsubscribe"].startswith(f"<{url}>, <mailto:")


def test_every_attempt_is_the_same_mail() -> None:
    assert mime(a_message(attempt=1)) == mime(a_message(attempt=2))


def test_a_domain_outside_ascii_travels_in_ascii() -> None:
    (box,) = parsed(mime(a_message(to="ada@bücher.example")))["To"].addresses
    assert box.addr_spec == "ada@xn--bcher-kva.example"
    assert message_id_for("t1", "bücher.example") == "<t1@xn--bcher-kva.example>"


@pytest.mark.parametrize("bad", ["\r\nBcc: x@y.example", "\n", "\r", "\0", "\ud800"])
@pytest.mark.parametrize("field", ["subject", "to_name", "from_name", "to", "reply_to", "list_id", "unsubscribe_url"])
def test_a_value_that_could_start_a_header_is_refused(field: str, bad: str) -> None:
    with pytest.raises(MessageError) as refused:
        a_message(**{field: f"x{bad}y"})
    assert refused.value.exit_code == 2
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"subject": " "}, "subject is empty"),
        ({"text": "\n"}, "text part is empty"),
        ({"html": "a\0b"}, "html part has a character"),
        ({"to": "no-address"}, "'to' is not a usable"),
        ({"to": "a@b.example, c@d.example"}, "'to' is not a usable"),
        ({"headers": (("Bcc", "x@y.example"),)}, "written by the mailer"),
        ({"headers": (("X-A", "1"), ("x-a", "2"))}, "given twice"),
        ({"headers": (("X A", "1"),)}, "not a header name"),
        ({"headers": (("X-A", "1\n2"),)}, "line break"),
        ({"touch": "../../etc"}, "touch id"),
        ({"message_id": "bare-guid"}, "Message-ID"),
        ({"at": NOON.replace(tzinfo=None)}, "time zone"),
    ],
)
def test_a_message_that_cannot_be_sent_says_why(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(MessageError, match=says):
        replace(a_message(), **changes)


label = st.sampled_from(["a", "Ab1", "-a", "a-", "a--b", "a-b", "", "b\u00fccher", "_dmarc", "x" * 64, "xn--bcher-kva"])
words = st.lists(st.sampled_from(["a", "A1", "a+b", "_", "-", "", "o'neil", "\u00e9", "a b", "x" * 60]), max_size=3)


@example(["replies+01jdx2.nxh2widv4rxnug57"], ["reply", "acme", "example"])
@given(words, st.lists(label, max_size=5))
def test_an_address_that_is_known_at_a_glance_follows_the_rules(local: list[str], domain: list[str]) -> None:
    address = ".".join(local) + "@" * (len(domain) != 1) + ".".join(domain)
    assert ascii_address(address) == _by_parts(address)


def test_all_problems_of_a_message_are_named_at_once() -> None:
    with pytest.raises(MessageError) as refused:
        a_message(subject="", text="", to="x")
    assert len(refused.value.problems) == 3
