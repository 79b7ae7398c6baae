"""Bad files, as a hurried or hostile hand may write them: each refused at its place, soon, and nothing of it in force.

The last good version goes on: every test applies one first, and finds it in force afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nurture.adapters.rules import AppliedRules
from nurture.adapters.workspace_folder import read_folder
from nurture.domain.cadence import Set
from nurture.domain.errors import FilesError
from nurture.flow import plan as arrow
from tests.flow.bench import Bench, a_bench
from tests.flow.loop import HTML, TEXT

SECONDS = 5
COURSE = "cadences/course.yaml"
HEAD = "name: course\nsteps:\n"
LAUGHS = "a0: &a0 ha\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
BAD = {
    "an alias bomb": (COURSE, LAUGHS, "1:5: an anchor"),
    "an alias": (COURSE, "name: course\nsteps: &s\n- email: one\n- if: fit > 3\n  then: *s\n", "2:8: an anchor (&s)"),
    "a merge key": (COURSE, "name: course\n<<: {priority: 3}\nsteps: [{email: one}]\n", "2:1: a merge key"),
    "a tag": (COURSE, "name: !!python/name:os.system x\nsteps: [{email: one}]\n", "1:7: a tag"),
    "tabs": (COURSE, "name: course\nsteps:\n\t- email: one\n", "3:1: a tab"),
    "ten megabytes": (COURSE, HEAD + "  - email: one\n" * 700_000, "1:1: the file is larger"),
    "ten megabytes of people": (
        "people.yaml",
        "- {name: A, email: a@b.example}\n" * 320_000,
        "1:1: the file is larger",
    ),
    "ten megabytes of template": ("templates/course/one.txt", TEXT * 200_000, "1:1: the file is larger"),
    "deep nesting": (COURSE, "name: course\nsteps: " + "[" * 300_000, "2:57: nested deeper"),
    "deep branches": (
        COURSE,
        HEAD + "".join(f"{'  ' * n}  - if: fit > 3\n{'  ' * n}    then:\n" for n in range(200)),
        ": nested deeper",
    ),
    "a deep condition": (COURSE, HEAD + f"  - if: {'(' * 5000}fit > 3{')' * 5000}\n    then: [{{stop: x}}]\n", "3:"),
    "a long condition": (
        COURSE,
        HEAD + f"  - if: {' or '.join(['fit > 3'] * 50_000)}\n    then: [{{stop: x}}]\n",
        "3:",
    ),
    "NO as a word of a condition": (COURSE, "name: course\ngoal: country == NO\nsteps: [{email: one}]\n", "2:18: goal"),
    "no as a truth value": (COURSE, "name: course\nexclusive: no\nsteps: [{email: one}]\n", "2:12: exclusive: 'no'"),
    "10:30 as hours": (COURSE, "name: course\nwindow: {hours: 10:30}\nsteps: [{email: one}]\n", "2:17: hours: '10:30'"),
    "10:30 as a duration": (COURSE, HEAD + "  - email: one\n  - wait: 10:30\n  - stop: x\n", "4:11: wait: '10:30'"),
    "a day that never is": (COURSE, HEAD + "  - wait_until: 02-30\n  - email: one\n", "3:17: wait_until: 02-30"),
    "a day of no calendar": (
        COURSE,
        HEAD + "  - wait_until: 2027-06-31\n  - email: one\n",
        "3:17: wait_until: 2027-06-31",
    ),
    "a source's impossible day": (
        "sources.yaml",
        "- {name: a, kind: show, date: 2027-02-29}\n",
        "1:31: date: 2027-02-29",
    ),
    "an absence that ends before it begins": (
        "people.yaml",
        "- {name: A, email: a@b.example, roles: [rep], away: [2027-01-02..2026-12-24]}\n",
        "1:54: away",
    ),
    "an unknown zone": (
        "people.yaml",
        "- {name: A, email: a@b.example, roles: [rep], timezone: Europe/Pari}\n",
        "1:57: timezone: 'Europe/Pari' is not a time zone: did you mean 'Europe/Paris'?",
    ),
    "an offset for a zone": (
        "people.yaml",
        '- {name: A, email: a@b.example, roles: [rep], timezone: "+02:00"}\n',
        "1:57: timezone: '+02:00'",
    ),
    "a negative wait": (COURSE, HEAD + "  - email: one\n  - wait: -3 days\n  - stop: x\n", "4:11: wait: '-3 days'"),
    "a wait of nothing": (COURSE, HEAD + "  - email: one\n  - wait: 0 days\n  - stop: x\n", "4:11: wait: '0 days'"),
    "a timeout of nothing": (
        COURSE,
        HEAD + "  - email: one\n  - wait_for: clicked('one')\n    timeout: 0 days\n  - stop: x\n",
        "5:14: timeout: '0 days'",
    ),
    "a stream without a rhythm": (
        COURSE,
        HEAD + "  - stream: {every: 0 days, items: [one, two]}\n",
        "3:21: every: '0 days'",
    ),
    "a stream without items": (
        COURSE,
        HEAD + "  - stream: {every: 1 month, items: []}\n",
        "3:37: items: this list is empty",
    ),
    "shares that do not add up": (
        COURSE,
        HEAD
        + "  - split:\n      - {share: 50%, steps: [{email: one}]}\n"
        + "      - {share: 40%, steps: [{email: two}]}\n    id: s\n",
        "3:5: split step: the shares add up to 90 %, not to 100 %",
    ),
    "a cadence that enrolls into itself": (
        COURSE,
        HEAD + "  - email: one\n  - enroll: course\n",
        "4:13: enroll: a lead would go round",
    ),
    "another lead in a condition": (
        COURSE,
        "name: course\ngoal: lead('bob@x.example').fit > 3\nsteps: [{email: one}]\n",
        "2:28: goal",
    ),
    "another lead's field in a condition": (
        COURSE,
        "name: course\ngoal: bob.email == 'x'\nsteps: [{email: one}]\n",
        "2:7: goal",
    ),
    "another lead in a template": (
        "templates/course/one.txt",
        TEXT + "{{ leads[2].email }}\n",
        "4:4: 'leads' is not defined",
    ),
    "a lead's insides in a template": (
        "templates/course/one.txt",
        TEXT + "{{ first_name.__class__ }}\n",
        "4:15: '__class__'",
    ),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A course in force, one for all these files: none of them may change it."""
    with a_bench(tmp_path_factory.mktemp("good")) as made:
        yield made


def refused(bench: Bench, folder: Path) -> list[str]:
    """What is said about the files of a folder, which must not be put in force."""
    sources, unread = read_folder(folder)
    before = AppliedRules(bench.store, bench.files).in_force()
    begun = time.process_time()
    with pytest.raises(FilesError) as error:
        arrow.plan(sources, files=bench.files, unread=unread, **bench.common)
    assert time.process_time() - begun < SECONDS
    after = AppliedRules(bench.store, bench.files).in_force()
    assert (after.generation, after.versions, after.workspace) == (before.generation, before.versions, before.workspace)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_at_its_place_and_the_last_good_version_stays(
    bench: Bench, tmp_path: Path, what: str
) -> None:
    file, text, said = BAD[what]
    for name, content in {**bench.sources, file: text}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    problems = refused(bench, tmp_path)
    assert any(line.startswith(f"{file}:") and said in line for line in problems), problems[:5]


def test_cadences_that_hand_a_lead_round_without_end_are_refused(bench: Bench, tmp_path: Path) -> None:
    for name, into in (("a", "b"), ("b", "c"), ("c", "a")):
        path = tmp_path / "cadences" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"name: {name}\nsteps:\n  - email: one\n  - enroll: {into}\n")
        folder = tmp_path / "templates" / name
        folder.mkdir(parents=True)
        (folder / "one.html").write_text(HTML.format(name="one"))
        (folder / "one.txt").write_text(TEXT)
    (problem,) = refused(bench, tmp_path)
    assert problem.startswith("cadences/a.yaml:4:13: enroll: a lead would go round for ever: a -> b -> c -> a")


def test_what_looks_like_another_value_in_yaml_1_1_is_a_text(bench: Bench) -> None:
    text = "name: course\nwindow: {hours: \"10:30-11:30\"}\ngoal: country == 'NO'\n"
    text += "steps:\n  - set: {country: NO, x.when: 10:30}\n  - email: one\n"
    made = arrow.plan({**bench.sources, COURSE: text}, files=bench.files, **bench.common)
    cadence = made.workspace.cadences["course"]
    (first, _) = cadence.steps
    assert isinstance(first, Set)
    assert first.fields == {"country": "NO", "x.when": "10:30"}
    assert (cadence.window.opens_minute, cadence.window.closes_minute) == (630, 690)
