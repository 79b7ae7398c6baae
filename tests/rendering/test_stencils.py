"""What a stencil writes is what its templates write, whatever they do with whatever a lead's fields hold."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import Template

from nurture.adapters.rendering import RenderedEmail, RenderError, Templates
from nurture.adapters.rendering.compiled import Compiled
from nurture.adapters.rendering.names import CLOSE, OPEN, frozen
from tests.rendering.samples import RICH, email, in_layout, templates, tracked

# Each shows, asks or looks in its own way; A, B and C are put in as names.
DOINGS = [
    *(
        "{{ A }}",
        "{{ A or B }}",
        "{{ A or 'you' }}",
        "{{ A and B }}",
        "{{ A if B else C }}",
        "{% if A %}yes{% endif %}",
    ),
    *(
        "{{ A|default('x') }}",
        "{{ A|d(B) }}",
        "{{ A|default(B, true) }}",
        "{{ A|e }}",
        "{{ A|upper }}",
        "{{ A|length }}",
    ),
    *("{{ A ~ B }}", "{{ A ~ '-' }}", "{{ A + B }}", "{{ A == B }}", "{{ A in B }}", "{{ 'a' in A }}", "{{ A[0] }}"),
    *("{{ A is none }}", "{{ A is defined }}", "{{ A is string }}", "{{ A is number }}", "{{ not A }}", "{{ A > 3 }}"),
    *(
        "{{ [A, B]|join(', ') }}",
        "{{ [A, B]|first }}",
        "{{ [A, B]|select|join }}",
        "{{ [A, B, A]|unique|list|length }}",
    ),
    *(
        "{{ [A]|sort|first }}",
        "{{ [A, B]|map('upper')|join }}",
        "{{ A.upper() }}",
        "{{ A|replace('a', B) }}",
        "{{ -A }}",
    ),
    *(
        "{{ A|int }}",
        "{{ A|float(2) }}",
        "{{ A|date }}",
        "{{ A|urlencode }}",
        "{{ A|truncate(3) }}",
        "{{ A|wordwrap(2) }}",
    ),
    *(
        "{{ x[A] }}",
        "{{ x.items()|list|length }}",
        "{% for k, v in x.items() %}{{ k }}{{ v }}{% endfor %}",
        "{{ x|length }}",
    ),
    "{% set s = A %}{{ s or B }}{{ s }}",
    "{% set s %}<{{ A }}>{{ B }}{% endset %}{{ s }}{{ s }}",
    "{% set s %}{{ A }}{% endset %}{{ s|upper }}{{ s == A }}{{ x[s] }}",
    "{% set s %}{{ A }}{% endset %}{{ [s, s]|unique|list|length }}{{ s in [A, s] }}",
    "{% set s %}{{ A }}{% endset %}{{ [A]|map(attribute=s)|list|length }}{{ x|length }}",
    "{% set s %}{{ A }}{% endset %}{{ s ~ B }}{% for c in s %}{{ c }}{% endfor %}",
    "{% set s %}{{ A }}{% endset %}{% if s %}{{ 'abc'|replace('b', s) }}{{ ['a', 'b']|join(s) }}{% endif %}",
    "{% macro m(p, q='-') %}[{{ p }}{{ q }}{{ caller() if caller }}]{% endmacro %}{{ m(A, q=B) }}{{ m(C)|length }}",
    "{% macro m(p) %}[{{ p }}{{ caller() }}]{% endmacro %}{% call m(A) %}{{ B }}{% endcall %}",
    "{% from 'layouts/parts.html' import button %}{{ button(link('https://a.example/1'), A) }}",
    "{% from 'layouts/parts.txt' import line %}{{ line(A) }}{{ line(link('https://a.example/1')) }}",
    "{% for w in [A, B, 'c'] %}{{ loop.cycle(A, 'z') }}{{ w }}{{ loop.changed(w) }}{% endfor %}",
    "{% for w in A %}{{ w }}{% endfor %}",
    "{% filter upper %}{{ A }}b{% endfilter %}",
    "{% include 'layouts/part.txt' %}",
    "{{ {'a': A}.a }}{{ {'a': A}['a'] }}{{ (A, B)[1] }}",
    "{{ link('https://a.example/1') }}{{ link('https://a.example/2')|length }}",
    "{{ link('https://a.example/2') }}{% if link('https://a.example/1') %}!{% endif %}",
    "{{ link('https://a.example/' ~ A) }}",
    "{{ link(A) }}",
    "{{ subject }}{{ preheader or A }}",
    "{{ subject|upper }}",
    "{% if preheader %}p{% endif %}",
    "\n\n{{ A }}\n \n\n{{ B }}\n\n\n",
    "{{ sender.name }}{{ sender.phone or A }}{{ sender }}",
    "{{ {}.a }}{{ unknown }}",
    "{{ range(A)|length }}",
    "{{ [A, B]|sort|join }}{{ [A]|length }}{{ [A] == [A] }}{{ A is in [B] }}",
    "{{ (A or 'b') ~ (B or 'c') }}",
    "{{ A[:2] }}{{ x.get(A) }}{{ [A, B]|map('default', 'q')|join }}{{ A is eq(B) }}",
    "{% for w in [A, B, C] if w == A %}{{ loop.previtem or '-' }}{{ loop.last }}{% else %}none{% endfor %}",
    "{% with s = A ~ '' %}{{ s if s == B else C }}{% endwith %}{% if A in {A: 1} and A < B %}!{% endif %}",
]
ASKED = ["first_name", "company", "title", "employees", "created_at", "x.seats", "x['program']", "postal_address"]
LAYOUTS = {
    "layouts/default.html": "<style>p { color: red }</style><title>{{ subject }}</title>"
    "{% block top %}<p>{{ title }}</p>{% endblock %}{% block body %}{% endblock %}<p>{{ self.top() }}</p>",
    "layouts/parts.html": "{% macro button(url, label) %}<a href='{{ url }}'>{{ label or 'Go' }}</a>{% endmacro %}",
    "layouts/parts.txt": "{% macro line(label) %}* {{ label }} *{% endmacro %}",
    "layouts/part.txt": "<{{ first_name }}>{{ x.seats }}",
}
PARTS = {name.removeprefix("layouts/").replace(".", "_"): text for name, text in LAYOUTS.items() if "part" in name}
doings = st.lists(
    st.tuples(st.sampled_from(DOINGS), *(st.sampled_from(ASKED) for _ in "ABC")).map(
        lambda drawn: drawn[0].replace("A", drawn[1]).replace("B", drawn[2]).replace("C", drawn[3])
    ),
    max_size=4,
).map(" ".join)
awkward = st.sampled_from(
    [
        *(None, "", " ", "Dana", "dana", "O'Neil <b>", "a&b", "  two  words ", "line\nbreak", "\n\n\n", "\xa0", "a\tb"),
        *(f"{OPEN}0{CLOSE}", OPEN, "{{ 1 }}", "x" * 2_500, "é😀", "\u2028", "seats", "https://a.example/1", "12"),
        *(True, False, 0, 1, 3, 3.0, 3.5, -0.0, Decimal(3), Decimal("3.0"), date(2026, 3, 1), {"a": 1}, ["a", "b"]),
        *(datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=timezone(timedelta(hours=1)))),
    ]
)
plain = st.sampled_from(["Dana", "Ed", "Smith & Sons", "A <b> c", " Lee", "é😀 x"])


@st.composite
def leads(draw: st.DrawFn) -> dict[str, Any]:
    value = st.one_of(plain, plain, awkward)
    names = {name: draw(value) for name in ASKED if not name.startswith("x")}
    custom = draw(st.dictionaries(st.sampled_from(["seats", "program", "other"]), value))
    phone = draw(st.sampled_from([None, "1 2 3"]))
    return RICH | names | {"x": custom, "sender": {"name": "Cal", "email": "c@a.example", "phone": phone}}


def written(made: Templates, names: dict[str, Any], touch: str, *, plainly: bool) -> RenderedEmail | str:
    """The e-mail, or why there is none; `plainly`: by running its templates."""

    def link(target: str) -> str:
        return f"https://n.example/{touch}?t={len(target)}&a" if touch else ""

    try:
        if plainly:
            compiled = made._emails.get("notes/one") or made._compile_email("notes/one")
            return compiled.email(frozen(names), link)
        return made.email("notes/one", names, link)
    except RenderError as problem:
        return str(problem)


IN_SUBJECT = "{% include 'layouts/part.txt' %}"


@settings(max_examples=60, deadline=None)  # each compiles a page
@example(subject=IN_SUBJECT, preheader="", body="", text="", people=[RICH | {"x": {"seats": "Dana"}}])
@example(subject="{{ title }}", preheader="{{ subject }}", body="{{ preheader }}", text="", people=[RICH])
@given(subject=doings, preheader=doings, body=doings, text=doings, people=st.lists(leads(), min_size=1, max_size=4))
def test_a_stencil_writes_what_its_templates_write(
    subject: str, preheader: str, body: str, text: str, people: list[dict[str, Any]]
) -> None:
    lines = {"subject": f"Hi {subject}", "preheader": preheader}
    front = "\n".join(["---", *(f"{key}: |-\n  {' '.join(words.split())}" for key, words in lines.items()), "---\n"])
    html = f"{{% extends 'layouts/default.html' %}}{{% block body %}}<p>{body}</p>{{% endblock %}}"
    made = Templates({"notes/one.html": front + html, "notes/one.txt": text} | LAYOUTS)
    for turn in range(4):
        for number, names in enumerate(people):
            touch = f"{turn}-{number}"
            sent = written(made, names, touch, plainly=False)
            assert sent == written(made, names, touch, plainly=True)
            if isinstance(sent, RenderedEmail) and sent.quoted is not None:
                assert [f'"{text}"' for text in sent.quoted()] == [json.dumps(sent.html), json.dumps(sent.text)]


def with_x(**custom: Any) -> dict[str, Any]:
    return {"x": custom}


OFTEN = "{% for n in range(40) %}{{ A }}{% endfor %}"  # with 25,000 letters each it is longer than a mail may be
UNLIKE: list[tuple[str, str, list[dict[str, Any]]]] = [  # a subject, a text, and people who are nearly alike
    ("Hi", "a\n\n{{ first_name }}\n\nb", [{"first_name": "Dana"}, {"first_name": " "}]),
    ("Hi", "a\n{{ first_name }}\nb", [{"first_name": "Dana"}, {"first_name": "x\n\n\n\ny"}]),
    ("Hi", OFTEN.replace("A", "first_name"), [{"first_name": "Dana"}, {"first_name": "x" * 26_000}]),
    ("Hi", "{{ employees == 12 }}", [{"employees": 12}, {"employees": "12"}, {"employees": 12.0}]),
    ("Hi", "{{ x.seats }}{{ x.seats is number }}", [with_x(seats=True), with_x(seats="True"), with_x(seats=1)]),
    ("Hi", "{{ created_at|date }}", [{"created_at": date(2026, 3, 1)}, {"created_at": "2026-03-01"}]),
    ("Hi", "{{ country or '-' }}", [{"country": None}, {"country": ...}, {"country": "FR"}]),
    ("Hi", "{% for k, v in x.items() %}{{ k }}={{ v }}{% endfor %}", [with_x(a="1"), with_x(b="1"), with_x(a="2")]),
    ("Hi", "{{ x }}{{ x|length }}", [with_x(a="1"), with_x(a="1", b=None)]),
    ("{{ first_name }}!", "{{ subject }}", [{"first_name": "Dana"}, {"first_name": " two  words "}]),
    ("{{ title }}" * 13, OFTEN.replace("A", "subject"), [{"title": "Boss"}, {"title": "x" * 2_000}]),
    ("Hi", "{{ link('https://a.example/1') or 'none' }}", [{}]),
    ("Hi", "{{ first_name ~ title }}", [{"title": "Boss"}, {"title": None}, {"first_name": "Ann"}]),
    ("Hi", "{{ {first_name: 1}.Dana }}", [{"first_name": "Dana"}, {"first_name": "Ann"}]),
    ("Hi", "{{ 'Dana' == first_name }}{{ first_name == 'Dana' }}", [{"first_name": "Dana"}, {"first_name": "Ann"}]),
    ("Hi", "{{ 'Dana' in [first_name] }}", [{"first_name": "Ann"}, {"first_name": "Dana"}]),
    ("Hi", "{{ [first_name, title]|unique|list|length }}", [{"title": "Boss"}, {"title": "Dana"}]),
    ("Hi", "{% include 'layouts/part.txt' %}", [with_x(seats="1"), with_x(seats="2")]),
    ("Hi", "{% from 'layouts/parts.html' import button %}{{ button('u', title) }}", [{"title": "a"}, {"title": "<b>"}]),
]


@pytest.mark.parametrize(("subject", "text", "people"), UNLIKE)
def test_who_is_nearly_like_others_gets_no_mail_of_theirs(
    subject: str, text: str, people: list[dict[str, Any]]
) -> None:
    made = templates(text, text, front=f"---\nsubject: {json.dumps(subject)}\n---\n", **PARTS)
    leads = [{name: value for name, value in (RICH | one).items() if value is not ...} for one in people]
    for turn, touch in enumerate(["t", "t", "t", "", "t"]):  # no link has this form
        for number, names in enumerate(leads):
            for _ in range(2):
                mine = f"{touch}{turn}-{number}" if touch else ""
                sent = written(made, names, mine, plainly=False)
                assert sent == written(made, names, mine, plainly=True)


PEOPLE = [RICH | {"first_name": first, "company": company} for first, company in [("Ann <b>", "A & B"), ("Bo", "Cé")]]


def runs(made: Templates, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of templates that are run from now on."""
    run: list[str] = []
    plainly = Compiled.run

    def noted(compiled: Compiled, template: Template, names: dict[str, Any]) -> str:
        run.append(template.name or "")
        return plainly(compiled, template, names)

    monkeypatch.setattr(Compiled, "run", noted)
    return run


@pytest.mark.parametrize(
    "doing",
    [
        "{{ A }} {{ A or B }} {% if A %}yes{% endif %} {{ A|default('x') }} {{ A if A is defined }} {{ sender.name }}",
        "{% set s %}<{{ A }}>{{ B }}{% endset %}{{ s }}{% set t = A or 'you' %}{{ t }}",
        "{% from 'layouts/parts.html' import button %}{{ button(link('https://a.example/1'), A) }}",
        "{% for w in [A, B] %}{{ w }}{{ loop.index }}{% endfor %}{{ [A, B]|first }}{% include 'layouts/part.txt' %}",
        "{% if employees > 50 %}{{ A }}{% endif %}{{ employees|format_number }}{{ created_at|date }}{{ title|upper }}",
        "{{ title ~ '!' }}{{ title + '?' }}{{ A }}",
    ],
)
def test_templates_are_not_run_again_for_people_who_are_alike(doing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    doing = doing.replace("A", "first_name").replace("B", "company")
    in_text = doing if "import" not in doing else ""
    made = templates(
        in_layout(doing), in_text, **{name.partition("/")[2].replace(".", "_"): text for name, text in LAYOUTS.items()}
    )
    for _ in range(4):  # what it looks into is found out one name at a time
        for names in PEOPLE:
            made.email("notes/one", names, tracked)
    run = runs(made, monkeypatch)
    sent = made.email("notes/one", RICH | {"first_name": "Cy", "company": "C"}, tracked)
    assert not run
    assert "Cy" in sent.html


def test_no_starter_template_is_run_again_for_people_who_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(__file__).parents[2] / "templates"
    made = Templates({str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*.*")})
    paths = {
        name.removesuffix(".html") for name in made.sources.texts if name.endswith(".html") and "layouts" not in name
    }
    for names in PEOPLE:
        for path in paths:
            made.email(path, names, tracked)
    run = runs(made, monkeypatch)
    for path in paths:
        made.email(path, RICH | {"first_name": "Cy", "company": "C"}, tracked)
    assert paths
    assert not run


def test_a_text_is_escaped_once_where_it_is_handed_through_files_of_another_kind() -> None:
    parts = {"parts_html": LAYOUTS["layouts/parts.html"], "parts_txt": LAYOUTS["layouts/parts.txt"]}
    button = "{% from 'layouts/parts.html' import button %}{{ button('https://a.example', first_name) }}"
    line = "{% from 'layouts/parts.txt' import line %}{{ line(first_name) }}"
    made = templates(line, button, **parts)
    first, *others = [made.email("notes/one", RICH | {"first_name": "<b>"}, tracked) for _ in range(4)]
    assert others == [first] * 3
    assert "* &lt;b&gt; *" in first.html


def test_custom_fields_that_come_in_a_mapping_of_another_kind_are_each_leads_own() -> None:
    made = templates("{{ x.program }}")
    for program in ("red", "blue", "green"):
        assert made.email("notes/one", RICH | {"x": MappingProxyType({"program": program})}, tracked).html == program


def test_a_template_cannot_write_what_stands_for_a_text() -> None:
    with pytest.raises(RenderError, match="a character that is no letter or sign"):
        email(f"{{{{ '{chr(92)}ufdd00{chr(92)}ufdd1' }}}}")


def test_what_is_remembered_does_not_grow_without_bound() -> None:
    made = templates("{{ employees|format_number }}{{ first_name }}")
    for number in range(1_200):
        for _ in range(2):
            assert made.email("notes/one", RICH | {"employees": number}, tracked).html.startswith(f"{number:,}")
    assert len(made._stencils._made) <= len(made._stencils._met) <= 512
