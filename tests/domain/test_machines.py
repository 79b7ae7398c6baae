"""Two signs are a machine, one is likely one, none is a person; the verdict names them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nurture.domain.machines import Hit, judge_hit
from nurture.domain.response import Grade
from tests.fakes import A_TUESDAY

BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/26.0 Safari/605.1.15"


def a_hit(seconds: float, url: str = "https://a.example/1", agent: str = BROWSER, **over: object) -> Hit:
    return Hit(A_TUESDAY + timedelta(seconds=seconds), url, "203.0.113.9", agent, **over)  # type: ignore[arg-type]


def test_a_click_an_hour_after_delivery_is_a_person() -> None:
    verdict = judge_hit(a_hit(3600), delivered_at=A_TUESDAY)
    assert (verdict.grade, verdict.why) == (Grade.HUMAN, ())


@pytest.mark.parametrize(
    "hit",
    [a_hit(5), a_hit(-5), a_hit(900, agent=""), a_hit(900, agent="python-requests/2.32")],
)
def test_one_sign_is_likely_a_machine_and_is_named(hit: Hit) -> None:
    verdict = judge_hit(hit, delivered_at=A_TUESDAY)
    assert verdict.grade is Grade.LIKELY_MACHINE
    assert len(verdict.why) == 1


def test_a_head_request_alone_is_a_machine() -> None:
    assert judge_hit(a_hit(900, method="HEAD"), delivered_at=A_TUESDAY).grade is Grade.MACHINE


def test_two_signs_are_a_machine() -> None:
    assert judge_hit(a_hit(5, agent=""), delivered_at=A_TUESDAY).grade is Grade.MACHINE
    assert judge_hit(a_hit(900, method="HEAD", honeypot=True), delivered_at=None).grade is Grade.MACHINE


def test_three_links_within_three_seconds_are_a_sign_and_one_link_three_times_is_none() -> None:
    links = [a_hit(900 + n, f"https://a.example/{n}") for n in range(3)]
    again = [a_hit(900 + n) for n in range(3)]
    assert judge_hit(links[0], delivered_at=A_TUESDAY, others=links).grade is Grade.LIKELY_MACHINE
    assert judge_hit(again[0], delivered_at=A_TUESDAY, others=again).grade is Grade.HUMAN


def test_a_later_click_is_not_tainted_by_a_burst_before_it() -> None:
    links = [a_hit(5 + n, f"https://a.example/{n}") for n in range(3)]
    assert judge_hit(a_hit(3600), delivered_at=A_TUESDAY, others=links).grade is Grade.HUMAN


def test_a_link_that_no_reader_follows_tells_on_whoever_follows_it_and_on_their_other_links() -> None:
    trap = a_hit(900, "https://go.acme.example/u/x", honeypot=True)
    assert judge_hit(trap, delivered_at=A_TUESDAY).grade is Grade.LIKELY_MACHINE
    beside = judge_hit(a_hit(902), delivered_at=A_TUESDAY, others=[trap])
    assert (beside.grade, beside.why) == (Grade.LIKELY_MACHINE, ("a link was followed that no reader follows",))
    assert judge_hit(a_hit(950), delivered_at=A_TUESDAY, others=[trap]).grade is Grade.HUMAN
    elsewhere = Hit(A_TUESDAY + timedelta(seconds=902), "https://a.example/1", "198.51.100.7", BROWSER)
    assert judge_hit(elsewhere, delivered_at=A_TUESDAY, others=[trap]).grade is Grade.HUMAN


def test_the_providers_own_word_is_enough() -> None:
    assert judge_hit(a_hit(3600), delivered_at=None, provider_says=True).grade is Grade.MACHINE


def test_one_address_behind_mails_to_many_people_is_a_sign() -> None:
    assert judge_hit(a_hit(3600), delivered_at=A_TUESDAY, recipients_of_ip=9).grade is Grade.LIKELY_MACHINE
