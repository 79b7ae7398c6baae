"""Charts as text: what they draw, what they tell those who do not see them, and what they refuse."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.reporting import charts, page
from nurture.reporting.charts import Bar

SVG = "{http://www.w3.org/2000/svg}"


def drawing(figure: str) -> ElementTree.Element:
    """The picture of a figure, as a browser would read it."""
    found = ElementTree.fromstring(figure)
    picture = found.find("div/svg")
    assert picture is not None
    return picture


def lying(figure: str) -> ElementTree.Element:
    """The lying bars of a figure."""
    found = ElementTree.fromstring(figure).find("div[@class='bars']")
    assert found is not None
    return found


def widths(figure: str) -> list[float]:
    """How wide lying bars are, as shares of the widest."""
    styles = [one.attrib["style"] for one in lying(figure).iter("i")]
    assert all(re.fullmatch(r"width: calc\(\(100% - \d+ch\) \* [01]\.\d{4}\)", style) for style in styles)
    return [float(style.rpartition(" ")[2].rstrip(")")) for style in styles]


def test_a_funnel_gets_narrower_and_says_each_share_of_all() -> None:
    figure = charts.funnel("Leads", [Bar("Leads", 400), Bar("Contacted", 200), Bar("Won", 3)])
    assert widths(figure) == [1, 0.5, 0.0075]
    told = "".join(lying(figure).itertext())
    assert lying(figure).attrib["aria-label"] == "Leads. Funnel: Leads 400, Contacted 200, Won 3."
    assert "400" in told
    assert "50\N{NO-BREAK SPACE}%" in told
    assert "0.8\N{NO-BREAK SPACE}%" in told


def test_a_chart_tells_its_numbers_to_those_who_do_not_see_it() -> None:
    figure = charts.stacked("Touches", ["Jan", "Feb"], {"E-mail": [3, 4], "Call": [1, 0]}, unit="touches")
    picture = drawing(figure)
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-label"].startswith("Touches. Stacked bars from Jan to Feb, touches.")
    title, description = picture.find("title"), picture.find("desc")
    assert title is not None
    assert title.text == "Touches"
    assert description is not None
    assert description.text is not None
    assert "E-mail 7; Call 1" in description.text
    cells = [one.text for one in ElementTree.fromstring(figure).iter("td")]
    assert cells == ["3", "1", "4", "4", "0", "4"]


def test_parts_of_a_bar_stand_on_each_other_and_an_empty_part_is_not_drawn() -> None:
    picture = drawing(charts.stacked("Touches", ["Jan", "Feb"], {"E-mail": [30, 40], "Call": [10, 0]}))
    january: list[tuple[float, float, str]] = []
    february: list[tuple[float, float, str]] = []
    for one in picture.iter("rect"):
        side = january if float(one.attrib["x"]) < 300 else february
        side.append((float(one.attrib["y"]), float(one.attrib["height"]), one.attrib["class"]))
    (low, tall, _), (high, small, color) = january
    assert high + small == pytest.approx(low, abs=0.2)
    assert tall == pytest.approx(3 * small, abs=0.2)
    assert color == "c2 part"
    assert len(february) == 1


def test_names_are_text_and_never_markup() -> None:
    evil = '<script>alert(1)</script> & "friends"'
    for figure, picture in (
        (charts.bars(evil, [Bar(evil, 1)]), lying),
        (charts.funnel(evil, [Bar(evil, 1)], note=evil), lying),
        (charts.stacked(evil, [evil], {evil: [1]}), drawing),
    ):
        assert "<script" not in figure
        assert picture(figure).attrib["aria-label"].startswith(evil)
    whole = page.page(evil, evil, [page.table([evil], [[evil]]), page.items([evil]), page.section(evil)], footer=evil)
    assert "<script" not in whole


def test_a_page_fetches_nothing_runs_nothing_and_suits_a_dark_screen() -> None:
    whole = page.page("Title", "Lead", [charts.bars("Bars", [Bar("one", 1)])])
    assert "default-src 'none'" in whole
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", whole)
    assert "prefers-color-scheme: dark" in whole


def test_series_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="'E-mail' has 1 values for 2 columns"):
        charts.stacked("Touches", ["Jan", "Feb"], {"E-mail": [3]})
    with pytest.raises(ValueError, match="7 series, but only 6 colors"):
        charts.stacked("Touches", ["Jan"], {str(number): [1] for number in range(7)})


def test_nothing_to_draw_is_drawn_as_nothing() -> None:
    assert widths(charts.funnel("Leads", [])) == []
    assert widths(charts.funnel("Leads", [Bar("Leads", 0), Bar("Won", 0)])) == []
    for figure in (charts.stacked("Touches", [], {}), charts.stacked("Calls", ["Jan"], {"Cal": [0]})):
        assert "<svg" not in figure
        assert "None." in figure


amounts = st.floats(0, 1e9, allow_nan=False)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=24))
def test_no_bar_leaves_the_picture(pairs: list[tuple[float, float]]) -> None:
    names = [str(place) for place in range(len(pairs))]
    assert all(wide <= 1 for wide in widths(charts.bars("T", [Bar("a", one) for one, _ in pairs])))
    if not any(map(sum, pairs)):
        return
    picture = drawing(charts.stacked("T", names, {"a": [one for one, _ in pairs], "b": [two for _, two in pairs]}))
    _, _, width, height = (float(part) for part in picture.attrib["viewBox"].split())
    for one in picture.iter("rect"):
        x, y = float(one.attrib["x"]), float(one.attrib["y"])
        assert x >= 0
        assert y >= 0
        assert x + float(one.attrib["width"]) <= width + 0.1
        assert y + float(one.attrib["height"]) <= height + 0.1
