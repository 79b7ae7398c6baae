"""One suite for every mailer: what the port promises, against real servers and real files."""

from __future__ import annotations

import email
import email.policy
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from nurture.adapters.mail.outbox import Outbox
from nurture.adapters.mail.sendgrid import SendGridMailer
from nurture.adapters.mail.smtp import SmtpMailer
from nurture.domain.message import Message
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes
from tests.mail.messages import a_message
from tests.mail.servers import Certificate, SendGridDouble, SmtpServer

PATIENT = 20.0  # seconds for one message: a busy machine must not decide a test
IMPATIENT = 0.4


def boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class AnyMailer(Protocol):
    name: str

    def send(self, messages: list[Message], *, deadline: float) -> Iterator[tuple[str, Verdict]]: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class Rig:
    """A mailer and the far end it hands mail to."""

    mailer: AnyMailer
    received: Callable[[], list[str]]  # the touches, one for each copy
    refuse: Callable[[], type[Verdict]]  # from now on; with the verdict it must give
    stall: Callable[[], None]

    def send(self, *messages: Message, within: float = 30.0) -> dict[str, Verdict]:
        return dict(self.mailer.send(list(messages), deadline=boottime() + within))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


def outbox_rig(folder: Path) -> Rig:
    def refuse() -> type[Verdict]:
        folder.rmdir()
        folder.write_text("a file where the folder should be")
        return ChannelDown

    folder.mkdir()
    return Rig(
        Outbox(folder, boottime=boottime, durable=False),
        received=lambda: [each.stem for each in folder.glob("*")],
        refuse=refuse,
        stall=lambda: None,  # files do not stall
    )


def smtp_rig(server: SmtpServer, certificate: Certificate, timeout: float) -> Rig:
    def refuse() -> type[Verdict]:
        server.faults["rcpt"] = "550 nobody here"
        return Never

    mailer = SmtpMailer(
        "127.0.0.1",
        server.port,
        boottime=boottime,
        tls=server.tls,  # type: ignore[arg-type]
        username="user",
        password=server.password,
        timeout=timeout,
        context=certificate.for_client(),
        helo="tests.example",
    )
    return Rig(
        mailer,
        received=lambda: [mail.recipient.partition("@")[0] for mail in server.mails],
        refuse=refuse,
        stall=lambda: server.faults.update(dot="stall"),
    )


def sendgrid_rig(double: SendGridDouble, certificate: Certificate, timeout: float) -> Rig:
    def fault(kind: str) -> None:
        double.fault = kind

    def refuse() -> type[Verdict]:
        fault("413")
        return Never

    mailer = SendGridMailer(
        double.key, boottime=boottime, host=double.url, timeout=timeout, trusted=certificate.certificate
    )
    return Rig(mailer, received=lambda: double.touches, refuse=refuse, stall=lambda: fault("stall"))


@contextmanager
def a_rig(kind: str, *, certificate: Certificate, folder: Path, timeout: float) -> Iterator[Rig]:
    provider, _, tls = kind.partition("-")
    with ExitStack() as stack:
        if provider == "outbox":
            made = outbox_rig(folder / "outbox")
        elif provider == "smtp":
            server = SmtpServer(tls=tls or "none", certificate=certificate, password="secret")
            made = smtp_rig(stack.enter_context(server), certificate, timeout)
        else:
            double = SendGridDouble(certificate=certificate if tls else None)
            made = sendgrid_rig(stack.enter_context(double), certificate, timeout)
        stack.callback(made.mailer.close)
        yield made


SERVERS = ["smtp", "smtp-starttls", "smtp-tls", "sendgrid", "sendgrid-tls"]


@pytest.fixture(params=["outbox", *SERVERS])
def rig(request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate) -> Iterator[Rig]:
    with a_rig(str(request.param), certificate=certificate, folder=tmp_path, timeout=PATIENT) as made:
        yield made


def test_every_message_gets_one_yes_and_arrives_once(rig: Rig) -> None:
    messages = [a_message(f"t{number}") for number in range(50)]
    answers = list(rig.mailer.send(messages, deadline=boottime() + 30))
    assert sorted(touch for touch, _ in answers) == sorted(message.touch for message in messages)
    assert {type(verdict) for _, verdict in answers} == {Yes}
    assert sorted(rig.received()) == sorted(message.touch for message in messages)


def test_no_messages_get_no_verdicts(rig: Rig) -> None:
    assert rig.send() == {}


def test_a_mailer_can_be_used_again_and_again(rig: Rig) -> None:
    for number in range(3):
        assert isinstance(rig.send(a_message(f"t{number}"))[f"t{number}"], Yes)
    assert len(rig.received()) == 3


def test_names_subjects_and_bodies_may_be_in_any_script(rig: Rig) -> None:
    message = a_message(
        subject="Größe 漢字 😀",
        to_name='Доу, "Jane"',
        html="<p>Größe\n.\n..</p>",
        text=".\nГрёза\n..\n",
        to="t1@bücher.example",
    )
    assert isinstance(rig.send(message)["t1"], Yes)


def test_a_refusal_is_the_verdict_of_each_message(rig: Rig) -> None:
    expected = rig.refuse()
    answers = rig.send(a_message("t1"), a_message("t2"))
    assert {type(verdict) for verdict in answers.values()} == {expected}


def test_nothing_begins_after_the_deadline(rig: Rig) -> None:
    answers = rig.send(a_message("t1"), a_message("t2"), within=-1)
    assert {type(verdict) for verdict in answers.values()} == {Again}
    assert rig.received() == []


def test_a_caller_who_stops_listening_does_no_harm(rig: Rig) -> None:
    answers = rig.mailer.send([a_message("t1"), a_message("t2")], deadline=boottime() + 30)
    next(answers)
    del answers
    assert isinstance(rig.send(a_message("t3"))["t3"], Yes)
    assert len(set(rig.received())) == len(rig.received())


@pytest.mark.parametrize("rig", SERVERS, indirect=True)
def test_who_finishes_begins_nothing(rig: Rig) -> None:
    rig.mailer.finish()
    assert {type(verdict) for verdict in rig.send(a_message("t1"), a_message("t2")).values()} == {Again}
    assert rig.received() == []


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_never_answers_leaves_a_maybe_in_time(
    kind: str, tmp_path: Path, certificate: Certificate
) -> None:
    with a_rig(kind, certificate=certificate, folder=tmp_path, timeout=IMPATIENT) as rig:
        rig.stall()
        started = boottime()
        answers = rig.send(a_message("t1"), a_message("t2"), within=IMPATIENT + 0.3)
        assert boottime() - started < IMPATIENT + 1
    assert {type(verdict) for verdict in answers.values()} == {Maybe}


def test_a_second_attempt_does_not_make_a_second_file(tmp_path: Path) -> None:
    rig = outbox_rig(tmp_path / "outbox")
    assert isinstance(rig.send(a_message(attempt=1))["t1"], Yes)
    assert isinstance(rig.send(a_message(attempt=2))["t1"], Yes)
    (file,) = (tmp_path / "outbox").iterdir()
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert mail["To"] == "Ada Lovelace <t1@customer.example>"
