"""The steps of a cadence: each kind a record with its keys, and the list that holds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from nurture.adapters.cadence_files.nodes import MapNode, Node, ScalarNode
from nurture.adapters.cadence_files.records import Key, ListOf, MapOf, Record
from nurture.adapters.cadence_files.report import Report, near, short
from nurture.adapters.cadence_files.schema import WRONG, AnyScalar, Choice, Flag, Json, Number, Shape, Text
from nurture.adapters.cadence_files.values import CONDITION, DURATION, LASTING, PERCENT, UNTIL, name, path
from nurture.domain import cadence
from nurture.domain.duration import Duration, Unit
from nurture.domain.fact import FactName
from nurture.domain.touch import Channel

WITHIN: Final = Duration(2, Unit.BUSINESS_DAYS)
# What a lead holds of its own; the score, the stage and the status have rules instead.
SETTABLE: Final = (
    *("first_name", "last_name", "title", "phone", "country", "timezone", "language", "source", "owner"),
    "asked_for_sales",
)


@dataclass(frozen=True, slots=True)
class StepShape(Shape):
    """One step: a group of keys of which exactly one says what kind it is."""

    def read(self, node: Node, report: Report, where: str) -> Any:
        if not isinstance(node, MapNode):
            word = node.text if isinstance(node, ScalarNode) else ""
            key = re.match(r"[a-z_]*", word)
            hint = f"'{key[0]}: ...'" if key and key[0] in KINDS else "'email: welcome'"
            strange = next((sign for sign in word if sign.isspace() and sign not in " \n"), "")
            why = f", with a plain space and not U+{ord(strange):04X}" if strange else ""
            report.error(node, f"steps: a step is written with a key, such as {hint}{why}")
            return WRONG
        report.mention(node, "begins", None, "steps")
        kinds = [key for key in node.entries if key in KINDS]
        if not kinds:
            self._unknown(node, report)
            return WRONG
        if len(kinds) > 1:
            second = node.entries[kinds[1]][0]
            report.error(second, f"{kinds[0]} step: {kinds[1]!r} is a step of its own; begin it with '- '")
            return WRONG
        kind = kinds[0]
        if kind in CONTACTS or kind == "split":
            _mention_id(node, kind, report)
        return KINDS[kind].read(node, report, "steps")

    def schema(self) -> Json:
        return {"$ref": "#/definitions/step"}

    def _unknown(self, node: MapNode, report: Report) -> None:
        for key, (at, value) in node.entries.items():
            if owners := [kind for kind, record in KINDS.items() if key in record.keys and kind != key]:
                of = " or ".join(map(repr, owners)) if len(owners) < 4 else "a step"
                report.error(at, f"steps: {short(key)} belongs to {of}: write it below that, without '- '")
                return
            if key.lower() in set(_CHANNELS) - {Channel.OTHER}:
                script = value.text if isinstance(value, ScalarNode) else "SCRIPT"
                report.error(
                    at, f"steps: unknown step {short(key)}; write 'task: {script}' and 'channel: {key.lower()}'"
                )
                return
            if hint := near(key.lower(), KINDS):
                report.error(at, f"steps: unknown step {short(key)}{hint}")
                return
        first = next(iter(node.entries.values()))[0] if node.entries else node
        found = f"unknown step {short(first.text)}" if isinstance(first, ScalarNode) else "this step is empty"
        report.error(first, f"steps: {found}; one of: {', '.join(KINDS)}")


def definitions() -> dict[str, Json]:
    """What the schema of steps refers to."""
    kinds = {f"{kind}_step": record.schema() for kind, record in KINDS.items()}
    return {"step": {"anyOf": [{"$ref": f"#/definitions/{kind}"} for kind in kinds]}, **kinds}


def _mention_id(node: MapNode, kind: str, report: Report) -> None:
    """Note the id even where the step is wrong otherwise, or every use of it would look wrong too."""
    _, value = node.entries.get("id", node.entries[kind])
    if isinstance(value, ScalarNode) and value.text.strip():
        report.mention(value, "split" if kind == "split" else "step", value.text.strip(), kind)


def _email(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    template = values["email"]
    return cadence.Email(node.line, values.get("id", template), template, values.get("repeat", False))


def _task(kind: str) -> Any:
    def made(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
        template = values[kind]
        return cadence.PersonTask(
            line=node.line,
            id=values.get("id", template),
            channel=values.get("channel", Channel.OTHER) if kind == "task" else Channel(kind),
            template=template,
            within=values.get("within", WITHIN),
            ask=tuple(str(fact) for fact in values.get("ask", ())),
            assign=values.get("assign", "caller"),
        )

    return made


def _webhook(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    return cadence.Webhook(node.line, values.get("id", values["webhook"]), values["webhook"])


def _wait(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    return cadence.Wait(node.line, values["wait"])


def _wait_until(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    return cadence.WaitUntil(node.line, values["wait_until"], values.get("if_within"))


def _wait_for(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    return cadence.WaitFor(node.line, values["wait_for"], values["timeout"])


def _if(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    if not values.get("then") and not values.get("else"):
        report.error(node, "if step: it has no steps; write 'then:' and below it what to do")
        return WRONG
    return cadence.If(node.line, values["if"], values.get("then", ()), values.get("else", ()))


def _split(values: dict[str, Any], node: MapNode, report: Report) -> Any:
    arms = tuple(cadence.Share(arm["share"], arm.get("steps", ())) for arm in values["split"])
    total = sum(arm.percent for arm in arms)
    if abs(total - 100) > 1e-6:
        report.error(node.entries["split"][0], f"split step: the shares add up to {total:g} %, not to 100 %")
        return WRONG
    return cadence.Split(node.line, values["id"], arms)


def _stream(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    report.mention(node, "stream", None, "stream")
    number = sum(mention.what == "stream" for mention in report.mentions)
    of = values["stream"]
    return cadence.Stream(node.line, f"stream-{number}", of["every"], of["items"], values.get("times"))


def _set(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    _, at = node.entries["set"]
    assert isinstance(at, MapNode)
    if not values["set"]:
        report.error(at, "set: no field is named")
    fields: dict[str, Any] = {}
    for field, value in values["set"].items():
        key, stands = at.entries[field]
        if field not in SETTABLE and not re.fullmatch(r"x\.\w+", field):
            hint = near(field, SETTABLE) or f"; allowed: {', '.join(SETTABLE)} and x.NAME"
            report.error(key, f"set: {short(field)} cannot be set{hint}")
            continue
        try:
            fields[field] = _field(field, value)
        except ValueError as problem:
            report.error(stands, f"set: {problem}")
    return cadence.Set(node.line, fields)


def _field(name: str, value: Any) -> Any:
    """A value as a lead holds it, in the forms of an import. Raises ValueError."""
    if name == "asked_for_sales":
        if not isinstance(value, bool):
            raise ValueError(f"asked_for_sales {short(str(value))}: true or false is expected")
        return value
    if value is None or name.startswith("x."):
        return value
    from nurture.domain.row import value_of

    return value_of(name, str(value))


def _enroll(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    return cadence.Enroll(node.line, values["enroll"])


def _stop(values: dict[str, Any], node: MapNode, report: Report) -> cadence.Step:
    return cadence.Stop(node.line, values["stop"])


STEPS: Final = ListOf(StepShape())
_ID: Final = Key(path(), "names this step; the default is its argument")
_TASK: Final = {
    "id": _ID,
    "within": Key(LASTING, "how long the task may stay open; default 2 business days"),
    "ask": Key(ListOf(Choice(tuple(FactName)), unique=True), "facts to find out"),
    "assign": Key(Text("a person or a role", mention="assign"), "a person or a role; default caller"),
}
_CHANNELS: Final = (Channel.LINKEDIN, Channel.LETTER, Channel.SMS, Channel.OTHER)


# What people expect of a step, and how it is done.
_OF_THE_MAIL: Final = "it stands at the top of the e-mail's .html file"
_OF_THE_WINDOW: Final = "the 'window:' of the cadence says when contact is allowed"
_ATTEMPTS: Final = "one step is one attempt; write a step for each"
_INSTEAD: Final[dict[str, dict[str, str]]] = {
    "email": {
        **dict.fromkeys(("subject", "preheader", "reply_to", "from"), _OF_THE_MAIL),
        **dict.fromkeys(("at", "time", "window"), _OF_THE_WINDOW),
    },
    "call": {"attempts": _ATTEMPTS, "repeat": _ATTEMPTS},
    "if": dict.fromkeys(("elif", "else if", "elseif"), "write 'else:' and below it '- if: ...'"),
    "wait_for": dict.fromkeys(("until", "within"), "'timeout:' says how long"),
}


def _kind(kind: str, shape: Shape, says: str, keys: dict[str, Key], make: Any) -> Record:
    return Record(f"{kind} step", {kind: Key(shape, says, required=True), **keys}, make, _INSTEAD.get(kind, {}))


_SCRIPT: Final = path("script")
_ARM: Final = Record(
    "split arm",
    {"share": Key(PERCENT, "all shares add up to 100%", required=True), "steps": Key(STEPS, required=True)},
)
_ITEMS: Final = Record(
    "stream",
    {
        "every": Key(LASTING, "time from one item to the next", required=True),
        "items": Key(ListOf(path("email"), filled=True, unique=True), "e-mails in their order", required=True),
    },
)
_RECORDS: Final[tuple[tuple[str, Shape, str, dict[str, Key], Any], ...]] = (
    ("email", path("email"), "a template", {"id": _ID, "repeat": Key(Flag(), "send it again to who had it")}, _email),
    ("call", _SCRIPT, "the script of a call", _TASK, _task("call")),
    ("voicemail", _SCRIPT, "the script of a voicemail", _TASK, _task("voicemail")),
    ("task", _SCRIPT, "the script of a task", {**_TASK, "channel": Key(Choice(_CHANNELS))}, _task("task")),
    ("webhook", name("webhook"), "[webhooks.NAME] in nurture.toml", {"id": _ID}, _webhook),
    ("wait", LASTING, "counted from the last contact or wait", {}, _wait),
    (
        "wait_until",
        UNTIL,
        "the next such day",
        {"if_within": Key(DURATION, "else go on at once")},
        _wait_until,
    ),
    ("wait_for", CONDITION, "go on as soon as it holds", {"timeout": Key(LASTING, required=True)}, _wait_for),
    ("if", CONDITION, "one of two branches", {"then": Key(STEPS), "else": Key(STEPS)}, _if),
    ("split", ListOf(_ARM, filled=True), "arms of a test", {"id": Key(path(), required=True)}, _split),
    ("stream", _ITEMS, "items one by one", {"times": Key(Number(1, whole=True), "at most so many items")}, _stream),
    ("set", MapOf(AnyScalar()), "fields of the lead", {}, _set),
    ("enroll", name("cadence"), "hand over to this cadence; it ends this one", {}, _enroll),
    ("stop", Text("a word that says why"), "end here, with a word that says why", {}, _stop),
)
KINDS: Final[dict[str, Record]] = {row[0]: _kind(*row) for row in _RECORDS}
CONTACTS: Final = frozenset({"email", "call", "voicemail", "task", "webhook"})
