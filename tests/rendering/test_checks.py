"""`check` finds what is wrong with a template before any lead meets it, all at once, each at its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, meta

from nurture.adapters.rendering import Templates
from nurture.adapters.rendering.sandbox import Sandbox, asked, every_node
from tests.rendering.samples import FOOTER, FRONT, in_layout, templates

ROOT = Path(__file__).resolve().parents[2]


def found(html: str, text: str = FOOTER, *, front: str = FRONT, **more: str) -> list[str]:
    return [str(problem) for problem in templates(html, text, front=front, **more).problems("notes/one", "email")]


def test_a_sound_email_has_no_problems() -> None:
    assert found(in_layout("<p>{{ first_name }}</p><a href=\"{{ link('https://a.example') }}\">Read</a>")) == []


def test_every_problem_is_listed_with_its_place() -> None:
    body = '\n<p>{{ company|uper }}</p>\n<a href="#">x</a>\n<img src="https://a.example/a.png">\n'
    assert found(
        in_layout(body), "{{ compny }}" + FOOTER, front="---\nsubject: x\npreheader: y\nsubjcet: z\n---\n"
    ) == [
        "templates/notes/one.html:4:1: front matter: unknown key 'subjcet'; did you mean 'subject'?",
        "templates/notes/one.html:8:15: no filter is named 'uper'; did you mean 'upper'?",
        "templates/notes/one.html:9:1: a link without a target",
        'templates/notes/one.html:10:1: an image without alt text; write alt="" when it is decoration',
        "templates/notes/one.txt:1:4: 'compny' is not defined; did you mean 'company'?",
    ]


def test_who_a_mail_is_from_and_answered_to_is_known_before_it_goes() -> None:
    front = "---\nsubject: x\npreheader: y\nfrom: dna\nreply_to: Dan <d@acme.example>\n---\n"
    made = Templates({"notes/one.html": front + FOOTER, "notes/one.txt": FOOTER}, senders={"dana", "events"})
    assert [str(problem) for problem in made.problems("notes/one", "email")] == [
        "templates/notes/one.html:4:1: front matter: no sender is called 'dna'; did you mean 'dana'?",
        "templates/notes/one.html:5:1: front matter: 'reply_to' is one address and no name, not 'Dan <d@acme.example>'",
    ]
    sound = front.replace("dna", "owner").replace("Dan <d@acme.example>", "d@acme.example")
    made = Templates({"notes/one.html": sound + FOOTER, "notes/one.txt": FOOTER}, senders=())
    assert made.problems("notes/one", "email") == []


@pytest.mark.parametrize("target", ["", "/prices", "acme.example", "javascript:x", "https://"])
def test_a_link_that_leads_nowhere_is_found_before_anybody_gets_it(target: str) -> None:
    (problem,) = found(in_layout(f"\n<a href=\"{{{{ link('{target}') }}}}\">x</a>"))
    assert problem == f"templates/notes/one.html:7:13: link() takes a full http or https address, not {target!r}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<a href="/prices">x</a>', "'/prices' leads nowhere from a mail: write the whole address, https://..."),
        (
            '<a href="www.a.example">x</a>',
            "'www.a.example' leads nowhere from a mail: write the whole address, https://...",
        ),
        (
            '<a href="https://a.example">x</a>',
            "a click here is not seen: write href=\"{{ link('https://...') }}\"",
        ),
        (
            '<img src="logo.png" alt="">',
            "an image is fetched when the mail is read: write its whole address, https://...",
        ),
        ("Hello *|FNAME|*", "'*|FNAME|*' is sent as it stands: a name is written like {{ first_name }}"),
        ("{ first_name }", "'{ first_name }' is sent as it stands: a name is written like {{ first_name }}"),
        ("{{ sender }}", "'sender' has fields: write sender.name, sender.email or sender.phone"),
        ("{{ company.name }}", "'company' is one value and has no 'name'"),
        ("{{ first_name }", "unexpected '}': a value is written {{ name }}, with two braces, and a tag {% if name %}"),
        ("{{ first name }}", "another word is not expected here: a name has no blank, and text stands in quotes"),
        ("{{ title or “you” }}", "“ is not understood: texts stand between straight quotes, 'text'"),
        ("{% if title = 'x' %}{% endif %}", "'=' is not expected here: write == to compare"),
        ("{% if title %}x", "{% endblock %} stands here, and {% if %} above is not closed: {% endif %} is missing"),
    ],
)
def test_what_nobody_could_follow_or_read_is_found_before_it_goes(body: str, message: str) -> None:
    (problem,) = found(in_layout(f"\n{body}"))
    assert problem.partition(" ")[2] == message


@pytest.mark.parametrize(
    "body", ['<a href="#more">x</a>', '<a href="mailto:d@a.example">x</a>', '<a href="{{ preferences_url }}">x</a>']
)
def test_a_link_within_the_mail_or_to_a_person_is_sound(body: str) -> None:
    assert found(in_layout(body)) == []


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("{% block content %}Hello{% endblock %}", "never sent: {} has no block 'content'; it has body"),
        ("{% block boddy %}x{% endblock %}", "never sent: {} has no block 'boddy'; did you mean 'body'?"),
        ("\n\n<p>Hello</p>", "never sent: this stands in no block of {}, which has body"),
        ("{% block body %}x{% endblock %}<p>P.S.</p>", "never sent: this stands in no block of {}, which has body"),
        ("{% if title %}{{ title }}{% endif %}", "never sent: this stands in no block of {}, which has body"),
    ],
)
def test_a_text_that_the_layout_does_not_show_is_an_error(html: str, message: str) -> None:
    (problem,) = found('{% extends "layouts/default.html" %}' + html)
    assert problem.endswith(message.format("'layouts/default.html'"))


def test_blocks_within_blocks_comments_and_settings_are_sound() -> None:
    body = "{% set one = 1 %}<!-- note -->{% block body %}{{ one }}{% block inner %}x{% endblock %}{% endblock %}\n"
    assert found('{% extends "layouts/default.html" %}\n' + body) == []


def test_a_part_extends_a_layout_of_its_kind() -> None:
    (problem, *_) = found(in_layout("x"), '{% extends "layouts/default.html" %}{% block body %}x{% endblock %}')
    assert problem == "templates/notes/one.txt:1:13: a .txt file extends a .txt file, and not 'layouts/default.html'"


def test_a_list_cannot_be_shown_as_it_is() -> None:
    made = Templates({"calls/one.md": "Ask {{ questions }}"})
    assert [str(problem) for problem in made.problems("calls/one", "script")] == [
        "templates/calls/one.md:1:8: 'questions' is a list: go through it with {% for %}, or join it"
    ]


def test_an_empty_script_is_an_error() -> None:
    (problem,) = Templates({"calls/one.md": "\n"}).problems("calls/one", "script")
    assert problem.message == "nothing stands in this file"


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("---\nsubject: x\npreheader: y\n", "front matter: it is never closed: end it with a line ---"),
        ("\n" + FRONT, "front matter: begin it in the first line"),
    ],
)
def test_front_matter_that_is_not_found_is_told_from_none(front: str, message: str) -> None:
    (problem,) = found(FOOTER, front=front)
    assert problem.partition(" ")[2] == message


def test_a_mark_at_the_beginning_of_a_file_hides_no_front_matter() -> None:
    assert found(FOOTER, "\ufeff" + FOOTER, front="\ufeff" + FRONT) == []


def test_what_a_value_is_made_of_is_out_of_reach() -> None:
    assert found(in_layout("\n{{ first_name.__class__ }}")) == [
        "templates/notes/one.html:7:15: '__class__' cannot be reached from a template"
    ]


def test_unknown_names_and_fields_have_a_near_match() -> None:
    problems = found(in_layout("\n{{ frist_name }} {{ sender.nme }}"))
    assert problems == [
        "templates/notes/one.html:7:4: 'frist_name' is not defined; did you mean 'first_name'?",
        "templates/notes/one.html:7:21: no field is named 'sender.nme'; did you mean 'name'?",
    ]


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("", "no subject"),
        ("---\npreheader: x\n---\n", "no subject"),
        ("---\nsubject: {{ first_name }}, hello\npreheader: x\n---\n", "quotes"),
        ("---\nsubject: a\nsubject: b\npreheader: x\n---\n", "already set on line 2"),
        ("---\nsubject: 'a {{ frist_name }}'\npreheader: x\n---\n", "'frist_name' is not defined"),
        ("---\nsubject: a\npreheader: '{{ x '\n---\n", "unexpected|expected token"),
        ("---\nsubject: a\n---\n", "no preheader"),
        ("---\nsubject: a\npreheader: b\nreply_to: '{{ email }}'\n---\n", "not a template"),
        ("---\n- a\n---\n", "one key a line"),
    ],
)
def test_front_matter_is_checked(front: str, message: str) -> None:
    assert any(re.search(message, problem) for problem in found(in_layout(""), front=front))


def test_a_footer_piece_that_nobody_shows_is_an_error_in_each_part() -> None:
    assert found("<p>Hello</p>", "Hello") == [
        "templates/notes/one.html:1:1: the footer is incomplete: postal_address is not shown anywhere",
        "templates/notes/one.html:1:1: the footer is incomplete: unsubscribe_url is not shown anywhere",
        "templates/notes/one.txt:1:1: the footer is incomplete: postal_address is not shown anywhere",
        "templates/notes/one.txt:1:1: the footer is incomplete: unsubscribe_url is not shown anywhere",
    ]


def test_a_missing_text_part_is_an_error() -> None:
    made = Templates({"notes/one.html": FRONT + FOOTER})
    assert [str(p) for p in made.problems("notes/one", "email")] == [
        "templates/notes/one.txt:1:1: the text part is missing: write this file"
    ]


def test_a_problem_in_a_layout_or_macro_file_is_found_there() -> None:
    macro = "\n{% macro m() %}{{ first_name }}<a href=''>x</a>{% endmacro %}"
    page = "{% from 'layouts/parts.html' import m %}{{ m() }}" + FOOTER
    assert found(page, parts_html=macro) == [
        "templates/layouts/parts.html:2:32: a link without a target",
        "templates/notes/one.html:5:10: 'layouts/parts.html' uses first_name: import it `with context`",
    ]
    assert found("{% include 'layouts/parst.html' %}" + FOOTER, parts_html="") == [
        "templates/notes/one.html:5:13: no file is named 'layouts/parst.html'; did you mean 'layouts/parts.html'?"
    ]


def test_custom_fields_are_checked_when_they_are_known() -> None:
    made = templates(in_layout("{{ x.progam }}"), FOOTER)
    assert made.problems("notes/one", "email") == []
    assert [p.message for p in made.problems("notes/one", "email", custom=["program"])] == [
        "no field is named 'x.progam'; did you mean 'program'?"
    ]


def test_a_script_may_use_questions_but_no_unsubscribe_link() -> None:
    made = Templates({"q/intro.md": "{{ questions|join }} {{ unsubscribe_url }}"})
    assert [str(p) for p in made.problems("q/intro", "script")] == [
        "templates/q/intro.md:1:25: 'unsubscribe_url' is not defined"
    ]


@pytest.mark.parametrize(
    "broken", ["{% if %}", "{{ a b }}", "{% endfor %}", "{{ '", "{% for x in y %}", "((" * 500, "{{" + "(" * 500]
)
def test_text_that_is_no_template_never_raises(broken: str) -> None:
    templates(broken, broken).problems("notes/one", "email")


def test_two_blocks_of_one_name_are_a_problem_at_the_second() -> None:
    assert found("<p>a</p>\n{% block a %}{% endblock %}\n{% block a %}{% endblock %}\n" + FOOTER) == [
        "templates/notes/one.html:7:1: block 'a' defined twice"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{{ a }}{% if b.c > 1 %}{{ d|default(e) }}{% else %}{{ f('x', g=h) }}{% endif %}",
        "{% extends 'x' %}{{ z }}{% block one %}{{ a }}{% endblock %}{% block two %}{% include c %}{% endblock %}",
        "{% block one %}{{ self.two() }}{{ super() }}{{ a }}{% endblock %}{% block two %}{% endblock %}",
        "{% set a = b %}{{ a }}{% for c in d %}{{ c }}{{ loop.index }}{{ e }}{% endfor %}{{ c }}",
        "{% from 'm' import n as o with context %}{% import 'p' as q %}{{ o }}{{ q.r }}{{ n }}",
        "{% macro m(a, b=c) %}{{ a }}{{ d }}{{ caller() }}{% endmacro %}{% call m(e) %}{{ f }}{% endcall %}",
        "{{ link(target) }}{{ range(3) }}{% set ns.x = 1 %}",
    ],
)
def test_the_names_that_a_file_asks_for_are_those_that_jinja_finds(text: str) -> None:
    tree = Sandbox(DictLoader({})).parse(text)
    assert asked(tree, tuple(every_node(tree))) == meta.find_undeclared_variables(tree)


def test_every_starter_template_asks_for_what_jinja_finds() -> None:
    for path in (ROOT / "templates").rglob("*.*"):
        tree = Sandbox(DictLoader({})).parse(path.read_text("utf-8").rpartition("\n---\n")[2])
        assert asked(tree, tuple(every_node(tree))) == meta.find_undeclared_variables(tree), path
