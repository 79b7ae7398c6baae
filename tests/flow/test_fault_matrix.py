"""Each fault of a provider, with 20 touches, through the whole of dispatch: what becomes of them is in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from nurture.adapters.mail.sendgrid import SendGridMailer
from nurture.adapters.mail.smtp import SmtpMailer
from nurture.ports import Mailer
from tests.builders import a_lead
from tests.fakes import OutboxFake
from tests.flow.loop import Loop, a_loop
from tests.mail.servers import SendGridDouble, SmtpServer

TOUCHES = 20
# What they are after the fault, whether the channel is paused, and what they are a day after the fault is gone.
SENT, AGAIN, NEVER = ("sent", False, "sent"), ("planned", False, "sent"), ("failed", False, "failed")
DOWN, MAYBE = ("planned", True, "sent"), ("in_doubt", False, "unknown")
HTTP = {
    "": SENT,
    "cut": SENT,
    "429": AGAIN,
    "400": NEVER,
    "401": DOWN,
    "500": MAYBE,
    "503": MAYBE,
    "redirect": MAYBE,
    "reset": MAYBE,
    "stall": MAYBE,
}
SMTP = {
    ("", ""): SENT,
    ("banner", "554 no"): DOWN,
    ("ehlo", "drop"): AGAIN,
    ("mail", "550 no"): DOWN,
    ("mail", "451 later"): AGAIN,
    ("rcpt", "550 unknown"): NEVER,
    ("rcpt", "450 later"): AGAIN,
    ("data", "drop"): AGAIN,
    ("dot", "550 no"): NEVER,
    ("dot", "451 later"): AGAIN,
    ("dot", "drop"): MAYBE,
    ("dot", "stall"): MAYBE,
}


@contextmanager
def twenty(folder: Path, mailer: Any, in_doubt: str = "settle") -> Iterator[Loop]:
    with a_loop(folder, "- email: hello\n- wait: 3 months", in_doubt=in_doubt) as loop:
        loop.mailer = cast("OutboxFake", mailer(loop.clock.boottime))
        loop.enroll(*[a_lead(loop.store) for _ in range(TOUCHES)])
        try:
            yield loop
        finally:
            loop.mailer.close()


def states(loop: Loop) -> dict[str, int]:
    return dict(Counter(one.state.value for one in loop.touches()))


def is_paused(loop: Loop) -> bool:
    with loop.store.unit(write=False) as work:
        return "mailer" in work.control.switches()


@pytest.mark.parametrize(("fault", "expected"), HTTP.items())
def test_a_fault_of_the_api(tmp_path: Path, fault: str, expected: tuple[str, bool, str]) -> None:
    first, paused, last = expected
    timeout = 0.3 if fault == "stall" else 20.0
    with SendGridDouble(fault=fault) as provider:

        def mailer(boottime: Any) -> Mailer:
            return SendGridMailer(provider.key, boottime=boottime, host=provider.url, workers=TOUCHES, timeout=timeout)

        with twenty(tmp_path, mailer) as loop:
            loop.tick()
            assert (states(loop), is_paused(loop)) == ({first: TOUCHES}, paused)
            if fault != "stall":  # one that came late must not be taken after all: it is not sent again
                provider.fault = ""
            loop.tick(hours=1)
            loop.tick(hours=27)
            assert states(loop) == {last: TOUCHES}
    doubled = [touch for touch, times in Counter(provider.touches).items() if times > 1]
    assert doubled == []
    assert len(provider.touches) == (TOUCHES if last == "sent" and fault != "cut" else 0)


@pytest.mark.parametrize(("fault", "expected"), SMTP.items())
def test_a_fault_of_the_server(tmp_path: Path, fault: tuple[str, str], expected: tuple[str, bool, str]) -> None:
    first, paused, last = expected
    timeout = 0.3 if "stall" in fault else 20.0
    with SmtpServer(faults=dict([fault]) if fault[0] else {}) as server:

        def mailer(boottime: Any) -> Mailer:
            return SmtpMailer("127.0.0.1", server.port, boottime=boottime, tls="none", timeout=timeout, workers=8)

        with twenty(tmp_path, mailer, "hold") as loop:
            loop.tick()
            assert (states(loop), is_paused(loop)) == ({first: TOUCHES}, paused)
            server.faults.clear()
            loop.tick(hours=1)
            loop.tick(hours=27)
            assert states(loop) == {"in_doubt" if expected is MAYBE else last: TOUCHES}
    taken = Counter(mail.recipient for mail in server.mails)
    assert all(times == 1 for times in taken.values())
    assert len(taken) == (0 if last == "failed" else TOUCHES)
