"""Which steps use which templates, and what is wrong with these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from nurture.domain.cadence import Cadence, Email, PersonTask, Set, Stream
from nurture.domain.errors import Problem, UnknownNameError
from nurture.domain.guarantees import known_at
from nurture.domain.touch import BY_PHONE, Channel
from nurture.domain.walk import Program, program_of

if TYPE_CHECKING:
    from nurture.domain.workspace import Workspace
    from nurture.ports import Templates

# Who lacks the address of a channel is not contacted on it.
REACHED_BY: Final[Mapping[Channel, frozenset[str]]] = {
    channel: frozenset({"phone"} if channel in BY_PHONE else ()) for channel in Channel
} | {Channel.EMAIL: frozenset({"email", "domain"})}


@dataclass(frozen=True, slots=True)
class Use:
    """A step that shows a template. `path` is without extension; an item of a stream is a step of its own."""

    cadence: str
    step: str
    path: str
    kind: Literal["email", "script"]
    at: int = field(compare=False)  # the position in the program
    task: PersonTask | None = field(default=None, compare=False)
    repeat: bool = False


def uses_of(program: Program, templates: Templates, *, since: int = 0) -> Iterator[Use]:
    """The templates that a cadence shows from a position on. One that does not exist keeps its bare name."""
    name = program.cadence.name
    for at, op in enumerate(program.ops[since:], since):
        match op:
            case Email(id=step, template=template, repeat=repeat):
                yield Use(name, step, resolved(templates, name, template, "email"), "email", at, repeat=repeat)
            case PersonTask(id=step, template=template):
                yield Use(name, step, resolved(templates, name, template, "script"), "script", at, task=op)
            case Stream(items=items):
                for item in items:
                    yield Use(name, item.rpartition("/")[2], resolved(templates, name, item, "email"), "email", at)
            case _:
                pass


def resolved(templates: Templates, cadence: str, template: str, kind: Literal["email", "script"]) -> str:
    """The path of a template, or its name where there is none; rendering says what is wrong with it."""
    try:
        return templates.resolve(cadence, template, kind)
    except UnknownNameError:
        return template


def template_problems(sources: Mapping[str, str], workspace: Workspace, templates: Templates) -> list[Problem]:
    """What is wrong with the templates that the cadences use. A name that leads nowhere is the cadence's problem."""
    custom = custom_fields(workspace)
    found: set[Problem] = set()
    blank: dict[tuple[str, int, int, str], Problem] = {}  # one for each place, though many cadences use it
    for cadence in workspace.cadences.values():
        program = program_of(cadence)
        known = known_at(program)
        for use in uses_of(program, templates):
            try:
                templates.resolve(cadence.name, use.path, use.kind)
            except UnknownNameError:
                continue
            found |= {_softened(one) for one in templates.problems(use.path, use.kind, custom=custom)}
            names = known[use.at] | REACHED_BY[use.task.channel if use.task is not None else Channel.EMAIL]
            for one in templates.blanks(use.path, use.kind, names, of=cadence.name):
                blank.setdefault((one.file, one.line, one.column, one.message.partition(" ")[0]), one)
    for path, kind in _of_unread(sources, workspace):
        found |= {_softened(one) for one in templates.problems(path, kind)}
    return sorted({*found, *blank.values()})


def _of_unread(sources: Mapping[str, str], workspace: Workspace) -> set[tuple[str, Literal["email", "script"]]]:
    """The templates of cadences that cannot be read: which of them a step shows is not known, so all are looked at."""
    stems = (path.removeprefix("cadences/").removesuffix(".yaml") for path in sources if path.startswith("cadences/"))
    folders = {stem for stem in stems if stem not in workspace.cadences}
    found: set[tuple[str, Literal["email", "script"]]] = set()
    for path in sources:
        stem, _, ending = path.removeprefix("templates/").rpartition(".")
        if path.startswith("templates/") and stem.partition("/")[0] in folders and ending in ("html", "txt", "md"):
            found.add((stem, "script" if ending == "md" else "email"))
    return found


def custom_fields(workspace: Workspace) -> frozenset[str] | None:
    """The custom fields that the files name, in conditions and `set`; None where they name none."""
    named: set[str] = set()
    for cadence in workspace.cadences.values():
        for op in program_of(cadence).ops:
            if isinstance(op, Set):
                named |= set(op.fields)
            condition = getattr(op, "condition", None)
            named |= condition.names if condition is not None else set()
        named |= _names(cadence)
    for rule in workspace.scoring.fit:
        named |= rule.when.names
    fields = {name.removeprefix("x.") for name in named if name.startswith("x.")}
    return frozenset(fields) or None


def _names(cadence: Cadence) -> frozenset[str]:
    conditions = (cadence.entry.when, cadence.goal)
    return frozenset(name for one in conditions if one is not None for name in one.names)


def _softened(problem: Problem) -> Problem:
    """A custom field that no file names may come with the next import: worth a warning."""
    if problem.message.startswith("no field is named 'x."):
        return Problem(problem.file, problem.line, problem.column, problem.message, "warning")
    return problem
