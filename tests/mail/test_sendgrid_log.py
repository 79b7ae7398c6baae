"""The log of the provider: proof where it has a mail, a no only where it is complete, else nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from nurture.adapters.mail.sendgrid_log import SendGridLog
from nurture.ports.world import Asked
from tests.mail.servers import SendGridDouble

ADA = "ada@b.example"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def provider() -> Iterator[SendGridDouble]:
    with SendGridDouble() as running:
        for touch, to, minutes in (("t1", ADA, -60), ("t2", ADA, -59), ("t9", "e@b.example", 0)):
            person = {"to": [{"email": to}], "custom_args": {"nurture_touch": touch}}
            person = {"to": [{"email": to}], "custom_args": {"nurture_touch": touch}}
            running.accepted.append({"personalizations": [person]})
            running.accepted.times[-1] = NOW + timedelta(minutes=minutes)
        yield running


def took(provider: SendGridDouble, touch: str, to: str = ADA, *, ago: float = 60) -> bool | None:
    log = SendGridLog(provider.key, host=provider.url)
    since = NOW - timedelta(minutes=ago)
    try:
        return log.took([Asked(touch, to, since, since + timedelta(seconds=90))])[touch]
    finally:
        log.close()


def test_a_mail_that_the_log_shows_was_taken(provider: SendGridDouble) -> None:
    assert took(provider, "t2") is True


def test_a_mail_that_a_frozen_process_handed_over_long_after_the_doubt_began_was_taken(
    provider: SendGridDouble,
) -> None:
    assert took(provider, "t2", ago=90) is True


def test_a_log_that_has_gone_on_without_it_says_no(provider: SendGridDouble) -> None:
    assert took(provider, "t3") is False
    assert took(provider, "t3", "nobody@b.example") is False


def test_a_log_that_has_not_come_so_far_says_nothing(provider: SendGridDouble) -> None:
    assert took(provider, "t3", ago=2) is None


def test_an_address_that_cannot_be_asked_for_safely_is_not(provider: SendGridDouble) -> None:
    assert took(provider, "t3", "o'neil@b.example") is None


def test_an_account_that_may_not_read_its_log_settles_nothing(provider: SendGridDouble) -> None:
    provider.readable = False
    try:
        assert took(provider, "t2") is None
    finally:
        provider.readable = True


def test_a_provider_that_does_not_answer_settles_nothing() -> None:
    log = SendGridLog("SG.key", host="http://127.0.0.1:9")
    assert log.took([Asked("t1", "ada@b.example", NOW, NOW)]) == {"t1": None}
