"""Replies from an IMAP folder: as they came, marked when they are stored, and again after the server hung up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nurture.adapters.mail.imap import KEYWORD, ImapAccount, ImapMailbox
from nurture.domain.errors import UnreachableError
from tests.mail.imap_server import ImapServer, Stored
from tests.mail.servers import Certificate

PLAIN = b"From: ada@b.example\r\nSubject: Re: A guide\r\n\r\nSounds good.\r\n"
BROKEN = b"From: =?x-no?Q?=ff?=\r\nContent-Type: text/plain; charset=nothing\r\n\r\n\xff\xfe\x80 caf\xe9\r\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImapServer]:
    certificate = Certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    with ImapServer(certificate, mails=[Stored(PLAIN), Stored(BROKEN)]) as running:
        yield running


def mailbox(server: ImapServer, **over: object) -> ImapMailbox:
    values = {"username": server.user, "password": server.password, "port": server.port, "timeout": 5.0, **over}
    return ImapMailbox(ImapAccount("127.0.0.1", **values))  # type: ignore[arg-type]


def test_mails_come_as_they_are_until_they_are_stored(server: ImapServer) -> None:
    box = mailbox(server)
    fetched = list(box.fetch())
    assert [body for _, body in fetched] == [PLAIN, BROKEN]  # byte for byte, whatever is wrong in them
    assert [mail.flags for mail in server.mails] == [set(), set()]  # only looked at
    box.done(fetched[0][0])
    assert server.mails[0].flags == {KEYWORD, "\\Seen"}
    assert [body for _, body in box.fetch()] == [BROKEN]
    box.failed(fetched[1][0], "it is too large")
    assert list(box.fetch()) == []
    assert "\\Seen" not in server.mails[1].flags  # left for a person
    box.close()
    assert (server.logins, server.refused) == (1, [])


def test_a_server_that_hung_up_is_asked_again_the_next_time(server: ImapServer) -> None:
    box = mailbox(server)
    assert len(list(box.fetch())) == 2
    server.hang_up()
    with pytest.raises(UnreachableError):
        list(box.fetch())
    assert len(list(box.fetch())) == 2
    box.close()


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"folder": "Nowhere"}, {"port": 9}])
def test_an_account_that_cannot_be_read_says_where_to_look(server: ImapServer, wrong: dict[str, object]) -> None:
    box = mailbox(server, **wrong)
    with pytest.raises(UnreachableError, match=r"imap\.host"):
        list(box.fetch())
    box.close()


def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    box = mailbox(server)
    with pytest.raises(UnreachableError):
        list(box.fetch())
    assert server.logins == 0  # the password stayed here
