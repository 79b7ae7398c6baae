"""A map file is read whole: every problem at once, each at its place, or a map."""

from __future__ import annotations

from pathlib import Path

import pytest

from nurture.adapters.lead_files.maps import load_map, read_map, ready_maps
from nurture.domain.errors import RequestError


def problems(text: str) -> list[str]:
    with pytest.raises(RequestError) as caught:
        read_map(text, "show.yaml")
    assert caught.value.exit_code == 2
    return caught.value.what.splitlines()[:-1]


def test_a_map_says_where_each_name_comes_from() -> None:
    found = read_map(
        """
columns: {email: E-mail, first_name: [Vorname, First], x.plants: Werke}
constants: {country: NO, source: hannover-2027}
templates: {external_id: "{{ line }}-{{ row['Werke'] }}"}
values: {status: {Kunde: customer, "*": ""}, "*": {unknown: }}
dates: {created_at: "%d.%m.%Y", x.since: ["%Y", "%d.%m.%Y"]}
ignore: [Fax, "_*"]
delimiter: tab
encoding: latin-1
""",
        "maps/show.yaml",
    )
    assert found.name == "show"
    assert found.columns["email"].required
    assert found.columns["first_name"].headers == ("Vorname", "First")
    assert not found.columns["first_name"].required
    assert found.constants["country"] == "NO"
    assert found.values == {"status": {"kunde": "customer", "*": ""}, "*": {"unknown": ""}}
    assert found.dates["x.since"] == ("%Y", "%d.%m.%Y")
    assert (found.ignore, found.delimiter, found.encoding) == (("Fax", "_*"), "\t", "iso8859-1")


def test_every_problem_is_told_at_once_with_its_place() -> None:
    assert problems(
        """colums: {}
columns:
  emial: Email
  score: Points
  x.my-name: A
  last_name:
  title: T
  title: U
constants: {country: Grmany, title: Boss, employees: [1, 2]}
templates: {phone: "{{ row.phone | upper }}", email: "{{ name"}
values: {stage: {A: longterm, a: near_term}, industry: manufacturing}
dates: {employees: "%d", created_at: "tomorrow"}
delimiter: "::"
encoding: utf-9
"""
    ) == [
        "show.yaml:1:1: unknown key 'colums'; did you mean 'columns'?",
        "show.yaml:3:3: columns: unknown name 'emial'; did you mean 'email'?",
        "show.yaml:4:3: columns: score is computed from what happens, and cannot be imported",
        "show.yaml:5:3: columns: unknown name 'x.my-name'; a name of your own is written x.NAME",
        "show.yaml:6:13: columns: last_name names no column",
        "show.yaml:8:3: columns: 'title' is already set on line 7",
        (
            "show.yaml:9:22: constants: country 'Grmany': not a country known by name or by ISO 3166 code; "
            "did you mean Germany?"
        ),
        "show.yaml:9:30: constants: title is already filled under columns",
        "show.yaml:9:54: employees: one text is wanted here; quote a text that begins with a bracket",
        "show.yaml:10:20: templates: phone: no cell has a part called 'phone'; use row['phone']",
        (
            "show.yaml:10:54: templates: email: the template does not parse: unexpected end of template, "
            "expected 'end of print statement'."
        ),
        "show.yaml:11:31: values: stage: 'a' stands here twice; case makes no difference",
        "show.yaml:11:56: values: industry: a table is wanted here, such as {unknown: ''}",
        (
            "show.yaml:12:20: dates: employees is not a date; dates are consent_at, consent_until, created_at, "
            "facts and x.NAME"
        ),
        "show.yaml:12:38: dates: created_at: 'tomorrow' is not the form of a date, such as %d.%m.%Y or %m/%d/%Y",
        "show.yaml:13:12: '::' cannot separate cells. Give one character, or tab, comma, semicolon or pipe.",
        "show.yaml:14:11: No encoding is called 'utf-9'. Use utf-8, utf-16, cp1252 or another name that Python knows.",
    ]


@pytest.mark.parametrize(
    "template",
    [
        "{% for n in row %}{{ n }}{% endfor %}",
        "{% set a = 'x' %}{{ a }}",
        "{{ 'x' * 900000000 }}",
        "{{ 'x' | center(900000000) }}",
        "{{ row.__class__ }}",
        "{{ ''.format(1) }}",
        "{{ ''.__class__.mro() }}",
        "{{ range(9) }}",
        "{{ cycler('a') }}",
        "{% include 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{{ 2 ** 9999999 }}",
        "{{ '%99999999d' % 1 }}",
    ],
)
def test_a_template_of_a_map_may_only_rearrange_text(template: str) -> None:
    assert problems(f"templates:\n  email: |-\n    {template}\n")[0].startswith("show.yaml:2:10: templates: email: ")


@pytest.mark.parametrize(
    "text", ["[email]", "just text", "columns: [a]", "&a x: 1", "a: *b", "\tcolumns:", "columns: {a"]
)
def test_what_is_no_map_is_told(text: str) -> None:
    assert problems(text)


def test_the_maps_that_come_with_the_program_are_good() -> None:
    assert ready_maps() == ("hubspot", "marketo", "salesforce")
    for name in ready_maps():
        found = load_map(name)
        assert found.name == name
        assert {"email", "external_id", "opted_out", "do_not_call"} <= found.columns.keys()
        assert not any(source.required for source in found.columns.values())


def test_a_map_is_named_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("columns: {email: Mail}\n", encoding="utf-8")
    assert load_map(str(path)).name == "mine"
    with pytest.raises(RequestError, match="Did you mean 'salesforce'"):
        load_map("salesforc")
    with pytest.raises(RequestError, match="cannot be read"):
        load_map(str(tmp_path / "other.yaml"))
    path.write_bytes(b"columns: {email: \xfc}\n")
    with pytest.raises(RequestError, match="not UTF-8"):
        load_map(str(path))
