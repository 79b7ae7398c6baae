"""check: everything that the issue of a broken workspace may be, found in one run, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Nurture

BROKEN = """\
name: broken
enroll: {when: title == 'CEO' and fit > 900}
priority: 50
priority: 60
goall: fit > 3
steps:
  - email: mail
  - emial: mail
  - wait: 3 dayz
"""
SHAPE = """\
name: shape
enroll: {when: industry == 'food'}
goal: stage == 'near_term' and stage == 'unknown'
priority: 33
steps:
  - email: mail
  - if: fit > 9000
    then:
      - email: mail
        id: again
        repeat: true
  - stop: done
  - email: mail
    id: never
"""
PLAN = """\
name: plan
enroll: {when: "industry == 'food' and title == 'CEO'"}
priority: 33
steps:
  - email: mail
  - wait: 1 day
  - email: mail
    id: b
    repeat: true
  - wait: 1 day
  - email: mail
    id: c
    repeat: true
  - wait: 3 days
"""
HTML = """\
---
subject: Hello {{ title }}
preheader: Short
---
<p>{{ company }} <a href="#">here</a> <a href="{{ link('/x') }}">there</a> {{ compny }}</p>
{{ postal_address }}
"""


def test_every_kind_of_problem_is_found_in_one_run(nurture: Nurture, folder: Path) -> None:
    for name, text in (("broken", BROKEN), ("shape", SHAPE), ("plan", PLAN)):
        (folder / "cadences" / f"{name}.yaml").write_text(text)
        templates = folder / "templates" / name
        templates.mkdir()
        (templates / "mail.html").write_text(HTML if name == "plan" else HTML.replace("{{ compny }}", ""))
    ran = nurture("check", "--json")
    assert ran.code == 2
    found = [f"{one['file']}:{one['line']}:{one['column']} {one['severity']} {one['message']}" for one in ran.json]
    for said in (
        "cadences/broken.yaml:2:16 warning when: this can never hold; possible is fit from",
        "cadences/broken.yaml:4:1 error cadence: 'priority' is already set on line 3",
        "cadences/broken.yaml:5:1 error cadence: unknown key 'goall'; did you mean 'goal'?",
        "cadences/broken.yaml:8:5 error steps: unknown step 'emial'; did you mean 'email'?",
        "cadences/broken.yaml:9:11 error wait: '3 dayz' has no known unit (did you mean 'day'?)",
        "cadences/plan.yaml:5:5 warning steps: this cadence has no exit",
        "cadences/plan.yaml:11:5 warning steps: the limit of 2 touches in 7 days moves this by 5 days",
        "cadences/plan.yaml:14:5 warning steps: nothing comes after this wait",
        "cadences/shape.yaml:3:7 error goal: this can never hold, it contradicts itself",
        "cadences/shape.yaml:7:9 warning if: this can never hold",
        "cadences/shape.yaml:13:5 error steps: never reached, because line 12 ends the cadence",
        "templates/plan/mail.html:1:1 error the footer is incomplete: unsubscribe_url is not shown anywhere",
        "templates/plan/mail.html:5:7 warning company can be missing for the leads of plan",
        "templates/plan/mail.html:5:21 error a link without a target",
        "templates/plan/mail.html:5:51 error link() takes a full http or https address",
        "templates/plan/mail.html:5:79 error 'compny' is not defined; did you mean 'company'?",
        "templates/plan/mail.txt:1:1 error the text part is missing",
        "templates/broken/mail.txt:1:1 error the text part is missing",  # of a cadence that cannot be read, too
    ):
        assert any(line.startswith(said) for line in found), (said, "\n".join(found))
    assert not any("title can be missing" in line for line in found)  # plan asks for it
    (folder / "cadences" / "shape.yaml").write_text(
        SHAPE.replace("goal: stage == 'near_term' and stage == 'unknown'\n", "")
    )
    fight = "cadences/shape.yaml:2:16: warning: enroll: 'plan' can want the same leads with the same priority"
    assert fight not in nurture("check").out  # what cannot be loaded wants nobody
    text = (
        SHAPE.replace("goal: stage == 'near_term' and stage == 'unknown'\n", "").partition("  - stop")[0]
        + "  - stop: x\n"
    )
    (folder / "cadences" / "shape.yaml").write_text(text)
    assert fight in nurture("check", "cadences/shape.yaml").out


REHEARSED = """\
cadence: event-follow-up
lead: {first_name: Ada, phone: '+15035550123', country: US, timezone: America/Los_Angeles}
start: 2027-04-20T09:00
responses:
  - {at: 2027-04-21T10:00, kind: click, step: good-to-meet-you}
  - {at: 2027-05-03T11:00, kind: call, step: after-the-show, outcome: callback, until: 2027-05-07T10:00}
expect:
  - {at: 2027-04-20, channel: email, step: good-to-meet-you}
  - {at: 2027-04-23, channel: email, step: three-questions}
  - {at: 2027-04-30, channel: call, step: after-the-show}
"""
LAST = "after-the-show, outcome: callback, until: 2027-05-07T10:00"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        (LAST, "after-the-show, outcome: callback", "6:1: responses: A callback needs its moment."),
        (LAST, "three-questions, outcome: connected", "6:1: responses: step 'three-questions' is no task"),
        (LAST, "four-questions, outcome: connected", "6:1: responses: there is no touch of step 'four-questions' yet"),
        ("2027-04-21T10:00", "2027-04-19", "5:1: responses: 2027-04-19 is before the start"),
        ("cadence: event", "cadence: evnt", "1:1: cadence: No cadence is named 'evnt-follow-up'. Did you mean"),
    ],
)
def test_what_a_rehearsed_lead_cannot_do_is_said_at_its_line(
    old: str, new: str, said: str, nurture: Nurture, folder: Path
) -> None:
    (folder / "cadences" / "event-follow-up.test.yaml").write_text(REHEARSED.replace(old, new))
    ran = nurture("check", "cadences/event-follow-up.test.yaml")
    assert ran.code == (2 if said else 0)
    assert f"cadences/event-follow-up.test.yaml:{said}" in ran.out if said else ran.out == ""
