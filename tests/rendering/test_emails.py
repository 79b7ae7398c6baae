"""An e-mail for one lead: escaped, with its links tracked and its CSS inlined, the same whoever came before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment

from nurture.adapters.rendering import RenderError, Templates
from nurture.adapters.rendering.inline_css import inlined, pieces
from nurture.adapters.rendering.names import CLOSE, OPEN
from nurture.domain.errors import UnknownNameError
from tests.rendering.samples import FRONT, RICH, SPARSE, email, in_layout, templates, tracked

ROOT = Path(__file__).parents[2]


def test_html_is_escaped_and_text_and_subject_are_not() -> None:
    front = '---\nsubject: "For {{ last_name }}"\npreheader: "At {{ company }}"\n---\n'
    sent = email(in_layout("<p>{{ last_name }}</p>"), "{{ last_name }}", front=front)
    assert "O&#39;Neil &lt;b&gt;</p>" in sent.html
    assert "<title>For O&#39;Neil &lt;b&gt;</title>" in sent.html
    assert "<div>At Smith &amp; Sons</div>" in sent.html
    assert (sent.text, sent.subject, sent.preheader) == ("O'Neil <b>\n", "For O'Neil <b>", "At Smith & Sons")


def test_a_missing_value_is_empty_and_never_the_word_none() -> None:
    sent = email("<p>[{{ first_name }}{{ x.nothing }}]{{ first_name|default('there') }}</p>", names=SPARSE)
    assert sent.html == "<p>[]there</p>"


def test_numbers_truth_and_dates_read_as_a_person_writes_them() -> None:
    text = "{{ revenue }} {{ score }} {{ asked_for_sales }} {{ employees|format_number }}"
    text += " {{ created_at|date('%-d %B %Y') }}"
    assert email("", text + " {{ x.since|date }}").text == "1000000 42.5 yes 12,500 9 March 2026 2 November 2026\n"


def test_css_is_inlined_and_media_queries_and_hover_stay() -> None:
    html = email(in_layout("<table class='card'><tr><td><p>{{ first_name }}</p></td></tr></table>")).html
    assert '<p style="color: red;">Dana</p>' in html
    assert '<td style="padding: 1px;">' in html
    assert "@media (max-width: 600px)" in html
    assert "a:hover" in html
    assert html.startswith("<!DOCTYPE html>")


def test_css_reaches_into_macros_loops_and_conditions_inside_tables() -> None:
    rows = (
        "{% from 'layouts/parts.html' import cell %}<table class='card'>{% for word in ['a', company] %}"
        "{% if word %}<tr>{{ cell(word) }}</tr>{% endif %}{% endfor %}</table>"
    )
    macro = "{% macro cell(word) %}<td>{{ word }}</td>{% endmacro %}"
    html = email(in_layout(rows), parts_html=macro).html
    assert html.count('<td style="padding: 1px;">') == 2
    assert '<td style="padding: 1px;">Smith &amp; Sons</td>' in html


def test_css_is_inlined_once_for_each_shape_and_not_once_per_lead() -> None:
    made = templates(in_layout("<p>{{ first_name }}</p>{% if company %}<p>{{ company }}</p>{% endif %}"))
    for number in range(50):
        made.email("notes/one", RICH | {"first_name": f"Dana {number}"}, tracked)
        made.email("notes/one", RICH | {"first_name": f"Dana {number}", "company": None}, tracked)
    assert made._pieces.cache_info().misses == 2


printable = st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters=OPEN + CLOSE)
words_of_leads = st.text(printable, max_size=20)
values = st.none() | words_of_leads | st.integers() | st.booleans()


@settings(max_examples=25, deadline=None)  # each compiles and inlines a page two ways
@given(first=values, company=values, words=st.lists(words_of_leads, max_size=4))
def test_filling_an_inlined_shape_gives_what_inlining_the_finished_page_gives(
    first: Any, company: Any, words: list[str]
) -> None:
    body = (
        "<p title='{{ first_name }}'>{{ first_name }}</p>{% set hello %}<p>{{ company|default('you') }}</p>{% endset %}"
        "{{ hello }}{% if company %}<table class='card'>{% for word in x.words %}<tr><td>{{ word }}</td></tr>"
        "{% endfor %}</table>{% endif %}{% if hello == '<p>you</p>' %}!{% endif %}{{ hello|length }}"
    )
    names = RICH | {"first_name": first, "company": company, "x": {"words": words}}
    made = templates(in_layout(body))
    oracle = Environment(
        loader=DictLoader({path: text.removeprefix(FRONT) for path, text in made.sources.texts.items()}),
        autoescape=True,
        finalize=lambda value: ("no", "yes")[value] if isinstance(value, bool) else "" if value is None else value,
        keep_trailing_newline=True,
    )
    oracle.filters["default"] = lambda value, other: other if value in (None, "") else value
    page = oracle.get_template("notes/one.html").render(names | {"subject": "A note", "preheader": "Short"})
    # Escapes are written differently (&#39; or '); a second pass through the same parser makes them equal.
    assert inlined(made.email("notes/one", names, tracked).html) == inlined(inlined(page))


@given(st.lists(st.text(alphabet="ab <>&\n", max_size=6), max_size=8))
def test_a_shape_keeps_every_value(texts: list[str]) -> None:
    shape = "<style>p{color:red}</style>" + "".join(
        f"<p>{text.replace('<', '&lt;')}{OPEN}{number}{CLOSE}</p>" for number, text in enumerate(texts)
    )
    assert {piece for piece in pieces(shape) if isinstance(piece, int)} == set(range(len(texts)))


def test_css_that_cannot_be_read_leaves_the_page_as_written() -> None:
    html = email("<style>p { color: red } .\x01{</style><p style='{{ first_name }}'>x</p>").html
    assert "<p" in html
    assert "Dana" in html


def test_links_are_tracked_once_each_in_order_of_first_use() -> None:
    sent = email(
        "<a href=\"{{ link('https://a.example/?x=1&y=2') }}\">a</a><a href=\"{{ link('http://b.example') }}\">b</a>",
        "{{ link('https://c.example') }} {{ link('https://a.example/?x=1&y=2') }}",
    )
    assert sent.links == ("https://a.example/?x=1&y=2", "http://b.example", "https://c.example")
    assert 'href="https://n.example/c/26"' in sent.html


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "/relative",
        "",
        "https://",
        "https://a b",
        "ftp://a",
        "https://a\\b",
        "https://[",
        "x" * 3000,
    ],
)
def test_a_link_that_is_no_web_address_is_refused_with_its_line(target: str) -> None:
    with pytest.raises(RenderError, match=r"templates/notes/one.html:6: link\(\) takes a full http"):
        email("\n{{ link(x.target) }}", names=RICH | {"x": {"target": target}})


@pytest.mark.parametrize("evil", ["a\r\nBcc: x@y.example", "a\nb", "a\x00b", "a\x0bb"])
def test_a_line_break_in_a_subject_is_refused(evil: str) -> None:
    with pytest.raises(RenderError, match="header line"):
        email("", front='---\nsubject: "For {{ first_name }}!"\n---\n', names=RICH | {"first_name": evil})


def test_blanks_in_a_subject_become_one() -> None:
    assert email("", front='---\nsubject: "{{ first_name }}   note  "\n---\n', names=SPARSE).subject == "note"
    with pytest.raises(RenderError, match="the subject is empty"):
        email("", front='---\nsubject: "{{ first_name }}"\n---\n', names=SPARSE)


def test_from_and_reply_to_come_from_the_front_matter() -> None:
    sent = email("", front="---\nsubject: Hi\nfrom: owner\nreply_to: cal@acme.example\n---\n")
    assert (sent.sender, sent.reply_to) == ("owner", "cal@acme.example")
    assert (email("").sender, email("").reply_to) == (None, None)


def test_lines_of_tags_leave_no_gaps_in_text() -> None:
    text = "Hi{% if first_name %} {{ first_name }}{% endif %}\n{% if company %}\nAt {{ company }}\n{% endif %}\n\n\n\n"
    text += "{% for n in [1, 2] %}\n- {{ n }}\n{% endfor %}\nBye"
    assert email("", text).text == "Hi Dana\nAt Smith & Sons\n\n- 1\n- 2\nBye\n"
    assert email("", text, names=SPARSE).text == "Hi\n\n- 1\n- 2\nBye\n"


def test_an_error_names_file_line_and_near_match() -> None:
    with pytest.raises(RenderError) as wrong:
        email("\n\n<p>{{ frist_name }}</p>")
    assert str(wrong.value) == "templates/notes/one.html:7: 'frist_name' is undefined; did you mean 'first_name'?"
    with pytest.raises(
        RenderError, match=r"templates/layouts/default.txt:2: there is no field 'nme' here; did you mean 'name'\?"
    ):
        email("", "{% extends 'layouts/default.txt' %}", default_txt="\n{{ sender.nme }}")
    with pytest.raises(RenderError, match=r"templates/notes/one.html:3: 'frist_name' is undefined"):
        email("", front='---\npreheader: x\nsubject: "{{ frist_name }}"\n---\n')
    with pytest.raises(RenderError, match=r"templates/notes/one.txt:2: .*unexpected"):
        email("", "\n{{ } }}")
    with pytest.raises(
        RenderError, match=r"no file is named 'layouts/defualt.html'; did you mean 'layouts/default.html'\?"
    ):
        email("{% extends 'layouts/defualt.html' %}")


def test_lead_data_is_never_a_template() -> None:
    sent = email("{{ first_name }}", "{{ first_name }}", names=RICH | {"first_name": "{{ 7 * 7 }}{% if %}"})
    assert sent.html == "{{ 7 * 7 }}{% if %}"
    assert sent.text == "{{ 7 * 7 }}{% if %}\n"


def test_lead_data_cannot_pretend_to_be_another_value() -> None:
    sent = email("{{ first_name }}{{ company }}", names=RICH | {"first_name": f"{OPEN}1{CLOSE}", "company": "secret"})
    assert sent.html == "1secret"


def test_only_plain_values_are_accepted() -> None:
    with pytest.raises(TypeError, match="first_name: a template takes plain values, not object"):
        email("", names=RICH | {"first_name": object()})


def test_many_threads_each_get_their_own_lead() -> None:
    made = templates(
        in_layout("<p>{{ first_name }}</p>{{ link('https://a.example/' ~ first_name) }}"), "{{ first_name }}"
    )

    def render(number: int) -> bool:
        sent = made.email("notes/one", RICH | {"first_name": f"n{number}"}, tracked)
        return (
            f">n{number}</p>" in sent.html
            and sent.text == f"n{number}\n"
            and sent.links == (f"https://a.example/n{number}",)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(render, range(400)))


def test_a_step_finds_its_template_in_the_cadence_folder_and_then_from_the_root() -> None:
    made = Templates({"evergreen/a.html": "", "evergreen/a.txt": "", "shared/a.html": "", "evergreen/intro.md": ""})
    assert made.resolve("evergreen", "a", "email") == "evergreen/a"
    assert made.resolve("evergreen", "shared/a", "email") == "shared/a"
    assert made.resolve("evergreen", "intro", "script") == "evergreen/intro"
    with pytest.raises(UnknownNameError, match=r"No email template is named 'shared/aa'. Did you mean 'shared/a'\?"):
        made.resolve("evergreen", "shared/aa", "email")
    with pytest.raises(UnknownNameError, match=r"Write templates/evergreen/zzz\.md"):
        made.resolve("evergreen", "zzz", "script")


def test_a_script_is_plain_text() -> None:
    made = Templates(
        {"q/intro.md": "# {{ last_name }}\n{% for question in questions %}\n- {{ question }}\n{% endfor %}\n"}
    )
    assert made.script("q/intro", RICH | {"questions": ["Budget?", "When?"]}) == "# O'Neil <b>\n- Budget?\n- When?\n"


STARTER = {
    path.relative_to(ROOT / "templates").as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "templates").rglob("*")
    if path.is_file()
}


def test_every_starter_template_renders_for_a_rich_and_for_a_sparse_lead() -> None:
    made = Templates(STARTER)
    work = {"questions": ("What is the budget?",), "facts": ({"name": "budget", "value": "5,000"},), "history": ()}
    for file in STARTER:
        path, _, ending = file.rpartition(".")
        for names in (RICH, SPARSE):
            if path.startswith("layouts/"):
                continue
            if ending == "html":
                sent = made.email(path, names, tracked)
                written = sent.subject + sent.preheader + sent.html + sent.text
                assert RICH["unsubscribe_url"] in sent.html
                assert RICH["unsubscribe_url"] in sent.text
            else:
                written = made.script(path, names | work) if ending == "md" else ""
            assert not {mark for mark in ("None", "{{", "{%", OPEN, CLOSE) if mark in written}, file


def test_every_starter_template_passes_the_check() -> None:
    made = Templates(STARTER)
    paths = {file.rpartition(".")[0]: file for file in STARTER if not file.startswith("layouts/")}
    found = [
        p for path, file in paths.items() for p in made.problems(path, "script" if file.endswith(".md") else "email")
    ]
    assert [str(problem) for problem in found] == []
