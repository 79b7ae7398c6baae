"""The pages of the reports: rates with their doubt drawn to scale, every row in the table, no row as markup."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.reporting import results
from nurture.reporting.intervals import Span, percent, spans
from tests.fakes import A_TUESDAY

HOSTILE = "<script>alert('x')</script> & Sons"


def a_source(name: str, **over: Any) -> dict[str, Any]:
    counts = dict.fromkeys(("contacted", "near_term", "offered", "rejected", "won"), 3)
    money = {"value": 0.0, "cost": 4000.0, "currency": "EUR", "cost_per_accepted": 400.0, "return": None}
    row = {"source": name, "leads": 100, "accepted": 10, "low": 0.0552, "high": 0.1744, "verdict": "too young"}
    return {**row, **counts, **money, **over}


def a_cadence(**over: Any) -> dict[str, Any]:
    lift: dict[str, Any] = {"lift": 0.1, "low": -0.02, "high": 0.2, "verdict": "no difference seen"}
    lift |= {"accepted_lift": 0.0, "accepted_low": -0.1, "accepted_high": 0.1, "accepted_verdict": "too early"}
    return {"cadence": "evergreen", "enrolled": 80, "held_out": 40, "near_term": 20, "sent": 300, **lift, **over}


ROWS: dict[str, list[dict[str, Any]]] = {
    "sources": [a_source("fair"), a_source(HOSTILE), a_source("empty", leads=0, accepted=0, cost_per_accepted=None)],
    "funnel": [{"step": "near_term", "leads": 7, "of_all": 1.0, "of_previous": None}],
    "cadences": [a_cadence(), a_cadence(cadence="new", lift=None, low=None, high=None, verdict="nobody held out")],
    "limits": [
        {"reason": "limit_company", "state": "planned", "touches": 12, "leads": 9, "until": A_TUESDAY},
        {"reason": "already_had", "state": "skipped", "touches": 2, "leads": 2, "until": None},
    ],
    "handoffs": [
        {"rep": "lee@acme.example", "name": "Lee", "handed": 4, "reasons": {"no_fit": 2, "bad_timing": 1}}
        | {"offered": 0, "accepted": 1, "won": 0, "lost": 0, "rejected": 3, "expired": 0, "answer_hours": 2.5}
    ],
}


def page_of(name: str, rows: list[dict[str, Any]]) -> ElementTree.Element:
    """The page as a browser would read it."""
    text = results.html(name, rows, list(ROWS[name][0]), at=A_TUESDAY)
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=", text)
    return ElementTree.fromstring(re.sub(r"<(meta [^>]*)>", r"<\1/>", text.replace("<!DOCTYPE html>", "")))


@pytest.mark.parametrize("name", ROWS)
def test_a_page_has_a_chart_and_every_row(name: str) -> None:
    page = page_of(name, ROWS[name])
    assert page.find(".//figure//*[@role='img']") is not None
    assert len(page.findall(".//section")[-1].findall(".//tbody/tr")) == len(ROWS[name])


@pytest.mark.parametrize("name", ROWS)
def test_a_page_of_nothing_says_so(name: str) -> None:
    assert "Nothing to show yet." in "".join(page_of(name, []).itertext())


def test_a_source_is_text_whatever_it_is_called() -> None:
    assert HOSTILE in "".join(page_of("sources", ROWS["sources"]).itertext())


def test_money_that_brought_nothing_is_named() -> None:
    assert "Paid for, and nothing accepted so far: empty." in "".join(page_of("sources", ROWS["sources"]).itertext())


def test_costs_in_two_currencies_are_two_charts() -> None:
    page = page_of("sources", [a_source("fair"), a_source("web", currency="USD", cost_per_accepted=9.5)])
    titles = [one.text for one in page.iter("figcaption")]
    assert titles[1:] == ["Cost of an accepted lead, EUR", "Cost of an accepted lead, USD"]


def test_cadences_without_a_held_out_arm_say_how_to_get_one() -> None:
    page = page_of("cadences", ROWS["cadences"][1:])
    assert "holdout: 5%" in "".join(page.itertext())


rates = st.floats(-1, 1).map(lambda value: round(value, 4))


@given(st.lists(st.tuples(rates, rates, rates).map(sorted), min_size=1, max_size=8), st.none() | rates)
def test_an_interval_is_drawn_inside_the_picture_and_around_what_was_seen(
    found: list[list[float]], line: float | None
) -> None:
    values = [Span(f"row {place}", seen, low, high, "too few") for place, (low, seen, high) in enumerate(found)]
    picture = ElementTree.fromstring(spans("Rates", values, line=line)).find("div/svg")
    assert picture is not None
    bars = [one for one in picture.iter("rect") if one.attrib["class"] == "c6"]
    dots = list(picture.iter("circle"))
    assert len(bars) == len(dots) == len(values)
    for bar, dot in zip(bars, dots, strict=True):
        start = float(bar.attrib["x"])
        end = start + float(bar.attrib["width"])
        assert start >= 0
        # Three numbers, each rounded to a tenth of a pixel.
        assert start - 0.16 <= float(dot.attrib["cx"]) <= end + 0.16
        assert end <= 720.16


def test_a_rate_is_said_with_the_digits_that_it_has() -> None:
    found = [percent(0.5), percent(0.0512), percent(0.0), percent(0.1, sign=True), percent(-0.02, sign=True)]
    assert [one.replace("\N{NO-BREAK SPACE}", "") for one in found] == ["50%", "5.1%", "0%", "+10%", "-2.0%"]
