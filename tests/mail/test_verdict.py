"""The verdict tables of the send protocol, row by row, and the wait before the next attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Phase, Yes, backoff, of_http, of_smtp


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ([202], Yes),
        ([429], Again),
        ([400, 404, 405, 413, 415], Never),
        ([401, 403], ChannelDown),
        ([200, 201, 204, 301, 302, 307, 308, 408, 409, 418, 500, 502, 503, 504, 599], Maybe),
    ],
)
def test_an_http_status_has_the_verdict_of_the_table(statuses: list[int], kind: type) -> None:
    assert {type(of_http(status)) for status in statuses} == {kind}


@given(st.integers(100, 999))
def test_only_202_is_yes(status: int) -> None:
    assert isinstance(of_http(status), Yes) == (status == 202)


@given(phase=st.sampled_from(Phase), code=st.integers(400, 499))
def test_a_4xx_in_any_phase_may_be_tried_again(phase: Phase, code: int) -> None:
    assert isinstance(of_smtp(phase, code), Again)


@given(phase=st.sampled_from(Phase), code=st.integers(500, 599))
def test_a_5xx_blames_the_channel_before_the_recipient_is_named_and_the_message_after(phase: Phase, code: int) -> None:
    assert isinstance(of_smtp(phase, code), Never if phase >= Phase.RCPT else ChannelDown)


@given(phase=st.sampled_from(Phase), code=st.sampled_from([None, -1, 100, 251, 354, 600]))
def test_silence_or_nonsense_is_a_maybe_only_once_the_dot_may_have_left(phase: Phase, code: int | None) -> None:
    assert isinstance(of_smtp(phase, code), Maybe if phase is Phase.DOT else Again)


@given(st.sampled_from(Phase))
def test_250_means_yes_only_after_the_dot(phase: Phase) -> None:
    assert isinstance(of_smtp(phase, 250), Yes) == (phase is Phase.DOT)


@given(attempt=st.integers(-5, 10**9), fraction=st.floats(0, 1, exclude_max=True))
def test_the_wait_grows_and_never_exceeds_an_hour(attempt: int, fraction: float) -> None:
    wait = backoff(attempt, fraction)
    assert timedelta(seconds=15) <= wait <= timedelta(hours=1)
    assert wait <= backoff(attempt + 1, fraction)
    assert backoff(attempt, 0) <= wait
