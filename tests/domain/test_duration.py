"""Durations: the words of the contract, what is refused, and that words and values agree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.duration import SPANS, Duration, Unit, parse_duration


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("90 minutes", 90, Unit.MINUTES),
        ("4 hours", 4, Unit.HOURS),
        ("3 days", 3, Unit.DAYS),
        ("2 business days", 2, Unit.BUSINESS_DAYS),
        ("6 weeks", 6, Unit.WEEKS),
        ("1 month", 1, Unit.MONTHS),
        ("8 business hours", 8, Unit.BUSINESS_HOURS),
        ("1 business hour", 1, Unit.BUSINESS_HOURS),
        ("30 s", 30, Unit.SECONDS),
        ("30s", 30, Unit.SECONDS),
        ("1 hour", 1, Unit.HOURS),
        ("15 min", 15, Unit.MINUTES),
        ("2h", 2, Unit.HOURS),
        ("  3\tBusiness   Days\n", 3, Unit.BUSINESS_DAYS),
        ("3 business-days", 3, Unit.BUSINESS_DAYS),
        ("3 business_days", 3, Unit.BUSINESS_DAYS),
        ("0 days", 0, Unit.DAYS),
        ("007 days", 7, Unit.DAYS),
        ("1 days", 1, Unit.DAYS),
    ],
)
def test_the_words_of_the_contract_are_read(text: str, amount: int, unit: Unit) -> None:
    assert parse_duration(text) == Duration(amount, unit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a duration"),
        ("soon", "is not a duration"),
        ("days", "is not a duration"),
        ("3", "has no unit"),
        ("-3 days", "is negative"),
        ("- 3 days", "is negative"),
        ("1.5 hours", "is not a whole number"),
        ("1,5 hours", "is not a whole number"),
        (".5 hours", "is not a whole number"),
        ("3 buisness days", "did you mean 'business days'?"),
        ("2 weaks", "did you mean 'weeks'?"),
        ("3 m", "minutes or months"),
        ("1 year", "12 months"),
        ("3 days 2 hours", "is not a duration"),
        ("3 days!", "did you mean 'days'?"),
        ("101 years", "12 months"),
        ("36526 days", "more than a hundred years"),
        ("9" * 5000 + " days", "more than a hundred years"),
        ("٣ days", "is not a duration"),
        ("¹ day", "is not a duration"),
    ],
)
def test_what_is_refused_is_named_and_shown_right(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="'") as refused:
        parse_duration(text)
    message = str(refused.value)
    assert said in message
    assert message.endswith(".")
    assert len(message) < 200


def test_a_hundred_years_are_still_accepted() -> None:
    assert parse_duration("36525 days").span == timedelta(days=36525)
    assert parse_duration("1200 months").amount == 1200


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (Duration(1, Unit.MONTHS), "1 month"),
        (Duration(0, Unit.MONTHS), "0 months"),
        (Duration(3, Unit.BUSINESS_DAYS), "3 business days"),
        (Duration(1, Unit.BUSINESS_DAYS), "1 business day"),
        (Duration(30, Unit.SECONDS), "30 seconds"),
    ],
)
def test_a_duration_is_shown_in_words(duration: Duration, words: str) -> None:
    assert str(duration) == words


def test_a_value_that_no_words_could_mean_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="negative"):
        Duration(-1, Unit.DAYS)
    with pytest.raises(ValueError, match="hundred years"):
        Duration(1300, Unit.MONTHS)


def test_spans_order_a_month_above_four_weeks() -> None:
    assert Duration(1, Unit.MONTHS).span == timedelta(days=30) > Duration(4, Unit.WEEKS).span
    assert Duration(2, Unit.BUSINESS_DAYS).span == timedelta(days=2)
    assert Duration(8, Unit.BUSINESS_HOURS).span == timedelta(hours=8)
    assert set(SPANS) == set(Unit)


@given(st.integers(0, 1200), st.sampled_from(Unit))
def test_words_and_values_agree(amount: int, unit: Unit) -> None:
    duration = Duration(amount, unit)
    assert parse_duration(str(duration)) == duration
    assert parse_duration(str(duration).upper()) == duration


@given(st.text())
def test_any_text_is_a_duration_or_a_sentence(text: str) -> None:
    try:
        parse_duration(text)
    except ValueError as refused:
        assert str(refused).endswith(".")  # noqa: PT017 (most texts are refused, some are not)
