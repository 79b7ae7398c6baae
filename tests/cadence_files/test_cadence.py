"""Bad cadences in, exact problems out; and what the good ones mean."""

from __future__ import annotations

from datetime import date

import pytest

from nurture.adapters.cadence_files.cadence import read_cadence
from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
    FiscalDay,
    If,
    PersonTask,
    Set,
    Split,
    Stop,
    Stream,
    Wait,
    WaitFor,
    WaitUntil,
    Webhook,
    YearDay,
)
from nurture.domain.calendar import parse_window
from nurture.domain.duration import Duration, Unit
from nurture.domain.errors import Problem
from nurture.domain.response import Kind
from nurture.domain.touch import Channel

FILE = "cadences/c.yaml"
HEAD = "name: c\nsteps:\n  - email: hello\n  - stop: done\n"

# (what, text, the beginning of each problem)
BAD: list[tuple[str, str, list[str]]] = [
    (
        "an empty file",
        "",
        [
            "1:1: cadence: nothing stands here; keys with values are expected such as 'name:'",
        ],
    ),
    (
        "a file that is one word",
        "hello",
        [
            "1:1: cadence: a single value stands here; keys with values are expected such as 'name:'",
        ],
    ),
    (
        "a list instead of keys",
        "- a",
        [
            "1:1: cadence: a list stands here; keys with values are expected such as 'name:'",
        ],
    ),
    (
        "steps that are missing",
        "name: c\n",
        [
            "1:1: cadence: 'steps' is missing",
        ],
    ),
    (
        "an unknown key with its near match",
        HEAD + "descripton: x\n",
        [
            "5:1: cadence: unknown key 'descripton'; did you mean 'description'?",
        ],
    ),
    (
        "a key that stands twice",
        HEAD + "name: c\n",
        [
            "5:1: cadence: 'name' is already set on line 1",
        ],
    ),
    (
        "a name that is not that of the file",
        """\
name: d
steps:
  - email: hello
  - stop: done
""",
        [
            "1:7: name: 'd' is not the name of the file, 'c'",
        ],
    ),
    (
        "a number where a text is expected",
        """\
name: 7
steps:
  - email: hello
  - stop: done
""",
        [
            "1:7: name: '7' is not a text; to mean one, quote it",
        ],
    ),
    (
        "values of the wrong type",
        HEAD
        + """\
priority: 120
exclusive: maybe
holdout: 5
description: 2027
stop_on: [meting, open]
owner: ''
""",
        [
            "5:11: priority: 120 is too large; at most 100",
            "6:12: exclusive: 'maybe' is neither true nor false",
            "7:10: holdout: '5' is not a percentage: write for example '5%', from 0% to 100%.",
            "8:14: description: '2027' is not a text; to mean one, quote it",
            "9:11: stop_on: 'meting' is not known; did you mean 'meeting'?",
            "10:8: owner: this text is empty; a person is expected",
        ],
    ),
    (
        "days and hours that do not exist",
        HEAD + "window: {days: mon-fry, hours: 9-17}\n",
        [
            "5:16: days: 'mon-fry' has no known day 'fry': did you mean 'fri'?",
            "5:32: hours: '9-17' must be an opening and a closing",
        ],
    ),
    (
        "a window that is one value",
        HEAD + "window: 9-17\n",
        [
            "5:9: window: a single value stands here; keys with values are expected such as 'days:'",
        ],
    ),
    (
        "everything wrong about the entry at once",
        HEAD + "enroll: {when: stage == 'unknow', again: 180 days, "
        "rate: many, arrived_within: -3 days, otherwise: late, often: 3}\n",
        [
            "5:25: when: There is no stage 'unknow'; did you mean 'unknown'?",
            "5:42: again: '180 days' is not known",
            "5:58: rate: 'many' is not a rate: write for example '200 per day'.",
            "5:80: arrived_within: '-3 days' is negative",
            "5:106: enroll: unknown key 'often'",
        ],
    ),
    (
        "otherwise without arrived_within",
        HEAD
        + """\
enroll:
  otherwise: late
""",
        [
            "warning 6:3: enroll: without 'arrived_within', 'otherwise' never happens",
        ],
    ),
    (
        "a condition that cannot be read, at the word",
        HEAD + "goal: stage == 'near_term' and and fit > 3\n",
        [
            "5:32: goal: A name or a value is missing before and.",
        ],
    ),
    (
        "the same inside quotes",
        HEAD + "goal: \"stgae == 'near_term'\"\n",
        [
            "5:8: goal: No name 'stgae' is known; did you mean 'stage'?",
        ],
    ),
    (
        "a key with nothing behind it",
        HEAD + "goal:\n",
        [
            "5:6: goal: nothing stands here; a condition is expected",
        ],
    ),
    (
        "no steps",
        """\
name: c
steps: []
""",
        [
            "2:8: steps: this list is empty",
        ],
    ),
    (
        "steps that are not steps",
        """\
name: c
steps:
  - emial: hello
  - email: a
    call: b
  - stop
  - email
  - []
  - {}
  - remind: x
""",
        [
            "3:5: steps: unknown step 'emial'; did you mean 'email'?",
            "5:5: email step: 'call' is a step of its own; begin it with '- '",
            "6:5: steps: a step is written with a key, such as 'stop: ...'",
            "7:5: steps: a step is written with a key, such as 'email: ...'",
            "8:5: steps: a step is written with a key, such as 'email: welcome'",
            "9:5: steps: this step is empty",
            "10:5: steps: unknown step 'remind'",
        ],
    ),
    (
        "waits of no time, days that do not exist",
        """\
name: c
steps:
  - email: a
  - wait: 0 days
  - wait: -1 day
  - wait: 3
  - wait: 3 dys
  - wait_until: 02-30
  - wait_until: 2027-02-29
  - wait_until: soon
  - wait_until: fiscal_year - 3 hours
  - wait_until: fiscal_year - 3 months
  - wait_until: 02-29
    if_within: 120
  - wait_for: replied()
  - stop: x
""",
        [
            "4:11: wait: '0 days' is no time at all: write at least '1 day'.",
            "5:11: wait: '-1 day' is negative",
            "6:11: wait: '3' has no unit",
            "7:11: wait: '3 dys' has no known unit (did you mean 'days'?)",
            "8:17: wait_until: 02-30 is a day that no year has: write it as MM-DD.",
            "9:17: wait_until: 2027-02-29 is a day that no calendar has.",
            "10:17: wait_until: 'soon' is not a day to wait for",
            "11:17: wait_until: A day cannot be moved by hours: write days, weeks or months.",
            "14:16: if_within: '120' has no unit",
            "15:5: wait_for step: 'timeout' is missing",
        ],
    ),
    (
        "wrong keys of tasks, and a path out of the templates",
        """\
name: c
steps:
  - call: intro
    within: 0 days
    ask: [budgt, timeline, timeline]
    channel: linkedin
  - task: t
    channel: fax
  - call: ../../etc/passwd
  - stop: x
""",
        [
            "4:13: within: '0 days' is no time at all: write at least '1 day'.",
            "5:11: ask: 'budgt' is not known; did you mean 'budget'?",
            "5:28: ask: 'timeline' stands here twice",
            "6:5: call step: unknown key 'channel'; allowed: call, id, within, ask, assign",
            "8:14: channel: 'fax' is not known; one of: linkedin, letter, sms, other",
            "9:11: call: '../../etc/passwd' is not a name",
        ],
    ),
    (
        "ids that are taken, steps that do not exist",
        """\
name: c
steps:
  - email: hello
  - call: hello
  - email: b
    id: hello
  - if: outcome('helo') == 'voicemail'
    then: [{stop: x}]
  - stop: y
renamed: {old: hallo, hello: hello}
""",
        [
            "4:11: the step id 'hello' is taken by line 3; give both an 'id:'",
            "6:9: the step id 'hello' is taken by line 3; give both an 'id:'",
            "7:9: if: no step here has the id 'helo'; did you mean 'hello'?",
            "10:16: renamed: no step here has the id 'hallo'; did you mean 'hello'?",
            "10:23: renamed: 'hello' is still the id of a step",
        ],
    ),
    (
        "shares that do not add up",
        """\
name: c
steps:
  - split:
      - {share: 50%, steps: [{email: a}]}
      - {share: 40%, steps: [{email: b}]}
    id: s
  - split: [{share: 100, steps: []}]
  - stop: y
""",
        [
            "3:5: split step: the shares add up to 90 %, not to 100 %",
            "7:5: split step: 'id' is missing",
            "7:21: share: '100' is not a percentage: write for example '5%', from 0% to 100%.",
        ],
    ),
    (
        "a stream with no items, and one with the same twice",
        """\
name: c
steps:
  - stream: {every: 1 month, items: []}
  - stream: {every: 1 month, items: [a, a]}
    times: 0
  - stop: y
""",
        [
            "3:37: items: this list is empty",
            "4:41: items: 'a' stands here twice",
            "5:12: times: 0 is too small; at least 1",
        ],
    ),
    (
        "fields that cannot be set",
        """\
name: c
steps:
  - email: a
  - set: {score: 5, x.a b: 1, phone: .nan, x.ok: [1]}
  - set: {titel: x}
  - set: {}
  - stop: y
""",
        [
            "4:38: phone: .nan is not a number that can be counted with",
            "4:50: x.ok: a list stands here; a single value is expected",
            "5:11: set: 'titel' cannot be set; did you mean 'title'?",
            "6:10: set: no field is named",
        ],
    ),
    (
        "values that no lead can have",
        """\
name: c
steps:
  - email: a
  - set: {timezone: Mars/Base, country: Nowhere, phone: abc}
  - set: {asked_for_sales: maybe, language: "!", x.any: maybe}
  - stop: y
""",
        [
            "4:21: set: timezone 'Mars/Base': not a time zone by name, such as Europe/Berlin",
            "4:41: set: country 'Nowhere': not a country known by name or by ISO 3166 code",
            "4:57: set: phone 'abc': ",
            "5:28: set: asked_for_sales 'maybe': true or false is expected",
            "5:45: set: language '!': ",
        ],
    ),
    (
        "steps after the end",
        """\
name: c
steps:
  - if: fit > 3
    then:
      - stop: x
      - email: never
    else:
      - enroll: other
  - email: a
""",
        [
            "6:9: steps: never reached, because line 5 ends the cadence",
            "9:5: steps: never reached, because line 3 ends the cadence",
        ],
    ),
    (
        "a wait after the end",
        """\
name: c
steps:
  - email: a
  - if: fit > 3
    then: [{wait: 3 days}]
    else: [{stop: x}]
""",
        [
            "warning 5:12: steps: nothing comes after this wait",
        ],
    ),
    (
        "no contact at all",
        """\
name: c
steps:
  - wait: 3 days
""",
        [
            "warning 3:5: steps: no step contacts the lead",
            "warning 3:5: steps: nothing comes after this wait",
            "warning 3:5: steps: this cadence has no exit, so at its end a lead has no next thing; add a 'goal:', or ",
        ],
    ),
    (
        "no exit",
        """\
name: c
steps:
  - email: a
""",
        [
            "warning 3:5: steps: this cadence has no exit, so at its end a lead has no next thing; add a 'goal:', or ",
        ],
    ),
    (
        "branches without steps",
        """\
name: c
steps:
  - email: a
  - if: fit > 3
  - if: fit > 4
    then: []
  - stop: x
""",
        [
            "4:5: if step: it has no steps; write 'then:' and below it what to do",
            "5:5: if step: it has no steps; write 'then:' and below it what to do",
        ],
    ),
    (
        "a comma that tears a value inside braces",
        HEAD + "enroll: {when: has_word(title, student), rate: 5 per day}\n",
        [
            "5:16: when: quote this value: inside {} a comma or a bracket ends it",
        ],
    ),
    (
        "a bracket inside braces",
        HEAD + "enroll: {when: country in ['US', 'CA'], rate: 5 per day}\n",
        [
            "5:27: this does not belong here: inside {} quote any value with a comma, a bracket or a colon",
        ],
    ),
    (
        "a brace that is never closed",
        HEAD + "enroll: {when: fit > 3\n",
        [
            "5:9: the '{' that begins here is never closed",
        ],
    ),
    (
        "NO is a word and not a truth value",
        HEAD + "enroll: {when: country == NO}\n",
        [
            "5:27: when: No name 'NO' is known",
        ],
    ),
]


def problems_of(text: str) -> list[str]:
    problems: list[Problem] = []
    read_cadence(text, FILE, problems)
    marks = {"error": "", "warning": "warning "}
    return [f"{marks[found.severity]}{found.line}:{found.column}: {found.message}" for found in problems]


def read(text: str) -> Cadence:
    problems: list[Problem] = []
    cadence = read_cadence(text, FILE, problems)
    assert cadence is not None, problems
    return cadence


@pytest.mark.parametrize(("text", "expected"), [pytest.param(text, said, id=what) for what, text, said in BAD])
def test_all_problems_are_found_at_once_each_at_its_place(text: str, expected: list[str]) -> None:
    found = problems_of(text)
    assert len(found) == len(expected), found
    for actual, beginning in zip(found, expected, strict=True):
        assert actual.startswith(beginning)


# (what a marketer wrote below `name: c`, what they are told)
SLIPS: list[tuple[str, str]] = [
    (
        "steps:\n  - stream:\n      every: 1 month\n      items: [a]\n      times: 2",
        "6:7: stream: 'times' does not stand in here but one level out, beside 'stream:'",
    ),
    ("rate: 5 per day", "2:1: cadence: 'rate' stands below 'enroll:', further in than it"),
    ("enroll:\n  priority: 5", "3:3: enroll: 'priority' does not stand in here but one level out, beside 'enroll:'"),
    ("enabled: false", "2:1: cadence: unknown key 'enabled'; allowed: name, description, owner"),
    (
        "window: {days: mon-fri, timezone: Europe/Oslo}",
        "2:25: window: unknown key 'timezone'; a window holds in the time zone of each lead",
    ),
    (
        "window: {days: mon\u2013fri}",
        "2:16: days: 'mon\u2013fri' has no known day 'mon\u2013fri': write the plain hyphen, 'mon-fri'.",
    ),
    (
        'window: {hours: "9:00\u201312:00"}',
        "2:17: hours: '9:00\u201312:00' must be an opening and a closing: write the plain hyphen, '9:00-12:00'.",
    ),
    ("window: {days: weekdays}", "2:16: days: 'weekdays' has no known day 'weekdays': did you mean 'mon-fri'?"),
    ("exclusive: no", "2:12: exclusive: 'no' is neither true nor false; write false"),
    ("stop_on: meeting", "2:10: stop_on: a single value stands here; a list is expected: [meeting]"),
    ("holdout: 100%", "2:10: holdout: with 100 % nobody is contacted"),
    ("enroll: {again: after 0 days}", "2:17: again: who leaves comes back at once, as long as 'when' holds"),
    ("description:Hello", "2:1: a key is written 'description: ', with a colon and a space"),
    ("description: -", "2:14: a list begins on a line of its own; quote a text that begins with '-'"),
    (
        "goal: !replied()",
        "2:7: a tag (!replied()) is not allowed; quote a text that begins with !, and in conditions write not",
    ),
    (
        "<<<<<<< HEAD\npriority: 5\n=======\npriority: 6\n>>>>>>> b",
        "2:1: Git has marked a conflict here: choose one of the two texts, and remove the marks",
    ),
    (
        "steps:\n  - call: intro\n      within: 2 days",
        "4:13: this stands further in than the keys it belongs to: begin it right below them",
    ),
    (
        "steps:\n  - email: a\n\xa0\xa0- wait: 3 days\n    x: 1",
        "4:1: a no-break space, which looks like a space: YAML wants plain ones",
    ),
    (
        "steps:\n  - wait:\xa03 days",
        "3:5: steps: a step is written with a key, such as 'wait: ...', with a plain space and not U+00A0",
    ),
    (
        "steps:\n  - if: replied()\n    then: [{email: a}]\n  - else: [{email: b}]",
        "5:5: steps: 'else' belongs to 'if': write it below that, without '- '",
    ),
    (
        "steps:\n  - if: replied()\n    then: [{email: a}]\n    elif: x",
        "5:5: if step: unknown key 'elif'; write 'else:' and below it '- if: ...'",
    ),
    (
        "steps:\n  - if: replied()\n    then: a",
        "4:11: then: a single value stands here; a list is expected; begin each item with '- '",
    ),
    ("steps:\n  - sms: hello", "3:5: steps: unknown step 'sms'; write 'task: hello' and 'channel: sms'"),
    (
        "steps:\n  - email: a\n    subject: Hello",
        "4:5: email step: unknown key 'subject'; it stands at the top of the e-mail's .html file",
    ),
    (
        "steps:\n  - wait: 2 working days",
        "3:11: wait: '2 working days' has no known unit (did you mean 'business days'?)",
    ),
    ("steps:\n  - wait: 1 quarter", "3:11: wait: '1 quarter' has no known unit (a quarter is '3 months')"),
]


@pytest.mark.parametrize(("text", "told"), SLIPS)
def test_a_slip_is_told_with_what_to_do(text: str, told: str) -> None:
    end = "" if "steps:" in text else "\nsteps:\n  - email: hello\n  - stop: done"
    problems: list[Problem] = []
    read_cadence(f"name: c\n{text}{end}\n", FILE, problems)
    said = [f"{one.line}:{one.column}: {one.message}" for one in problems]
    assert [one for one in said if one.startswith(told)], said


def test_a_cadence_with_an_error_is_not_loaded_and_one_with_a_warning_is() -> None:
    problems: list[Problem] = []
    assert read_cadence(HEAD + "priority: 101\n", FILE, problems) is None
    assert read_cadence("name: c\nsteps:\n  - email: a\n", FILE, problems) is not None
    assert [problem.severity for problem in problems] == ["error", "warning"]


def test_defaults_are_those_of_the_contract() -> None:
    cadence = read(HEAD)
    assert (cadence.exclusive, cadence.priority, cadence.holdout, cadence.sender) == (True, 50, 0.0, "")
    assert cadence.window == parse_window("mon-fri", "09:00-17:00")
    assert cadence.entry.when is None
    assert cadence.entry.again is None
    assert cadence.stop_on == frozenset()


def test_every_key_of_a_cadence_is_read() -> None:
    cadence = read(
        HEAD
        + """\
description: A note.
owner: dana@acme.example
enroll:
  when: stage == 'unknown'
  again: after 180 days
  rate: 200 per day
  arrived_within: 2 weeks
  otherwise: evergreen
exclusive: false
priority: 40
window: {days: "mon,wed", hours: "09:00-16:30"}
from: owner
goal: stage == 'near_term'
stop_on: [meeting, form]
holdout: 2.5 %
renamed: {old: hello}
"""
    )
    assert (cadence.description, cadence.owner, cadence.sender) == ("A note.", "dana@acme.example", "owner")
    entry = cadence.entry
    assert entry.when is not None
    assert (entry.when.text, entry.line) == ("stage == 'unknown'", 8)
    assert (entry.again, entry.rate) == (Duration(180, Unit.DAYS), 200)
    assert (entry.arrived_within, entry.otherwise) == (Duration(2, Unit.WEEKS), "evergreen")
    assert (cadence.exclusive, cadence.priority, cadence.holdout) == (False, 40, 2.5)
    assert cadence.window == parse_window("mon,wed", "09:00-16:30")
    assert cadence.goal is not None
    assert (cadence.goal.text, cadence.goal_line) == ("stage == 'near_term'", 17)
    assert cadence.stop_on == {Kind.MEETING, Kind.FORM}
    assert cadence.renamed == {"old": "hello"}


def test_every_kind_of_step_is_read() -> None:
    cadence = read(
        """\
name: c
steps:
  - email: hello
    repeat: true
  - call: intro
    within: 3 business days
    ask: [timeline, budget]
    assign: lee@acme.example
  - voicemail: message
  - task: connect
    channel: linkedin
  - task: other
    id: by-hand
  - webhook: crm-note
  - wait: 3 business days
  - wait_until: 09-01
    if_within: 120 days
  - wait_until: 2027-03-01
  - wait_until: fiscal_year - 3 months
  - wait_for: clicked('hello')
    timeout: 10 days
  - if: outcome('intro') == 'voicemail'
    then: [{email: sorry}]
    else: [{stop: reached}]
  - split:
      - {share: 33.5%, steps: [{email: a}]}
      - {share: 66.5%, steps: []}
    id: ab
  - stream: {every: 1 month, items: [one, shared/two]}
    times: 5
  - set: {x.program: manufacturing, phone: null, asked_for_sales: true}
  - enroll: evergreen
"""
    )
    email, call, voicemail, task, by_hand, webhook, wait, until, on, fiscal, wait_for, branch, split, *rest = (
        cadence.steps
    )
    stream, put, enroll = rest
    two_days = Duration(2, Unit.BUSINESS_DAYS)
    assert email == Email(3, "hello", "hello", repeat=True)
    three = Duration(3, Unit.BUSINESS_DAYS)
    assert call == PersonTask(5, "intro", Channel.CALL, "intro", three, ("timeline", "budget"), "lee@acme.example")
    assert voicemail == PersonTask(9, "message", Channel.VOICEMAIL, "message", two_days)
    assert task == PersonTask(10, "connect", Channel.LINKEDIN, "connect", two_days)
    assert by_hand == PersonTask(12, "by-hand", Channel.OTHER, "other", two_days)
    assert webhook == Webhook(14, "crm-note", "crm-note")
    assert wait == Wait(15, three)
    assert until == WaitUntil(16, YearDay(9, 1), Duration(120, Unit.DAYS))
    assert on == WaitUntil(18, date(2027, 3, 1))
    assert fiscal == WaitUntil(19, FiscalDay(Duration(3, Unit.MONTHS)))
    assert isinstance(wait_for, WaitFor)
    assert wait_for.timeout == Duration(10, Unit.DAYS)
    assert isinstance(branch, If)
    assert branch.then == (Email(23, "sorry", "sorry"),)
    assert branch.otherwise == (Stop(24, "reached"),)
    assert isinstance(split, Split)
    assert [(arm.percent, len(arm.steps)) for arm in split.arms] == [(33.5, 1), (66.5, 0)]
    assert stream == Stream(29, "stream-1", Duration(1, Unit.MONTHS), ("one", "shared/two"), 5)
    assert put == Set(31, {"x.program": "manufacturing", "phone": None, "asked_for_sales": True})
    assert enroll == Enroll(32, "evergreen")


def test_streams_are_counted_in_the_order_of_the_file() -> None:
    cadence = read(
        """\
name: c
steps:
  - if: fit > 3
    then: [{stream: {every: 1 month, items: [a]}}]
    else: [{stream: {every: 1 month, items: [b]}}]
  - stream: {every: 1 month, items: [c]}
  - stop: over
"""
    )
    branch, last, _ = cadence.steps
    assert isinstance(branch, If)
    ids = [step.id for step in (*branch.then, *branch.otherwise, last) if isinstance(step, Stream)]
    assert ids == ["stream-1", "stream-2", "stream-3"]


def test_hours_from_midnight_to_midnight_without_days_are_always() -> None:
    assert read(HEAD + 'window: {hours: "00:00-24:00"}\n').window.always
    assert not read(HEAD + 'window: {days: mon-fri, hours: "00:00-24:00"}\n').window.always


def test_a_wait_at_the_end_is_fine_while_a_goal_may_be_reached() -> None:
    assert problems_of("name: c\ngoal: fit > 3\nsteps:\n  - email: a\n  - wait: 3 days\n") == []


def test_a_step_that_is_wrong_otherwise_still_counts_as_a_step() -> None:
    steps = "  - call: intro\n    within: soon\n  - if: outcome('intro') == 'busy'\n    then: [{stop: x}]\n"
    text = f"name: c\nsteps:\n{steps}"
    assert [problem[:15] for problem in problems_of(text)] == ["4:13: within: '"]


def test_reading_ends_at_a_hundred_problems() -> None:
    found = problems_of("name: c\nsteps:\n" + "  - remind: x\n" * 50_000)
    assert len(found) == 101
    assert found[-1].endswith("there are more problems; mend these first")


def test_a_cadence_without_a_name_has_that_of_its_file() -> None:
    problems: list[Problem] = []
    cadence = read_cadence("steps: [{email: a}, {stop: x}]\n", "cadences/north-sea.yaml", problems)
    assert (cadence is not None and cadence.name, problems) == ("north-sea", [])
    assert read_cadence("steps: [{email: a}, {stop: x}]\n", "cadences/north sea.yaml", problems) is None
    assert [one.message for one in problems] == ["name: 'north sea' is not a name: write letters, digits, '-' and '_'."]
