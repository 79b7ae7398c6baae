"""cadences/NAME.test.yaml: a lead, dated responses, the expected touches; one test a file, or a list of them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from nurture.adapters.cadence_files.nodes import MAX_BYTES, ListNode, MapNode, read_nodes
from nurture.adapters.cadence_files.records import Key, ListOf, MapOf, Record
from nurture.adapters.cadence_files.report import Report, TooManyProblemsError, near, short
from nurture.adapters.cadence_files.schema import WRONG, AnyScalar, Choice, Parsed, Text
from nurture.adapters.cadence_files.values import name, parse_day, path
from nurture.domain.condition import NAMES
from nurture.domain.errors import Problem
from nurture.domain.fact import FactName
from nurture.domain.lead import Stage
from nurture.domain.reach import HINT, is_within_reach
from nurture.domain.rehearsal import WORKED_OUT, Expected, Rehearsal, Told, When
from nurture.domain.response import Bounce, CallOutcome, Grade, Intent, Kind
from nurture.domain.row import problem_with
from nurture.domain.touch import Channel

ENDING: Final = ".test.yaml"


def read_tests(folder: Path) -> tuple[list[Rehearsal], list[Problem]]:
    """The tests beside the cadences of a workspace, and what is wrong with them."""
    tests: list[Rehearsal] = []
    problems: list[Problem] = []
    for file in sorted((folder / "cadences").glob(f"*{ENDING}")):
        report = Report(file.relative_to(folder).as_posix())
        data = file.read_bytes()[: MAX_BYTES + 1]
        tests += read_test(data.decode("utf-8", "replace"), report)
        problems += report.problems
    return tests, problems


def read_test(text: str, report: Report) -> list[Rehearsal]:
    """The tests of one file; none where something is wrong with it."""
    try:
        root = read_nodes(text, report)
        if root is None:
            return []
        found = [TEST.read(one, report, "test") for one in (root.items if isinstance(root, ListNode) else [root])]
    except TooManyProblemsError:
        return []
    return [one for one in found if one is not WRONG] if report.is_clean else []


def _when(text: str) -> When:
    when = _day_or_moment(text)
    if not is_within_reach(when):
        raise ValueError(f"The year {when.year} is out of reach. {HINT}")
    return when


def _day_or_moment(text: str) -> When:
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]", text):
        return parse_day(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a moment: write 2027-03-01 or 2027-03-01T10:00.") from None


def _told(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    plain = {key: str(value) for key, value in values.items() if key not in ("at", "kind", "step", "facts")}
    detail: dict[str, Any] = dict(plain)
    if "until" in values:
        detail["until"] = values["until"].isoformat()
    if "facts" in values:
        detail["facts"] = {key: str(value) for key, value in values["facts"].items()}
        _, facts = node.entries["facts"]
        assert isinstance(facts, MapNode)
        for name, (at, _) in facts.entries.items():
            if name not in set(FactName):
                hint = near(name, [one.value for one in FactName]) or f"; one of: {', '.join(FactName)}"
                report.error(at, f"facts: {short(name)} is not a fact{hint}")
    if values["kind"] is Kind.CALL and not (values.get("outcome") and values.get("step")):
        report.error(node, "responses: a call has a 'step' and an 'outcome'")
        return WRONG
    return Told(values["at"], values["kind"], values.get("step", ""), detail, node.line)


def _expected(values: dict[str, Any], node: MapNode, report: Report) -> Expected:
    return Expected(**values, line=node.line)


def _test(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    _, lead = node.entries["lead"]
    assert isinstance(lead, MapNode)
    known = {*NAMES, *LEAD_ONLY, *FactName}
    for key, (at, value) in lead.entries.items():
        if key in WORKED_OUT:
            report.warn(at, f"lead: {key} is worked out from the rest; given here it changes nothing")
        elif key not in known and not re.fullmatch(r"x\.\w+", key):
            report.error(at, f"lead: unknown name {short(key)}{near(key, known) or '; custom fields are x.NAME'}")
        elif wrong := _wrong_value(key, values["lead"][key]):
            report.error(value, f"lead: {wrong}")
    if not report.is_clean:
        return WRONG
    plain = {key: values[key] for key in ("cadence", "lead", "start")}
    several = {key: values.get(key, ()) for key in ("responses", "expect")}
    return Rehearsal(**plain, **several, file=report.file, line=node.line)


def _wrong_value(key: str, value: object) -> str | None:
    """What is wrong with a value of the lead, or None."""
    if value is None or (key in set(FactName) and isinstance(value, bool)):
        return None
    if key == "stage":
        return None if value in set(Stage) else f"stage {str(value)[:60]!r}: one of {', '.join(Stage)}"
    if key == "timeline_months":
        sound = isinstance(value, int | float) and abs(value) <= MOST_MONTHS
        return None if sound else f"timeline_months {str(value)[:60]!r}: not a number of months, such as 6"
    return problem_with(key, str(value).lower() if isinstance(value, bool) else str(value))


MOST_MONTHS: Final = 1200
LEAD_ONLY: Final = ("consent_basis", "do_not_call")
WHEN: Final = Parsed(
    _when, "a day or a moment such as 2027-03-01T10:00", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.+Z-]+)?$"
)
TOLD: Final = Record(
    "response",
    {
        "at": Key(WHEN, "a day (at noon), or a moment in the lead's own time", required=True),
        "kind": Key(Choice(tuple(Kind)), "click, reply, call, form, ...", required=True),
        "step": Key(path(), "the step that it answers"),
        "intent": Key(Choice(tuple(Intent)), "of a reply"),
        "outcome": Key(Choice(tuple(CallOutcome)), "of a call"),
        "grade": Key(Choice(tuple(Grade))),
        "bounce": Key(Choice(tuple(Bounce))),
        "until": Key(WHEN, "the day that was agreed"),
        "url": Key(Text()),
        "page": Key(Text()),
        "form": Key(Text()),
        "text": Key(Text()),
        "facts": Key(MapOf(AnyScalar()), "what was learned"),
    },
    _told,
)
EXPECTED: Final = Record(
    "expectation",
    {
        "at": Key(WHEN, "a day, or a moment to the minute, in the lead's own time", required=True),
        "channel": Key(Choice(tuple(Channel)), required=True),
        "step": Key(path(), "a step, or an item of a stream", required=True),
    },
    _expected,
)
TEST: Final = Record(
    "test",
    {
        "cadence": Key(name(), "the cadence that the lead enters", required=True),
        "lead": Key(MapOf(AnyScalar()), "flat names with their values", required=True),
        "start": Key(WHEN, "when it enters", required=True),
        "responses": Key(ListOf(TOLD), "what the lead does"),
        "expect": Key(ListOf(EXPECTED), "the touches that follow, in their order", required=True),
    },
    _test,
)
