"""All files together: what one says about another, and what lies in a folder."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.adapters.cadence_files.workspace import cadence_name, read_files, read_workspace
from nurture.domain.errors import Problem

ROOT = Path(__file__).parents[2]
PEOPLE = "- {name: Lee, email: lee@acme.example, roles: [rep]}\n"


def a_cadence(name: str, steps: str = "- email: hello\n- stop: over\n", **keys: str) -> dict[str, str]:
    """A cadence file by its path."""
    head = "".join(f"{key}: {value}\n" for key, value in {"name": name, **keys}.items())
    return {f"cadences/{name}.yaml": f"{head}steps:\n{dedent(steps)}"}


def said(problems: list[Problem]) -> list[str]:
    return [f"{'warning ' * (found.severity == 'warning')}{found}" for found in problems]


def test_a_cadence_that_does_not_exist_is_named_with_its_near_match() -> None:
    sources = {
        **a_cadence("a", "- email: hello\n- enroll: evergren\n"),
        **a_cadence("evergreen", enroll="{arrived_within: 3 days, otherwise: nowhere-at-all}"),
        "readiness.yaml": "lost: {no_decision: {return: 3 days, into: a-}}\n",
    }
    assert said(read_files(sources)[1]) == [
        "cadences/a.yaml:4:11: enroll: no cadence is called 'evergren'; did you mean 'evergreen'?",
        "cadences/evergreen.yaml:2:45: otherwise: no cadence is called 'nowhere-at-all'",
        "readiness.yaml:1:44: into: no cadence is called 'a-'; did you mean 'a'?",
    ]


def test_a_cadence_with_errors_of_its_own_still_exists_for_the_others() -> None:
    sources = {**a_cadence("a", "- email: hello\n- enroll: b\n"), **a_cadence("b", priority="high")}
    workspace, problems = read_files(sources)
    assert [problem.file for problem in problems] == ["cadences/b.yaml"]
    assert list(workspace.cadences) == ["a"]


def test_cadences_that_hand_a_lead_round_without_a_wait_are_refused() -> None:
    sources = {
        **a_cadence("a", "- email: hello\n- enroll: b\n"),
        **a_cadence("b", "- if: fit > 3\n  then: [{enroll: c}]\n  else: [{wait: 1 day}, {enroll: a}]\n"),
        **a_cadence("c", "- wait_for: fit > 3\n  timeout: 3 days\n- email: again\n- enroll: a\n"),
    }
    assert said(read_files(sources)[1])[:1] == [
        "cadences/a.yaml:4:11: enroll: a lead would go round for ever: a -> b -> c -> a; put a 'wait:' on the way"
    ]


@pytest.mark.parametrize("pause", ["- wait: 1 day\n", "- call: ask\n"])
def test_a_circle_with_a_pause_in_it_is_allowed(pause: str) -> None:
    sources = {
        **a_cadence("a", "- email: hello\n- enroll: b\n"),
        **a_cadence("b", f"- email: later\n{pause}- enroll: a\n"),
    }
    assert read_files(sources)[1] == []


def test_a_cadence_that_enrolls_into_itself_at_once_is_refused() -> None:
    found = said(read_files(a_cadence("a", "- email: hello\n- enroll: a\n"))[1])
    assert found == ["cadences/a.yaml:4:11: enroll: a lead would go round for ever: a -> a; put a 'wait:' on the way"]


def test_leads_that_come_too_late_for_two_cadences_are_not_passed_to_and_fro() -> None:
    sources = {
        **a_cadence("a", enroll="{arrived_within: 3 days, otherwise: b}"),
        **a_cadence("b", enroll="{arrived_within: 3 days, otherwise: a}"),
    }
    assert said(read_files(sources)[1]) == [
        "cadences/a.yaml:2:45: enroll: a lead would go round for ever: a -> b -> a; put a 'wait:' on the way"
    ]


def test_every_step_needs_its_template() -> None:
    steps = """\
    - email: hello
    - email: shared/guide
    - email: text-only
    - call: intro
    - stream: {every: 1 month, items: [tour, hello]}
    - stop: over
    """
    templates = {"a/hello.html", "shared/guide.html", "a/text-only.txt", "a/intros.md", "a/tours.html"}
    assert said(
        read_files(a_cadence("a", steps.replace("- email: intro", "- wait: 1 day")), templates=templates)[1]
    ) == [
        "cadences/a.yaml:6:9: call: there is no templates/a/intro.md; did you mean 'intros'?",
        "cadences/a.yaml:7:36: items: there is no templates/a/tour.html; did you mean 'tours'?",
    ]


def test_a_template_that_is_named_like_its_file_is_told_its_name() -> None:
    steps = "- email: templates/shared/guide.html\n- email: guide\n- call: intro.md\n- stop: over\n"
    bare = "a template is named without its folder 'templates/' and its ending"
    assert said(read_files(a_cadence("a", steps), templates={"shared/guide.html", "a/intro.md"})[1]) == [
        f"cadences/a.yaml:3:10: email: {bare}: 'shared/guide'",
        "cadences/a.yaml:4:10: email: there is no templates/a/guide.html; did you mean 'shared/guide'?",
        f"cadences/a.yaml:5:9: call: {bare}: 'intro'",
    ]


def test_a_role_that_is_nearly_right_is_named() -> None:
    sources = {**a_cadence("a", "- call: x\n  assign: callers\n- stop: x\n"), "people.yaml": PEOPLE}
    (problem,) = said(read_files(sources)[1])
    assert problem.endswith("'callers' is not in people.yaml; did you mean 'caller'?")


def test_a_condition_may_only_ask_for_emails_that_exist() -> None:
    sources = {
        **a_cadence(
            "a",
            """\
            - email: hello
            - if: clicked('hello') or clicked('b/news') or clicked('shared/guide') or sent('helo')
              then: [{stop: x}]
            - stop: over
            """,
        ),
        **a_cadence("b", "- email: news\n- stop: over\n", goal="sent('hello')"),
        "scoring.yaml": "fit: [{points: 3, when: \"sent('a/hello') and sent('hello')\", because: x}]\n",
    }
    assert said(read_files(sources, templates=["a/hello.html", "b/news.txt", "shared/guide.html"])[1]) == [
        "cadences/a.yaml:4:75: if: no e-mail is called 'helo'; did you mean 'hello'?",
        "cadences/b.yaml:2:7: goal: no e-mail is called 'hello'; did you mean 'a/hello'?",
        "scoring.yaml:1:46: when: no e-mail is called 'hello'; did you mean 'a/hello'?",
    ]


def test_people_who_are_not_there_are_a_warning() -> None:
    sources = {
        **a_cadence(
            "a", "- call: x\n  assign: le@acme.example\n- call: y\n- call: z\n  assign: rep\n- stop: x\n", owner="Lea"
        ),
        "people.yaml": PEOPLE + "- {name: Kim, email: kim@acme.example, roles: [rep], deputy: pat@acme.example}\n",
    }
    near = "; did you mean 'lee@acme.example'?"
    assert said(read_files(sources)[1]) == [
        "warning cadences/a.yaml:2:8: owner: 'Lea' is not in people.yaml",
        f"warning cadences/a.yaml:5:11: assign: 'le@acme.example' is not in people.yaml{near}",
        "warning people.yaml:2:62: deputy: 'pat@acme.example' is not in people.yaml",
    ]


def test_a_role_that_nobody_has_is_a_warning() -> None:
    sources = {**a_cadence("a", "- call: x\n  assign: operator\n- stop: x\n"), "people.yaml": PEOPLE}
    assert said(read_files(sources)[1]) == [
        "warning cadences/a.yaml:4:11: assign: nobody in people.yaml has the role 'operator'"
    ]


def test_webhooks_and_senders_are_those_of_the_settings() -> None:
    sources = a_cadence("a", "- webhook: crm-not\n- stop: x\n", **{"from": "sales"})
    assert said(read_files(sources)[1]) == []
    assert said(read_files(sources, webhooks=["crm-note"], senders=["sale"])[1]) == [
        "cadences/a.yaml:2:7: from: no sender is called 'sales'; did you mean 'sale'?",
        "cadences/a.yaml:4:12: webhook: no webhook is called 'crm-not'; did you mean 'crm-note'?",
    ]


def test_two_cadences_for_the_same_leads_with_the_same_priority_are_a_warning() -> None:
    sources = {
        **a_cadence("a", enroll="{when: fit > 3}"),
        **a_cadence("b", enroll="{when: fit  >  3}"),
        **a_cadence("c", enroll="{when: fit > 3}", priority="60"),
        **a_cadence("d", enroll="{when: fit > 3}", exclusive="false"),
    }
    assert [line.partition(";")[0] for line in said(read_files(sources)[1])] == [
        "warning cadences/b.yaml:2:16: enroll: 'a' can want the same leads with the same priority, and comes first"
    ]


@pytest.mark.parametrize(
    ("one", "other", "fight"),
    [
        ("fit > 3", "employees > 20", True),
        ("fit > 3", "fit <= 3", False),
        ("fit > 3 and title == 'CEO'", "title in ['ceo', 'CTO']", True),
        ("industry == 'food'", "industry == 'paper'", False),
        ("industry in ['food', 'paper']", "not (industry in ['paper', 'food'])", False),
        ("stage == 'unknown'", "stage != 'unknown'", False),
        ("employees >= 10 and employees < 20", "employees >= 20", False),
        ("x.segment == 'a'", "x.segment == 'b'", False),
        ("x.segment == 'a' or fit > 3", "x.segment == 'b'", True),
        ("budget", "not budget", False),
        ("status == 'lost'", "fit > 3", False),
        ("status in ['lost', 'nurturing']", "fit > 3", True),
        ("clicked('a/hello')", "not clicked('a/hello')", True),  # in doubt they do
        ("source == 'show' and x.tier", "source == 'show' and not x.tier", False),
    ],
)
def test_two_cadences_fight_where_some_lead_fits_both(one: str, other: str, fight: bool) -> None:
    steps = "- email: hello\n- stop: x\n"
    sources = {
        **a_cadence("a", steps, enroll=f'{{when: "{one}"}}'),
        **a_cadence("b", steps, enroll=f'{{when: "{other}"}}'),
    }
    found = [line for line in said(read_files(sources)[1]) if "want the same leads" in line]
    assert [line.partition(":")[0] for line in found] == ["warning cadences/b.yaml"] * fight


def test_gates_that_nobody_can_pass_are_found() -> None:
    sources = {
        **a_cadence("a", goal="stage == 'near_term' and stage == 'long_term'"),
        **a_cadence("b", goal="engagement >= 61", enroll="{when: fit > 15 or score > 75}"),
        "scoring.yaml": """\
fit: [{points: 15, when: employees > 9, because: x}, {points: -5, when: employees < 5, because: x}]
engagement: {cap: 60, rules: [{on: click, points: 4, because: x}]}
stages: {near_term: {enter: engagement >= 60, leave: fit < -5}}
""",
    }
    assert said(read_files(sources)[1]) == [
        "cadences/a.yaml:2:7: goal: this can never hold, it contradicts itself",
        "warning cadences/b.yaml:2:7: goal: this can never hold; possible is engagement from 0 to 60",
        "warning cadences/b.yaml:3:16: when: this can never hold; possible is fit from -5 to 15, score from -5 to 75",
        "warning scoring.yaml:3:54: leave: this can never hold; possible is fit from -5 to 15",
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("cadences/a.yaml", "a"),
        ("cadences/a.test.yaml", None),
        ("cadences/old/a.yaml", None),
        ("scoring.yaml", None),
        ("cadences/a.txt", None),
    ],
)
def test_a_cadence_file_is_known_by_its_path(path: str, name: str | None) -> None:
    assert cadence_name(path) == name


def test_a_folder_is_read_as_texts_by_path(tmp_path: Path) -> None:
    (tmp_path / "cadences").mkdir()
    (tmp_path / "templates" / "a").mkdir(parents=True)
    for path, text in {**a_cadence("a"), "people.yaml": PEOPLE, "cadences/a.test.yaml": "x", "notes.yaml": "x"}.items():
        (tmp_path / path).write_text(text)
    (tmp_path / "templates" / "a" / "hello.html").write_text("x")
    (tmp_path / "cadences" / "old.yml").write_text("x")
    (tmp_path / "cadences" / "latin.yaml").write_bytes("name: latin\nowner: J\u00e4ger \u00fc".encode("latin-1"))
    (tmp_path / "cadences" / "huge.yaml").write_bytes(b"# x\n" * 300_000)
    files = read_workspace(tmp_path)
    assert list(files.sources) == ["people.yaml", "cadences/a.yaml"]
    assert files.templates == {"a/hello.html"}
    assert said(list(files.problems)) == [
        "cadences/huge.yaml:1:1: the file is larger than 1,000,000 bytes",
        "cadences/latin.yaml:2:9: this is not UTF-8: save the file with the encoding UTF-8",
        "cadences/old.yml:1:1: this file is not read; call it 'old.yaml'",
    ]
    workspace, problems = read_files(files.sources, unread=files.problems, templates=files.templates)
    assert (list(workspace.cadences), problems) == (["a"], list(files.problems))


def test_a_file_that_cannot_be_read_still_exists_for_the_others() -> None:
    unread = (Problem("cadences/b.yaml", 1, 1, "this is not UTF-8"),)
    assert read_files(a_cadence("a", "- email: x\n- enroll: b\n"), unread=unread)[1] == list(unread)


def test_a_folder_that_is_empty_is_a_workspace_of_defaults(tmp_path: Path) -> None:
    assert read_files(read_workspace(tmp_path).sources) == read_files({})


def test_the_starter_files_have_no_problem() -> None:
    files = {path.name: path for path in (ROOT / "nurture" / "starter").glob("*.yaml")}
    files |= {f"cadences/{path.name}": path for path in (ROOT / "cadences").glob("*.yaml")}
    root = ROOT / "templates"
    templates = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    sources = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    workspace, problems = read_files(sources, templates=templates)
    assert said(problems) == []
    assert len(workspace.cadences) == sum(cadence_name(name) is not None for name in files) > 3


FILES = [
    *(one for one in sorted((ROOT / "cadences").glob("*.yaml")) if not one.name.endswith(".test.yaml")),
    *(ROOT / "nurture" / "starter" / f"{name}.yaml" for name in ("people", "readiness", "scoring", "sources")),
]
STRANGE = ["", "~", "-1", "1e999", ".nan", "2026-02-30", "0 days", "9999 years", "101%", "1/0", "not", "(", "[", "{}"]
STRANGE += [
    "'",
    '"',
    "|",
    "#",
    ": ",
    "- ",
    "\t",
    "\n",
    "\n  ",
    "&a",
    "*a",
    "!!binary",
    "é",
    "\u2028",
    "\0",
    "fiscal_year",
]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, str]:
    """The path and text of a starter file, some of whose words are others."""
    file = draw(st.sampled_from(FILES))
    words = re.findall(r"\w+|\s+|.", file.read_text("utf-8"), re.DOTALL)
    others = st.sampled_from(STRANGE) | st.sampled_from(words)
    for place in draw(st.lists(st.integers(0, len(words) - 1), min_size=1, max_size=4)):
        words[place] = draw(others)
    return str(file.relative_to(ROOT)).removeprefix("nurture/starter/"), "".join(words)


@given(damaged())
def test_whatever_stands_in_a_file_it_is_read_or_each_problem_has_a_place_in_it(found: tuple[str, str]) -> None:
    path, text = found
    _, problems = read_files({path: text})
    for one in problems:
        assert one.file == path
        assert 1 <= one.line <= text.count("\n") + 2  # the last line may lack its end
        assert one.column >= 1
        assert one.message
