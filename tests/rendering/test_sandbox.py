"""A template cannot get out, run on, or swell; what it tries is said with its line."""

from __future__ import annotations

import time

import pytest

from nurture.adapters.rendering import RenderError, budget
from tests.rendering.samples import RICH, email, templates, tracked

ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ x['__class__'] }}",
    "{{ x.__class__.__init__ }}",
    "{{ link.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__ }}",
    "{{ namespace(a=1).a }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ x.update({'a': 1}) }}",
    "{{ x.pop('program') }}",
    "{{ [1].append(2) }}",
    "{{ '%s' % x }}",
    "{{ first_name|attr('__class__') }}",
    "{{ first_name|safe }}",
    "{% autoescape false %}{{ last_name }}{% endautoescape %}",
    "{% include first_name %}",
    "{% extends ['layouts/default.html'] %}",
    "{% include '../../etc/passwd' %}",
    "{% import 'os' as os %}",
    "{{ x }}",
    "{{ link }}",
    "{% for n in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{{ created_at.__reduce__() }}",
    "{{ created_at.strftime('%99999999d') }}",
    "{{ created_at|date('%99999999d') }}",
    "{{ lipsum() }}",
    "{{ [first_name]|map(attribute='__class__')|join }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_there_is_no_way_out(template: str) -> None:
    with pytest.raises(RenderError, match=r"templates/notes/one\.html"):
        email(template)


BOMBS = [
    "{{ 'x'|center(900000000) }}",
    "{{ 'x' * 900000000 }}",
    "{{ [0] * 900000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 'x'.ljust(900000000) }}",
    "{{ '%900000000d' % 1 }}",
    "{{ range(1001) }}",
    "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "{% set r = range(1000) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
    "{% set r = range(1000)|list %}{% for a in r %}{{ r|join }}{% endfor %}",
    "{% for a in range(1000) %}" + "x" * 2000 + "{% endfor %}",
    "{% set big %}{% for a in range(1000) %}" + "x" * 2000 + "{% endfor %}{% endset %}",
    "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "{% macro m(n) %}{% if n < 40 %}{{ m(n + 1) }}{{ m(n + 1) }}{% endif %}{% endmacro %}{{ m(1) }}",
    "{% include 'notes/one.html' %}",
    "{{ ('x' * 3) }}",
    "{{ first_name|replace('a', x.long)|replace('b', x.long) }}",
    "".join(f"{{% set a = {'a ~ a' if turn else x} %}}" for turn, x in enumerate(["'xxxxxxxx'", *[""] * 30]))
    + "{{ a }}",
    "{% for a in range(30) %}" + "{{ x.long }}" * 5 + "{% endfor %}",
]


@pytest.mark.parametrize("template", BOMBS)
def test_nothing_runs_on_or_swells(template: str) -> None:
    began = time.monotonic()
    with pytest.raises(RenderError):
        email(template, names=RICH | {"x": {"long": "b" * 100_000}})
    assert time.monotonic() - began < 2.5


def test_files_that_include_each_other_twice_do_not_double_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_STEPS", 2_000)  # a slow machine uses up the seconds before 50,000 steps
    files = {f"f{n}_html": f"{{% include 'layouts/f{n + 1}.html' %}}" * 2 for n in range(40)}
    with pytest.raises(RenderError, match="too many steps"):
        templates("{% include 'layouts/f0.html' %}", **files, f40_html="").email("notes/one", RICH, tracked)


def test_a_macro_file_keeps_nothing_of_one_lead_for_the_next() -> None:
    parts = "{% set brand %}{{ 'Acme' }}{% endset %}{% macro hello(name) %}{{ brand }} {{ name }}{% endmacro %}"
    page = "{% from 'layouts/parts.html' import hello %}{{ company }}{{ hello(first_name) }}"
    assert email(page, parts_html=parts).html == "Smith &amp; SonsAcme Dana"


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ first_name|upper }}", "DANA"),
        ("{{ [first_name, none, company]|select|join(', ') }}", "Dana, Smith &amp; Sons"),
        ("{{ x.program|title }}", "Blue"),
        ("{{ 'one two three'|truncate(8) }}", "one..."),
        ("{{ (employees / 100)|round(1) }}{{ 1.5|round(900000000) }}", "1251.5"),
        ("{% set n %}{{ company }}{% endset %}{{ n|replace('Sons', '<i>') }}", "Smith &amp; &lt;i&gt;"),
        ("{% set n %}{{ x.nothing }}{% endset %}{% if n %}yes{% else %}no{% endif %}", "no"),
        ("{% for n in x.nothing %}{{ n }}{% else %}none{% endfor %}", "none"),
        ("{% for n in ['a', 'b'] %}{{ loop.index }}{{ n }}{{ ', ' if not loop.last }}{% endfor %}", "1a, 2b"),
        ("{% if first_name is defined and x.nothing is not defined %}ok{% endif %}", "ok"),
        ("{{ 'a,b'.split(',')|last }}", "b"),
        ("{{ sender.name }}{{ sender.phone }}", "Cal"),
        ("{{ company|e }}", "Smith &amp; Sons"),
        ("{% for key, value in x.items() %}{{ key }}={{ value }};{% endfor %}", "program=blue;"),
    ],
)
def test_what_a_marketer_needs_works(template: str, shown: str) -> None:
    assert email(template, names=RICH | {"x": {"program": "blue"}}).html == shown
