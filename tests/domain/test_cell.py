"""What people type in a cell becomes the value it stands for, or a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain import cell
from nurture.domain.country import CODES, country_code


@pytest.mark.parametrize(
    ("typed", "people"),
    [
        ("250", 250),
        ("1,200", 1200),
        ("1.200", 1200),
        ("1 200", 1200),
        ("1\u00a0200", 1200),
        ("1200.0", 1200),
        ("1,000-5,000", 1000),
        ("51 - 200 employees", 51),
        ("10,001+", 10001),
        ("5k", 5000),
    ],
)
def test_a_number_of_people_is_read_and_a_range_counts_by_its_lower_end(typed: str, people: int) -> None:
    assert cell.count(typed) == people


@pytest.mark.parametrize(
    "typed", ["many", "-5", "1.5", "1,2,3", "2020-01-02", "500-200", "nan", "1e5", "\u0661\u0662", "9" * 12]
)
def test_what_is_no_number_of_people_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        cell.count(typed)


@given(st.integers(min_value=0, max_value=99_999_999))
def test_grouping_changes_no_number(people: int) -> None:
    assert {cell.count(f"{people:,}".replace(",", mark)) for mark in (",", ".", " ", "'", "")} == {people}


@pytest.mark.parametrize(
    ("typed", "money"),
    [
        ("280522000", 280522000.0),
        ("$1.5M", 1.5e6),
        ("1.500.000,00 EUR", 1.5e6),
        ("1,234.56", 1234.56),
        ("1,5 Mio.", 1.5e6),
        ("$10M - $50M", 1e7),
        ("5-10M", 5e6),
    ],
)
def test_an_amount_is_read_with_either_decimal_sign(typed: str, money: float) -> None:
    assert cell.amount(typed) == money


@pytest.mark.parametrize("typed", ["inf", "nan", "-1", "1.2.3,4,5", "lots", "9" * 30])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        cell.amount(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "2027-03-04T05:06:07Z",
        "2027-03-04 05:06:07.000",
        "2027-03-04T05:06:07.000+0000",
        "2027-03-04 5:06:07",
        "2027-03-04 05:06:07 UTC",
        "2027-03-04T07:06:07+02:00",
    ],
)
def test_iso_times_need_no_form(typed: str) -> None:
    assert cell.moment(typed) == datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_a_time_without_an_offset_is_local_and_a_date_its_first_moment() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert cell.moment("2027-07-01", zone=berlin) == datetime(2027, 6, 30, 22, tzinfo=UTC)
    assert cell.moment("2027-07-01", zone=berlin, end_of_day=True) == datetime(2027, 7, 1, 22, tzinfo=UTC)


def test_another_form_of_date_is_read_only_where_it_is_named() -> None:
    assert cell.moment("03/04/2027", ["%d/%m/%Y"]) == datetime(2027, 4, 3, tzinfo=UTC)
    with pytest.raises(ValueError, match="under dates: in a map"):
        cell.moment("03/04/2027")
    with pytest.raises(ValueError, match="%d/%m/%Y"):
        cell.moment("13/13/2027", ["%d/%m/%Y"])


@pytest.mark.parametrize("typed", ["2027-02-30", "20270304", "1700000000", "0001-01-01", "9999-12-31T23:59:59-23:59"])
def test_what_is_no_moment_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        cell.moment(typed)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("DE", "DE"),
        ("no", "NO"),
        ("AND", "AD"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("United States of America", "US"),
        ("the netherlands", "NL"),
        ("C\u00f4te d\u2019Ivoire", "CI"),
        ("St. Lucia", "LC"),
        ("Korea, Republic of", "KR"),
        ("UK", "GB"),
        ("BHR", "BH"),
    ],
)
def test_a_country_is_known_by_code_and_by_name(typed: str, code: str) -> None:
    assert country_code(typed) == code


def test_every_country_has_its_own_two_letters() -> None:
    assert len(CODES) == 250
    assert {country_code(code.lower()) for code in CODES} == CODES


def test_a_misspelled_country_is_refused_with_the_near_name() -> None:
    with pytest.raises(ValueError, match="did you mean United States"):
        country_code("Unied Saes")
    for nothing in ("", "XX", "\u4e2d\u56fd", "and the"):
        with pytest.raises(ValueError, match="not a country"):
            country_code(nothing)


@pytest.mark.parametrize(
    ("typed", "tag"),
    [("en", "en"), ("en_US", "en-US"), ("German", "de"), ("zh-hant-tw", "zh-Hant-TW"), ("Fran\u00e7ais", "fr")],
)
def test_a_language_is_a_tag(typed: str, tag: str) -> None:
    assert cell.language_tag(typed) == tag


def test_a_time_zone_is_a_place_and_never_an_offset() -> None:
    assert cell.zone_name("europe/berlin") == "Europe/Berlin"
    assert cell.zone_name("America/New York") == "America/New_York"
    for offset in ("+02:00", "EST", "Etc/GMT+5", "GMT+2"):
        with pytest.raises(ValueError, match="not a time zone by name"):
            cell.zone_name(offset)
    with pytest.raises(ValueError, match="did you mean Europe/Berlin"):
        cell.zone_name("Berlin")


def test_a_status_is_found_whatever_its_case_and_else_refused_with_the_near_word() -> None:
    stages = ["unknown", "long_term", "near_term"]
    assert cell.choice("Long-Term", stages, "stage") == "long_term"
    with pytest.raises(ValueError, match="did you mean near_term"):
        cell.choice("nearterm!", stages, "stage")


def test_only_a_clear_yes_or_no_is_a_truth_value() -> None:
    assert [cell.truth(word) for word in ("TRUE", "Yes", "1", "x", "No", "false", "0")] == [True] * 4 + [False] * 3
    with pytest.raises(ValueError, match="not yes or no"):
        cell.truth("maybe")


@given(st.text())
def test_cleaned_text_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    once = cell.cleaned(text)
    assert not any(character in once for character in "\r\n\x00\u2028")
    assert cell.cleaned(once) == once


def test_a_formula_stays_the_text_it_is() -> None:
    assert cell.cleaned('=HYPERLINK("http://x")') == '=HYPERLINK("http://x")'


@pytest.mark.parametrize(
    ("typed", "host"),
    [("https://www.acme.example/en?x=1", "acme.example"), ("acme.example:443", "acme.example"), ("www.com", "www.com")],
)
def test_a_website_has_a_domain(typed: str, host: str) -> None:
    assert cell.website_domain(typed) == host
