"""YAML 1.2 as we read it: what a value is, where it stands, and what is refused before it can do harm."""

from __future__ import annotations

import math
import re
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.adapters.cadence_files.nodes import MAX_BYTES, REFUSED, ListNode, MapNode, Node, read_nodes
from nurture.adapters.cadence_files.report import Report, TooManyProblemsError
from tests.cadence_files.plain import plain


def read(text: str) -> tuple[Node | None, list[str]]:
    report = Report("f.yaml")
    try:
        node = read_nodes(text, report)
    except TooManyProblemsError:
        node = None
    return node, [f"{problem.line}:{problem.column}: {problem.message}" for problem in report.problems]


def read_well(text: str) -> Any:
    node, problems = read(text)
    assert problems == []
    assert node is not None
    return plain(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("10:30", "10:30"),
        ("09-01", "09-01"),
        ("2027-04-20", "2027-04-20"),
        ("1_000", "1_000"),
        ("5%", "5%"),
        ("0b11", "0b11"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("=", "="),
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("5", 5),
        ("-7", -7),
        ("+7", 7),
        ("010", 10),
        ("0o17", 15),
        ("0xFF", 255),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_scalar_is_what_the_core_schema_of_yaml_1_2_says(text: str, value: object) -> None:
    found = read_well(f"key: {text}\n")["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_key_and_value_knows_its_line_and_column() -> None:
    node, _ = read("a: 1\nlong:\n  - {b: 'ä', c: [d]}\n")
    assert isinstance(node, MapNode)
    key, items = node.entries["long"]
    assert (key.line, key.column) == (2, 1)
    assert isinstance(items, ListNode)
    inner = items.items[0]
    assert isinstance(inner, MapNode)
    c, d = inner.entries["c"]
    assert (c.line, c.column, d.line, d.column) == (3, 14, 3, 17)


def test_a_byte_order_mark_and_windows_line_ends_do_not_move_anything() -> None:
    node, problems = read("\ufeffa: 1\r\nb: 2\r\n")
    assert problems == []
    assert isinstance(node, MapNode)
    assert (node.entries["a"][0].column, node.entries["b"][0].line) == (1, 2)


def test_a_file_without_content_is_nothing() -> None:
    assert read_well("") is None
    assert read_well("# only a comment\n") is None


def test_a_repeated_key_is_kept_with_the_line_of_the_first() -> None:
    node, _ = read("a: 1\nb: 2\na: 3\n")
    assert isinstance(node, MapNode)
    assert [(key.text, key.line, first) for key, first in node.repeated] == [("a", 3, 1)]


def test_nothing_that_is_refused_is_printable() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not any(map(str.isprintable, re.findall(REFUSED, every)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1\nb: *x\n", ["1:4: an anchor (&x) is not", "2:4: an alias (*x) is not"]),
        ("a:\n  <<: {b: 1}\n", ["2:3: a merge key (<<) is not"]),
        ("a: !!python/object/apply:os.system ['x']\n", ["1:4: a tag (tag:yaml.org,2002:python/object"]),
        ("a: !!str 5\n", ["1:4: a tag (tag:yaml.org,2002:str) is not"]),
        ("%YAML 1.1\n---\na: NO\n", ["1:1: a directive (%) is not"]),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", ["1:1: a directive (%) is not"]),
        ("a: 1\n---\nb: 2\n", ["2:1: a second document"]),
        ("a:\tb\nc:\n\t- d\n", ["1:3: a tab", "3:1: a tab"]),
        ("a: b\x07c\n", ["1:5: a control character (U+0007)"]),
        ("a: \ud800\n", ["1:4: a control character (U+D800)"]),
        ("a: 'b\u2028c'\n", ["1:6: a control character (U+2028)"]),
        ("[a]: b\n", ["1:1: a key must be a word"]),
        ("a: {b: c in ['d']}\n", ["1:13: this does not belong here: inside {} quote any value with a comma"]),
        ("a: {b: f(c, 'd')}\n", ["1:16: this does not belong here: inside {} quote any value with a comma"]),
        ("a: [b\nc: d\n", ["2:2: "]),
        ("a: {b: 1\n", ["1:4: the '{' that begins here is never closed"]),
        ("a: 'b\n", ["1:4: the quote that begins here is never closed"]),
        ("a: 'b' == c\n", ["1:8: text after a closing quote"]),
        ("a: b: c\n", ["1:5: a second ': ' here"]),
        ("a: @b\n", ["1:4: a value cannot begin with this character"]),
        ("a:\n  - b\n c: d\n", ["3:2: this does not line up"]),
        ("- a\nb: c\n", ["2:1: this does not line up"]),
        ("a: }\n", ["1:4: this does not belong here"]),
        ('a: "\\q"\n', ["1:5: in a quoted text"]),
    ],
)
def test_what_is_not_read_is_refused_with_its_place_and_what_to_do(text: str, expected: list[str]) -> None:
    node, problems = read(text)
    assert node is None
    assert len(problems) == len(expected), problems
    for found, beginning in zip(problems, expected, strict=True):
        assert found.startswith(beginning)


LAUGHS = "a0: &a0 ha\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
ALMOST = MAX_BYTES - 10


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LAUGHS, id="a billion laughs"),
        pytest.param("&a [*a]", id="a list inside itself"),
        pytest.param("[" * ALMOST, id="deep brackets"),
        pytest.param("{a: " * (ALMOST // 4), id="deep braces"),
        pytest.param("- " * (ALMOST // 2), id="deep dashes"),
        pytest.param("".join(" " * n + "a:\n" for n in range(1000)), id="deep indentation"),
        pytest.param("? " * (ALMOST // 2), id="deep question marks"),
        pytest.param("a: [" + "*a, " * (ALMOST // 5) + "]", id="many aliases"),
        pytest.param("\t" * ALMOST, id="tabs"),
        pytest.param("\t\n" * (ALMOST // 2), id="lines of tabs"),
        pytest.param("a: x\n" * 2_000_000, id="ten megabytes"),
        pytest.param("&" + "a" * ALMOST + " b", id="a long anchor"),
        pytest.param("'" + "a" * ALMOST, id="a long quote"),
    ],
)
def test_a_bomb_is_refused_in_under_a_second(text: str) -> None:
    begun = time.process_time()
    node, problems = read(text)
    assert time.process_time() - begun < 1
    assert node is None
    assert problems


@given(st.text(max_size=60) | st.text(alphabet="ab:-,[]{}'\"#&*!|>%@`? \n\t", max_size=60))
def test_any_text_is_read_or_refused_and_never_raises(text: str) -> None:
    node, problems = read(text)
    assert (node is None) == bool(problems)
