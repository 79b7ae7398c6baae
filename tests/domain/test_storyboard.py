"""A cadence in words and as a picture: everything that happens is told, in its order, and the picture is sound."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from nurture.adapters.cadence_files.cadence import read_cadence
from nurture.domain.cadence import Cadence
from nurture.domain.storyboard import introduction, told
from nurture.domain.walk import program_of
from nurture.reporting.diagram import diagram

ROOT = Path(__file__).parents[2]
STARTER = sorted(path for path in (ROOT / "cadences").glob("*.yaml") if not path.name.endswith(".test.yaml"))
SVG = "{http://www.w3.org/2000/svg}"
STREAM = "one e-mail every month, 1 at most, the next they have not had: four, five."
COURSE = """\
name: course
enroll: {when: stage == 'long_term', rate: 200 per day, arrived_within: 14 days, otherwise: evergreen}
holdout: 5%
goal: fit > 20
stop_on: [meeting]
steps:
  - email: one
  - wait: 3 business days
  - call: intro
    ask: [pain_points]
  - wait_for: clicked('one')
    timeout: 10 days
  - if: outcome('intro') == 'voicemail'
    then:
      - wait: 1 day
      - email: two
    else:
      - stop: talked
  - split:
      - {share: 50%, steps: [{email: three}]}
      - {share: 50%, steps: []}
    id: roi
  - wait_until: 09-01
    if_within: 120 days
  - stream: {every: 1 month, items: [four, five]}
    times: 1
  - wait: 2 weeks
"""


def a_cadence(text: str, name: str = "course") -> Cadence:
    """The cadence of a file."""
    found = read_cadence(text, f"cadences/{name}.yaml", [])
    assert found is not None
    return found


def test_steps_are_told_with_their_waits_and_branches_indented() -> None:
    assert ["  " * line.depth + line.text for line in told(a_cadence(COURSE))] == [
        "Day 0, first open window: e-mail one.",
        "3 business days later: call intro, within 2 business days, to ask for pain points.",
        "As soon as clicked('one'), at the latest after 10 days, if outcome('intro') == 'voicemail':",
        "  1 day later: e-mail two.",
        "Otherwise:",
        "  At once: the end (talked).",
        "Then, by chance (roi):",
        "  50 % of the leads:",
        "    At once: e-mail three.",
        "  50 % of the leads:",
        "    Nothing.",
        f"On 1 September (at once if that is farther away than 120 days): {STREAM}",
        "2 weeks later: nothing more.",
    ]


def test_the_introduction_says_who_enters_and_what_ends_it() -> None:
    words = list(introduction(a_cadence(COURSE)))
    assert "Who enters: stage == 'long_term', at most 200 a day." in words
    assert "Only within 14 days of their arrival; who comes later goes to evergreen." in words
    assert "5 % are held out: they go through it and are not contacted." in words
    assert "Goal, which ends it: fit > 20." in words
    assert words[-1] == "Stops on: complaint, meeting, reply, unsubscribe."


@pytest.mark.parametrize("file", STARTER, ids=lambda file: str(file.stem))
def test_every_starter_cadence_is_told_and_drawn_whole(file: Path) -> None:
    cadence = a_cadence(file.read_text(encoding="utf-8"), file.stem)
    words = " ".join(line.text for line in told(cadence))
    root = ElementTree.fromstring(diagram(cadence, 3))
    drawn = "".join("".join(text.itertext()) for text in root.iter(f"{SVG}text")).replace(" ", "")
    for step in program_of(cadence).contacts:
        assert step in words
        assert step in drawn
    assert root.findtext(f"{SVG}title") == f"{file.stem}, version 3"
    assert told(cadence)[0].text in (root.findtext(f"{SVG}desc") or "")


def test_boxes_stay_inside_the_picture_and_names_are_escaped() -> None:
    svg = diagram(a_cadence(COURSE.replace("fit > 20", "title == '<b>' or fit > 20")), 1)
    root = ElementTree.fromstring(svg)
    assert "<b>" not in svg
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])

    def boxes(node: ElementTree.Element, x: float, y: float) -> None:
        for one in node:
            at_x, at_y = x, y
            if one.tag == f"{SVG}g":
                dx, dy = one.attrib["transform"].removeprefix("translate(").rstrip(")").split()
                at_x, at_y = x + float(dx), y + float(dy)
            if one.tag == f"{SVG}rect":
                assert at_x >= 0
                assert at_x + float(one.attrib["width"]) <= wide + 0.5
                assert at_y + float(one.attrib["height"]) <= high + 0.5
            boxes(one, at_x, at_y)

    boxes(root, 0, 0)
