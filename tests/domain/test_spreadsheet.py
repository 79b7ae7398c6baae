"""What stands in the cells of an export: read back it is the same, and to a spreadsheet it is never a formula."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nurture.domain.cell import amount
from nurture.domain.spreadsheet import cell


@pytest.mark.parametrize("value", [0.1, 12_000_000.55, 1e9, 99_999_999_999.99, 2.5e12])
def test_an_amount_is_read_as_it_was_written(value: float) -> None:
    assert amount(cell(value)) == value


def test_a_sum_has_no_noise_of_its_parts() -> None:
    assert cell(0.1 + 0.2) == "0.3"
    assert cell(55.0) == "55"


def test_a_moment_is_that_of_the_json() -> None:
    assert cell(datetime(2027, 3, 1, 14, 0, 7, tzinfo=UTC)) == "2027-03-01T14:00:07Z"


@pytest.mark.parametrize("text", ["=1+1", " =1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3"])
def test_no_text_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_a_number_and_a_phone_stay_as_they_are() -> None:
    assert [cell("-12.5"), cell("+14155550100")] == ["-12.5", "+14155550100"]
