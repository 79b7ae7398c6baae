"""Names that a lead may lack and that nothing stands in for: found in the template, at their place."""

from __future__ import annotations

import pytest

from nurture.adapters.rendering import Templates
from tests.rendering.samples import FOOTER, FRONT, in_layout, templates

KNOWN = frozenset({"email", "stage"})


def blanks(
    html: str, text: str = FOOTER, *, front: str = FRONT, known: frozenset[str] = KNOWN, **more: str
) -> list[str]:
    """The names in their order, each with the line of its file."""
    found = templates(html, text, front=front, **more).blanks("notes/one", "email", known, of="course")
    assert all(one.severity == "warning" for one in found)
    return [f"{one.file.rpartition('.')[2]}:{one.line}:{one.column} {one.message.partition(' ')[0]}" for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "{{ title or 'there' }}",
        "{{ title|default('there') }}",
        "{{ title and ', ' ~ title }}",
        "{{ title if title else 'there' }}",
        "{{ 'Dear ' ~ title if title is defined }}",
        "{% if title %}{{ title }}{% endif %}",
        "{% if title and x.seats %}{{ title }} {{ x.seats * 2 }}{% endif %}",
        "{% if not title %}there{% else %}{{ title }}{% endif %}",
        "{% if title is none %}there{% else %}{{ title }}{% endif %}",
        "{% if title == 'CEO' %}{{ title }}{% endif %}",
        "{% if title != 'CEO' %}x{% else %}{{ title }}{% endif %}",
        "{% if x.tier in ['a', 'b'] %}{{ x.tier }}{% endif %}",
        "{% if employees and employees > 100 %}{{ employees }}{% endif %}",
        "{% set name = title or 'there' %}{{ name }}",
        "{% for title in ['a'] %}{{ title }}{% endfor %}",
        "{{ email }} {{ stage }} {{ sender.phone }}",
        "{% macro hi(title) %}{{ title }}{% endmacro %}{{ hi('you') }}",
    ],
)
def test_what_has_a_guard_is_no_problem(text: str) -> None:
    assert blanks(in_layout(text)) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ title }}", "title"),
        ("{{ title|upper }}", "title"),
        ("{{ 'Dear ' ~ title }}", "title"),
        ("{{ title or first_name }}", "first_name"),
        ("{{ x.seats }} {{ x['tier'] }}", "x.seats x.tier"),
        ("{% if company %}{{ title }}{% else %}{{ company }}{% endif %}", "title company"),
        ("{% if title or company %}{{ title }}{% endif %}", "title"),
        ("{% if employees > 100 %}many{% endif %}", "employees"),
        ("{% set name = title %}{{ name }}", "title"),
        ("{{ link('https://a.example/' ~ x.id) }}", "x.id"),
        ("{% for part in [title] %}{{ part }}{% endfor %}", "title"),
        ("{{ x.seats / 2 }}", "x.seats"),
    ],
)
def test_what_would_be_blank_or_fail_is_named(text: str, names: str) -> None:
    assert [one.partition(" ")[2] for one in blanks(in_layout(text))] == names.split()


def test_each_has_its_file_line_and_column_and_the_subject_too() -> None:
    front = "---\nsubject: Hello {{ first_name }}\npreheader: Short\n---\n"
    assert blanks(in_layout("\n<p>Dear {{ title }}</p>"), "Hi {{ title }}" + FOOTER, front=front) == [
        "html:7:12 title",
        "html:2:19 first_name",
        "txt:1:7 title",
    ]


def test_what_is_known_is_no_problem() -> None:
    assert blanks(in_layout("{{ title }} {{ x.tier }}"), known=KNOWN | {"title", "x.tier"}) == []


def test_a_layout_is_read_without_the_blocks_that_are_replaced_and_an_include_with_what_is_known_there() -> None:
    sources = {
        "layouts/a.html": "{% block head %}{{ title }}{% endblock %}{% block foot %}{{ company }}{% endblock %}",
        "parts/b.html": "{{ title }} {{ industry }}",
        "notes/one.html": FRONT + "{% extends 'layouts/a.html' %}"
        "{% block head %}{% if title %}{% include 'parts/b.html' %}{% endif %}{% endblock %}",
        "notes/one.txt": "",
    }
    found = Templates(sources).blanks("notes/one", "email", KNOWN, of="course")
    assert [(one.file, one.message.partition(" ")[0]) for one in found] == [
        ("templates/parts/b.html", "industry"),
        ("templates/layouts/a.html", "company"),
    ]


@pytest.mark.parametrize("broken", ["{{ ", "{% if %}", "{{ a.b.c[ }}", "{% include 'nowhere' %}", "{% extends x %}"])
def test_what_is_no_template_never_raises(broken: str) -> None:
    blanks(broken, broken)
