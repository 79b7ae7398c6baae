"""The times that people state, in seven languages: a date where there is one, a flag where there is none."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.stated_time import decision_date, return_date, stated

TODAY = date(2026, 11, 24)  # a Tuesday

DATED = {
    "try me in September": date(2027, 9, 1),
    "after the summer": date(2027, 9, 1),
    "Q3 next year": date(2027, 7, 1),
    "in Q2 2028": date(2028, 4, 3),
    "in 3 months": date(2027, 2, 24),
    "in a couple of weeks": date(2026, 12, 8),
    "next week": date(2026, 11, 30),
    "after our fiscal year starts": date(2027, 4, 1),
    "early 2027": date(2027, 1, 4),
    "mid-December": date(2026, 12, 15),
    "end of November": date(2026, 11, 30),
    "on 12 January": date(2027, 1, 12),
    "on January 12th, 2027": date(2027, 1, 12),
    "2027-02-03": date(2027, 2, 3),
    "call me in May": date(2027, 5, 3),
    "after September": date(2027, 10, 1),
    "after Easter": date(2027, 3, 30),
    "after Christmas": date(2027, 1, 4),
    "1/13/2027": date(2027, 1, 13),
    "Melden Sie sich bitte im September wieder.": date(2027, 9, 1),
    "nach dem Sommer": date(2027, 9, 1),
    "im 3. Quartal nächsten Jahres": date(2027, 7, 1),
    "in drei Monaten": date(2027, 2, 24),
    "nächste Woche": date(2026, 11, 30),
    "Anfang 2027": date(2027, 1, 4),
    "am 12. Januar": date(2027, 1, 12),
    "ab dem 12.01.2027": date(2027, 1, 12),
    "en septembre": date(2027, 9, 1),
    "après l'été": date(2027, 9, 1),
    "au troisième trimestre": date(2027, 7, 1),
    "dans trois mois": date(2027, 2, 24),
    "la semaine prochaine": date(2026, 11, 30),
    "le 12 janvier": date(2027, 1, 12),
    "en septiembre": date(2027, 9, 1),
    "después del verano": date(2027, 9, 1),
    "el tercer trimestre": date(2027, 7, 1),
    "en tres meses": date(2027, 2, 24),
    "la próxima semana": date(2026, 11, 30),
    "el 12 de enero de 2027": date(2027, 1, 12),
    "a settembre": date(2027, 9, 1),
    "dopo l'estate": date(2027, 9, 1),
    "tra tre mesi": date(2027, 2, 24),
    "la prossima settimana": date(2026, 11, 30),
    "il 12 gennaio": date(2027, 1, 12),
    "in september": date(2027, 9, 1),
    "na de zomer": date(2027, 9, 1),
    "over drie maanden": date(2027, 2, 24),
    "volgende week": date(2026, 11, 30),
    "op 12 januari": date(2027, 1, 12),
    "em setembro": date(2027, 9, 1),
    "depois do verão": date(2027, 9, 1),
    "daqui a três meses": date(2027, 2, 24),
    "na próxima semana": date(2026, 11, 30),
    "a 12 de janeiro": date(2027, 1, 12),
}


@pytest.mark.parametrize(("words", "on"), DATED.items())
def test_a_stated_time_is_a_date(words: str, on: date) -> None:
    found = stated(words, TODAY, fiscal_year_start=(4, 1))
    assert found is not None
    assert (found.on, found.vague) == (on, False)


@pytest.mark.parametrize(
    "words",
    [
        "some time later",
        "in a few months",
        "at some point",
        "in November",
        "3/4/2027",
        "irgendwann",
        "in ein paar Monaten",
        "plus tard",
        "más adelante",
        "più avanti",
        "op een later moment",
        "mais tarde",
    ],
)
def test_what_is_vague_is_flagged_and_never_a_date(words: str) -> None:
    found = stated(words, TODAY)
    assert found is not None
    assert (found.on, found.vague) == (None, True)


@pytest.mark.parametrize(
    "words",
    [
        "Thanks!",
        "You may call.",
        "We met last March.",
        "Since September we use another.",
        "April and May will join.",
        "on 12 January 2020",
    ],
)
def test_what_is_no_time_to_come_is_none(words: str) -> None:
    assert stated(words, TODAY) is None


def test_slashes_are_read_by_the_language_where_it_is_known() -> None:
    found = stated("am 3/4/2027", TODAY, "de")
    assert found is not None
    assert found.on == date(2027, 4, 3)


def test_the_sentence_that_asks_for_contact_wins_over_a_memory() -> None:
    found = stated("We were at the fair in May. Please call me in September. Thanks, Ada", TODAY)
    assert found is not None
    assert (found.on, found.sentence) == (date(2027, 9, 1), "Please call me in September.")


def test_a_holiday_of_the_country_is_no_business_day() -> None:
    found = stated("im Mai 2028", TODAY, country="DE")  # 1 May 2028 is a Monday and a holiday
    assert found is not None
    assert found.on == date(2028, 5, 2)


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("Out of office until 12 January.", date(2027, 1, 12)),
        ("I am away from 3 to 12 January 2027.", date(2027, 1, 12)),
        ("Away from 12/24 until 1/4.", date(2027, 1, 4)),
        ("Vom 21.12. bis 04.01. bin ich im Urlaub.", date(2027, 1, 4)),
        ("We founded the firm on 12 January.", None),
        ("I was away until 12 January 2020.", None),
    ],
)
def test_a_return_date_is_the_last_day_that_is_named(text: str, back: date | None) -> None:
    found = return_date(text, TODAY)
    assert (found.on if found else None) == back


@pytest.mark.parametrize(
    ("words", "on"),
    [
        ("2027-03-15", date(2027, 3, 15)),
        ("2027-03", date(2027, 3, 1)),
        ("Q3 2027", date(2027, 7, 1)),
        ("6 months", TODAY + timedelta(days=183)),
        ("in 2 weeks", TODAY + timedelta(days=14)),
        ("next year", date(2027, 1, 4)),
        ("after the summer", date(2027, 9, 1)),
        ("soon", None),
        ("unknown", None),
    ],
)
def test_a_timeline_names_a_date_or_none(words: str, on: date | None) -> None:
    assert decision_date(words, TODAY) == on


@given(st.text(max_size=300), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_any_text_is_read_without_an_error_and_never_gives_a_past_date(text: str, today: date) -> None:
    found = stated(text, today)
    back = return_date(text, today)
    assert found is None or found.on is None or found.on >= today
    assert back is None or back.on is None or back.on >= today


@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_a_month_is_a_business_day_of_that_month_within_a_year(today: date) -> None:
    found = stated("call me in September", today)
    assert found is not None
    assert found.on is None or (found.on.month == 9 and found.on.weekday() < 5 and found.on <= today + timedelta(400))
    assert (found.on is None) <= (today.month == 9)
