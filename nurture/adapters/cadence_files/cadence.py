"""A cadence file: its keys, and what they mean together."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any, Final

from nurture.adapters.cadence_files.course import course_problems
from nurture.adapters.cadence_files.nodes import MapNode, ScalarNode, read_nodes
from nurture.adapters.cadence_files.records import Key, ListOf, MapOf, Record
from nurture.adapters.cadence_files.report import Mention, Report, TooManyProblemsError, near, short
from nurture.adapters.cadence_files.schema import WRONG, Choice, Flag, Number, Text
from nurture.adapters.cadence_files.steps import STEPS
from nurture.adapters.cadence_files.values import (
    AGAIN,
    CONDITION,
    HOURS,
    LASTING,
    PERCENT,
    RATE,
    WEEK,
    name,
    path,
)
from nurture.domain.cadence import Cadence, Entry
from nurture.domain.calendar import parse_window
from nurture.domain.condition import Condition
from nurture.domain.errors import Problem
from nurture.domain.response import Kind

# They prove nothing about a person, so they never end anything.
_NO_REASON_TO_STOP: Final = frozenset({Kind.DELIVERED, Kind.OPEN})


def read_cadence(text: str, file: str, problems: list[Problem], *, lenient: bool = False) -> Cadence | None:
    """The cadence, or None when it cannot be loaded; all its problems are added to `problems`.

    `lenient`: one that was applied before is loaded whatever is said about it, as long as it has a meaning.
    """
    report = Report(file)
    cadence = read(text, report, lenient=lenient)
    problems += sorted(report.problems)
    return cadence


def read(text: str, report: Report, *, lenient: bool = False) -> Cadence | None:
    """The same, keeping in the report what the file mentions, for the checks across files."""
    try:
        root = read_nodes(text, report)
        if root is None:
            return None
        found = CADENCE.read(root, report, "cadence")
        _check_mentions(report)
        if found is WRONG:
            return None
        assert isinstance(found, Cadence)
        course_problems(found, report)
    except TooManyProblemsError:
        return None
    return found if lenient or report.is_clean else None


def _check_mentions(report: Report) -> None:
    """Names inside the file: ids that are taken, steps that do not exist."""
    ids: dict[str, list[Mention]] = defaultdict(list)
    splits: dict[str, list[Mention]] = defaultdict(list)
    for mention in report.mentions:
        if mention.what == "step":
            ids[str(mention.value)].append(mention)
        elif mention.what == "split":
            splits[str(mention.value)].append(mention)
    for taken in (ids, splits):
        for id_, mentions in taken.items():
            for again in mentions[1:]:
                first = mentions[0]
                report.error(again, f"the step id {short(id_)} is taken by line {first.line}; give both an 'id:'")
    for mention in report.mentions:
        if mention.what == "condition" and isinstance(mention.value, Condition) and mention.where != "when":
            for call in mention.value.calls:
                if call.name == "outcome" and call.args[0] not in ids:
                    at = mention.at(call.offset)
                    step = str(call.args[0])
                    report.error(at, f"{mention.where}: no step here has the id {short(step)}{near(step, ids)}")
        elif mention.what == "renamed" and mention.value not in ids and mention.value not in splits:
            step = str(mention.value)
            report.error(mention, f"renamed: no step here has the id {short(step)}{near(step, (*ids, *splits))}")
        elif mention.what == "was" and (mention.value in ids or mention.value in splits):
            report.error(mention, f"renamed: {short(str(mention.value))} is still the id of a step")


def _entry(values: dict[str, Any], node: MapNode, report: Report) -> Entry:
    if "otherwise" in values and "arrived_within" not in values:
        report.warn(node.entries["otherwise"][0], "enroll: without 'arrived_within', 'otherwise' never happens")
    again = values.get("again")
    if again is not None and not again.amount:
        report.warn(node.entries["again"][1], "again: who leaves comes back at once, as long as 'when' holds")
    key = node.entries["when"][0] if "when" in node.entries else node
    return Entry(**values, line=key.line)


def _window(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    hours = values.get("hours", "09:00-17:00")
    always = hours.strip() == "00:00-24:00"
    return parse_window(values.get("days", "mon-sun" if always else "mon-fri"), hours)


def _cadence(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    stem = PurePosixPath(report.file.replace("\\", "/")).name.removesuffix(".yaml").removesuffix(".yml")
    if "name" not in values:
        values["name"] = name().read(ScalarNode(node.line, node.column, stem, plain=False), report, "name")
    elif stem and values["name"] != stem:
        _, given = node.entries["name"]
        report.error(given, f"name: {short(values['name'])} is not the name of the file, {short(stem)}")
    for kind in sorted(_NO_REASON_TO_STOP & set(values.get("stop_on", ()))):
        report.warn(node.entries["stop_on"][0], f"stop_on: {str(kind)!r} says nothing about a person; it never stops")
    if values.get("holdout") == 100:
        report.warn(node.entries["holdout"][1], "holdout: with 100 % nobody is contacted")
    plain = ("name", "steps", "description", "owner", "exclusive", "priority", "window", "goal", "holdout", "renamed")
    chosen = {key: values[key] for key in plain if key in values}
    chosen |= {field: values[key] for field, key in (("sender", "from"), ("entry", "enroll")) if key in values}
    return Cadence(
        **chosen,
        file=report.file,
        goal_line=node.entries["goal"][0].line if "goal" in values else 0,
        stop_on=frozenset(values.get("stop_on", ())),
        lines=_lines(node),
    )


def _lines(node: MapNode) -> dict[str, int]:
    """The line of each key, so that whoever asks why is shown the rule."""
    lines = {key: at.line for key, (at, _) in node.entries.items()}
    _, enroll = node.entries.get("enroll", (None, None))
    if isinstance(enroll, MapNode):
        lines |= {f"enroll.{key}": at.line for key, (at, _) in enroll.entries.items()}
    return lines


_LOCAL: Final = dict.fromkeys(
    ("timezone", "zone", "country"),
    "a window holds in the time zone of each lead, else of its company, else of the workspace (nurture.toml)",
)
ENROLL: Final = Record(
    "enroll",
    {
        "when": Key(CONDITION, "who comes in; without it, by hand only"),
        "again": Key(AGAIN, "never (default), or after a duration"),
        "rate": Key(RATE, "how many a day; default all"),
        "arrived_within": Key(LASTING, "only leads that came so recently"),
        "otherwise": Key(name("cadence"), "a cadence for leads that came too late"),
    },
    _entry,
)
WINDOW: Final = Record(
    "window",
    {"days": Key(WEEK, "default mon-fri"), "hours": Key(HOURS, 'default "09:00-17:00"; "00:00-24:00" is always')},
    _window,
    _LOCAL,
)
CADENCE: Final = Record(
    "cadence",
    {
        "name": Key(name(), "the name of the file"),
        "description": Key(Text(), "what it is for"),
        "owner": Key(Text("a person", mention="person"), "whose cadence this is"),
        "enroll": Key(ENROLL, "who comes in, how often, how fast"),
        "exclusive": Key(Flag(), "whether a lead in it can be in no other; default true"),
        "priority": Key(Number(0, 100, whole=True), "the larger goes first; default 50"),
        "window": Key(WINDOW, "the local hours in which contact is allowed"),
        "from": Key(Text("a sender", mention="sender"), "a name under [senders], or 'owner' (the lead's)"),
        "goal": Key(CONDITION, "reaching it ends the enrollment"),
        "stop_on": Key(ListOf(Choice(tuple(Kind)), unique=True), "besides reply, unsubscribe and complaint"),
        "holdout": Key(PERCENT, "so many get no contact, to measure the difference; default 0%"),
        "renamed": Key(MapOf(path("renamed"), mention="was"), "old step: new step, for apply --migrate"),
        "steps": Key(ListOf(STEPS.item, filled=True), "what is done, in this order", required=True),
    },
    _cadence,
    _LOCAL,
)
