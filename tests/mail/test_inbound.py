"""Mail as strangers send it, broken ones included: read without an error, the new text apart from the quote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.adapters.mail import inbound
from nurture.adapters.mail.inbound import EmailReader
from nurture.adapters.mail.new_text import new_text, text_of_html
from nurture.domain.classify import judge
from nurture.domain.response import Bounce, Kind

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
READER = EmailReader()
TODAY = date(2026, 11, 24)
OUR_FOOTER = "You get this because you asked for it. Unsubscribe: https://go.example.com/u/x"

QUOTED = {
    "en": f"Sounds good.\n\nOn Tue, 24 Nov 2026 at 10:00, Dana <dana@acme.example> wrote:\n> A guide\n> {OUR_FOOTER}\n",
    "de": f"Klingt gut.\n\nAm 24.11.2026 um 10:00 schrieb Dana <dana@acme.example>:\n> {OUR_FOOTER}\n",
    "de, Outlook": "Klingt gut.\n\nVon: Dana <dana@acme.example>\n"
    f"Gesendet: Dienstag, 24. November 2026\nAn: Ada\n\n{OUR_FOOTER}",
    "fr": f"Très bien.\n\nLe mar. 24 nov. 2026 à 10:00, Dana <dana@acme.example> a écrit :\n> {OUR_FOOTER}\n",
    "es": f"Muy bien.\n\nEl mar, 24 nov 2026 a las 10:00, Dana (<dana@acme.example>) escribió:\n> {OUR_FOOTER}\n",
    "it": f"Va bene.\n\nIl giorno mar 24 nov 2026 alle ore 10:00 Dana <d@a.example> ha scritto:\n> {OUR_FOOTER}\n",
    "nl": f"Klinkt goed.\n\nOp di 24 nov. 2026 om 10:00 schreef Dana <dana@acme.example>:\n> {OUR_FOOTER}\n",
    "pt": f"Muito bem.\n\nEm ter., 24 de nov. de 2026 às 10:00, Dana <dana@acme.example> escreveu:\n> {OUR_FOOTER}\n",
    "original message": f"Fine.\n\n-----Original Message-----\nFrom: Dana\nSent: Tuesday\n\n{OUR_FOOTER}",
}


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_the_quote_with_our_own_footer_is_cut_off(text: str) -> None:
    own = new_text(text)
    assert own == text.split("\n")[0]


def test_a_reply_that_only_quotes_has_no_new_text() -> None:
    assert new_text(f"On Tue, 24 Nov 2026, Dana <d@a.example> wrote:\n> A guide\n> {OUR_FOOTER}\n") == ""
    assert new_text(f"> {OUR_FOOTER}\n") == ""
    assert new_text("") == ""


def test_an_answer_below_the_quote_is_found() -> None:
    text = "On Tue, 24 Nov 2026, Dana <d@a.example> wrote:\n> A guide\n> Unsubscribe\n\nCall me tomorrow.\n"
    assert new_text(text) == "Call me tomorrow."


def test_quotes_in_html_are_marked_and_scripts_left_out() -> None:
    html = "<style>p{}</style><p>Yes &amp; no</p>"
    html += '<div class="gmail_quote">On Tue Dana wrote:<blockquote>Unsubscribe</blockquote></div>'
    assert text_of_html(html).startswith("Yes & no")
    assert new_text(text_of_html(html)) == "Yes & no"


def test_a_mail_is_read_into_plain_values() -> None:
    mail = EmailMessage()
    mail["From"] = "Ada Lövelace <Ada@Engines.example>"
    mail["To"] = "replies+x.y@reply.acme.example"
    mail["Subject"] = "Re: Größe"
    mail["Message-ID"] = "<1@engines.example>"
    mail["In-Reply-To"] = "<t@acme.example>"
    mail["References"] = "<a@acme.example> <t@acme.example>"
    mail["Date"] = "Tue, 24 Nov 2026 10:00:00 +0100"
    mail.set_content("Tell me more — Ada")
    mail.add_attachment(b"PK" + b"\0" * 1000, maintype="application", subtype="zip", filename="bomb.zip")
    read = READER.read(mail.as_bytes(), envelope_to=["other@reply.acme.example"])
    assert (read.sender, read.sender_name, read.subject) == ("ada@engines.example", "Ada Lövelace", "Re: Größe")
    assert read.recipients == ("other@reply.acme.example", "replies+x.y@reply.acme.example")
    assert (read.message_id, read.in_reply_to) == ("<1@engines.example>", ("<t@acme.example>",))
    assert read.references == ("<a@acme.example>", "<t@acme.example>")
    assert read.at == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert read.new_text == "Tell me more — Ada"
    assert [kind for kind, _ in read.parts] == ["text/plain", "application/zip"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0",
        b"From: =?x-nothing?q?a?= <a@b.example>\nContent-Type: text/plain; charset=nothing\n\n\xe4\xf6",
        b"From: a@b.example\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"From: a@b.example\nDate: never\nContent-Type: multipart/mixed\n\nno boundary",
        b"Content-Type: message/rfc822\n\n" * 3000,
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(400)),
        b"From: " + b"<" * 50_000,
        b"To: " + b"a@b.example, " * 20_000 + b"\n\nHi",
        b"Subject: x\n\n" + b"On " * 50_000 + b"wrote:",
        b"Subject: x\n\n" + b"> " * 100_000,
        b"Content-Type: text/html\n\n" + b"<div>" * 100_000,
        b"Content-Type: message/delivery-status\n\nAction\n\nStatus: \xff",
        b"Content-Type: text/calendar; method=REPLY\n\nMETHOD:REPLY",
    ],
)
def test_broken_and_hostile_mail_is_read_without_an_error(raw: bytes) -> None:
    read = READER.read(raw)
    assert len(read.key) == 64
    assert "\0" not in f"{read.text}{read.subject}{read.sender}"
    judge(read, TODAY)


@pytest.mark.parametrize(
    "raw",
    [
        b'Content-Type: text/plain; a="' + b";" * 60_000,
        b'Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Disposition: inline; a="' + b";" * 60_000,
        b"Content-Type: text/plain; charset=punycode\n\n" + b"x" * 400_000,
        b"Subject: =?punycode?q?" + b"x" * 400_000 + b"?=\n\nHi",
        b"Content-Type: multipart/form-data; boundary=q\n\n"
        b'--q\nContent-Disposition: form-data; name=charsets\n\n{"text": "punycode"}\n'
        b"--q\nContent-Disposition: form-data; name=text\n\n" + b"x" * 400_000 + b"\n--q--",
        b"a:b\n" * 60_000 + b"\nHi",
        b"Content-Type: multipart/report; boundary=q\n\n--q\nContent-Type: message/delivery-status\n\n"
        + b"a: b\n\n" * 30_000,
        b"Content-Type: text/html\n\n" + b"<!--" * 50_000,
        b"Content-Type: text/html\n\n" + b"<?" * 100_000,
        b"Content-Type: text/html\n\n" + b"</" * 100_000,
    ],
    ids=[
        *("parameters", "parameters of a part", "a charset of no mail", "one of a header", "one of a form"),
        *("headers", "blocks", "comments", "instructions", "ends"),
    ],
)
def test_what_is_written_to_take_long_is_read_in_under_a_second(raw: bytes) -> None:
    begun = time.process_time()
    READER.read(raw)
    assert time.process_time() - begun < 1


HEADS = [
    *(
        b"From: Ann <a@b.example>",
        b"From: =?utf-16?q?=ff=fe?= <a@>",
        b"From:",
        b'Cc: "a\\" <b',
        b"To: g: a@b.example, c;",
    ),
    *(
        b"Date: Tue, 99 Foo 99999 25:61:61 +9999",
        b"Date: Tue, 03 Mar 2026 08:00:00 -2399",
        b"Message-ID: <",
        b"No colon",
    ),
    *(
        b"Subject: =?big5?b?////?=",
        b"Subject: Out of office until 31.02.2026",
        b"Auto-Submitted: auto-replied",
        b" more",
    ),
    *(b"X-Failed-Recipients: a@b.example", b"Content-Type: multipart/report; boundary=q", b"Content-Type: /"),
    *(b"Content-Type: multipart/alternative; boundary=q", b"Content-Type: message/rfc822", b"Content-Type: text/html"),
    *(b"Content-Type: message/delivery-status", b"Content-Type: text/calendar; method=REPLY"),
    *(b"Content-Type: message/feedback-report", b'Content-Type: text/plain; charset="utf-7'),
    *(b"Content-Type: text/plain; charset=rot13", b"Content-Disposition: inline; filename*0*=utf-8''%ff; filename*1=x"),
    *(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable"),
    *(b"Content-Transfer-Encoding: x-uuencode", b"Content-Type: multipart/form-data; boundary=q"),
]
LINES = [
    *(
        b"--q",
        b"--q--",
        b"",
        b"Action: failed",
        b"Status: 5.1.1",
        b"Status: 4.x.x",
        b"Final-Recipient: rfc822; a@b.example",
    ),
    *(
        b"Original-Recipient: ;",
        b"Diagnostic-Code: smtp; 550",
        b"Feedback-Type: abuse",
        b"=ZZ=",
        b"!!!!",
        b"begin 644 x",
    ),
    *(
        b"Back on 31 February.",
        b"until 30.2.",
        b"31.12.0001",
        b"1.1.10000",
        b"in 99999999999 weeks",
        b"in Q5",
        b"September",
    ),
    *("in ² weeks".encode(), "３月３日".encode(), "²⁵.12.".encode(), b"after our fiscal year starts", b"unsubscribe"),
    *(
        b"On Tue, Ann wrote:",
        b"> a",
        b"<blockquote>",
        b"<style>",
        b"<!--",
        b"<![CDATA[",
        b"&#xD800;",
        b"&#99999999999;",
    ),
    *(
        b"\0",
        b"\xff",
        b"no longer with us, write to b@c.example",
        b"DTSTART;TZID=Nowhere/X:20260230T250000",
        b"METHOD:REPLY",
    ),
]
pieces = st.lists(st.sampled_from(HEADS) | st.sampled_from(LINES) | st.binary(max_size=20), max_size=16)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(HEADS), max_size=6), pieces)
def test_whatever_a_mail_is_made_of_it_is_read_without_an_error(heads: list[bytes], body: list[bytes]) -> None:
    read = READER.read(b"\n".join([*heads, b"", *body]))
    assert "\0" not in f"{read.text}{read.subject}{read.sender}"
    judge(read, TODAY)


def test_of_a_mail_without_end_only_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "MOST_BYTES", 2_000)
    monkeypatch.setattr(inbound, "MOST_TEXT", 50)
    mail = EmailMessage()
    mail["From"] = "ada@engines.example"
    mail.set_content("Tell me more.\n" * 10)
    mail.add_attachment(b"\0" * 100_000, maintype="application", subtype="zip", filename="bomb.zip")
    read = READER.read(mail.as_bytes())
    assert (read.new_text[:13], len(read.text)) == ("Tell me more.", 50)
    assert sum(size for _, size in read.parts) < 2_000


def test_a_form_in_parsed_mode_is_read_like_the_mail_it_was() -> None:
    form = (
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="headers"\r\n\r\n'
        b"From: Ada <ada@b.example>\nMessage-ID: <1@b.example>\nSubject: Re: A\nContent-Type: text/html\r\n"
        b'--x\r\nContent-Disposition: form-data; name="envelope"\r\n\r\n'
        b'{"to":["replies+a.b@r.example"],"from":"ada@b.example"}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="charsets"\r\n\r\n{"text":"iso-8859-1"}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nGr\xfc\xdfe\r\n--x--\r\n'
    )
    read = READER.read(form)
    assert (read.sender, read.message_id, read.new_text) == ("ada@b.example", "<1@b.example>", "Grüße")
    assert read.recipients == ("replies+a.b@r.example",)


def test_a_form_with_nothing_but_html_is_read_in_its_own_charset() -> None:
    fields = {
        "headers": "From: Ada <ada@b.example>\nSubject: Re: A\n",
        "charsets": '{"html": "shift_jis"}',
        "html": "<p>資料をください</p><blockquote>Unsubscribe</blockquote>",
    }
    form = b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    for name, value in fields.items():
        form += f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        form += value.encode("shift_jis") + b"\r\n"
    assert READER.read(form + b"--x--\r\n").new_text == "資料をください"


def corpus(folder: str) -> Iterator[tuple[Path, bytes]]:
    """The real samples where they are present; texts alone get the head of a mail."""
    for path in sorted((DATA / folder).rglob("*")) if (DATA / folder).exists() else []:
        if path.is_file():
            raw = path.read_bytes()
            kind = b"html" if path.suffix == ".html" else b"plain"
            head = b"From: a@b.example\nSubject: Re: x\nContent-Type: text/" + kind + b"; charset=utf-8\n\n"
            yield path, raw if path.suffix == ".eml" or folder == "bounces" else head + raw


# Reports in the corpus that say, read by a person, something else than that an address does not exist.
NOT_HARD = [
    "delayed",
    "delayed-broken",
    "mailbox-full",
    "no-mx",
    "dsn_02",
    "dsn_03",
    "dsn_05",
    "dsn_06",
    "dsn_07",
    "dsn_08",
    "dsn_09",
    "dsn_17",
    "simple_03",
    "simple_21",
    "simple_28",
    "simple_35",
    "simple_38",
    "simple_40",
    "simple_42",
    "hotpop_01",
    "newmailru_01",
    "qmail_02",
    "qmail_06",
    "qmail_07",
    "simple_07",
    "simple_09",
    "yahoo_02",
    "yahoo_04",
    "report_422",
    "aol",
    "yahoo",
    "sendmail_01",
    "simple_44",
]
HARD = [
    "office365",
    "zed",
    "dsn_11",
    "dsn_12",
    "dsn_13",
    "dsn_14",
    "dsn_15",
    "exim_01",
    "postfix_01",
    "qmail_03",
    "qmail_04",
    "simple_08",
    "simple_25",
]


def test_hard_bounces_of_the_corpus_are_proved_by_a_code_or_words() -> None:
    judged = {path.stem: judge(READER.read(raw), TODAY) for path, raw in corpus("bounces")}
    hard = {name for name, verdict in judged.items() if verdict.bounce is Bounce.HARD}
    wrong = hard & set(NOT_HARD)
    assert len(wrong) <= 0.02 * len(hard)
    assert not wrong
    assert {name for name in HARD if name in judged} <= hard


def test_no_human_reply_of_the_corpus_is_taken_for_a_machine() -> None:
    lost = [path.name for path, raw in corpus("replies") if judge(READER.read(raw), TODAY).kind is not Kind.REPLY]
    assert lost == []


def test_inbound_samples_of_the_provider_are_read() -> None:
    for _, raw in corpus("sendgrid_inbound"):
        judge(READER.read(raw), TODAY)
