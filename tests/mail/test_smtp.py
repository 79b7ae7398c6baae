"""The SMTP mailer against a server that misbehaves in every phase."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.mail.mime import mime
from nurture.adapters.mail.smtp import SmtpMailer, dots_doubled
from nurture.domain.errors import RequestError
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes
from tests.mail.messages import a_message
from tests.mail.servers import Certificate, SmtpServer
from tests.mail.test_mailers import boottime

BEFORE_THE_RECIPIENT = ("banner", "ehlo", "starttls", "auth", "mail")
REFUSABLE = (*BEFORE_THE_RECIPIENT, "rcpt", "data", "dot")
SILENCES = ("drop", "reset", "stall")
LARGE = 6_000_000  # more than the buffers between client and server: the dot waits behind it


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


@contextmanager
def mailer_for(server: SmtpServer, **settings: Any) -> Iterator[SmtpMailer]:
    values: dict[str, Any] = {"tls": server.tls, "timeout": 20.0, "helo": "tests.example", "boottime": boottime}
    if server.password:
        values |= {"username": "user", "password": server.password}
    if server.certificate is not None:
        values |= {"context": server.certificate.for_client()}
    mailer = SmtpMailer("127.0.0.1", server.port, **(values | settings))
    yield mailer
    mailer.close()


def verdict_on(server: SmtpServer, *, size: int = 100, **settings: Any) -> Verdict:
    """What the mailer says about one message; then the fault goes, and a second message must arrive."""
    message = a_message("t1", text="0123456789abcde\n" * (size // 16))
    with server, mailer_for(server, **settings) as mailer:
        ((_, verdict),) = mailer.send([message], deadline=boottime() + 30)
        server.faults.clear()
        with mailer_for(server) as patient:  # the first one may be too hasty for a busy machine
            ((_, second),) = (mailer if "timeout" not in settings else patient).send(
                [a_message("t2")], deadline=boottime() + 30
            )
    assert isinstance(second, Yes)
    return verdict


@pytest.mark.parametrize(("phase", "code"), list(product(REFUSABLE, ("421", "450", "550"))))
def test_a_refusal_is_judged_by_its_phase(phase: str, code: str, certificate: Certificate) -> None:
    server = SmtpServer(tls="starttls", certificate=certificate, password="pw", faults={phase: f"{code} no"})
    verdict = verdict_on(server)
    expected = Again if code < "500" else ChannelDown if phase in BEFORE_THE_RECIPIENT else Never
    assert isinstance(verdict, expected)
    assert phase.upper() in verdict.because
    assert len(server.mails) == 1


@pytest.mark.parametrize(("phase", "silence"), list(product((*BEFORE_THE_RECIPIENT, "rcpt", "data"), SILENCES)))
def test_no_answer_before_the_content_may_be_tried_again(phase: str, silence: str, certificate: Certificate) -> None:
    server = SmtpServer(tls="starttls", certificate=certificate, password="pw", faults={phase: silence})
    assert isinstance(verdict_on(server, timeout=0.3), Again)
    assert len(server.mails) == 1


@pytest.mark.parametrize("silence", ["drop", "reset"])
def test_a_connection_lost_while_the_dot_was_certainly_not_written_may_be_tried_again(silence: str) -> None:
    assert isinstance(verdict_on(SmtpServer(faults={"content": silence}), size=LARGE), Again)


@pytest.mark.parametrize("silence", SILENCES)
def test_no_answer_after_the_dot_is_a_maybe(silence: str) -> None:
    server = SmtpServer(faults={"dot": silence})
    assert isinstance(verdict_on(server, timeout=0.3), Maybe)
    assert len(server.mails) == 2  # it was taken all the same


def test_a_server_that_is_not_there_may_be_tried_again() -> None:
    with SmtpServer() as server:
        pass
    with mailer_for(server) as mailer:
        ((_, verdict),) = mailer.send([a_message()], deadline=boottime() + 30)
    assert isinstance(verdict, Again)


def test_a_server_without_encryption_is_never_spoken_to_in_the_clear(certificate: Certificate) -> None:
    server = SmtpServer(certificate=certificate)
    with server, mailer_for(server, tls="starttls") as mailer:
        ((_, verdict),) = mailer.send([a_message()], deadline=boottime() + 30)
    assert isinstance(verdict, ChannelDown)
    assert server.mails == []


def test_a_stranger_with_a_certificate_of_his_own_gets_no_mail(certificate: Certificate, tmp_path: Path) -> None:
    server = SmtpServer(tls="tls", certificate=Certificate.make(tmp_path))
    with server, mailer_for(server, context=certificate.for_client()) as mailer:
        ((_, verdict),) = mailer.send([a_message()], deadline=boottime() + 30)
    assert isinstance(verdict, Again)
    assert server.mails == []


def test_a_wrong_password_is_a_problem_of_the_channel(certificate: Certificate) -> None:
    server = SmtpServer(tls="tls", certificate=certificate, password="right")
    with server, mailer_for(server, password="wrong") as mailer:
        ((_, verdict),) = mailer.send([a_message()], deadline=boottime() + 30)
    assert isinstance(verdict, ChannelDown)
    assert "wrong" not in verdict.because.replace("535: wrong", "")


def test_the_mail_arrives_as_it_was_written_with_its_own_bounce_address(certificate: Certificate) -> None:
    message = a_message(text=".\n..\nGrüße\n", html="<p>x</p>\n" * 500)
    server = SmtpServer(tls="tls", certificate=certificate, password="pw")
    with server, mailer_for(server) as mailer:
        ((_, verdict),) = mailer.send([message], deadline=boottime() + 30)
    (mail,) = server.mails
    assert verdict == Yes("queued as 1")
    assert (mail.sender, mail.recipient) == ("bounces+t1@reply.vendor.example", "t1@customer.example")
    assert (mail.encrypted, mail.user) == (True, "user")
    assert mail.content == mime(message)
    assert email.message_from_bytes(mail.content, policy=email.policy.default)["Subject"] == message.subject


def test_connections_are_reused_up_to_their_limit() -> None:
    server = SmtpServer()
    with server, mailer_for(server, workers=1, per_connection=4) as mailer:
        list(mailer.send([a_message(f"t{number}") for number in range(10)], deadline=boottime() + 30))
    assert server.connections == [4, 4, 2]


def test_no_more_connections_are_open_than_there_are_workers() -> None:
    server = SmtpServer()
    with server, mailer_for(server, workers=3, per_connection=100) as mailer:
        list(mailer.send([a_message(f"t{number}") for number in range(30)], deadline=boottime() + 30))
    assert len(server.connections) <= 3
    assert sum(server.connections) == 30


def test_a_connection_that_the_server_closed_meanwhile_costs_nothing() -> None:
    server = SmtpServer()
    with server, mailer_for(server, workers=1) as mailer:
        list(mailer.send([a_message("t1")], deadline=boottime() + 30))
        server.hang_up()
        ((_, verdict),) = mailer.send([a_message("t2")], deadline=boottime() + 30)
    assert isinstance(verdict, Yes)


def test_a_refused_recipient_does_not_spoil_the_connection_for_the_next() -> None:
    server = SmtpServer(faults={"rcpt": "550 nobody"})
    assert isinstance(verdict_on(server, workers=1), Never)
    assert len(server.connections) == 1


def test_a_mail_larger_than_the_server_takes_is_refused_before_it_is_sent() -> None:
    server = SmtpServer(extensions=["SIZE 5000"])
    verdict = verdict_on(server, size=10_000)
    assert isinstance(verdict, Never)
    assert "5000" in verdict.because


def test_a_process_that_froze_before_the_content_does_not_send_it() -> None:
    times = iter([59.0, 59.0])  # when the wait is set up, when the attempt starts; then the clock has jumped
    server = SmtpServer()
    with server, mailer_for(server, boottime=lambda: next(times, 62.0), timeout=30.0) as mailer:
        ((_, verdict),) = mailer.send([a_message()], deadline=90.0)
    assert isinstance(verdict, Again)
    assert "too little time" in verdict.because or "out of time" in verdict.because
    assert server.connections == [0]


def test_a_dot_at_the_start_of_a_line_is_doubled_on_the_way() -> None:
    assert dots_doubled(b".\r\n.a\r\nb.\r\n..\r\n") == b"..\r\n..a\r\nb.\r\n...\r\n"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"host": ""}, "smtp.host"),
        ({"tls": "ssl"}, "starttls"),
        ({"tls": "none", "username": "u", "password": "p"}, "in the clear"),
        ({"username": "u", "password": "pä"}, "ASCII"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings: dict[str, Any], says: str) -> None:
    values: dict[str, Any] = {"host": "mail.example", "port": 25, "boottime": boottime}
    with pytest.raises(RequestError, match=says) as refused:
        SmtpMailer(**(values | settings))
    assert "pä" not in str(refused.value)
