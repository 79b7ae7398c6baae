"""Conditions: what they mean, what they refuse and how, what they tell about themselves, and that they cannot harm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nurture.domain.condition import NAMES, RESPONSE_NAMES, Condition, ConditionError, parse
from nurture.domain.duration import Duration, Unit
from nurture.domain.history import is_below
from tests.domain.conditions import CONDITIONS, LEADS, PASTS, Past

JAN_2 = datetime(2026, 1, 2, tzinfo=UTC)


NOTHING = Past()


def holds(text: str, past: Past = NOTHING, **names: Any) -> bool:
    """Whether a condition holds; `x_a` stands for the custom field x.a."""
    flat = {name.replace("x_", "x.", 1) if name.startswith("x_") else name: value for name, value in names.items()}
    return parse(text, extra=RESPONSE_NAMES).holds(flat, past)


def mistake(text: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("stage in ['unknown', 'long_term'] and industry == 'steel'", {"stage": "Long_Term", "industry": "STEEL"}),
        ("company == 'STRASSE'", {"company": "Straße"}),
        ("company == 'énergie'", {"company": "E\u0301NERGIE"}),
        ("country not in ['US', 'CA']", {"country": "de"}),
        ("employees / 2 + 1 >= 51", {"employees": 100}),
        ("-fit < -19", {"fit": 20}),
        ("'US' == country", {"country": "us"}),
        ("contains(title, 'chief', 'head')", {"title": "HEAD of plant"}),
        ("has_word(title, 'founder')", {"title": "Co-Founder/CEO"}),
        ("not has_word(title, 'intern')", {"title": "International Sales"}),
        ("starts_with(page, '/pricing')", {"page": "/Pricing/eu"}),
        ("x.seats > 5", {"x_seats": "12"}),
        ("x.seats == 12", {"x_seats": "12.0"}),
        ("x.class == 'b' and x.from != 'show'", {"x_class": "B", "x_from": "web"}),
        ("x.renewal < '2027-01-01'", {"x_renewal": "2026-11-30"}),
        ("x.vip and not x.blocked", {"x_vip": "Yes", "x_blocked": "No"}),
        ("x.vip == true and x.blocked == false", {"x_vip": True, "x_blocked": "0"}),
        ("budget and people == false", {"budget": True, "people": False}),
        ("industry", {"industry": "steel"}),
        ("(fit > 3) == budget", {"fit": 1, "budget": False}),
        ("true", {}),
    ],
)  # fmt: skip
def test_a_condition_holds(text: str, names: dict[str, Any]) -> None:
    assert holds(text, **names)


@pytest.mark.parametrize(
    "text",
    [
        "industry == 'steel'", "industry != 'steel'", "industry in ['steel']", "industry not in ['steel']",
        "fit != 60", "fit < 60", "fit not in [60]", "fit + 1 > 0", "fit - fit == 0", "industry == company",
        "x.a == x.b",
        "x.a != 1", "x.a != true", "created_at != '2026-01-01'", "budget == false", "budget", "x.flag", "industry",
        "contains(title, 'a')", "outcome('intro') != 'voicemail'", "days_since('reply') != 3",
    ],
)  # fmt: skip
def test_a_missing_value_makes_every_comparison_false_and_its_negation_true(text: str) -> None:
    assert not holds(text)
    assert holds(f"not ({text})")


@pytest.mark.parametrize("text", ["revenue / employees >= 0", "revenue / employees < 0", "fit / (employees - 0) != 1"])
def test_a_division_by_zero_makes_a_comparison_false(text: str) -> None:
    assert not holds(text, revenue=5, employees=0, fit=3)


@pytest.mark.parametrize("value", ["20", True, [20], float("nan"), object()])
def test_a_number_of_another_type_counts_as_missing(value: object) -> None:
    assert not holds("fit != 60", fit=value)
    assert not holds("fit not in [60]", fit=value)
    assert not holds("fit + 0 != 60", fit=value)


@pytest.mark.parametrize("value", ["many", "12 seats", "1e3", "", "12.", "٣"])
def test_a_custom_text_that_is_no_number_is_missing_beside_numbers(value: str) -> None:
    assert not holds("x.seats > -1", x_seats=value)
    assert not holds("x.seats != 3", x_seats=value)


@pytest.mark.parametrize(
    ("op", "days"),
    [("==", {2}), ("!=", {1, 3}), ("<", {1}), ("<=", {1, 2}), (">", {3}), (">=", {2, 3})],
)
def test_a_day_is_compared_as_the_whole_day_in_utc(op: str, days: set[int]) -> None:
    for day in (1, 2, 3):
        for hour in (0, 23):
            assert holds(f"created_at {op} '2026-01-02'", created_at=datetime(2026, 1, day, hour, tzinfo=UTC)) is (
                day in days
            )


def test_a_moment_is_compared_exactly_in_any_zone() -> None:
    assert holds("created_at == '2026-01-02T01:00+01:00' and '2026-01-01T23:59' < created_at", created_at=JAN_2)


def test_functions_ask_the_history() -> None:
    past = Past(happened=True, ended="voicemail", count=2, days=3.5)
    assert holds("clicked('guide') and replied() and sent('a') and visited('/pricing')", past)
    assert holds("outcome('intro') == 'Voicemail' and touches('email', '30 days') == 2", past)
    assert holds("days_since('click') > 3 and colleagues('near_term') + 1 == 3", past)
    assert not holds("days_since('click') > 3 or not days_since('click') <= 0 and replied()")


@pytest.mark.parametrize(
    ("text", "part", "says"),
    [
        ("stage = 'unknown'", "=", "write =="),
        ("fit > 3 && budget", "&&", "write and"),
        ("fit > 3 || budget", "||", "write or"),
        ("!budget", "!", "write not"),
        ("fit > 3 AND budget", "AND", "small letters"),
        ("industry == null", "null", "not industry"),
        ("industry is None", "is", "write =="),
        ("title like 'chief'", "like", "contains"),
        ("1 < fit < 4", "<", "two values at a time"),
        ("indutry == 'a'", "indutry", "did you mean 'industry'?"),
        ("Stage == 'unknown'", "Stage", "did you mean 'stage'?"),
        ("lead.email == 'a'", "lead.email", "did you mean 'email'?"),
        ("stage == near_term", "near_term", "'near_term'"),
        ("stage == 'nea_term'", "'nea_term'", "did you mean 'near_term'?"),
        ("status in ['won', 'nurtring']", "'nurtring'", "did you mean 'nurturing'?"),
        ("outcome('intro') == 'voicemial'", "'voicemial'", "did you mean 'voicemail'?"),
        ("touches('emial', '3 days') > 1", "'emial'", "did you mean 'email'?"),
        ("touches('email', '3 dys') > 1", "'3 dys'", "days"),
        ("days_since('clik') > 1", "'clik'", "did you mean 'click'?"),
        ("colleagues('near') > 1", "'near'", "near_term"),
        ("clickd('guide')", "clickd('guide')", "did you mean 'clicked'?"),
        ("clicked()", "clicked()", "clicked('TEMPLATE')"),
        ("clicked(title)", "title", "clicked('TEMPLATE')"),
        ("contains(title)", "contains(title)", "contains(text, 'a', ...)"),
        ("contains(fit, 'a')", "fit", "not a name with a text"),
        ("has_word(title, 'vice president')", "'vice president'", "contains()"),
        ("clicked", "clicked", "clicked('TEMPLATE')"),
        ("fit('a')", "fit('a')", "without parentheses"),
        ("fit >= '20'", "fit >= '20'", "without quotes: 20"),
        ("title == 3", "title == 3", "in quotes: '3'"),
        ("title + 'a' == 'b'", "title", "only numbers"),
        ("country in 'US'", "'US'", "['US']"),
        ("'chief' in title", "title", "contains(title, 'chief')"),
        ("country in []", "[]", "empty"),
        ("country in ['US' 'CA']", "'CA'", "comma"),
        ("country in ['US', 3]", "'US'", "mixed"),
        ("fit", "fit", "fit > 0"),
        ("'near_term'", "'near_term'", "text alone"),
        ("stage > 'unknown'", "stage > 'unknown'", "no order"),
        ("budget > true", "budget > true", "== and !="),
        ("created_at > '2026-02-30'", "'2026-02-30'", "not a date"),
        ("created_at > '01/02/2026'", "'01/02/2026'", "'2026-01-31'"),
        ("fit / 0 > 1", "0", "divides by zero"),
        ("fit > 30days", "30days", "no unit"),
        ("fit > 12345678901234567890", "12345678901234567890", "15 digits"),
        ("(fit > 3", "(", "never closed"),
        ("fit > 3)", ")", "never opened"),
        ("title == 'a", "'", "closing quote"),
        ("title == “a”", "“", "straight quotes"),
        ("fit > 3 budget", "budget", "and, or"),
        ("fit > 3 and", "", "missing at the end"),
        ("   ", "   "[:1], "empty"),
        ("title == 'é' and fti > 3", "fti", "did you mean 'fit'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_shown_at_its_place_with_what_to_do(text: str, part: str, says: str) -> None:
    error = mistake(text)
    assert text[error.offset : error.offset + error.length] == part
    assert says in error.message
    assert error.exit_code == 2


def test_a_mistake_has_a_caret_under_it() -> None:
    assert str(mistake("stage == 'nea_term'\n and budget")) == (
        "There is no stage 'nea_term'; did you mean 'near_term'?\n"
        "  stage == 'nea_term'  and budget\n"
        "           ^^^^^^^^^^"
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "().__class__", "email.__class__ == 'a'", "x.a.__class__ == 'a'",
        "lambda: 1", "[1 for x in [1]] == 1", "f'{email}' == 'a'", "(fit := 3) > 2", "open('a')", "email[0] == 'a'",
        "{1}", "fit if fit else 1",
        "b'a' == email", "fit @ 3", "*fit", "10 ** 10 > 1", "'a' % 3", "contains(title, a='b')", "title == 'a\x00'",
        "title == '\ud800'", "(" * 999, "not " * 499 + "budget", "-" * 1990 + "1 > 0", "[" * 60, "true\\\n",
        "fit > 1 # all",
        "1" * 1990 + " > 0", "1+" * 900 + "1 > 0", "a" * 2001,
    ],
)  # fmt: skip
def test_nothing_but_the_language_is_read(text: str) -> None:
    assert str(mistake(text))


_PIECES = [*"()[],3-/<=", "stage", "fit", "x.a", "==", "in", "not", "and", "or", "'a'", "clicked", "fit > 3"]


@given(st.text(max_size=60) | st.lists(st.sampled_from(_PIECES)).map(" ".join))
@example("²")
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    offset = 0
    try:
        parse(text)
    except ConditionError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


_ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes(), st.decimals(),
    st.lists(st.integers()), st.just(object()),
)  # fmt: skip


@given(CONDITIONS, st.fixed_dictionaries({}, optional=dict.fromkeys([*NAMES, "x.a", "x.b"], _ANY)), PASTS)
def test_it_answers_true_or_false_whatever_the_values(text: str, names: dict[str, Any], past: Past) -> None:
    assert type(parse(text).holds(names, past)) is bool


_NUMBERS = st.recursive(
    st.sampled_from(["fit", "score", "employees", "2", "7"]),
    lambda inner: st.builds("{} {} {}".format, inner, st.sampled_from("+-*/"), inner) | inner.map("-{}".format),
    max_leaves=4,
)
_PLAIN = st.recursive(
    st.builds("{} {} {}".format, _NUMBERS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), _NUMBERS)
    | st.sampled_from(
        ["stage == 'unknown'", "stage in ['won', 'a']", "budget", "people", "title not in ['a', 'b']", "true"]
    ).filter(lambda text: "won" not in text),
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner) | inner.map("not {}".format)
    ),
    max_leaves=6,
)


@given(
    _PLAIN, st.lists(st.integers(-3, 9), min_size=3, max_size=3), st.booleans(), st.booleans(), st.sampled_from("abc")
)
def test_where_nothing_is_missing_it_means_what_python_means(
    text: str, numbers: list[int], budget: bool, people: bool, title: str
) -> None:
    names: dict[str, Any] = dict(zip(("fit", "score", "employees"), numbers, strict=True))
    names |= {"stage": "unknown", "budget": budget, "people": people, "title": title, "true": True}
    assume(all(text.count(sign) < 4 for sign in "+-*/"))
    try:
        expected = eval(text, {"__builtins__": {}}, names)
        condition = parse(text)
    except (ZeroDivisionError, ConditionError):
        assume(False)
    assert condition.holds(names, Past()) is bool(expected)


@given(CONDITIONS, LEADS, PASTS)
def test_not_turns_it_over_and_what_is_missing_explains_it(text: str, lead: dict[str, Any], past: Past) -> None:
    condition = parse(text)
    result = condition.holds(lead, past)
    assert parse(f"not ({text})").holds(lead, past) is not result
    missing = condition.missing(lead, past)
    assert (missing == ()) is result
    assert not any(parse(part).holds(lead, past) for part in missing)


def test_missing_names_the_smallest_parts_that_do_not_hold() -> None:
    condition = parse("stage == 'near_term' and (fit >= 20 and budget) and (people or timeline)")
    names = {"stage": "near_term", "fit": 10, "budget": True}
    assert condition.missing(names, Past()) == ("fit >= 20", "(people or timeline)")
    assert parse("created_at == '2026-01-02'").missing({}, Past()) == ("created_at == '2026-01-02'",)


def test_a_condition_tells_what_it_uses() -> None:
    condition = parse(
        "stage == 'unknown' and x.seats > 3 and clicked('guide') or touches('call', '2 business days') > 1"
    )
    assert condition.names == {"stage", "x.seats"}
    assert [(call.name, call.args) for call in condition.calls] == [
        ("clicked", ("guide",)),
        ("touches", ("call", Duration(2, Unit.BUSINESS_DAYS))),
    ]
    assert condition.text[condition.calls[0].offset :].startswith("clicked")


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("engagement >= 30 or timeline_months <= 6", {30}),
        ("22 > engagement and engagement not in [1, 2.5] and not engagement == -4", {22, 1, 2.5, -4}),
        ("engagement >= 3 * 5", {15}),
        ("fit >= 20", set()),
        ("engagement + fit >= 20 and engagement > 3", None),
        ("engagement > fit", None),
    ],
)
def test_the_bounds_of_a_number_are_read_off(text: str, bounds: set[float] | None) -> None:
    assert parse(text).bounds("engagement") == bounds


def test_conditions_are_equal_by_their_text() -> None:
    assert parse("fit > 3") == parse("fit > 3") != parse("fit > 4")
    assert len({parse("fit > 3"), parse("fit > 3")}) == 1
    assert isinstance(parse("fit > 3"), Condition)


def test_names_of_a_response_are_known_only_where_they_are_given() -> None:
    assert "No name 'intent'" in mistake("intent == 'question'").message
    assert holds("intent in ['interested', 'question']", intent="question")
    with pytest.raises(ConditionError, match="did you mean 'question'"):
        parse("intent == 'questoin'", extra=RESPONSE_NAMES)


@pytest.mark.parametrize(
    ("path", "pages"),
    [
        ("/pricing", ["/pricing", "/pricing/", "/pricing/eu", "/pricing?plan=2", "/pricing#eu"]),
        ("/pricing/", ["/pricing", "/pricing/", "/pricing/eu", "/pricing?plan=2", "/pricing#eu"]),
        ("/pricing/eu", ["/pricing/eu"]),
        ("/pric", []),
        ("/", ["/", "/pricing", "/pricing/", "/pricing/eu", "/pricing?plan=2", "/pricing#eu", "/pricing-old"]),
    ],
)
def test_a_page_below_a_path_is_a_visit_of_it_and_one_that_only_begins_alike_is_not(
    path: str, pages: list[str]
) -> None:
    seen = ["", "/", "/pricing", "/pricing/", "/pricing/eu", "/pricing?plan=2", "/pricing#eu", "/pricing-old"]
    assert [page for page in seen if is_below(page, path)] == pages
