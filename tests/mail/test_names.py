"""What the DNS says of a mail domain: asked over the wire of a real name server, judged as receivers do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from nurture.adapters.mail.names import MailNames, key_problem
from nurture.domain.errors import UnreachableError
from nurture.domain.mail_domain import above, is_reserved, judge_dkim, judge_dmarc, judge_mx, judge_spf
from tests.web.house import PUBLIC

ZONE = {
    ("acme.com", "TXT"): ['"v=spf1 include:sendgrid.net ~all"', '"other=1"'],
    ("s1._domainkey.acme.com", "TXT"): ['"k=rsa; p=MIGf" "MA0"'],
    ("_dmarc.acme.com", "TXT"): ['"v=DMARC1; p=none"'],
    ("reply.acme.com", "MX"): ["20 backup.acme.com.", "10 mx.sendgrid.net."],
}


@contextmanager
def a_name_server(zone: Mapping[tuple[str, str], list[str]]) -> Iterator[tuple[str, int]]:
    """A name server on loopback that knows these records and no other name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, peer = wire.recvfrom(4096)
                if not data:
                    return
                query = dns.message.from_wire(data)
                asked = query.question[0]
                name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
                answer = dns.message.make_response(query)
                if rows := zone.get((name, kind)):
                    answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *rows))
                elif not any(known == name for known, _ in zone):
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                wire.sendto(answer.to_wire(), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address: tuple[str, int] = wire.getsockname()
        try:
            yield address
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", address)
            thread.join(5)


def test_records_are_read_whole_and_a_name_that_is_not_there_has_none() -> None:
    with a_name_server(ZONE) as server:
        names = MailNames(server)
        assert sorted(names.texts("acme.com")) == ["other=1", "v=spf1 include:sendgrid.net ~all"]  # a set, to DNS
        assert names.texts("s1._domainkey.acme.com") == ["k=rsa; p=MIGfMA0"]
        assert names.mail_hosts("reply.acme.com") == ["mx.sendgrid.net", "backup.acme.com"]
        assert names.texts("reply.acme.com") == []
        assert names.texts("nowhere.acme.com") == []


def test_a_dns_that_does_not_answer_is_said_to_be_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nurture.adapters.mail.names.PATIENCE", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match="does not answer"):
            MailNames(deaf.getsockname()).texts("acme.com")


@pytest.mark.parametrize(
    ("texts", "severity"),
    [
        (["v=spf1 include:sendgrid.net ~all"], "ok"),
        (["V=SPF1 -all"], "ok"),
        ([], "warning"),
        (["v=spf10 -all"], "warning"),
        (["v=spf1 -all", "v=spf1 ~all"], "error"),
        (["v=spf1 +all"], "error"),
        (["v=spf1 all"], "error"),
    ],
)
def test_spf_is_judged_as_a_receiver_does(texts: list[str], severity: str) -> None:
    assert judge_spf("acme.com", texts).severity == severity


@pytest.mark.parametrize(
    ("texts", "severity"),
    [
        (["v=DMARC1; p=none"], "ok"),
        (["v=DMARC1;p=reject;rua=mailto:a@b.example"], "ok"),
        ([], "warning"),
        (["google-site-verification=1"], "warning"),
        (["v=DMARC1; rua=mailto:a@b.example"], "error"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "error"),
    ],
)
def test_dmarc_is_judged_as_a_receiver_does(texts: list[str], severity: str) -> None:
    assert judge_dmarc("acme.com", texts).severity == severity


def test_a_revoked_dkim_key_is_none() -> None:
    assert judge_dkim("acme.com", [("s1", ["v=DKIM1; p="]), ("s2", [])]).severity == "warning"
    assert judge_dkim("acme.com", [("s1", []), ("s2", ["p=MIGf"])]).what == "acme.com has a DKIM key (s2)."


def test_answers_must_arrive_where_they_are_read() -> None:
    assert judge_mx("r.acme.com", ["mx.sendgrid.net."], sendgrid=True).severity == "ok"
    assert judge_mx("r.acme.com", ["mail.acme.com"], sendgrid=True).severity == "warning"
    assert judge_mx("r.acme.com", ["mail.acme.com"], sendgrid=False).severity == "ok"
    assert judge_mx("r.acme.com", ["."], sendgrid=False).severity == "error"  # RFC 7505: takes no mail


def test_a_record_of_a_domain_above_is_found_and_examples_are_known() -> None:
    assert list(above("news.mail.acme.com")) == ["news.mail.acme.com", "mail.acme.com", "acme.com"]
    assert [is_reserved(name) for name in ("acme.example", "a.test", "example.com", "acme.com")] == [
        *(True, True, True),
        False,
    ]


@pytest.mark.parametrize("key", ["abc", "", "-----BEGIN PUBLIC KEY-----", PUBLIC[:-8], "ÄÖ"])
def test_a_key_that_is_none_is_found_before_the_first_event_is_refused(key: str) -> None:
    assert key_problem(key)
    assert not key_problem(PUBLIC)
